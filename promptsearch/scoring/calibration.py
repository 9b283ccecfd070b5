"""Calibration: what a prompt says of an input, beside what it says where there is nothing to say.

A prompt may favour a label whatever the input ("great" is a likelier word than "terrible"). What it
says of some reference inputs shows that prior, which is then taken away:

    log p'(label | x) = log p(label | x) - log prior(label), normalised over the labels

The three methods differ in the references:

- `contextual` (Zhao et al. 2021, "Calibrate Before Use"): the content-free inputs "N/A", "" and
  "[MASK]", their probabilities averaged;
- `pmi` (Holtzman et al. 2021, "Surface Form Competition"): empty inputs leave the domain premise;
  the prior is taken from each answer, before a label's answers are put together;
- `batch` (Zhou et al. 2024, "Batch Calibration"): the training inputs, their labels unread. The
  paper averages over the batch that is asked; fixed references keep what is said of an example
  independent of the examples beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np

from promptsearch.data import Dataset, Example
from promptsearch.data.examples import choices_in
from promptsearch.errors import PromptError, RunError
from promptsearch.metrics.predictions import Floats, Predictions
from promptsearch.prompt import Prompt, Verbalizer
from promptsearch.scoring.label_aggregation import LISTED
from promptsearch.scoring.scorer import Cost, PredictionBatch, PromptScorer, Scorer

Calibration = Literal["none", "contextual", "pmi", "batch"]
METHODS: tuple[Calibration, ...] = get_args(Calibration)
CONTENT_FREE = ("N/A", "", "[MASK]")  # plain text, as all inputs are


@dataclass
class CalibratedScorer:
    """Predictions of `inner` without each prompt's prior; `scorer` has the same model."""

    inner: PromptScorer
    scorer: Scorer
    method: Calibration
    references: Dataset
    _priors: dict[Prompt, Floats] = field(default_factory=dict)  # (unit,), in nats

    def predict(self, prompts: Sequence[Prompt], examples: Dataset) -> PredictionBatch:
        """Return one `Predictions` a prompt, in order; `cost` includes that of the references."""
        distinct = list(dict.fromkeys(prompts))
        self._check_choices(distinct, examples)
        cost = self._learn(distinct)
        batch = self.inner.predict(
            [self._with_prior_units(prompt) for prompt in distinct], examples
        )
        calibrated = {
            prompt: self._calibrated(prompt, judgement, examples)
            for prompt, judgement in zip(distinct, batch.predictions, strict=True)
        }
        return PredictionBatch(tuple(calibrated[prompt] for prompt in prompts), cost + batch.cost)

    def cost(self, prompts: Sequence[Prompt], examples: Dataset) -> Cost:
        """Return what `judged` would cost."""
        distinct = list(dict.fromkeys(prompts))
        fresh = [
            self._with_prior_units(prompt) for prompt in distinct if prompt not in self._priors
        ]
        total = self.inner.cost([self._with_prior_units(prompt) for prompt in distinct], examples)
        return total + self.inner.cost(fresh, self.references) if fresh else total

    def prior(self, prompt: Prompt) -> Mapping[str, object]:
        """log prior of each label or, with `pmi`, of each of its answers (in a list)."""
        self._learn([prompt])
        values = self._priors[prompt].tolist()
        if not self._by_answer(prompt):
            return dict(zip(prompt.verbalizer.labels, values, strict=True))
        columns = self.scorer.labelling(prompt.verbalizer).columns
        by_label = ([values[column] for column in each] for each in columns)
        return dict(zip(prompt.verbalizer.labels, by_label, strict=True))

    def set_prior(self, prompt: Prompt, prior: Mapping[str, object]) -> None:
        """Take a prior that was learned before, as `prior` gives it, instead of the references.

        Raises PromptError if it is not one of the prompt's.
        """
        columns = self.scorer.labelling(prompt.verbalizer).columns
        units = columns if self._by_answer(prompt) else [(i,) for i in range(len(columns))]
        values = np.full(1 + max(column for columns_of in units for column in columns_of), np.nan)
        for label, columns_of in zip(prompt.verbalizer.labels, units, strict=True):
            saved = prior.get(label)
            numbers = saved if isinstance(saved, list) else [saved]
            if len(numbers) != len(columns_of) or not all(
                isinstance(n, int | float) for n in numbers
            ):
                raise PromptError(
                    f"its prior says {saved!r} of {label!r}, where {self.method} calibration needs "
                    f"{len(columns_of)} numbers; take the prior out to have it computed again"
                )
            values[list(columns_of)] = numbers
        self._priors[prompt] = values

    def over(self, scorer: Scorer) -> "CalibratedScorer":
        """Return the same with another model."""
        return CalibratedScorer(scorer, scorer, self.method, self.references)

    def _learn(self, prompts: Sequence[Prompt]) -> Cost:
        """Ask the references of prompts whose prior is not known."""
        if any(prompt.template.head is not None for prompt in prompts):
            raise RunError(
                "calibration takes away what a model says of its answer words without a text, and "
                "a head has none; leave `calibration` out"
            )
        fresh = [prompt for prompt in prompts if prompt not in self._priors]
        if not fresh:
            return Cost()
        batch = self.inner.predict(
            [self._with_prior_units(prompt) for prompt in fresh], self.references
        )
        for prompt, judgement in zip(fresh, batch.predictions, strict=True):
            values = _log_probs(judgement)  # (reference, unit)
            self._priors[prompt] = np.logaddexp.reduce(values, axis=0) - np.log(len(values))
        return batch.cost

    def _check_choices(self, prompts: Sequence[Prompt], examples: Dataset) -> None:
        """Raise RunError if choices are no labels of the task, which have priors, or answers do."""
        choices, shares_labels = set(choices_in(examples)), not self.scorer.facts
        labels = [set(prompt.verbalizer) for prompt in prompts]
        fits = shares_labels and self.method != "pmi" and all(choices <= each for each in labels)
        if not choices or fits:
            return
        raise RunError(
            f"`calibration` {self.method} takes away the priors of labels that all rows share, and "
            "these rows have choices of their own; leave it out, or use contextual with labels"
        )

    def _with_prior_units(self, prompt: Prompt) -> Prompt:
        """The prompt whose labels are the units that have a prior: labels, or single answers."""
        if not self._by_answer(prompt):
            return prompt
        answers = prompt.verbalizer.answers
        flat = tuple((str(number), (answer,)) for number, answer in enumerate(answers))
        return Prompt(prompt.template, Verbalizer(flat), prompt.source)

    def _by_answer(self, prompt: Prompt) -> bool:
        """Whether single answers have priors: of labels that are against a `no` these have."""
        return self.method == "pmi" and prompt.verbalizer.no is None

    def _calibrated(self, prompt: Prompt, judgement: Predictions, examples: Dataset) -> Predictions:
        import torch

        labelling = self.scorer.labelling(prompt.verbalizer)
        prior = self._priors[prompt]
        has_prior = np.isfinite(prior)  # not of candidates that were merged into others
        scores = np.full((len(examples), len(prior)), -np.inf)
        scores[:, has_prior] = _log_probs(judgement)[:, has_prior] - prior[has_prior]
        if self._by_answer(prompt):
            values = labelling.label_log_probs(torch.from_numpy(scores)).numpy()
        else:
            values = torch.from_numpy(scores).log_softmax(1).numpy()
        findings = self.scorer.builder(prompt.verbalizer, examples)
        findings.put(range(len(examples)), values)
        return findings.judgement()


def references_of(
    method: Calibration,
    fields: Sequence[str],
    train: Dataset,
    fixed: Mapping[str, str] = MappingProxyType({}),
) -> Dataset:
    """Return the inputs that show a prompt's prior; `fields` are the task's inputs.

    Those that are `fixed` keep their texts: they are no example's.
    """
    match method:
        case "contextual":
            texts: Sequence[str] = CONTENT_FREE
        case "pmi":
            texts = ("",)
        case _:
            return [Example(example.id, example.inputs, ()) for example in train]
    inputs = ({**dict.fromkeys(fields, text), **fixed} for text in texts)
    return [Example(str(i), each, ()) for i, each in enumerate(inputs)]


def check_calibration(method: Calibration, labels: int) -> None:
    """Raise RunError if what is said of each label is not kept."""
    if method not in METHODS:
        raise RunError(f"there is no calibration {method!r}; use {', '.join(METHODS)}")
    if method != "none" and labels > LISTED:
        raise RunError(
            f"`calibration` {method} is for up to {LISTED:,} labels or candidates, but there are "
            f"{labels:,}; leave it out"
        )


def _log_probs(judgement: Predictions) -> Floats:
    assert judgement.log_probs is not None, "up to LISTED labels are kept"
    return judgement.log_probs
