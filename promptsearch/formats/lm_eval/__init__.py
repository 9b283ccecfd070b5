"""A task of the LM evaluation harness: a folder with YAML files, and their rows.

The harness scores continuations, so causal models only: an answer and the text after it are the
continuation of the text before the slot, and texts are written on from there. Contexts and
continuations are written out in the data, a row an example, where nothing in a text can be taken
for a template's notation.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptsearch.data import Example, Split, TaskDefinition
from promptsearch.errors import ExportError
from promptsearch.files.write import write_lines
from promptsearch.formats.export import NEXT, ExportRequest, final_path
from promptsearch.formats.lm_eval.task_yaml import CHOICES, group_yaml, task_yaml
from promptsearch.formats.lm_eval.texts import TextRows, text_body
from promptsearch.formats.shared.cloze import ELSEWHERE, uncalibrated
from promptsearch.formats.shared.continuations import ContinuationReading, Continuations, compared
from promptsearch.formats.shared.model_source import GGUF_NOTE, directory_or_name, model_files
from promptsearch.models import LanguageModel
from promptsearch.prompt_file.prompts_json import SavedPrompt
from promptsearch.scoring import Scorer


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a YAML file and its rows for each prompt, for several a group's YAML file too."""
    task = _holdable(request)
    model = request.model()
    continuations = Continuations.of(model)
    split, group = _split(task), _named(request.name)
    names = [f"{group}_{_named(saved.id)}" for saved in request.prompts]
    notes: list[str] = []
    decode = request.kind.decode
    for name, saved in zip(names, request.prompts, strict=True):
        data = final_path(into) / f"{name}.jsonl"
        rows: HarnessRows | TextRows
        if decode is None:
            rows = HarnessRows.of(request, saved, split, continuations, model)
            lines = task_yaml(name, saved, data, CHOICES)
        else:
            rows = TextRows.of(saved, split.examples, decode, continuations)
            lines = task_yaml(name, saved, data, text_body(decode, rows))
        write_lines(into / f"{name}.jsonl", (json.dumps(row) + "\n" for row in rows.rows))
        write_lines(into / f"{name}.yaml", lines)
        notes += (f"{saved.id}: {note}" for note in rows.notes)
    if len(names) > 1:
        metric = "acc" if decode is None else "exact_match"
        write_lines(into / f"{group}.yaml", group_yaml(group, names, metric))
    command = _command(model, group if len(names) > 1 else names[0], final_path(into))
    write_lines(into / "README.md", _readme(request, split, command))
    notes += [GGUF_NOTE] if model_files(model).gguf else []
    return [*notes, f"{NEXT}{command}"]


def _holdable(request: ExportRequest) -> TaskDefinition:
    uncalibrated(request, "lm-eval")
    if request.ensemble is not None:
        raise ExportError(f"lm-eval holds single prompts, not an ensemble; {ELSEWHERE}")
    if request.task is None:
        raise ExportError("lm-eval needs the rows of the task; say where it is: `task`")
    if request.kind.free_texts and request.settings.length_norm != "none":
        return request.task  # of likelihoods, which the harness does not ask for
    if (norm := request.settings.length_norm) != "none":
        raise ExportError(
            f"lm-eval divides by the length of the whole continuation, not by that of the answer "
            f"as `length_norm` {norm} does; {ELSEWHERE}"
        )
    for saved in request.prompts:
        for label, answers in saved.prompt.verbalizer.pairs:
            if len(answers) > 1:
                raise ExportError(
                    f"{saved.id}: lm-eval compares single continuations, but the label {label!r} "
                    f"has {len(answers)} answers, whose probabilities add up; {ELSEWHERE}"
                )
    return request.task


def _split(task: TaskDefinition) -> Split:
    return task.test() if task.test_paths else task.dev


def _named(text: str) -> str:
    """Return the text as a name that the harness can give to a task."""
    return re.sub(r"[^\w-]+", "_", text)


@dataclass(frozen=True)
class HarnessRows:
    """Rows of one prompt, and notes on them."""

    rows: Sequence[dict[str, Any]]
    notes: Sequence[str]

    @classmethod
    def of(
        cls,
        request: ExportRequest,
        saved: SavedPrompt,
        split: Split,
        continuations: Continuations,
        model: LanguageModel,
    ) -> "HarnessRows":
        scorer = Scorer(
            model, request.settings.scoring(request.kind), facts=request.kind.merges_alike
        )
        labelling = scorer.labelling(saved.prompt.verbalizer)
        distinct = [i for i in range(len(labelling.labels)) if i not in labelling.duplicate_labels]
        answers = [saved.prompt.verbalizer.pairs[i][1][0] for i in distinct]
        rows: list[dict[str, Any]] = []
        readings: list[ContinuationReading] = []
        examples = request.kind.training_rows(split.examples)
        rights = labelling.right(examples)
        for example, right in zip(examples, rights, strict=True):
            written = continuations.written(saved.prompt.template.fill(example.inputs), answers)
            if right:
                label = [distinct.index(i) for i in right]
                rows.append(_row(example, written.context, written.choices, label))
                readings.append(continuations.compared(written))
        return cls(rows, [*_uncovered_notes(len(examples) - len(rows)), *compared(readings)])


def _row(
    example: Example, context: str, choices: Sequence[str], label: list[int]
) -> dict[str, Any]:
    return {
        "id": example.id,
        "context": context,
        "choices": list(choices),
        "label": label[0] if len(label) == 1 else label,
    }


def _uncovered_notes(count: int) -> Iterator[str]:
    if count:
        yield f"{count} rows without a right candidate are left out; promptsearch counts them wrong"


def _command(model: LanguageModel, task: str, folder: Path) -> str:
    """Return the harness's command, in float32 as promptsearch scores."""
    gguf = model_files(model).gguf
    arguments = {"pretrained": directory_or_name(model), "dtype": "float32"}
    arguments |= {"gguf_file": gguf} if gguf else {}
    words = ["lm_eval", "--model", "hf", "--model_args", _joined(arguments), "--device", "cpu"]
    return shlex.join([*words, "--tasks", task, "--include_path", str(folder)])


def _joined(arguments: Mapping[str, str]) -> str:
    """Return the arguments as NAME=VALUE,...; as JSON where a value has a comma or a sign."""
    if any(set(value) & set(",=") for value in arguments.values()):
        return json.dumps(arguments)
    return ",".join(f"{name}={value}" for name, value in arguments.items())


def _readme(request: ExportRequest, split: Split, command: str) -> list[str]:
    return [
        f"# {request.name}\n\n",
        f"{len(request.prompts)} prompts of {request.file.path.name}, "
        f"on the {split.name} split.\n\n",
        f"```\n{command}\n```\n\n",
        "The YAML files name their data by its path: change `data_files` where the folder moves.\n",
    ]
