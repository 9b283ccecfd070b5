"""The rows of a task as UniMC reads them, laid out by a prompt with options."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from promptsearch.data import Example, Split, TaskDefinition
from promptsearch.errors import ExportError
from promptsearch.files.write import write_lines
from promptsearch.formats.export import ExportRequest
from promptsearch.formats.shared.export_checks import no_ensemble
from promptsearch.prompt import Input, Prompt, Text
from promptsearch.prompt.options import wordings
from promptsearch.prompt.options_prompt import passage_of, question_of, yes_and_no
from promptsearch.prompt.template import Template, filled_parts

TEXTS = ("texta", "textb")


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a folder with a file of rows for each split; return notes.

    Raises ExportError for what a row cannot say.
    """
    no_ensemble(request, "UniMC")
    saved, task = request.prompts[0], _task(request)
    prompt = saved.prompt
    if not prompt.template.has_options:
        raise ExportError(
            f"{saved.id}: is a cloze, and UniMC's rows have choices; search with "
            "`layout` options, or use `to` python"
        )
    passages = [Template.parts_of(part) for part in passage_of(prompt.template).split("[SEP]")]
    if len(passages) > len(TEXTS):
        raise ExportError(f"{saved.id}: has {len(passages)} texts, and UniMC's rows have two")
    into.mkdir()
    for split in _splits(task):
        rows = (_row(prompt, passages, each) for each in split.examples)
        write_lines(
            into / f"{split.name}.json", (f"{json.dumps(r, ensure_ascii=False)}\n" for r in rows)
        )
    return list(_notes(request, prompt))


def _task(request: ExportRequest) -> TaskDefinition:
    if request.task is None:
        raise ExportError("UniMC's files are rows of a task, which cannot be read; give `task`")
    return request.task


def _splits(task: TaskDefinition) -> Iterator[Split]:
    yield from (task.train, task.dev)
    if task.test_paths:
        yield task.test()


def _row(
    prompt: Prompt, passages: Sequence[Sequence[object]], example: Example
) -> Mapping[str, object]:
    """Return one row; its label is the number of the right choice."""
    labels, slots = prompt.verbalizer.labels, prompt.template.slots
    by_slot = dict(zip(slots, wordings(prompt.template.parts), strict=True))
    options = [by_slot[prompt.verbalizer[label][0][0][0]] for label in labels]
    choices = [_text(option, example) for option in options]
    label = labels.index(example.targets[0])
    texts = [_text(parts, example) for parts in passages] + [""]
    return {
        "texta": texts[0],
        "textb": texts[1],
        "question": _text(Template.parts_of(question_of(prompt.template)), example),
        "choice": choices,
        "answer": choices[label],
        "label": label,
        "id": example.id,
    }


def _text(parts: Sequence[object], example: Example) -> str:
    filled = filled_parts(parts, example.inputs)  # type: ignore[arg-type]
    return "".join(part.text for part in filled if isinstance(part, Text | Input)).strip()


def _notes(request: ExportRequest, prompt: Prompt) -> Iterator[str]:
    words = prompt.verbalizer.answers[0][0][1], prompt.verbalizer.no
    if words not in (yes_and_no("en"), yes_and_no("zh")):
        yield f"its words are {words[0]} and {words[1]}; UniMC's code has yes and no, or 是 and 非"
    if request.settings.options_score != "logit":
        yield "its score is log-odds, but UniMC's code compares the logits of yes"
    if len(request.prompts) > 1:
        yield f"rows are laid out by one prompt: {len(request.prompts) - 1} were left out"
    yield (
        "the release reads it as `--data_dir`; it cuts rows at 512 tokens, and halves choices that "
        "take more than 480"
    )
