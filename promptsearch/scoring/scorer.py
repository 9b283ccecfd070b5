"""The one judge: prompts x examples -> what each prompt says of each example.

Every strategy is scored here and nowhere else. Prompts and examples become one list of texts, so
that the model can batch across prompts; the list is planned and run a slice at a time, and blocks
of log-probabilities are reduced as they come, so that memory holds a batch, not the product.
Prompts that differ in their answers alone are the same texts, which pass the model once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from promptsearch.data import Dataset, has_choices
from promptsearch.errors import ModelError
from promptsearch.metrics.predictions import Floats, Predictions
from promptsearch.models import LanguageModel, Plan, Scoring
from promptsearch.prompt import Answer, Prompt, Template, Verbalizer
from promptsearch.scoring.choice_predictions import ChoicePredictionsBuilder
from promptsearch.scoring.label_aggregation import AnswerScore, LabelAggregation, PredictionsBuilder
from promptsearch.scoring.row_choices import ChoicePlanner, with_choices

if TYPE_CHECKING:
    from torch import Tensor

TEXTS = 8192  # planned at a time
ANSWERS = 2048  # of different verbalizers, scored with the same texts at a time


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

    @property
    def stored_as(self) -> Mapping[str, object]:
        """What a cache must know of the values it stores, beside the scoring."""
        return {}

    def judge(self, prompts: Sequence[Prompt], examples: Dataset) -> list[Predictions]:
        """Return one `Predictions` a prompt, in order."""
        return list(self.predict(prompts, examples).predictions)

    def predict(self, prompts: Sequence[Prompt], examples: Dataset) -> PredictionBatch:
        """Return one `Predictions` a prompt, in order, and their cost."""
        if has_choices(examples):
            return self._predict_choices(prompts, examples)
        builders = {
            prompt: self.labelling(prompt.verbalizer).builder(examples)
            for prompt in dict.fromkeys(prompts)
        }
        cost = Cost()
        for group in groups_of(prompts):
            for chunk, rows in _slices(group.templates, len(examples)):
                for part, plan in self._plans(chunk, group, [examples[i] for i in rows]):
                    found = {v: [builders[Prompt(t, v)] for t in chunk] for v in part.verbalizers}
                    self._run(plan, part, rows, found)
                    cost += Cost.of(plan)
        return PredictionBatch(tuple(builders[prompt].judgement() for prompt in prompts), cost)

    def cost(self, prompts: Sequence[Prompt], examples: Dataset) -> Cost:
        """Return the cost of `predict`, from plans that are made for it and thrown away."""
        if has_choices(examples):
            planner = self._choices(list(dict.fromkeys(prompts)), examples)
            return sum((Cost.of(plan) for plan, _ in planner.plans()), Cost())
        cost = Cost()
        for group in groups_of(prompts):
            for chunk, rows in _slices(group.templates, len(examples)):
                plans = self._plans(chunk, group, [examples[i] for i in rows])
                cost += sum((Cost.of(plan) for _, plan in plans), Cost())
        return cost

    def label_log_probs(self, prompts: Sequence[Prompt], examples: Dataset) -> NDArray[np.float32]:
        """Return (prompt, example, label): log p of all labels, which the prompts have in common.

        For thousands of labels, of which judgements keep the right ones only; all is in memory.
        Examples have no choices: of these, judgements keep what is needed.
        """
        labels = len(prompts[0].verbalizer)
        values = np.empty((len(prompts), len(examples), labels), dtype=np.float32)
        index = {prompt: number for number, prompt in enumerate(prompts)}
        for group in groups_of(prompts):
            for chunk, rows in _slices(group.templates, len(examples)):
                for part, plan in self._plans(chunk, group, [examples[i] for i in rows]):
                    places = {
                        v: np.array([index[Prompt(t, v)] for t in chunk]) for v in part.verbalizers
                    }
                    for block in self.model.run(plan):
                        owners, spots = np.divmod(np.array(block.rows), len(rows))
                        for verbalizer, columns in part.columns.items():
                            labelling = self.labelling(verbalizer)
                            values[places[verbalizer][owners], spots + rows.start] = (
                                labelling.label_log_probs(block.log_probs[:, columns])
                            )
        return values

    def builder(self, verbalizer: Verbalizer, examples: Dataset) -> PredictionsBuilder:
        """Return the empty predictions of a prompt with this verbalizer."""
        labelling = self.labelling(verbalizer)
        if not has_choices(examples):
            return labelling.builder(examples)
        labelling = with_choices(labelling, verbalizer, examples, self.model)
        return ChoicePredictionsBuilder.of(labelling, examples)

    def right(self, verbalizer: Verbalizer, examples: Dataset) -> list[list[int]]:
        """Return the right labels of each example as indices; of choices, their positions."""
        return self.builder(verbalizer, examples).right

    def _choices(self, prompts: Sequence[Prompt], examples: Dataset) -> ChoicePlanner:
        labellings = {
            v: with_choices(self.labelling(v), v, examples, self.model)
            for v in {prompt.verbalizer for prompt in prompts}
        }
        of_prompts = [labellings[prompt.verbalizer] for prompt in prompts]
        how = self.model, self.scoring, self.answer_score
        return ChoicePlanner(*how, prompts, of_prompts, examples)

    def _predict_choices(self, prompts: Sequence[Prompt], examples: Dataset) -> PredictionBatch:
        distinct = list(dict.fromkeys(prompts))
        planner = self._choices(distinct, examples)
        builders = [ChoicePredictionsBuilder.of(each, examples) for each in planner.labellings]
        cost = Cost()
        for plan, requests in planner.plans():
            for request, rows, values in planner.results(plan, requests):
                builders[request.prompt].put_choices(rows, self._numbers(values))
            cost += Cost.of(plan)
        predictions = {p: b.judgement() for p, b in zip(distinct, builders, strict=True)}
        return PredictionBatch(tuple(predictions[prompt] for prompt in prompts), cost)

    def labelling(self, verbalizer: Verbalizer) -> LabelAggregation:
        """Return how the verbalizer's answers become labels for this model."""
        if verbalizer not in self._labellings:
            how = self.answer_score, self.facts, self.scoring.options_score
            aggregation = LabelAggregation.of(verbalizer, self.model, *how)
            self._labellings[verbalizer] = aggregation
        return self._labellings[verbalizer]

    def _plans(
        self, templates: Sequence[Template], group: "PromptGroup", examples: Dataset
    ) -> Iterator[tuple["PromptGroup", Plan]]:
        """Yield the group with its plan; where a text is cut for the longest answer, each
        verbalizer's own: what a prompt scores must not depend on the answers of others."""
        plan = self._plan(templates, group, examples)
        if len(group.verbalizers) == 1 or not plan.cut:
            yield group, plan
            return
        for verbalizer in group.verbalizers:
            alone = PromptGroup(group.templates, (verbalizer,))
            yield alone, self._plan(templates, alone, examples)

    def _plan(self, templates: Sequence[Template], group: "PromptGroup", examples: Dataset) -> Plan:
        texts = [template.fill(example.inputs) for template in templates for example in examples]
        return self.model.plan(texts, group.answers, self.scoring)

    def _run(
        self,
        plan: Plan,
        group: "PromptGroup",
        examples: range,
        builders: Mapping[Verbalizer, Sequence[PredictionsBuilder]],
    ) -> None:
        """Texts are template-major: all examples under the first template come first."""
        for block in self.model.run(plan):
            owners: dict[int, list[int]] = {}
            for number, row in enumerate(block.rows):
                owners.setdefault(row // len(examples), []).append(number)
            for verbalizer, columns in group.columns.items():
                values = self._label_values(verbalizer, block.log_probs[:, columns])
                for owner, numbers in owners.items():
                    spots = [examples[block.rows[number] % len(examples)] for number in numbers]
                    builders[verbalizer][owner].put(spots, values[numbers])

    def _label_values(self, verbalizer: Verbalizer, log_probs: "Tensor") -> Floats:
        return self._numbers(self.labelling(verbalizer).values(log_probs).double().numpy())

    def _numbers(self, values: Floats) -> Floats:
        """Return the values. Raises ModelError if one is none."""
        if np.isnan(values).any():
            raise ModelError(
                f"the model {self.model.info.spec!r} gives no numbers (NaN) in "
                f"{self.model.info.dtype}; use `dtype` float32, or another model"
            )
        return values


@dataclass(frozen=True)
class PromptGroup:
    """Prompts that are scored together: each of the templates with each of the verbalizers."""

    templates: Sequence[Template]
    verbalizers: Sequence[Verbalizer]

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """The answers of all verbalizers, each once."""
        if len(self.verbalizers) == 1:
            return self.verbalizers[0].answers
        return tuple(dict.fromkeys(answer for v in self.verbalizers for answer in v.answers))

    @cached_property
    def columns(self) -> Mapping[Verbalizer, slice | list[int]]:
        """Where each verbalizer's answers are among `answers`."""
        if len(self.verbalizers) == 1:
            return {self.verbalizers[0]: slice(None)}
        column = {answer: number for number, answer in enumerate(self.answers)}
        return {v: [column[answer] for answer in v.answers] for v in self.verbalizers}


def groups_of(prompts: Sequence[Prompt]) -> list[PromptGroup]:
    """Return the distinct prompts in groups that are scored together, in order of appearance.

    A group is the templates that come with the same verbalizers; a part of these where together
    they have more than ANSWERS answers.
    """
    by_template: dict[Template, dict[Verbalizer, None]] = {}
    for prompt in prompts:
        by_template.setdefault(prompt.template, {})[prompt.verbalizer] = None
    together: dict[tuple[Verbalizer, ...], list[Template]] = {}
    for template, verbalizers in by_template.items():
        for part in _parts(tuple(verbalizers)):
            together.setdefault(part, []).append(template)
    return [PromptGroup(templates, verbalizers) for verbalizers, templates in together.items()]


def _parts(verbalizers: Sequence[Verbalizer]) -> Iterator[tuple[Verbalizer, ...]]:
    """Yield the verbalizers, as many at a time as ANSWERS allows, or one."""
    part: list[Verbalizer] = []
    count = 0
    for verbalizer in verbalizers:
        if part and count + len(verbalizer.answers) > ANSWERS:
            yield tuple(part)
            part, count = [], 0
        part.append(verbalizer)
        count += len(verbalizer.answers)
    yield tuple(part)


def _slices(
    templates: Sequence[Template], examples: int
) -> Iterator[tuple[Sequence[Template], range]]:
    """Templates and places of examples, at most `TEXTS` pairs a time; an example's templates stay
    together where they can, so that what their texts share is passed once."""
    for first in range(0, len(templates), TEXTS):
        chunk = templates[first : first + TEXTS]
        step = max(1, TEXTS // len(chunk))
        for start in range(0, examples, step):
            yield chunk, range(start, min(start + step, examples))
