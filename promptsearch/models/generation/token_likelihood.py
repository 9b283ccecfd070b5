"""Log-probabilities of an answer's single tokens after several prompts.

Prompts that write a text together average probabilities token by token, so that the tokens must be
the same after each: those of the first prompt, which begin with a space or not as it does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel, Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan, EncodedText
from promptsearch.models.batching.completions import Completions, completion_of
from promptsearch.models.forward.runtime import ModelRuntime
from promptsearch.models.frozen_model import FrozenModel, frozen_model
from promptsearch.models.generation.next_token_average import average_log_probs, log_shares


class AnswerTokens(NamedTuple):
    """An answer as a plan reads it: the ids between the text and it, and its tokens."""

    before: tuple[int, ...]
    tokens: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class TokenLikelihoodPlan:
    """A plan of forward passes whose every reading counts by itself."""

    model: FrozenModel[Any]
    plan: BatchPlan
    lengths: Sequence[Sequence[int]]  # (row, answer): tokens
    divisors: Sequence[Tensor]  # (row,) -> (answer,)

    def averages(self, weights: Sequence[float]) -> Iterator[Tensor]:
        """Yield, for each row, (answer,) log p under the average of the members' next tokens.

        That is the sum over tokens of log of the weighted mean of p(token), in nats, float64.
        """
        shares = log_shares(weights)[:, None]
        for row, members in enumerate(self.token_log_probs()):
            lengths = list(self.lengths[row])
            tokens = average_log_probs(members, shares, 0)[0]
            sums = torch.stack([part.sum() for part in tokens.split(lengths)])
            yield sums / self.divisors[row][: len(lengths)]

    def token_log_probs(self) -> Iterator[Tensor]:
        """Yield, for each row, (member, token) log p, the tokens of all answers in a line."""
        tables: dict[int, Tensor] = {}
        for block in self.model.run(self.plan):
            tables |= zip(block.rows, block.log_probs.double(), strict=True)
        rows = len(self.lengths)
        for row, lengths in enumerate(self.lengths):
            members = [tables[number] for number in range(row, len(tables), rows)]
            yield torch.stack(members)[:, : sum(lengths)]


def plan_token_likelihood(
    model: LanguageModel, members: Sequence[Sequence[ScoringRequest]], scoring: Scoring
) -> TokenLikelihoodPlan:
    """Return the plan for the requests (member, row), each of one text.

    Raises ModelError if the tokens of the first member's answer leave no room to another one.
    """
    frozen = frozen_model(model)
    by_member = [_by_row(frozen.plan_all(requests, scoring)) for requests in members]
    answers = [_answers(item.completions) for item in by_member[0]]
    width = max(sum(len(each.tokens) for each in of_row) for of_row in answers)
    items = [
        replace(item, rows=[number * len(answers) + row], completions=completions)
        for number, of_member in enumerate(by_member)
        for row, item in enumerate(of_member)
        for completions in [_each_token(item.completions, answers[row], width, frozen.runtime)]
    ]
    _check_room(items, frozen)
    plan = frozen.runtime.plan_batches(items, encoder_decoder=frozen.info.family == "seq2seq")
    lengths = [[len(each.tokens) for each in of_row] for of_row in answers]
    divisors = [item.completions.divisors.double() for item in by_member[0]]
    return TokenLikelihoodPlan(frozen, plan, lengths, divisors)


def _by_row(plan: BatchPlan) -> list[EncodedText]:
    items = {row: item for block in plan.blocks for item in block.items for row in item.rows}
    return [items[row] for row in range(len(items))]


def _answers(completions: Completions) -> list[AnswerTokens]:
    """Return the answers in order."""
    answers: dict[int, AnswerTokens] = {}
    for each in completions.completions:
        readings = zip(
            each.answer_index.tolist(), each.position_index.tolist(), each.tokens.tolist(),
            strict=True,
        )  # fmt: skip
        by_answer: dict[int, list[tuple[int, int]]] = {}
        for answer, position, token in readings:
            by_answer.setdefault(answer, []).append((each.positions[position], token))
        for answer, table in by_answer.items():
            first = min(position for position, _ in table)
            tokens = tuple(token for _, token in sorted(table))
            answers[answer] = AnswerTokens(each.fill[:first], tokens)
    return [answers[number] for number in sorted(answers)]


def _each_token(
    completions: Completions,
    answers: Sequence[AnswerTokens],
    width: int,
    runtime: ModelRuntime[Any],
) -> Completions:
    """Return completions by these answers' tokens, behind what the text's own are behind."""
    passes, start = [], 0
    for mine, (_, tokens) in zip(_answers(completions), answers, strict=True):
        first = len(mine.before)
        readings = [(first + i, token, start + i) for i, token in enumerate(tokens)]
        fill = (*mine.before, *tokens[:-1])
        passes.append(completion_of(fill, (), readings, runtime.device))
        start += len(tokens)
    return Completions(tuple(passes), torch.ones(width))


def _check_room(items: Sequence[EncodedText], model: FrozenModel[Any]) -> None:
    """Raise ModelError if a decoder-only text with its answer is longer than the model reads."""
    if model.info.family == "seq2seq":
        return
    longest = max(len(item.ids) + item.completions.longest for item in items)
    if longest > model.runtime.limit:
        raise ModelError(
            f"a text takes {longest:,} tokens with the answer as the ensemble's first prompt "
            f"writes it, and {model.info.spec!r} reads {model.runtime.limit:,}; end all templates "
            "alike, with or without a space before [Z]"
        )
