"""The protocol of a model family: how prompts with answers become sequences, and how these pass.

To add a family, write a module beside this one and add a row to `FAMILIES` in `__init__.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

from promptsearch.models import ModelInfo, Options, Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan
from promptsearch.models.forward.runtime import Backend, ModelRuntime
from promptsearch.models.forward.score import ForwardRecipe
from promptsearch.models.forward.select_backend import Backends, ProbeSequences
from promptsearch.prompt import Answer, Filled


class ModelFamily(Protocol[Backend]):
    """The part of scoring that differs between families; it holds no weights."""

    @property
    def chat(self) -> Mapping[str, str] | None:
        """The chat template that prompts are written in, as results record it."""
        ...

    @property
    def seq2seq_form(self) -> Literal["plain"] | None:
        """The form in which a decoder answers, as results record it: None but for plain text."""
        ...

    def without_chat(self) -> Self:
        """Return the family that fills gaps anywhere in texts, as they are."""
        ...

    def backends(self, model: Any, probe_sequences: ProbeSequences) -> Backends[Backend]:
        """Return the backends that fit a transformers model."""
        ...

    def plan_all(
        self, runtime: ModelRuntime[Backend], requests: Sequence[ScoringRequest], scoring: Scoring
    ) -> BatchPlan:
        """Tokenise, sort and batch. Raise ModelError if a text or an answer cannot be held."""
        ...

    def recipe(self, backend: Backend) -> ForwardRecipe:
        """Return how planned sequences are assembled, and the backend of each block."""
        ...

    def sequences(
        self, runtime: ModelRuntime[Backend], texts: Sequence[Filled], answer: Answer
    ) -> list[list[int]]:
        """Return the ids that the model reads (causal: with this answer)."""
        ...

    def prompt_ids(self, runtime: ModelRuntime[Backend], filled: Filled) -> list[int]:
        """Return the ids that the model reads before it answers."""
        ...

    def generation_ids(
        self, runtime: ModelRuntime[Backend], texts: Sequence[Filled], tokens: int
    ) -> list[list[int]]:
        """Return the ids that the model reads before it writes up to so many tokens.

        Inputs are cut to leave room for these. Raises ModelError if it writes no texts.
        """
        ...


@dataclass(frozen=True)
class FamilyEntry:
    """A row of `FAMILIES`: how models of a family are recognised, loaded and read."""

    architectures: tuple[str, ...]  # endings of the class names that a configuration lists
    auto_model: str  # the name of transformers' loader
    model_types: str  # the name of transformers' table of the types that the loader knows
    create: Callable[[Any, Any, ModelInfo, Options], ModelFamily[Any]]  # of model and tokenizer
