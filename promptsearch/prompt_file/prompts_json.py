"""The native format, `prompts.json`: what was found, from what, how well, and how sure."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

from promptsearch.data import CLASSIFICATION, FACTS, GENERATION, KINDS, TaskKind
from promptsearch.data.tables.strict_json import decoded, is_finite
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import DataError, PromptError, TaskError
from promptsearch.files.read import sha256
from promptsearch.files.write import write_atomic
from promptsearch.prompt import Prompt, Verbalizer
from promptsearch.prompt.options_prompt import NO, YES, layout_row
from promptsearch.prompt.parts import field_hint
from promptsearch.prompt.template import described
from promptsearch.prompt_file.beside import file_beside
from promptsearch.prompt_file.prior import check_prior
from promptsearch.prompt_file.schema import prompts_schema, violations
from promptsearch.prompt_file.soft_file import template_of

FORMAT = "promptsearch/1"
SOFT_FORMAT = "promptsearch/2"  # where a row has vectors, which readers of the first take for text
FORMATS = (FORMAT, SOFT_FORMAT)
LISTED = 50  # more candidates than this go to a file beside prompts.json
CANDIDATES = "candidates.txt"
FREE_TEXT = "free_text"  # in place of answers, where any text is one

Json = Mapping[str, object]


@dataclass(frozen=True)
class SavedPrompt:
    """A prompt as a file holds it; `row` is all the file says of it."""

    id: str
    prompt: Prompt
    row: Json


@dataclass(frozen=True)
class PromptFile:
    """A `prompts.json`, or any file with at least its `format`, templates and answers."""

    path: Path
    prompts: tuple[SavedPrompt, ...]
    document: Json

    @property
    def kind(self) -> TaskKind:
        """The kind of the task: as the file says, else as its first prompt is answered."""
        kind = kind_of_document(self.document, self.prompts[0].row)
        definition = section_of(self.section("task"), "definition")
        return kind.configured(TomlKeys(definition, self.path, "task.definition."))

    @property
    def was_searched(self) -> bool:
        """True if a search chose the prompts by dev; published and hand-written ones have none."""
        return "search" in self.document

    def section(self, name: str) -> Json:
        """A top-level object ("task", "model", "scoring", "search", ...), empty where absent."""
        return section_of(self.document, name)


def template_text(row: Json) -> str:
    """Return the template of a row for a screen, with the prefix and the head that it has."""
    soft = section_of(row, "soft")
    prefix, head = section_of(soft, "prefix"), section_of(soft, "head")
    length = int(prefix.get("length") or 0)
    return described(str(row.get("template", "")), length, str(head.get("reads") or ""))


def section_of(row: Json, name: str) -> Mapping[str, Any]:
    """Return the object that a row has under a name, empty where absent: most keys are optional."""
    value = row.get(name)
    return value if isinstance(value, Mapping) else {}


def kind_of_document(document: Json, first: Json) -> TaskKind:
    """Return the kind that a document says, else that of the answers of its first prompt's row."""
    name = section_of(document, "task").get("kind")
    return KINDS[name] if name else kind_of_answers(first)


def kind_of_answers(row: Json) -> TaskKind:
    """Return the kind of task that a prompt's row is for, as its answers tell."""
    if row.get(FREE_TEXT) is True:
        return GENERATION
    return FACTS if row.get("candidates") and not row.get("verbalizer") else CLASSIFICATION


def format_of(soft: Mapping[str, Json]) -> str:
    """Return the format of a file whose rows have these vectors, by their ids."""
    return SOFT_FORMAT if soft else FORMAT


def write_prompts(path: Path, document: Json) -> None:
    """Write `prompts.json` atomically: readers see the old file or the new one."""
    write_atomic(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def answers_of(
    prompt: Prompt, kind: TaskKind, folder: Path | None, beside: str = CANDIDATES
) -> Json:
    """The prompt's `verbalizer` or, for facts, its `candidates`: a list, or a file in `folder`.

    `beside` is the file's name. A candidate that holds a line end is none of a file's lines.
    """
    if kind.free_texts:
        return {FREE_TEXT: True}
    if not kind.has_candidates:
        return {"verbalizer": prompt.plain_answers, **dict(layout_row(prompt))}
    candidates, layout = list(prompt.verbalizer.labels), dict(layout_row(prompt))
    text = "".join(f"{candidate}\n" for candidate in candidates)
    if folder is None or len(candidates) <= LISTED or _lines(text) != tuple(candidates):
        return {"candidates": candidates, **layout}
    file = folder / beside
    if not file.exists() or file.read_bytes() != text.encode():
        write_atomic(file, text)
    return {"candidates": {"file": file.name, "sha256": sha256([file])}, **layout}


def read_prompts(path: Path) -> PromptFile:
    """Read a `prompts.json`; `DataError` names the prompt and what is wrong with it."""
    document, rows = _document(path)
    saved = tuple(_saved(path, i, row) for i, row in enumerate(rows))
    for name, count in equal_ids(saved).items():
        raise DataError.at(path, None, f"{count} prompts have the id {name!r}; give each its own")
    return PromptFile(path, saved, document)


def equal_ids(prompts: Iterable[SavedPrompt]) -> dict[str, int]:
    """Ids of more than one prompt, and of how many."""
    counts = Counter(prompt.id for prompt in prompts)
    return {name: count for name, count in counts.items() if count > 1}


def readable_prompts(path: Path) -> tuple[PromptFile, Sequence[DataError]]:
    """Return the prompts of a file that can be read, and what is wrong with each other one."""
    document, rows = _document(path)
    good: list[SavedPrompt] = []
    bad: list[DataError] = []
    for number, row in enumerate(rows):
        try:
            good.append(_saved(path, number, row))
        except DataError as error:
            bad.append(error)
    return PromptFile(path, tuple(good), document), bad


def _document(path: Path) -> tuple[Json, Sequence[object]]:
    """Return the file as parsed, and its rows of prompts."""
    try:
        document = decoded(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise DataError.at(path, None, "not UTF-8; save the prompts.json as UTF-8") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise DataError.at(path, None, f"cannot be read as a prompts.json: {why}") from error
    if not isinstance(document, dict) or document.get("format") not in FORMATS:
        raise DataError.at(
            path, None, f'not a prompts.json: "format" is not "{FORMAT}" or "{SOFT_FORMAT}"'
        )
    rows = document.get("prompts")
    if not isinstance(rows, list) or not rows:
        raise DataError.at(
            path, None, 'it holds no prompts: "prompts" must be a list of at least one'
        )
    frame = {key: value for key, value in document.items() if key != "prompts"}
    schema = prompts_schema()
    members = document.get("ensemble")
    if isinstance(members, Mapping):  # its scores may be few, as a prompt's may
        members = {key: value for key, value in members.items() if key != "scores"}
    ensemble = violations(members, schema["properties"]["ensemble"], "ensemble", complete=True)
    for wrong in (*violations(frame, schema), *ensemble, *_infinite(frame)):
        raise DataError.at(path, None, f"{wrong}; mend it or take it out")
    return document, rows


def _infinite(value: object, path: str = "") -> Iterator[str]:
    """Yield where a number is NaN or infinite, which JSON does not have."""
    if isinstance(value, Mapping | list):
        named = value.items() if isinstance(value, Mapping) else enumerate(value, 1)
        between = "." if isinstance(value, Mapping) else " "
        for key, inner in named:
            yield from _infinite(inner, f"{path}{between if path else ''}{key}")
    elif not is_finite(value):
        yield f"{path} must be a number, not {value!r}"


def _saved(path: Path, number: int, row: object) -> SavedPrompt:
    where = f"prompt {number + 1}"
    if not isinstance(row, dict) or not isinstance(row.get("template"), str):
        raise DataError.at(path, None, f'{where} has no "template"')
    schema, name = prompts_schema()["$defs"]["prompt"], f"prompts {number + 1}"
    for wrong in (*violations(row, schema, name), *_infinite(row, name)):
        raise DataError.at(path, None, f"{wrong}; mend it or take it out")
    try:
        prompt = prompt_of(row, path.parent)
        check_prior(row, prompt)
    except PromptError as error:
        raise DataError.at(path, None, f"{where}: {error}") from error
    return SavedPrompt(str(row.get("id", f"p{number}")), prompt, row)


def prompt_of(row: Json, folder: Path) -> Prompt:
    """Return the prompt a row of the file stands for; candidates in a file are read and checked."""
    template, no = template_of(row, folder), row.get("no")
    if isinstance(verbalizer := row.get("verbalizer"), Mapping) and verbalizer:
        answers = cast(Mapping[str, str | Sequence[object]], verbalizer)
        plain = Verbalizer.of(answers, template.slots or ("Z",))
        return Prompt(template, plain if no is None else replace(plain, no=str(no)))
    if row.get(FREE_TEXT) is True:
        return Prompt(template, Verbalizer.of_any_text(template.slots[0]))
    match row.get("candidates"):
        case [*candidates] if candidates:
            texts = tuple(map(str, candidates))
        case {"file": str(name), **rest}:
            texts = _listed(file_beside(folder, name, "candidates"), rest.get("sha256"))
        case _:
            raise PromptError('it has neither a "verbalizer" nor "candidates"')
    each_itself = Verbalizer.of_candidates(texts, template.slots[0])
    if not template.takes_choices:
        return Prompt(template, each_itself)
    return Prompt(template, each_itself.rating(str(row.get("yes", YES)), str(no or NO)))


def _listed(file: Path, expected: object) -> tuple[str, ...]:
    if not file.is_file():
        raise PromptError(f"its candidates file {file} is missing; put it beside prompts.json")
    if expected is not None and sha256([file]) != expected:
        raise PromptError(f"its candidates file {file} has changed since; restore it")
    return _lines(file.read_bytes().decode())


def _lines(text: str) -> tuple[str, ...]:
    """Return the candidates of a file, one a line; a carriage return inside one is a part of it."""
    return tuple(line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n"))


class LabelledTask(Protocol):
    """What a prompt must fit: a task's definition, or what a strategy sees of it."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> TaskKind: ...
    @property
    def inputs(self) -> Sequence[str]: ...
    @property
    def labels(self) -> Sequence[str]: ...


def aligned(saved: SavedPrompt, definition: LabelledTask) -> SavedPrompt:
    """Return the prompt, known to fit the task, with its labels in the task's order."""
    template, verbalizer = saved.prompt.template, saved.prompt.verbalizer
    if unknown := [f for f in template.fields if f not in definition.inputs]:
        raise TaskError(
            f"the prompt {saved.id} uses {{{unknown[0]}}}, but the task {definition.name!r} has "
            f"the inputs {', '.join(definition.inputs)}; use it on the task it was made for"
            f"{field_hint(unknown[0])}"
        )
    if not definition.kind.has_labels:
        return saved
    if set(verbalizer.labels) != set(definition.labels):
        raise TaskError(
            f"the prompt {saved.id} answers the labels {', '.join(verbalizer.labels)}, but the "
            f"task {definition.name!r} has {', '.join(definition.labels)}; use it on its own"
        )
    return in_order(saved, definition.labels)


def in_order(saved: SavedPrompt, labels: Sequence[str]) -> SavedPrompt:
    """Return the prompt with its labels, and its head's, in this order of the same labels."""
    template, verbalizer = saved.prompt.template, saved.prompt.verbalizer
    pairs = tuple((label, verbalizer[label]) for label in labels)
    if (head := template.head) is not None:
        template = replace(template, head=head.ordered(verbalizer.labels, labels))
    verbalizer = replace(verbalizer, pairs=pairs)
    prompt = replace(saved.prompt, template=template, verbalizer=verbalizer)
    return replace(saved, prompt=prompt)
