"""Language models, as little of them as a search needs: plan the passes, then run them.

Everything transformers is in this folder, and loads only when a model does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from promptsearch.prompt import Answer, Filled

if TYPE_CHECKING:
    from torch import Tensor

    Loss = Callable[[Sequence[int], Tensor], Tensor]  # rows, log p (row, answer) -> (row,)

Family = Literal["masked", "causal", "seq2seq"]
MultiToken = Literal["independent", "left-to-right"]
LengthNorm = Literal["none", "token", "char"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
ChatMode = Literal["auto", "on", "off"]


@dataclass(frozen=True)
class ModelInfo:
    """What a result must say about the model that made it."""

    spec: str
    family: Family
    sha256: str  # of the weights
    dtype: str
    revision: str | None = None
    chat: Mapping[str, str] | None = None  # template_sha256, system, answer_prefix
    config_sha256: str | None = None
    tokenizer_sha256: str | None = None
    max_tokens: int | None = None  # of one sequence; longer texts are cut
    device: str = "cpu"


@dataclass(frozen=True)
class Options:
    """How to load a model: the arguments of `load_model`."""

    spec: str = "builtin"
    family: Family | None = None
    device: str = "auto"
    dtype: Dtype = "auto"
    chat: ChatMode = "auto"
    chat_system: str | None = None
    chat_answer_prefix: str | None = None
    device_map: str | None = None  # "auto": over all devices, by accelerate
    batch_tokens: int | None = None  # of a batch, padding included
    trust_remote_code: bool = False


@dataclass(frozen=True)
class Scoring:
    """How an answer of several tokens is scored (interface.md, Definitions)."""

    multi_token: MultiToken = "left-to-right"
    length_norm: LengthNorm = "none"  # an answer's score over its own tokens or characters


@dataclass(frozen=True)
class ScoringRequest:
    """Texts that are asked the same answers."""

    texts: Sequence[Filled]
    answers: Sequence[Answer]


@dataclass(frozen=True)
class ScoredTexts:
    """Scores of some of the texts asked for."""

    rows: Sequence[int]  # which texts, as indices into the plan's texts
    log_probs: "Tensor"  # (row, answer), float32 on the CPU, natural logs; zeros beyond a row's own


class Plan(Protocol):
    """Work laid out before it is run; a pure function of the texts, answers and options."""

    @property
    def forwards(self) -> int:
        """Sequences that will pass through the model."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens in these sequences, padding left out."""
        ...

    @property
    def peak_bytes(self) -> int:
        """An upper estimate of the memory one batch takes beside the weights."""
        ...


class WhiteBox(Protocol):
    """What a search needs of a model beside scores: its tokens, slopes along them, its states.

    For slopes texts hold `Trigger`s, tokens by their ids; those of one call all hold the same ones.
    """

    @property
    def spellings(self) -> Sequence[str | None]:
        """What each token adds to a text (" great", "ing"); None where no text can say it."""
        ...

    @property
    def mask(self) -> int | None:
        """The mask token, where there is one."""
        ...

    def tokens_named(self, names: Sequence[str]) -> list[int | None]:
        """Tokens as the vocabulary writes them ("\u0120great", "##ing"); None for unknown ones."""
        ...

    def sequences(self, texts: Sequence[Filled], answer: Answer) -> list[list[int]]:
        """The ids as the model reads them (causal: with this answer)."""
        ...

    def plan(self, requests: Sequence[ScoringRequest], scoring: Scoring) -> Plan:
        """As `LanguageModel.plan_all`, for `slopes`; a sequence that passes back counts twice."""
        ...

    def token_gradients(self, plan: Plan, loss: "Loss") -> "TokenGradients":
        """How the loss, summed over all texts, changes with the tokens at the triggers' places."""
        ...

    def plan_states(self, texts: Sequence[Filled], answer: Answer) -> Plan:
        """As `LanguageModel.plan`, for `states`; the answer is one that is one token."""
        ...

    def states(self, plan: Plan) -> "Tensor":
        """(text, hidden), float32, CPU: what `output_rows` are multiplied with at the answer."""
        ...

    def output_rows(self, words: Sequence[str]) -> "Tensor":
        """(word, hidden), float32, CPU: of words that are one token each; without their biases."""
        ...


class TokenGradients(Protocol):
    """The first-order change of a loss when a token comes to stand at a trigger's place."""

    @property
    def gradient(self) -> "Tensor":
        """(trigger, hidden), float32, CPU: with respect to the embedding at each place."""
        ...

    @property
    def tokens(self) -> "Tensor":
        """(trigger, token), float32, CPU: up to a constant a place; the smallest promise most."""
        ...


class LanguageModel(Protocol):
    """Enough to score: how likely is each answer in the slots of each text?"""

    @property
    def info(self) -> ModelInfo: ...

    def plan(self, texts: Sequence[Filled], answers: Sequence[Answer], scoring: Scoring) -> Plan:
        """Tokenise, sort and batch; `ModelError` where a text or an answer cannot be held."""
        ...

    def plan_all(self, requests: Sequence[ScoringRequest], scoring: Scoring) -> Plan:
        """The same for texts with answers of their own; rows count through the questions."""
        ...

    def run(self, plan: Plan) -> Iterator[ScoredTexts]:
        """Every text exactly once, in blocks of any order."""
        ...

    @property
    def options(self) -> Options:
        """What it was loaded with: enough to load it again elsewhere."""
        ...

    @property
    def ranking_dtype(self) -> str:
        """The dtype of `ranker`, which is made when it is first asked for."""
        ...

    @property
    def fast_model(self) -> "LanguageModel":
        """The same model in a faster dtype, to rank with; itself where there is none."""
        ...

    @property
    def white_box(self) -> WhiteBox:
        """Its tokens and gradients."""
        ...

    @property
    def without_chat(self) -> "LanguageModel":
        """The same model, reading prompts as they are; itself where it does that already."""
        ...

    def rendered(self, filled: Filled) -> str:
        """The text as the model reads it, special tokens written out."""
        ...

    def vocabulary_words(self) -> list[str]:
        """The whole words of the vocabulary, each one token, in vocabulary order."""
        ...

    def unknown_share(self, texts: Sequence[str]) -> float:
        """Share of the characters, spaces left out, that fall to the unknown token; in [0, 1]."""
        ...

    def answer_ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """The ids of answers where a space stands before their slot."""
        ...


__all__ = [
    "ChatMode",
    "Dtype",
    "Family",
    "LanguageModel",
    "LengthNorm",
    "ModelInfo",
    "MultiToken",
    "Options",
    "Plan",
    "ScoredTexts",
    "Scoring",
    "ScoringRequest",
    "TokenGradients",
    "WhiteBox",
]
