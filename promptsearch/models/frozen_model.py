"""The language model behind `load_model`: one class for all families."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic

from promptsearch.errors import ModelError
from promptsearch.models import (
    LanguageModel,
    ModelInfo,
    Options,
    Plan,
    ScoredTexts,
    Scoring,
    ScoringRequest,
    WhiteBox,
)
from promptsearch.models.batching.batch_plan import BatchPlan
from promptsearch.models.families.family import ModelFamily
from promptsearch.models.families.prompt_plan import plan_of, recipe_of, soft_tokens_of
from promptsearch.models.forward.option_forward import option_tokens
from promptsearch.models.forward.runtime import Backend, ModelRuntime
from promptsearch.models.forward.score import ForwardRecipe, batch_plan_of, run
from promptsearch.models.gradients.white_box import FamilyWhiteBox
from promptsearch.models.tokenization import vocabulary
from promptsearch.models.tokenization.deep_parts import DeepParts, without_deep
from promptsearch.models.tokenization.option_texts import has_options, with_separators
from promptsearch.models.tokenization.soft_tokens import has_soft
from promptsearch.prompt import Answer, Filled


@dataclass(frozen=True, eq=False)
class FrozenModel(Generic[Backend]):
    """A language model with frozen weights: a runtime, and the family that writes its sequences."""

    runtime: ModelRuntime[Backend]
    family: ModelFamily[Backend]

    def __deepcopy__(self, memo: object) -> "FrozenModel[Backend]":
        """Return the model itself, which nothing changes."""
        return self

    @property
    def info(self) -> ModelInfo:
        """The facts that results record of the model."""
        return self.runtime.info

    @property
    def options(self) -> Options:
        """The options that the model was loaded with."""
        return self.runtime.options

    @property
    def ranking_dtype(self) -> str:
        """The dtype of `fast_model`."""
        return self.runtime.ranking_dtype

    @cached_property
    def fast_model(self) -> LanguageModel:
        """This model in a faster dtype; itself if there is none."""
        runtime = self.runtime.fast_runtime
        return self if runtime is self.runtime else replace(self, runtime=runtime)

    @cached_property
    def white_box(self) -> WhiteBox:
        """The model's tokens and gradients."""
        return FamilyWhiteBox(self.runtime, self.family)

    @property
    def without_chat(self) -> LanguageModel:
        """This model, filling gaps in texts as they are: no chat, no plain form; itself if so."""
        if self.info.chat is None and self.info.seq2seq_form is None:
            return self
        family = self.family.without_chat()
        info = replace(self.info, chat=None, seq2seq_form=family.seq2seq_form)
        runtime = replace(self.runtime, info=info)
        return FrozenModel(runtime, family)

    def plan(
        self, texts: Sequence[Filled], answers: Sequence[Answer], scoring: Scoring
    ) -> BatchPlan:
        """Tokenise, sort and batch. Raise ModelError if a text or an answer cannot be held."""
        return self.plan_all([ScoringRequest(texts, answers)], scoring)

    def plan_all(self, requests: Sequence[ScoringRequest], scoring: Scoring) -> BatchPlan:
        """Plan texts whose answers differ; rows count through the requests."""
        return plan_of(self.family, self.runtime, requests, scoring)

    def run(self, plan: Plan) -> Iterator[ScoredTexts]:
        """Yield every text exactly once, in blocks of any order."""
        batch_plan = batch_plan_of(plan)
        return run(batch_plan, self.recipe(batch_plan), self.runtime.device)

    def recipe(self, plan: BatchPlan) -> ForwardRecipe:
        """Return how the plan's sequences are assembled, and what passes them."""
        return recipe_of(self.family, self.runtime, plan)

    def rendered(self, filled: Filled) -> str:
        """Return the text as the model reads it, special tokens written out.

        Soft tokens are written as templates write them; a prefix by its length.
        """
        names: Mapping[int, str] = {}
        prefix, filled = DeepParts.of(filled).prefix, without_deep(filled)
        if has_soft(filled):
            numbered = soft_tokens_of(self.runtime)
            (filled,) = numbered.texts([filled])
            names = numbered.names
        if has_options(filled):
            filled = with_separators(filled, option_tokens(self.runtime).separator)
        ids = self.family.prompt_ids(self.runtime, filled)
        text = vocabulary.decoded(self.runtime.tokenizer, ids, names)
        return text if prefix is None else f"[prefix of {prefix.length}]{text}"

    def vocabulary_words(self) -> list[str]:
        """Return the whole words of the vocabulary: each is one token."""
        return vocabulary.words(self.runtime.tokenizer, self.runtime.tokens)

    def unknown_share(self, texts: Sequence[str]) -> float:
        """Return the share of the characters that fall to the unknown token, in [0, 1]."""
        unknown = self.runtime.tokenizer.unk_token_id
        return vocabulary.unknown_share(unknown, self.runtime.tokens, texts)

    def answer_ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the ids of answers with a space before their slot."""
        return vocabulary.answer_ids(self.runtime.tokens, texts)


def parameter_count(model: LanguageModel) -> int:
    """Return how many numbers the model's weights are."""
    return sum(each.numel() for each in frozen_model(model).runtime.model.parameters())


def frozen_model(model: LanguageModel) -> FrozenModel[Any]:
    """Return the model with its runtime. Raise ModelError if `load_model` did not make it."""
    if isinstance(model, FrozenModel):
        return model
    raise ModelError(f"a {type(model).__name__} cannot be tuned; use a model of load_model")
