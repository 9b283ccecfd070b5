"""The one judge: prompts x examples -> what each prompt says of each example.

Every strategy is scored here and nowhere else. Prompts and examples become one list of texts, so
that the model can batch across prompts; the list is planned and run a slice at a time, and blocks
of log-probabilities are reduced as they come, so that memory holds a batch, not the product.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from promptsearch.data import Dataset
from promptsearch.errors import ModelError
from promptsearch.metrics.predictions import Predictions
from promptsearch.models import LanguageModel, Plan, Scoring
from promptsearch.prompt import Prompt, Verbalizer
from promptsearch.scoring.label_aggregation import AnswerScore, LabelAggregation, PredictionsBuilder

TEXTS = 8192  # planned at a time


@dataclass(frozen=True)
class Cost:
    """Forwards, tokens and memory that scoring took, or would take."""

    forwards: int = 0  # sequences
    tokens: int = 0  # padding, and what sequences share, left out
    peak_bytes: int = 0  # of the largest batch beside the weights, an upper estimate

    @classmethod
    def of(cls, plan: Plan) -> "Cost":
        return cls(plan.forwards, plan.tokens, plan.peak_bytes)

    def paid(self, seconds: float) -> dict[str, float]:
        """Return the cost as a row of the ledger has it."""
        return {"forwards": self.forwards, "tokens": self.tokens, "seconds": seconds}

    def __add__(self, other: "Cost") -> "Cost":
        peak = max(self.peak_bytes, other.peak_bytes)
        return Cost(self.forwards + other.forwards, self.tokens + other.tokens, peak)


@dataclass(frozen=True)
class PredictionBatch:
    """Judgements, one a prompt in the order asked, and what they cost."""

    predictions: tuple[Predictions, ...]
    cost: Cost


class PromptScorer(Protocol):
    """Judges prompts on examples: here (`Scorer`), from a cache, or spread over processes."""

    def predict(self, prompts: Sequence[Prompt], examples: Dataset) -> PredictionBatch: ...

    def cost(self, prompts: Sequence[Prompt], examples: Dataset) -> Cost:
        """Return what `judged` would cost."""
        ...


@dataclass(frozen=True)
class Scorer:
    """Judges prompts with `model`; `answer_score` says how a label's answers become one score.

    For facts the labels are candidates, and those that the model reads alike are merged.
    """

    model: LanguageModel
    scoring: Scoring
    answer_score: AnswerScore = "sum"
    facts: bool = False
    _labellings: dict[Verbalizer, LabelAggregation] = field(
        default_factory=dict, repr=False, compare=False
    )

    def judge(self, prompts: Sequence[Prompt], examples: Dataset) -> list[Predictions]:
        """Return one `Predictions` a prompt, in order."""
        return list(self.predict(prompts, examples).predictions)

    def predict(self, prompts: Sequence[Prompt], examples: Dataset) -> PredictionBatch:
        """Return one `Predictions` a prompt, in order, and their cost."""
        builders: dict[Prompt, PredictionsBuilder] = {}
        cost = Cost()
        for group in self._groups(prompts):
            labelling = self.labelling(group[0].verbalizer)
            builders |= {prompt: PredictionsBuilder.of(labelling, examples) for prompt in group}
            for chunk, rows in _slices(group, len(examples)):
                plan = self._plan(chunk, [examples[i] for i in rows])
                self._run(plan, [builders[prompt] for prompt in chunk], rows, labelling)
                cost += Cost.of(plan)
        return PredictionBatch(tuple(builders[prompt].judgement() for prompt in prompts), cost)

    def cost(self, prompts: Sequence[Prompt], examples: Dataset) -> Cost:
        """Return the cost of `predict`, from plans that are made for it and thrown away."""
        cost = Cost()
        for group in self._groups(prompts):
            for chunk, rows in _slices(group, len(examples)):
                cost += Cost.of(self._plan(chunk, [examples[i] for i in rows]))
        return cost

    def label_log_probs(self, prompts: Sequence[Prompt], examples: Dataset) -> NDArray[np.float32]:
        """Return (prompt, example, label): log p of all labels, which the prompts have in common.

        For thousands of labels, of which judgements keep the right ones only; all is in memory.
        """
        labels = len(prompts[0].verbalizer)
        values = np.empty((len(prompts), len(examples), labels), dtype=np.float32)
        index = {prompt: number for number, prompt in enumerate(prompts)}
        for group in self._groups(prompts):
            labelling = self.labelling(group[0].verbalizer)
            for chunk, rows in _slices(group, len(examples)):
                plan = self._plan(chunk, [examples[i] for i in rows])
                for block in self.model.run(plan):
                    owners, spots = np.divmod(np.array(block.rows), len(rows))
                    prompt_index = np.array([index[prompt] for prompt in chunk])[owners]
                    values[prompt_index, spots + rows.start] = labelling.label_log_probs(
                        block.log_probs
                    )
        return values

    def labelling(self, verbalizer: Verbalizer) -> LabelAggregation:
        """Return how the verbalizer's answers become labels for this model."""
        if verbalizer not in self._labellings:
            aggregation = LabelAggregation.of(verbalizer, self.model, self.answer_score, self.facts)
            self._labellings[verbalizer] = aggregation
        return self._labellings[verbalizer]

    @staticmethod
    def _groups(prompts: Sequence[Prompt]) -> list[list[Prompt]]:
        """Distinct prompts by verbalizer, in order of appearance."""
        groups: dict[Verbalizer, list[Prompt]] = {}
        for prompt in dict.fromkeys(prompts):
            groups.setdefault(prompt.verbalizer, []).append(prompt)
        return list(groups.values())

    def _plan(self, prompts: Sequence[Prompt], examples: Dataset) -> Plan:
        texts = [p.template.fill(example.inputs) for p in prompts for example in examples]
        return self.model.plan(texts, prompts[0].verbalizer.answers, self.scoring)

    def _run(
        self,
        plan: Plan,
        findings: Sequence[PredictionsBuilder],
        examples: range,
        labelling: LabelAggregation,
    ) -> None:
        """Texts are prompt-major: all the places' examples under the first prompt come first."""
        for block in self.model.run(plan):
            values = labelling.label_log_probs(block.log_probs).double().numpy()
            if np.isnan(values).any():
                raise ModelError(
                    f"the model {self.model.info.spec!r} gives no numbers (NaN) in "
                    f"{self.model.info.dtype}; use `dtype` float32, or another model"
                )
            owners: dict[int, list[int]] = {}
            for number, row in enumerate(block.rows):
                owners.setdefault(row // len(examples), []).append(number)
            for owner, numbers in owners.items():
                spots = [examples[block.rows[number] % len(examples)] for number in numbers]
                findings[owner].put(spots, values[numbers])


def _slices(prompts: Sequence[Prompt], examples: int) -> Iterator[tuple[Sequence[Prompt], range]]:
    """Prompts and places of examples, at most `TEXTS` pairs a time; an example's prompts stay
    together where they can, so that what their texts share is passed once."""
    for first in range(0, len(prompts), TEXTS):
        chunk = prompts[first : first + TEXTS]
        step = max(1, TEXTS // len(chunk))
        for start in range(0, examples, step):
            yield chunk, range(start, min(start + step, examples))
