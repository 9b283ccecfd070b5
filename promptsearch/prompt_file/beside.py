"""Files that a prompts.json names, beside it."""

from pathlib import Path

from promptsearch.errors import PromptError


def file_beside(folder: Path, name: str, what: str) -> Path:
    """Return the file of candidates or vectors beside a prompts.json, which may come from anybody.

    Raises PromptError if the name leads out of the folder.
    """
    file = folder / name
    if "\0" in name or Path(name).name != name or file.resolve().parent != folder.resolve():
        raise PromptError(
            f"its {what} file {name!r} does not lie beside prompts.json; put it there and "
            "name it without a folder"
        )
    return file
