"""The rows of a task as UniMC reads them, laid out by a prompt with options."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptsearch.data import Example, Split, TaskDefinition
from promptsearch.errors import ExportError
from promptsearch.files.write import write_lines
from promptsearch.formats.export import ExportRequest
from promptsearch.formats.shared.export_checks import no_ensemble
from promptsearch.prompt import Input, Prompt, Text
from promptsearch.prompt.options import segments
from promptsearch.prompt.options_prompt import (
    option_parts,
    passage_parts,
    question_of,
    yes_and_no,
)
from promptsearch.prompt.template import Template, filled_parts

TEXTS = ("texta", "textb")
Parts = Sequence[object]


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
    layout = _Layout.of(prompt)
    if len(layout.texts) > len(TEXTS):
        raise ExportError(f"{saved.id}: has {len(layout.texts)} texts, and UniMC's rows have two")
    into.mkdir()
    for split in _splits(task):
        rows = map(layout.row, split.examples)
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


@dataclass(frozen=True)
class _Layout:
    """What rows are made of: the parts of each label's option, of the question and of the texts."""

    options: Mapping[str, Parts]  # in the order of the labels
    question: Parts
    texts: Sequence[Parts]

    @classmethod
    def of(cls, prompt: Prompt) -> "_Layout":
        question = Template.parts_of(question_of(prompt.template))
        texts = segments(passage_parts(prompt.template))
        return cls(option_parts(prompt), question, texts)

    def row(self, example: Example) -> Mapping[str, object]:
        """Return one row; its label is the number of the right choice."""
        choices = [_text(option, example) for option in self.options.values()]
        label = list(self.options).index(example.targets[0])
        texts = [_text(parts, example) for parts in self.texts] + [""]
        return {
            "texta": texts[0],
            "textb": texts[1],
            "question": _text(self.question, example),
            "choice": choices,
            "answer": choices[label],
            "label": label,
            "id": example.id,
        }


def _text(parts: Parts, example: Example) -> str:
    filled = filled_parts(parts, example.inputs)  # type: ignore[arg-type]
    return "".join(part.text for part in filled if isinstance(part, Text | Input)).strip()


def _notes(request: ExportRequest, prompt: Prompt) -> Iterator[str]:
    words = prompt.verbalizer.yes_word, prompt.verbalizer.no
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
