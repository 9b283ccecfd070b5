"""The judge of generation: how likely references are, and what the model writes.

log p of a reference is exact and smooth, so it is what a search ranks by; texts are written where
they are to be measured. A row with several references has the mean of their log p.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from promptsearch.data import Dataset
from promptsearch.data.tasks.decode_table import Decode
from promptsearch.errors import ModelError
from promptsearch.metrics.generation_predictions import GenerationPredictions
from promptsearch.metrics.predictions import Floats
from promptsearch.models import Plan, ScoringRequest
from promptsearch.prompt import Answer, Prompt
from promptsearch.scoring.scorer import Cost, PredictionBatch, Scorer

if TYPE_CHECKING:
    from promptsearch.models.generation.text_decoder import DecodingPlan
    from promptsearch.models.generation.token_likelihood import TokenLikelihoodPlan

PAIRS = 2048  # of prompts and examples, planned at a time
Pair = tuple[int, int]  # a prompt and an example, by their numbers


@dataclass(frozen=True)
class GenerationScorer(Scorer):
    """Judges prompts that any text answers; without `decode` no texts are written.

    Nor are they after trained prompts, which only likelihoods judge.
    """

    decode: Decode | None = None

    def predict(self, prompts: Sequence[Prompt], examples: Dataset) -> PredictionBatch:
        """Return one `GenerationPredictions` a prompt, in order, and their cost."""
        distinct = list(dict.fromkeys(prompts))
        log_right: Floats = np.zeros((len(distinct), len(examples)))
        cost = Cost()
        for pairs in _chunks(distinct, examples):
            plan = self._likelihood_plan(distinct, examples, pairs)
            cost += Cost.of(plan)
            self._add_up(plan, examples, pairs, log_right)
        written = [prompt for prompt in distinct if not prompt.template.is_trained]
        texts = {}
        for prompt, decoding in zip(written, self._decoding_plans(written, examples), strict=False):
            texts[prompt] = decoding.texts()
            cost += _cost_of(decoding)
        targets = [example.targets for example in examples]
        predictions = {
            prompt: GenerationPredictions.of(targets, log_right[i], texts.get(prompt, ()))
            for i, prompt in enumerate(distinct)
        }
        return PredictionBatch(tuple(predictions[prompt] for prompt in prompts), cost)

    def cost(self, prompts: Sequence[Prompt], examples: Dataset) -> Cost:
        """Return the cost of `predict`, from plans that are made for it and thrown away.

        A text counts as many forwards as it may take, one a token and beam.
        """
        distinct = list(dict.fromkeys(prompts))
        plans = (self._likelihood_plan(distinct, examples, p) for p in _chunks(distinct, examples))
        cost = sum(map(Cost.of, plans), Cost())
        written = [prompt for prompt in distinct if not prompt.template.is_trained]
        return sum(map(_cost_of, self._decoding_plans(written, examples)), cost)

    def ensemble_texts(
        self, prompts: Sequence[Prompt], weights: Sequence[float], examples: Dataset
    ) -> list[str]:
        """Return what weighted prompts write together for each example, without its references.

        Each next token is chosen by the average of the prompts' probabilities. Raises ModelError if
        a prompt is more than words.
        """
        from promptsearch.models.generation.text_decoder import plan_ensemble_decoding

        assert self.decode is not None, "it writes texts"
        members, shares = _merged(prompts, weights)
        filled = [[each.template.fill(e.inputs) for e in examples] for each in members]
        return plan_ensemble_decoding(self.model, filled, shares, self.decode).texts()

    def ensemble_log_right(
        self, prompts: Sequence[Prompt], weights: Sequence[float], examples: Dataset
    ) -> Floats:
        """Return (example,) the mean over references of log p by the average of next tokens.

        log p of a reference is the sum over its tokens of log of the weighted mean of the prompts'
        p(token). Its tokens are those that it has after the first prompt.
        """
        members, shares = _merged(prompts, weights)
        values = [
            float(of_row.mean())
            for plan in self._token_plans(members, examples)
            for of_row in plan.averages(shares)
        ]
        return self._numbers(np.array(values))

    def token_log_probs(self, prompts: Sequence[Prompt], examples: Dataset) -> Floats:
        """Return (prompt, token) log p of all references' tokens, as the first prompt has them."""
        plans = self._token_plans(prompts, examples)
        tables = [of_row.numpy() for plan in plans for of_row in plan.token_log_probs()]
        return self._numbers(np.concatenate(tables, axis=1))

    def _token_plans(
        self, prompts: Sequence[Prompt], examples: Dataset
    ) -> Iterator["TokenLikelihoodPlan"]:
        from promptsearch.models.generation.token_likelihood import plan_token_likelihood

        self._check_writes()
        step = max(PAIRS // len(prompts), 1)
        for start in range(0, len(examples), step):
            rows = range(start, min(start + step, len(examples)))
            requests = [[_request(each, examples, row) for row in rows] for each in prompts]
            yield plan_token_likelihood(self.model, requests, self.scoring)

    def label_log_probs(self, prompts: Sequence[Prompt], examples: Dataset) -> NDArray[np.float32]:
        """Raise ModelError: texts are no labels."""
        raise ModelError("a task of generation has no labels")

    def _likelihood_plan(
        self, prompts: Sequence[Prompt], examples: Dataset, pairs: Sequence[Pair]
    ) -> Plan:
        requests = [_request(prompts[i], examples, row) for i, row in pairs]
        self._check_writes()
        return self.model.plan_all(requests, self.scoring)

    def _check_writes(self) -> None:
        """Raise ModelError if the model writes no texts."""
        if self.model.info.family == "masked":
            raise ModelError(
                f"{self.model.info.spec!r} is a masked model, which writes no texts; use a causal "
                "model or an encoder-decoder"
            )

    def _add_up(
        self, plan: Plan, examples: Dataset, pairs: Sequence[Pair], log_right: Floats
    ) -> None:
        """Put each pair's mean over references into its place."""
        for block in self.model.run(plan):
            values = self._numbers(block.log_probs.double().numpy())
            for number, row in zip(block.rows, values, strict=True):
                i, example = pairs[number]
                log_right[i, example] = row[: len(examples[example].targets)].mean()

    def _decoding_plans(
        self, prompts: Sequence[Prompt], examples: Dataset
    ) -> Iterator["DecodingPlan"]:
        if self.decode is None:
            return
        from promptsearch.models.generation.text_decoder import plan_decoding

        for prompt in prompts:
            filled = [prompt.template.fill(example.inputs) for example in examples]
            yield plan_decoding(self.model, filled, self.decode)


def _request(prompt: Prompt, examples: Dataset, row: int) -> ScoringRequest:
    (slot,) = prompt.template.slots
    answers: list[Answer] = [((slot, text),) for text in examples[row].targets]
    return ScoringRequest([prompt.template.fill(examples[row].inputs)], answers)


def _merged(
    prompts: Sequence[Prompt], weights: Sequence[float]
) -> tuple[list[Prompt], list[float]]:
    """Return the distinct prompts with a weight, and their weights added up."""
    sums: dict[Prompt, float] = {}
    for prompt, weight in zip(prompts, weights, strict=True):
        if weight > 0:
            sums[prompt] = sums.get(prompt, 0.0) + weight
    return list(sums), list(sums.values())


def _chunks(prompts: Sequence[Prompt], examples: Dataset) -> Iterator[list[Pair]]:
    """Yield all pairs, those of an example together: what its prompts begin with passes once."""
    pairs: list[Pair] = []
    for row in range(len(examples)):
        for number in range(len(prompts)):
            pairs.append((number, row))
            if len(pairs) == PAIRS:
                yield pairs
                pairs = []
    if pairs:
        yield pairs


def _cost_of(plan: "DecodingPlan") -> Cost:
    return Cost(plan.forwards, plan.tokens)
