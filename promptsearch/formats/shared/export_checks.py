"""Checks and notes on what the formats of single projects cannot hold."""

from collections.abc import Callable, Mapping, Sequence

from promptsearch.errors import DataError, ExportError
from promptsearch.formats.export import ExportRequest
from promptsearch.formats.importing.input_names import counted_inputs, with_spaces
from promptsearch.prompt import Field, Template
from promptsearch.prompt_file.prompts_json import SavedPrompt

TEXTS = ("text_a", "text_b")  # the inputs that OpenPrompt and PET count


def no_ensemble(request: ExportRequest, name: str) -> None:
    """Raise ExportError if the prompts are an ensemble."""
    if request.ensemble is not None:
        raise ExportError(
            f"{name}'s files hold no ensemble; lpaqa, python and text do, or export without "
            "`ensemble`"
        )


def no_candidates(request: ExportRequest) -> str:
    """Return the note on formats of facts whose files hold templates alone."""
    return (
        f"the {len(request.labels):,} candidates are not in the file; whoever reads it brings a "
        "vocabulary"
    )


def require_one_answer(request: ExportRequest, name: str) -> None:
    """Raise ExportError if a template has several slots, or a label several answers."""
    for saved in request.prompts:
        slots = len(saved.prompt.template.slots)
        if slots > 1:
            raise ExportError(
                f"{saved.id}: {name} has one mask, but the template has {slots} slots; openprompt "
                "and python hold that"
            )
        for label, answers in saved.prompt.verbalizer.pairs:
            if len(answers) > 1:
                raise ExportError(
                    f"{saved.id}: {name} has one word a label, but {label!r} has {len(answers)}; "
                    "openprompt, pet and python hold that"
                )


def evidence_of(saved: SavedPrompt) -> Mapping[str, object]:
    """Return the evidence that the file has on a prompt's source."""
    source = saved.row.get("source")
    evidence = source.get("evidence") if isinstance(source, Mapping) else None
    return evidence if isinstance(evidence, Mapping) else {}


def imported_evidence(saved: SavedPrompt, names: Sequence[str]) -> dict[str, object]:
    """Return the evidence that an import saved under these names."""
    evidence = evidence_of(saved)
    return {name: evidence[name] for name in names if name in evidence}


def positional_inputs(request: ExportRequest) -> tuple[str, ...]:
    """Return the inputs as formats count them, the inverse of `input_names`."""
    if request.task is not None:
        every = counted_inputs(request.task)
        last = max(map(every.index, request.inputs), default=-1)
        return every[: last + 1]
    listed = request.file.section("task").get("inputs")
    order = listed if isinstance(listed, list) else []
    return tuple(dict.fromkeys([*(i for i in order if i in request.inputs), *request.inputs]))


def names_for(request: ExportRequest, format: str, theirs: Sequence[str]) -> dict[str, str]:
    """Return our inputs -> the format's names for them in order, as many as it has.

    Prompts that were imported from the format have the names that they had there.
    """
    if (imported_names := _imported_names(request, format)) is not None:
        return imported_names
    return dict(zip(positional_inputs(request), theirs, strict=False))


def text_names(request: ExportRequest, format: str) -> dict[str, str]:
    """Return our inputs -> text_a and text_b for the first two; others keep their names."""
    unchanged = {name: name for name in request.inputs}
    return {**unchanged, **names_for(request, format, TEXTS)}


def _imported_names(request: ExportRequest, format: str) -> dict[str, str] | None:
    """Return our inputs -> their names in the format, where all prompts agree; else None."""
    names: dict[str, str] = {}
    for saved in request.prompts:
        evidence = evidence_of(saved)
        theirs = evidence.get("inputs", {})
        if evidence.get("format") != format or not isinstance(theirs, Mapping):
            return None
        ours = {str(ours): str(name) for name, ours in theirs.items()}
        foreign_names = {field: ours.get(field, field) for field in saved.prompt.template.fields}
        if any(names.setdefault(field, name) != name for field, name in foreign_names.items()):
            return None
    return names if len(set(names.values())) == len(names) else None


def renaming_note(names: Mapping[str, str]) -> list[str]:
    """Return the note on inputs with new names."""
    pairs = sorted((theirs, ours) for ours, theirs in names.items() if theirs != ours)
    renamed = [f"{theirs} is {{{ours}}}" for theirs, ours in pairs]
    return [f"inputs: {', '.join(renamed)}"] if renamed else []


def split_pairs(pairs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str], list[str]]:
    """Return distinct templates, distinct verbalizers, and notes on which go together.

    There is no note if each goes with each.
    """
    templates = list(dict.fromkeys(template for template, _ in pairs))
    verbalizers = list(dict.fromkeys(verbalizer for _, verbalizer in pairs))
    if len(set(pairs)) == len(templates) * len(verbalizers):
        return templates, verbalizers, []
    pairs_text = [f"{templates.index(t) + 1} with {verbalizers.index(v) + 1}" for t, v in pairs]
    return templates, verbalizers, [f"templates and verbalizers: {', '.join(pairs_text)}"]


def published_as(
    saved: SavedPrompt, name: str, names: Mapping[str, str], read: Callable[[str], Template]
) -> str | None:
    """Return the template in the format's notation if it was imported from it and is unchanged.

    `names` are the format's for our inputs; `read` makes a template of its notation.
    """
    evidence = evidence_of(saved)
    notation = evidence.get("published")
    if evidence.get("format") != name or not isinstance(notation, str):
        return None
    parts = saved.prompt.template.parts
    renamed_template = Template(
        tuple(Field(names[p.name]) if isinstance(p, Field) else p for p in parts)
    )
    try:
        template = read(notation)
    except DataError:
        return None
    return notation if renamed_template in (template, with_spaces(template)) else None
