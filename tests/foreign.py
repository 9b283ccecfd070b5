"""Foreign formats in this process: files read into groups, prompts written and read again."""

from pathlib import Path

from promptsearch.errors import ModelError
from promptsearch.formats.export import ExportRequest, write_as
from promptsearch.formats.importing.assemble import groups_of
from promptsearch.formats.importing.contents import ImportOptions, read_files
from promptsearch.formats.importing.document import document_of
from promptsearch.prompt_file.prompts_json import read_prompts, write_prompts
from promptsearch.runs.settings import Settings


def no_model():
    raise ModelError("no model here")


def groups(name, *paths, **given):
    """What files of a format come to."""
    own = ImportOptions(**given)
    return groups_of(read_files([Path(path) for path in paths], name, own), name, own)


def group(name, *paths, **given):
    (only,) = groups(name, *paths, **given)
    return only


def native(name, folder, *paths, **given):
    """The prompts.json that a group of files becomes, read again."""
    (only,) = groups(name, *paths, **given)
    path = folder / "prompts.json"
    write_prompts(
        path, document_of(only, ImportOptions(**given), [Path(p) for p in paths], path, name)
    )
    return read_prompts(path)


def file_of(folder, prompts, kind="classification", name="toy", inputs=()):
    """A prompts.json of prompts that nobody searched for."""
    answers = "candidates" if kind == "facts" else "verbalizer"
    rows = []
    for prompt in prompts:
        verbalizer = prompt.verbalizer
        own = list(verbalizer.labels) if kind == "facts" else verbalizer.plain()
        rows.append({"template": str(prompt.template), answers: own})
    task = {"name": name, "kind": kind, "inputs": list(inputs), "labels": []}
    path = folder / "prompts.json"
    write_prompts(path, {"format": "promptsearch/1", "task": task, "prompts": rows})
    return read_prompts(path)


def exported(file, count=None):
    return ExportRequest(file, file.prompts[:count], Settings(), no_model)


def written(name, file, path, count=None):
    """The notes on what was lost."""
    return write_as(name, exported(file, count), path, overwrite=True).notes
