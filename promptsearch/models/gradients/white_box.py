"""A model laid open: what its tokens spell, what its words see, and how a loss changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from promptsearch.errors import ModelError
from promptsearch.models import Plan, ScoringRequest, Scoring
from promptsearch.models.batching.batch_plan import BatchPlan
from promptsearch.models.forward.runtime import ModelRuntime
from promptsearch.models.forward.score import ForwardRecipe, work_of
from promptsearch.models.gradients.output_embedding import (
    OutputEmbedding,
    at_output_embedding,
    states_of,
)
from promptsearch.models.gradients.token_gradients import Backward, Loss, TriggerPositions, gradient
from promptsearch.models.tokenization.control_tokens import control_tokens
from promptsearch.models.tokenization.vocabulary import answer_ids, spellings
from promptsearch.prompt import Answer, Filled, Trigger


class GradientModel(Protocol):
    """What a family has to offer."""

    @property
    def machine(self) -> ModelRuntime[Any]: ...

    def over(self, machine: ModelRuntime[Any]) -> "GradientModel": ...

    def plan_all(self, questions: Sequence[ScoringRequest], scoring: Scoring) -> BatchPlan: ...

    def procedure(self, work: BatchPlan) -> ForwardRecipe: ...

    def sequences(self, texts: Sequence[Filled], answer: Answer) -> list[list[int]]: ...


@dataclass(frozen=True, eq=False)
class GradientPlan:
    """Work whose texts have places instead of triggers, and the tokens that stand there."""

    work: BatchPlan
    triggers: tuple[int, ...]

    @property
    def forwards(self) -> int:
        """Sequences, each of them twice: forth and back."""
        return 2 * self.work.forwards

    @property
    def tokens(self) -> int:
        return 2 * self.work.tokens

    @property
    def peak_bytes(self) -> int:
        """Every layer's activations are kept for the way back; an upper estimate."""
        return self.work.limits.layers * self.work.peak_bytes


@dataclass(frozen=True, eq=False)
class TokenSlopes:
    """See `Slopes`; tokens are worked out when they are asked for."""

    gradient: Tensor
    words: Tensor  # (trigger, word)
    embedding: nn.Module

    @cached_property
    def tokens(self) -> Tensor:
        table = table_of(self.embedding)  # (token, hidden)
        slopes = (self.gradient.to(table.device) @ table.T.float()).cpu()
        slopes[:, : self.words.shape[1]] += self.words[:, : slopes.shape[1]]
        return slopes


class FamilyWhiteBox:
    """The white box of any family."""

    def __init__(self, model: GradientModel) -> None:
        self._model = model

    @cached_property
    def spellings(self) -> Sequence[str | None]:
        """What each token adds to a text; None where no text can say it."""
        machine = self._model.machine
        control = set(control_tokens(machine.tokenizer).values())
        return spellings(machine.tokenizer, machine.tokens, control)

    @property
    def mask(self) -> int | None:
        """The mask token, where there is one."""
        token: int | None = self._model.machine.tokenizer.mask_token_id
        return token if self._model.machine.info.family == "masked" else None

    def tokens_named(self, names: Sequence[str]) -> list[int | None]:
        """The ids of tokens as the vocabulary writes them; None for those that it has not."""
        vocabulary: dict[str, int] = self._model.machine.tokenizer.get_vocab()
        return [vocabulary.get(name) for name in names]

    def sequences(self, texts: Sequence[Filled], answer: Answer) -> list[list[int]]:
        """The ids as the model reads them."""
        return self._model.sequences(texts, answer)

    def plan(self, questions: Sequence[ScoringRequest], scoring: Scoring) -> GradientPlan:
        """Work to be differentiated; `ModelError` where the texts differ in their triggers."""
        held = {_triggers(text) for question in questions for text in question.texts}
        if len(held) != 1:
            raise ModelError("gradients are of texts that hold the same triggers")
        marked = [
            ScoringRequest(
                [_marked(text, self._first) for text in question.texts], question.answers
            )
            for question in questions
        ]
        return GradientPlan(self._differentiable.plan_all(marked, scoring), *held)

    def token_gradients(self, plan: Plan, loss: Loss) -> TokenSlopes:
        """How the loss changes with the tokens at the triggers' places."""
        if not isinstance(plan, GradientPlan):
            raise ModelError("this plan is not one for gradients; make it with white_box.plan")
        model, embedding = self._differentiable, self._embedding
        spots = TriggerPositions.of(
            plan.triggers, self._first, model.machine.batch_limits.vocabulary, embedding
        )
        backward = Backward(*model.procedure(plan.work), loss, spots)
        total = gradient(plan.work, backward, embedding)
        return TokenSlopes(total.offsets.cpu(), total.words.cpu(), embedding)

    def plan_states(self, texts: Sequence[Filled], answer: Answer) -> BatchPlan:
        """One pass a text, as it is scored with this answer."""
        return self._reading.plan_all([ScoringRequest(texts, [answer])], Scoring("independent"))

    def states(self, plan: Plan) -> Tensor:
        """(text, hidden): what the output embedding multiplies at the answer's first token."""
        work, model = work_of(plan), self._reading
        return states_of(work, model.procedure(work), self._readout.rows)

    def output_rows(self, words: Sequence[str]) -> Tensor:
        """(word, hidden): their rows of the output embedding."""
        ids = answer_ids(self._model.machine.tokens, words)
        if long := next(
            (w for w, word_ids in zip(words, ids, strict=True) if len(word_ids) != 1), None
        ):
            raise ModelError(f"{long!r} is not one token of this model; leave it out")
        rows = self._readout.rows
        return rows[[token for (token,) in ids]].float().cpu()

    @cached_property
    def _reading(self) -> GradientModel:
        return self._model.over(at_output_embedding(self._model.machine))

    @property
    def _readout(self) -> OutputEmbedding:
        machine = self._model.machine
        return OutputEmbedding.of(machine.model, machine.info.spec)

    @cached_property
    def _differentiable(self) -> GradientModel:
        machine = self._model.machine
        return self._model.over(machine.with_gradients)

    @property
    def _embedding(self) -> nn.Module:
        model = self._model.machine.model
        body = model.get_encoder() if self._model.machine.info.family == "seq2seq" else model
        embedding: nn.Module = body.get_input_embeddings()
        return embedding

    @cached_property
    def _first(self) -> int:
        """The id of the first place: beyond all tokens, read or written."""
        return max(
            len(cast(Tensor, self._embedding.weight)), self._model.machine.batch_limits.vocabulary
        )


def table_of(embedding: nn.Module) -> Tensor:
    """(token, hidden): what the model reads for each token, scaled as the module scales it."""
    weight = embedding.weight
    assert isinstance(weight, Tensor)
    if type(embedding) is nn.Embedding:
        return weight.detach()
    with torch.no_grad():
        table: Tensor = embedding(torch.arange(len(weight), device=weight.device))
    return table


def _triggers(text: Filled) -> tuple[int, ...]:
    return tuple(part.token for part in text if isinstance(part, Trigger))


def _marked(text: Filled, first: int) -> Filled:
    """The text with places instead of its triggers, numbered from left to right."""
    triggers = map(Trigger, count(first))
    return tuple(next(triggers) if isinstance(part, Trigger) else part for part in text)
