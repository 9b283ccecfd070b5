"""What the formats of single projects cannot hold, refused and told in the same words."""

from collections.abc import Callable, Mapping, Sequence

from promptsearch.errors import DataError, ExportError
from promptsearch.exports.binding import counted_inputs, with_spaces
from promptsearch.exports.foreign import Exported
from promptsearch.exports.native import SavedPrompt
from promptsearch.prompt import Field, Template

TEXTS = ("text_a", "text_b")  # the inputs that OpenPrompt and PET count


def no_ensemble(given: Exported, name: str) -> None:
    """`ExportError` where the prompts are an ensemble."""
    if given.ensemble is not None:
        raise ExportError(
            f"{name}'s files hold no ensemble; lpaqa, python and text do, or export without "
            "--ensemble"
        )


def no_candidates(given: Exported) -> str:
    """The note on formats of facts whose files hold templates alone."""
    return (
        f"the {len(given.labels):,} candidates are not in the file; whoever reads it brings a "
        "vocabulary"
    )


def one_answer(given: Exported, name: str) -> None:
    """`ExportError` where a template has several slots, or a label several answers."""
    for saved in given.prompts:
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
    """What the file says of where a prompt came from."""
    source = saved.row.get("source")
    evidence = source.get("evidence") if isinstance(source, Mapping) else None
    return evidence if isinstance(evidence, Mapping) else {}


def counted(given: Exported) -> tuple[str, ...]:
    """The inputs in the order by which formats count them, as `binding` counts them back."""
    if given.task is not None:
        every = counted_inputs(given.task)
        last = max(map(every.index, given.inputs), default=-1)
        return every[: last + 1]
    listed = given.file.section("task").get("inputs")
    order = listed if isinstance(listed, list) else []
    return tuple(dict.fromkeys([*(i for i in order if i in given.inputs), *given.inputs]))


def names_for(given: Exported, theirs: Sequence[str]) -> dict[str, str]:
    """Our inputs -> the format's names for them, one after the other, as many as it has.

    Inputs that are called so already keep their names.
    """
    inputs = counted(given)
    kept = [name for name in inputs if name in theirs]
    free = iter([name for name in theirs if name not in kept])
    named = {name: name if name in kept else next(free, "") for name in inputs}
    return {ours: name for ours, name in named.items() if name}


def text_names(given: Exported) -> dict[str, str]:
    """The first two are text_a and text_b; others have their own names, and are called meta.

    Where one is called text_a or text_b already, these are the texts, and all others are meta.
    """
    own = {name: name for name in given.inputs}
    return own if set(own) & set(TEXTS) else {**own, **names_for(given, TEXTS)}


def told_names(names: Mapping[str, str]) -> list[str]:
    """The note on inputs that have other names now."""
    told = [f"{theirs} is {{{ours}}}" for ours, theirs in names.items() if theirs != ours]
    return [f"inputs: {', '.join(told)}"] if told else []


def apart(pairs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str], list[str]]:
    """Templates and verbalizers in lists of their own, each once, and which go together.

    That is told only where it is not each with each.
    """
    templates = list(dict.fromkeys(template for template, _ in pairs))
    verbalizers = list(dict.fromkeys(verbalizer for _, verbalizer in pairs))
    if len(set(pairs)) == len(templates) * len(verbalizers):
        return templates, verbalizers, []
    places = [f"{templates.index(t) + 1} with {verbalizers.index(v) + 1}" for t, v in pairs]
    return templates, verbalizers, [f"templates and verbalizers: {', '.join(places)}"]


def published_as(
    saved: SavedPrompt, name: str, names: Mapping[str, str], read: Callable[[str], Template]
) -> str | None:
    """The template as the format had it, where the prompt was imported from it and still is it.

    `names` are the format's for our inputs; `read` makes a template of its notation.
    """
    evidence = evidence_of(saved)
    notation = evidence.get("published")
    if evidence.get("format") != name or not isinstance(notation, str):
        return None
    parts = saved.prompt.template.parts
    own = Template(tuple(Field(names[p.name]) if isinstance(p, Field) else p for p in parts))
    try:
        template = read(notation)
    except DataError:
        return None
    return notation if own in (template, with_spaces(template)) else None
