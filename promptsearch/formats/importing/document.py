"""Imported prompts as the document of a `prompts.json`."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from promptsearch.files.read import sha256
from promptsearch.formats.importing.contents import ImportOptions
from promptsearch.formats.importing.group import Group, ImportedPrompt
from promptsearch.prompt import Verbalizer
from promptsearch.prompt_file.prompts_json import CANDIDATES, Json, answers_of, format_of
from promptsearch.prompt_file.soft_file import SOFT, write_soft
from promptsearch.runs.prompts_document import task_section

STRATEGY = "import"


def document_of(
    group: Group,
    options: ImportOptions,
    files: Sequence[Path],
    path: Path,
    name: str,
    command: str | None = None,
) -> Json:
    """Return the document for `path`; write long lists of candidates beside it.

    `name` is the format that the `files` are in.
    """
    model = {} if options.model is None else {"model": options.model.info.described}
    prompts = {f"p{number}": each.prompt for number, each in enumerate(group.prompts)}
    soft = write_soft(beside(path, SOFT), prompts)
    return {
        "format": format_of(soft),
        "task": _task(group, options, path),
        **model,
        "import": {
            "format": name,
            "files": [{"file": str(file), "sha256": sha256([file])} for file in files],
            "notes": list(group.notes),
            "command": command,
        },
        "prompts": [{**row, **soft.get(str(row["id"]), {})} for row in _rows(group, path)],
        "ensemble": _ensemble(group.weights),
        "versions": {"promptsearch": version("promptsearch")},
    }


def _task(group: Group, options: ImportOptions, path: Path) -> Json:
    """Return the task's section; without a task, the one that the prompts imply."""
    if options.task is not None:
        return task_section(options.task)
    labels = group.prompts[0].prompt.verbalizer.labels if group.kind.has_labels else ()
    home = path.parent if path.name == "prompts.json" else path.with_suffix("")
    return {
        "name": group.name or home.absolute().name,
        "kind": group.kind.name,
        "inputs": list(group.inputs),
        "labels": list(labels),
        "definition": {},
        "data": {},
    }


def _ensemble(weights: Sequence[float]) -> Json | None:
    """Return the section of the ensemble of the file's prompts, whose weights were learned."""
    members = [{"id": f"p{number}", "weight": weight} for number, weight in enumerate(weights)]
    return {"rule": "optimised", "members": members} if members else None


def beside(path: Path, name: str = CANDIDATES) -> Path:
    """Return the file for a long list of candidates, or for vectors, beside the prompts."""
    return path.with_name(name if path.name == "prompts.json" else f"{path.stem}.{name}")


def _rows(group: Group, path: Path) -> Sequence[Json]:
    written: dict[Verbalizer, Json] = {}  # many prompts have the same candidates
    for prompt in (imported.prompt for imported in group.prompts):
        if prompt.verbalizer not in written:
            answers = answers_of(prompt, group.kind, path.parent, beside(path).name)
            written[prompt.verbalizer] = answers
    return [
        _row(f"p{number}", imported, written[imported.prompt.verbalizer])
        for number, imported in enumerate(group.prompts)
    ]


def _row(name: str, imported: ImportedPrompt, answers: Mapping[str, object]) -> Json:
    return {
        "id": name,
        "template": imported.prompt.template.notation,
        **answers,
        "source": {
            "strategy": STRATEGY,
            "parents": [],
            "evidence": dict(imported.evidence),
            "token_ids": imported.token_ids,
            "round_trips": imported.round_trips,
        },
    }
