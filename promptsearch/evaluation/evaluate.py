"""Evaluation of prompts on a split: scores, baselines, paired differences to the manual prompt."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from promptsearch.data import Split, TaskDefinition, TaskKind
from promptsearch.evaluation.thresholds import decided_predictions
from promptsearch.evaluation.word_baseline import word_baseline
from promptsearch.metrics import paired_difference, scores_of
from promptsearch.metrics.metric import has_texts
from promptsearch.metrics.predictions import Predictions
from promptsearch.metrics.text_metrics import signatures
from promptsearch.prediction.ensemble import Ensemble
from promptsearch.prediction.multi_label import predictor_of
from promptsearch.prompt import Prompt
from promptsearch.prompt_file.prompts_json import Json, SavedPrompt, aligned, answers_of
from promptsearch.runs.prompts_document import majority
from promptsearch.runs.scorer_setup import scorer_without_chat
from promptsearch.scoring import PromptScorer, Scorer


@dataclass(frozen=True)
class Evaluation:
    """Predictions of the prompts and of the manual baseline on every example of a split."""

    definition: TaskDefinition
    split: Split
    scorer: Scorer
    saved: tuple[SavedPrompt, ...]
    predictions: tuple[Predictions, ...]
    manual: Prompt
    manual_predictions: Predictions
    raw_predictions: Predictions | None = (
        None  # the manual prompt without the model's chat template
    )
    ensemble: Ensemble | None = None
    ensemble_predictions: Predictions | None = None

    def document(self, metric: str) -> Json:
        """Return the document of `evaluate --json`; `vs_manual` compares `metric`."""
        rows = zip(self.saved, self.predictions, strict=True)
        manual_row = {"template": self.manual.template.notation, **self._answers(self.manual)}
        raw = {}
        if self.raw_predictions is not None:
            raw = {"manual_raw": {**manual_row, "scores": self._scores(self.raw_predictions, None)}}
        return {
            "prompts": [
                {
                    "id": saved.id,
                    "template": saved.prompt.template.notation,
                    **self._answers(saved.prompt),
                    **{key: saved.row[key] for key in ("soft",) if key in saved.row},
                    "scores": self._scores(predictions, metric),
                }
                for saved, predictions in rows
            ],
            **self._ensemble_row(metric),
            "baselines": {
                "manual": {**manual_row, "scores": self._scores(self.manual_predictions, None)},
                **raw,
                "majority": majority(self.definition, self.split.examples, self.split.name),
                **word_baseline(self.definition, self.split),
            },
            "model": self.scorer.model.info.described,
            **self._signatures(),
        }

    def _signatures(self) -> Json:
        """Return the settings of sacrebleu's metrics, where texts were written."""
        if not has_texts(self.manual_predictions):
            return {}
        return {"signatures": signatures(self.manual_predictions.targets)}

    def _ensemble_row(self, metric: str) -> Json:
        """Return the ensemble's scores, against the manual prompt and the file's first one."""
        if self.ensemble is None or self.ensemble_predictions is None:
            return {}
        ours, negative = self.ensemble_predictions, self.definition.negative_label
        scores = dict(self._scores(ours, metric))
        split_scores = cast(dict[str, object], scores[self.split.name])
        split_scores["vs_best"] = paired_difference(ours, self.predictions[0], metric, negative)
        members = [{"id": m.id, "weight": m.weight} for m in self.ensemble.members]
        return {"ensemble": {"rule": self.ensemble.rule, "members": members, "scores": scores}}

    def _answers(self, prompt: Prompt) -> Json:
        return answers_of(prompt, self.definition.kind, None)

    def _scores(self, predictions: Predictions, metric: str | None) -> Mapping[str, object]:
        negative = self.definition.negative_label
        scores = dict(scores_of(predictions, self.definition.kind, negative))
        scores["selected"] = self.split.name != "test"  # train proposed, dev decided
        if metric is not None:
            scores["vs_manual"] = paired_difference(
                predictions, self.manual_predictions, metric, negative
            )
        return {self.split.name: scores}

    def examples(self) -> Iterator[Json]:
        """Return a row a prompt and example: right answer, prediction and its log-probability."""
        return _example_rows(self.saved, self.predictions, self.split, self.definition.kind)


def _example_rows(
    saved: Sequence[SavedPrompt], batch: Sequence[Predictions], split: Split, kind: TaskKind
) -> Iterator[Json]:
    """Yield the rows; apart from `Evaluation`, so that they do not keep its model in memory."""
    for prompt, predictions in zip(saved, batch, strict=True):
        for index, example in enumerate(split.examples):
            row = kind.example_row(predictions, index, example)
            yield {"prompt": prompt.id, "id": example.id, **row}


def compared_prompts(saved: Sequence[SavedPrompt], definition: TaskDefinition) -> list[Prompt]:
    """Return the prompts, and the task's manual one after them, over the same candidates."""
    manual = definition.prompt
    if definition.kind.has_candidates:
        manual = replace(manual, verbalizer=saved[0].prompt.verbalizer)
    return [*(prompt.prompt for prompt in saved), manual]


def evaluate(
    saved: Sequence[SavedPrompt],
    definition: TaskDefinition,
    scorer: Scorer,
    split: Split,
    split_scorer: PromptScorer | None = None,
    ensemble: Ensemble | None = None,
) -> Evaluation:
    """Score the prompts, their ensemble and the task's manual prompt on the split.

    `split_scorer` predicts in the scorer's place: from a cache, or in other processes.
    """
    saved = tuple(aligned(prompt, definition) for prompt in saved)
    prompts = compared_prompts(saved, definition)
    manual = prompts[-1]
    rows = [*(prompt.row for prompt in saved), {}]
    *predictions, manual_predictions = decided_predictions(
        prompts, rows, definition, split_scorer or scorer, split
    )
    raw_predictions = None
    if scorer.model.info.chat is not None:
        raw = scorer_without_chat(scorer, split_scorer or scorer)
        (raw_predictions,) = decided_predictions([manual], [{}], definition, raw, split)
    together = None
    if ensemble is not None:
        predictor = predictor_of(ensemble, split_scorer or scorer, scorer, definition.kind)
        together = predictor.predict(split.examples)
    results = (tuple(predictions), manual, manual_predictions, raw_predictions, ensemble, together)
    return Evaluation(definition, split, scorer, saved, *results)
