"""An ensemble: weighted prompts that answer together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from promptsearch.data import Dataset, has_choices
from promptsearch.errors import PromptError
from promptsearch.metrics.predictions import Predictions
from promptsearch.prompt import Prompt
from promptsearch.scoring import PromptScorer, Scorer
from promptsearch.scoring.choice_predictions import ChoicePredictionsBuilder
from promptsearch.scoring.combination import RULES, Floats, Rule, combine, only_choices
from promptsearch.scoring.label_aggregation import LISTED

BYTES = 1 << 28  # members' log p of examples, in memory at a time


@dataclass(frozen=True)
class Member:
    """Prompt with its id in the file, and its weight (0 or more)."""

    id: str
    prompt: Prompt
    weight: float


@dataclass(frozen=True)
class Ensemble:
    """Prompts with the same labels. Raises PromptError if they do not fit together."""

    rule: Rule
    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise PromptError(f"there is no rule {self.rule!r}; use {', '.join(RULES)}")
        if invalid := [m for m in self.members if not isfinite(m.weight) or m.weight < 0]:
            raise PromptError(
                f"the weight of {invalid[0].id} is {invalid[0].weight}; give 0 or more"
            )
        if not any(member.weight for member in self.members):
            raise PromptError("no member of the ensemble has a weight above 0")
        require_same_labels(self.members)

    @property
    def prompts(self) -> list[Prompt]:
        return [member.prompt for member in self.members]

    @property
    def weights(self) -> list[float]:
        return [member.weight for member in self.members]


def require_same_labels(members: Sequence[Member]) -> None:
    """Raise PromptError if two members answer different labels, or in another order."""
    first = members[0]
    for member in members[1:]:
        if member.prompt.verbalizer.labels != first.prompt.verbalizer.labels:
            raise PromptError(
                f"{first.id} and {member.id} do not answer the same labels (or candidates), so "
                "they cannot be put together"
            )


@dataclass(frozen=True)
class EnsemblePredictor:
    """Predictor of an ensemble by a scorer; `raw_scorer` has the same model."""

    ensemble: Ensemble
    scorer: PromptScorer
    raw_scorer: Scorer

    def label_log_probs(self, examples: Dataset) -> Floats:
        """Return (example, label) log p; of examples with choices (example, choice)."""
        members = member_log_probs(self.ensemble.prompts, examples, self.scorer, self.raw_scorer)
        values = combine(members, self.ensemble.weights, self.ensemble.rule)
        return only_choices(values, members) if has_choices(examples) else values

    def parts(self, examples: Dataset) -> Iterator[tuple[range, Floats]]:
        """Yield indices of examples and their (example, label), as many as memory holds.

        Of examples with choices it is (example, choice), in the order of these.
        """
        prompts = self.ensemble.prompts
        width = max((len(e.choices) for e in examples), default=0) or len(prompts[0].verbalizer)
        step = max(1, BYTES // (4 * len(prompts) * width))
        for first in range(0, len(examples), step):
            rows = range(first, min(first + step, len(examples)))
            yield rows, self.label_log_probs([examples[i] for i in rows])

    def predict(self, examples: Dataset) -> Predictions:
        """Return the predictions of the ensemble, like those of a prompt."""
        findings = self.raw_scorer.builder(self.ensemble.prompts[0].verbalizer, examples)
        put = findings.put
        if isinstance(findings, ChoicePredictionsBuilder):
            put = findings.put_choices
        for rows, values in self.parts(examples):
            put(rows, values)
        return findings.judgement()


def member_log_probs(
    prompts: Sequence[Prompt], examples: Dataset, scorer: PromptScorer, raw_scorer: Scorer
) -> NDArray[np.float32]:
    """Return (prompt, example, label) log p; of examples with choices (prompt, example, choice).

    Predictions hold it if labels are few; else the raw scorer computes it.
    """
    if has_choices(examples):
        batch = scorer.predict(prompts, examples).predictions
        return np.array([predictions.choice_log_probs for predictions in batch], dtype=np.float32)
    if len(prompts[0].verbalizer) > LISTED:
        return raw_scorer.label_log_probs(prompts, examples)
    tables = [
        predictions.log_probs for predictions in scorer.predict(prompts, examples).predictions
    ]
    return np.array(tables, dtype=np.float32)
