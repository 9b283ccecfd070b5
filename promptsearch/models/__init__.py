"""Language models, as little of them as a search needs: plan the passes, then run them.

Everything transformers is in this folder, and loads only when a model does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from promptsearch.prompt import Answer, Filled

if TYPE_CHECKING:
    from torch import Tensor

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
class Block:
    """Scores of some of the texts asked for."""

    rows: Sequence[int]  # which texts, as indices into the plan's texts
    log_probs: "Tensor"  # (row, answer), float32 on the CPU, natural logs


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


class LanguageModel(Protocol):
    """Enough to score: how likely is each answer in the slots of each text?"""

    @property
    def info(self) -> ModelInfo: ...

    def plan(self, texts: Sequence[Filled], answers: Sequence[Answer], scoring: Scoring) -> Plan:
        """Tokenise, sort and batch; `ModelError` where a text or an answer cannot be held."""
        ...

    def run(self, plan: Plan) -> Iterator[Block]:
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
    def ranker(self) -> "LanguageModel":
        """The same model in a faster dtype, to rank with; itself where there is none."""
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
