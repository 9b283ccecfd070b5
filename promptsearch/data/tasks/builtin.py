"""The tasks that come with the package."""

from pathlib import Path

from promptsearch.errors import TaskError, did_you_mean

_FOLDER = Path(__file__).parents[1] / "builtin"


def builtin_tasks() -> dict[str, Path]:
    """Name -> task file, by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.toml"))}


def task_path(spec: str | Path) -> Path:
    """Return the task file that `spec` means: a path, else a built-in name."""
    path = Path(spec)
    if path.is_file():
        return path
    tasks = builtin_tasks()
    if str(spec) in tasks:
        return tasks[str(spec)]
    if path.is_dir():
        raise TaskError(f"{path} is a folder; name the task file in it")
    raise TaskError(_unknown(path, list(tasks)))


def _unknown(path: Path, names: list[str]) -> str:
    beside = sorted(each.name for each in path.parent.glob("*.toml"))
    near = did_you_mean(path.name, [*names, *beside])
    builtin = ", ".join(names) or "none"
    return (
        f"there is no task {str(path)!r}{near}: no such file, and the built-in tasks are {builtin}"
    )
