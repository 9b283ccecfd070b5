"""Predictions of a file's prompts on a split, for commands that look at single answers."""

from typing import Any

from promptsearch.commands.shared.console import Console
from promptsearch.commands.shared.saved_prompts import (
    compared,
    model_of_prompts,
    scorers,
    split_of,
    task_of,
)
from promptsearch.evaluation.evaluate import evaluate
from promptsearch.evaluation.report.inputs import ModelPredictions
from promptsearch.evaluation.report.number_format import count
from promptsearch.prediction.ensemble_file import read_ensemble
from promptsearch.prompt_file.prompts_json import PromptFile, aligned
from promptsearch.runs.run import with_vocabulary_candidates


def model_predictions(
    file: PromptFile, options: dict[str, Any], console: Console, top: int, mistakes: int
) -> ModelPredictions:
    """Return the predictions of the first prompts; `options` are those of `evaluate`.

    The default split is test, if the task has it, else dev. `mistakes` bounds the first prompt's
    mistakes, the worst first.
    """
    definition = task_of(file, options["task"])
    split = split_of(definition, options["split"] or ("test" if definition.test_files else "dev"))
    model = model_of_prompts(file, definition, options, console)
    definition = with_vocabulary_candidates(definition, model)
    with scorers(file, definition, model, options, console) as (scorer, split_scorer):
        saved = [aligned(saved_prompt, definition) for saved_prompt in file.prompts[:top]]
        ensemble = read_ensemble(file, definition)
        cost = split_scorer.cost([saved_prompt.prompt for saved_prompt in saved], split.examples)
        console.say(
            f"{count(len(saved), 'prompt')} x {len(split.examples):,} {split.name} examples · "
            f"{count(cost.forwards, 'forward pass', 'forward passes')}"
        )
        evaluation = evaluate(saved, definition, scorer, split, split_scorer, ensemble)
        return ModelPredictions.of(evaluation, compared(file, definition), mistakes)
