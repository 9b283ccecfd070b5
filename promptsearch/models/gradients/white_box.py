"""White-box access to a model: token spellings, hidden states and gradients of a loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Generic

from torch import Tensor, nn

from promptsearch.errors import ModelError
from promptsearch.models import Plan, Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan
from promptsearch.models.families.family import ModelFamily
from promptsearch.models.families.prompt_plan import plan_of, recipe_of, soft_tokens_of
from promptsearch.models.forward.embedding_table import (
    embedding_table,
    first_free_id,
    input_embedding,
)
from promptsearch.models.forward.option_forward import option_tokens
from promptsearch.models.forward.runtime import Backend, ModelRuntime
from promptsearch.models.forward.score import batch_plan_of
from promptsearch.models.gradients.backward import Loss
from promptsearch.models.gradients.output_embedding import (
    OutputEmbedding,
    at_output_embedding,
    states_of,
)
from promptsearch.models.gradients.token_gradients import TriggerPositions, token_gradients
from promptsearch.models.tokenization.control_tokens import control_tokens
from promptsearch.models.tokenization.deep_parts import DeepParts, without_deep
from promptsearch.models.tokenization.option_texts import has_options, with_separators
from promptsearch.models.tokenization.soft_tokens import has_soft
from promptsearch.models.tokenization.vocabulary import answer_ids, spellings
from promptsearch.prompt import Answer, Filled, Trigger


@dataclass(frozen=True, eq=False)
class GradientPlan:
    """A plan of texts with position ids instead of triggers, and the triggers' tokens."""

    plan: BatchPlan
    triggers: tuple[int, ...]

    @property
    def forwards(self) -> int:
        """Count of sequences, each of them twice: forward and backward."""
        return 2 * self.plan.forwards

    @property
    def tokens(self) -> int:
        return 2 * self.plan.tokens

    @property
    def peak_bytes(self) -> int:
        """An upper estimate: every layer's activations are kept for the backward pass."""
        return self.plan.limits.layers * self.plan.peak_bytes

    @property
    def cut(self) -> bool:
        return self.plan.cut


@dataclass(frozen=True, eq=False)
class TriggerGradients:
    """The gradient of a loss at the triggers; `tokens` is computed when it is first read."""

    gradient: Tensor
    words: Tensor  # (trigger, word)
    embedding: nn.Module

    @cached_property
    def tokens(self) -> Tensor:
        """(trigger, token), float32, CPU: the change of the loss, up to a constant a position."""
        table = embedding_table(self.embedding)  # (token, hidden)
        gradients = (self.gradient.to(table.device) @ table.T.float()).cpu()
        gradients[:, : self.words.shape[1]] += self.words[:, : gradients.shape[1]]
        return gradients


class FamilyWhiteBox(Generic[Backend]):
    """The white box of a model of any family."""

    def __init__(self, runtime: ModelRuntime[Backend], family: ModelFamily[Backend]) -> None:
        self._runtime, self._family = runtime, family

    @cached_property
    def spellings(self) -> Sequence[str | None]:
        """The text that each token adds to a text; None if no text can say it."""
        control = set(control_tokens(self._runtime.tokenizer).values())
        return spellings(self._runtime.tokenizer, self._runtime.tokens, control)

    @property
    def mask(self) -> int | None:
        """The mask token of a masked model."""
        token: int | None = self._runtime.tokenizer.mask_token_id
        return token if self._runtime.info.family == "masked" else None

    def tokens_named(self, names: Sequence[str]) -> list[int | None]:
        """Return the ids of tokens as the vocabulary writes them; None for unknown ones."""
        vocabulary: dict[str, int] = self._runtime.tokenizer.get_vocab()
        return [vocabulary.get(name) for name in names]

    def sequences(self, texts: Sequence[Filled], answer: Answer) -> list[list[int]]:
        """Return the ids as the model reads them."""
        texts = soft_tokens_of(self._runtime).texts([without_deep(text) for text in texts])
        texts = [self._separated(text) for text in texts]
        return self._family.sequences(self._runtime, texts, answer)

    def plan(self, requests: Sequence[ScoringRequest], scoring: Scoring) -> GradientPlan:
        """Plan gradients. Raise ModelError if the texts differ in their triggers."""
        triggers = {_triggers(text) for request in requests for text in request.texts}
        if any(has_soft(text) for request in requests for text in request.texts):
            raise ModelError("triggers cannot be searched for beside soft tokens; leave those out")
        deep = [DeepParts.of(text) for request in requests for text in request.texts]
        if any(each.prefix is not None or each.head is not None for each in deep):
            raise ModelError("triggers cannot be searched for behind a prefix or with a head")
        if len(triggers) != 1:
            raise ModelError("gradients are of texts that hold the same triggers")
        marked = [
            ScoringRequest(
                [_with_position_ids(text, self._first) for text in request.texts], request.answers
            )
            for request in requests
        ]
        plan = plan_of(self._family, self._runtime.with_gradients, marked, scoring)
        return GradientPlan(plan, *triggers)

    def token_gradients(self, plan: Plan, loss: Loss) -> TriggerGradients:
        """Return how the loss changes with the tokens at the triggers' positions."""
        if not isinstance(plan, GradientPlan):
            raise ModelError("this plan is not one for gradients; make it with white_box.plan")
        vocabulary, embedding = self._runtime.batch_limits.vocabulary, self._embedding
        positions = TriggerPositions.of(plan.triggers, self._first, vocabulary, embedding)
        recipe = recipe_of(self._family, self._runtime.with_gradients, plan.plan)
        offsets, words = token_gradients(plan.plan, recipe, loss, positions, embedding)
        return TriggerGradients(offsets.cpu(), words.cpu(), embedding)

    def plan_states(self, texts: Sequence[Filled], answer: Answer) -> BatchPlan:
        """Plan one forward pass a text, as it is scored with this answer."""
        request = ScoringRequest(texts, [answer])
        return plan_of(self._family, self._states_runtime, [request], Scoring("independent"))

    def states(self, plan: Plan) -> Tensor:
        """Return (text, hidden): the output embedding's input at the answer's first token."""
        batch_plan = batch_plan_of(plan)
        recipe = recipe_of(self._family, self._states_runtime, batch_plan)
        return states_of(batch_plan, recipe, self._output_embedding.rows)

    def output_rows(self, words: Sequence[str]) -> Tensor:
        """Return (word, hidden): the words' rows of the output embedding."""
        ids = answer_ids(self._runtime.tokens, words)
        if long := next(
            (w for w, word_ids in zip(words, ids, strict=True) if len(word_ids) != 1), None
        ):
            raise ModelError(f"{long!r} is not one token of this model; leave it out")
        rows = self._output_embedding.rows
        return rows[[token for (token,) in ids]].float().cpu()

    def _separated(self, text: Filled) -> Filled:
        if not has_options(text):
            return text
        return with_separators(text, option_tokens(self._runtime).separator)

    @cached_property
    def _states_runtime(self) -> ModelRuntime[Backend]:
        return at_output_embedding(self._runtime)

    @property
    def _output_embedding(self) -> OutputEmbedding:
        return OutputEmbedding.of(self._runtime.model, self._runtime.info.spec)

    @property
    def _embedding(self) -> nn.Module:
        return input_embedding(self._runtime.model)

    @cached_property
    def _first(self) -> int:
        """The id of the first trigger position: beyond all tokens, read or written."""
        return first_free_id(self._runtime.model, self._runtime.batch_limits.vocabulary)


def _triggers(text: Filled) -> tuple[int, ...]:
    return tuple(part.token for part in text if isinstance(part, Trigger))


def _with_position_ids(text: Filled, first: int) -> Filled:
    """Return the text with position ids instead of its triggers, from left to right."""
    triggers = map(Trigger, count(first))
    return tuple(next(triggers) if isinstance(part, Trigger) else part for part in text)
