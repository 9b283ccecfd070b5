"""The evaluations of one file of prompts after another, each model loaded once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from promptsearch.commands.shared.console import Console
from promptsearch.commands.shared.evaluation_remarks import remarks_on
from promptsearch.commands.shared.evaluation_table import EvaluatedFile
from promptsearch.commands.shared.options import layout_of
from promptsearch.commands.shared.output_checks import check_output
from promptsearch.commands.shared.saved_prompts import (
    compared,
    model_of_prompts,
    scorers,
    split_of,
    task_of,
)
from promptsearch.data import KINDS, Split, TaskDefinition, load_task
from promptsearch.errors import RunError, TaskError
from promptsearch.evaluation.checks.answers import worthless_answers
from promptsearch.evaluation.checks.row_choices import unanswerable_rows
from promptsearch.evaluation.evaluate import compared_prompts, evaluate
from promptsearch.evaluation.report.number_format import count
from promptsearch.evaluation.shots import shot_setting
from promptsearch.metrics.label_sets import Threshold
from promptsearch.models import LanguageModel
from promptsearch.prediction.ensemble_file import read_ensemble
from promptsearch.prediction.selection import scoring_from
from promptsearch.prompt_file.load_model import spec_of
from promptsearch.prompt_file.prompts_json import (
    FORMAT,
    PromptFile,
    SavedPrompt,
    aligned,
    answers_of,
    read_prompts,
)
from promptsearch.runs.run import with_vocabulary_candidates
from promptsearch.scoring import PromptScorer

MANUAL = "manual"  # in place of a file: the prompt of the task file


@dataclass(frozen=True)
class EvaluationInput:
    """File of prompts with its task and the split to score."""

    file: PromptFile
    definition: TaskDefinition
    split: Split


def evaluation_input(path: Path, options: Mapping[str, Any]) -> EvaluationInput:
    """Return the file with its task and split. Raises what is wrong with them."""
    if path == Path(MANUAL) and not path.exists():
        file, definition = _manual(options["task"], layout_of(options))
    else:
        file = read_prompts(path)
        definition = task_of(file, options["task"], KINDS, layout_of(options))
    if not definition.kind.scores_answers and options["cache"]:
        raise RunError(
            f"--cache is for labels and facts; leave it out for a task of {definition.kind}"
        )
    definition, file = _at_threshold(definition, file, options["threshold"])
    file = _scored_as(file, options)
    if options["examples_out"]:
        check_output(options["examples_out"], options, file=file, definition=definition)
    _check_fit(file, definition, options["top"])
    return EvaluationInput(file, definition, split_of(definition, options["split"]))


def _manual(task: str | None, layout: Mapping[str, str]) -> tuple[PromptFile, TaskDefinition]:
    """Return a task's manual prompt as a file's, and the task. Raises RunError without a task."""
    if task is None:
        raise RunError(f"`{MANUAL}` stands for the prompt of a task file; say which with --task")
    definition = load_task(task, overrides=layout)
    prompt = definition.prompt
    row = {"id": MANUAL, "template": prompt.template.notation}
    saved = SavedPrompt(MANUAL, prompt, {**row, **answers_of(prompt, definition.kind, None)})
    return PromptFile(Path(MANUAL), (saved,), {"format": FORMAT}), definition


def _scored_as(file: PromptFile, options: Mapping[str, Any]) -> PromptFile:
    """Return the file with the scoring that the command line chose."""
    names = ("length_norm", "options_score", "options_per_pass")
    chosen = {name: options.get(name) for name in names}
    scoring = {name: value for name, value in chosen.items() if value is not None}
    return replace(
        file, document={**file.document, "scoring": {**file.section("scoring"), **scoring}}
    )


def _at_threshold(
    definition: TaskDefinition, file: PromptFile, threshold: Threshold | None
) -> tuple[TaskDefinition, PromptFile]:
    """Return the task with the threshold of an option, and the prompts without theirs."""
    if threshold is None:
        return definition, file
    if not definition.kind.label_sets:
        raise RunError("--threshold decides for several labels at once; leave it out for this task")
    prompts = tuple(
        replace(each, row={key: v for key, v in each.row.items() if key != "threshold"})
        for each in file.prompts
    )
    return replace(definition, threshold=threshold), replace(file, prompts=prompts)


def _check_fit(file: PromptFile, definition: TaskDefinition, top: int) -> None:
    """Raise TaskError or DataError if the prompts or the ensemble do not fit the task."""
    try:
        for prompt in file.prompts[:top]:
            aligned(prompt, definition)
        read_ensemble(file, definition)
    except TaskError as error:
        raise TaskError(f"{file.path}: {error}") from None


def evaluated_files(
    inputs: Sequence[EvaluationInput], options: Mapping[str, Any], console: Console
) -> list[EvaluatedFile]:
    """Return the evaluations in the order of the files; models are in memory one after another."""
    specs = [spec_of(each.file, options["model"]) for each in inputs]
    files: dict[int, EvaluatedFile] = {}
    for spec in dict.fromkeys(specs):
        numbers = [number for number, other in enumerate(specs) if other == spec]
        of_spec = _evaluated_with_one([inputs[number] for number in numbers], options, console)
        files |= zip(numbers, of_spec, strict=True)
    return [files[number] for number in range(len(inputs))]


def _evaluated_with_one(
    inputs: Sequence[EvaluationInput], options: Mapping[str, Any], console: Console
) -> list[EvaluatedFile]:
    """Return the evaluations of files of one model, which is loaded once."""
    from promptsearch.models.loading.load import load_for

    load, files = cache(load_for), []
    for each in inputs:
        model = model_of_prompts(each.file, each.definition, options, console, load)
        files.append(_evaluated(each, model, options, console))
    return files


def _evaluated(
    each: EvaluationInput, model: LanguageModel, options: Mapping[str, Any], console: Console
) -> EvaluatedFile:
    file, split = each.file, each.split
    definition = with_vocabulary_candidates(each.definition, model)
    saved, ensemble = file.prompts[: options["top"]], read_ensemble(file, definition)
    prompts = [each.prompt for each in saved]
    answered = [each for each in prompts if each.template.head is None]
    verbalizers = [p.verbalizer for p in answered if definition.kind.scores_answers]
    with scorers(file, definition, model, options, console) as (scorer, split_scorer):
        console.say(f"{file.path}: {_plan(saved, definition, split, split_scorer)}")
        console.warn(worthless_answers(verbalizers, model, definition.kind.merges_alike))
        console.warn(unanswerable_rows(definition, [split]))
        evaluation = evaluate(saved, definition, scorer, split, split_scorer, ensemble)
    setting = shot_setting(file, definition, model)
    document: Any = evaluation.document(compared(file, definition))
    for row in document["prompts"]:
        row["setting"] = setting.row
        if not file.was_searched:
            row["scores"][split.name]["selected"] = False
    remarks = (*filter(None, [setting.remark]), *remarks_on(evaluation, document, file))
    taken = scoring_from(file).calibration
    return EvaluatedFile(
        file.path, definition, split, taken, document, remarks, evaluation.examples()
    )


def _plan(
    saved: Sequence[SavedPrompt], definition: TaskDefinition, split: Split, scorer: PromptScorer
) -> str:
    """Return what will be scored: the prompts, the manual one beside them, and the passes."""
    cost = scorer.cost(compared_prompts(saved, definition), split.examples)
    written = all(each.prompt == definition.prompt for each in saved)
    what = "the manual prompt" if written else f"{count(len(saved), 'prompt')} and the manual one"
    return (
        f"{what} x {len(split.examples):,} {split.name} "
        f"examples · {count(cost.forwards, 'forward pass', 'forward passes')}"
    )
