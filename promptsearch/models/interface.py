"""The port of language models: plan forward passes, then run them.

Everything of transformers is in this folder, and is imported only when a model loads.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from promptsearch.prompt import Answer, Filled

if TYPE_CHECKING:
    from torch import Tensor

    Loss = Callable[[Sequence[int], Tensor], Tensor]  # rows, log p (row, answer) -> (row,)

Family = Literal["masked", "causal", "seq2seq"]
MultiToken = Literal["independent", "left-to-right"]
LengthNorm = Literal["none", "token", "char"]
OptionsScore = Literal["logit", "log-odds"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
ChatMode = Literal["auto", "on", "off"]
FormMode = Literal["auto", "sentinel", "plain"]


@dataclass(frozen=True)
class ModelInfo:
    """The facts that a result records of its model."""

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
    seq2seq_form: Literal["plain"] | None = None  # how a decoder answers; None: by sentinels
    newline: str | None = None  # what a text has in place of line breaks

    @property
    def described(self) -> dict[str, object]:
        """The facts as files have them: the last two only where they are given."""
        facts = asdict(self)
        late = ("seq2seq_form", "newline")  # files of before have no such keys
        return {key: facts[key] for key in facts if key not in late or facts[key] is not None}


@dataclass(frozen=True)
class Options:
    """The arguments of `load_model`."""

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
    seq2seq_form: FormMode = "auto"  # auto: by sentinels, where the tokenizer has any
    newline: str | None = None  # a character that stands for line breaks, as PromptCLUE's "_"


@dataclass(frozen=True)
class Scoring:
    """The score of an answer of several tokens (interface.md, Definitions)."""

    multi_token: MultiToken = "left-to-right"
    length_norm: LengthNorm = "none"  # an answer's score over its own tokens or characters
    options_score: OptionsScore = "logit"  # of yes at an option; or its log-odds against no
    options_per_pass: int | None = None  # read at a time; None: all of a text


@dataclass(frozen=True)
class ScoringRequest:
    """Texts that are scored with the same answers."""

    texts: Sequence[Filled]
    answers: Sequence[Answer]


@dataclass(frozen=True)
class ScoredTexts:
    """Scores of some of the planned texts."""

    rows: Sequence[int]  # which texts, as indices into the plan's texts
    log_probs: "Tensor"  # (row, answer), float32 on the CPU, natural logs; zeros beyond a row's own


class Plan(Protocol):
    """A plan of forward passes; a pure function of the texts, answers and options."""

    @property
    def forwards(self) -> int:
        """Sequences that will pass through the model."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens of these sequences, padding left out."""
        ...

    @property
    def peak_bytes(self) -> int:
        """An upper estimate of the memory that one batch takes beside the weights."""
        ...

    @property
    def cut(self) -> bool:
        """Whether a text was shortened to leave room for the longest answer."""
        ...


class WhiteBox(Protocol):
    """A model's tokens, the gradients at trigger tokens, and hidden states.

    Texts for gradients hold `Trigger`s, tokens by their ids; those of one call all hold the same
    ones.
    """

    @property
    def spellings(self) -> Sequence[str | None]:
        """The text that each token adds to a text (" great", "ing"); None if no text can say it."""
        ...

    @property
    def mask(self) -> int | None:
        """The mask token of a masked model; None for other families."""
        ...

    def tokens_named(self, names: Sequence[str]) -> list[int | None]:
        """Return tokens by their vocabulary names ("\u0120great", "##ing"); None if unknown."""
        ...

    def sequences(self, texts: Sequence[Filled], answer: Answer) -> list[list[int]]:
        """Return the ids that the model reads (causal: with this answer)."""
        ...

    def plan(self, requests: Sequence[ScoringRequest], scoring: Scoring) -> Plan:
        """Return a plan for `token_gradients`; a sequence that passes backward too counts twice."""
        ...

    def token_gradients(self, plan: Plan, loss: "Loss") -> "TokenGradients":
        """Return the gradient of the loss, summed over all texts, at the trigger tokens."""
        ...

    def plan_states(self, texts: Sequence[Filled], answer: Answer) -> Plan:
        """Return a plan for `states`; the answer is one token."""
        ...

    def states(self, plan: Plan) -> "Tensor":
        """Return (text, hidden), float32, CPU: the factor of `output_rows` at the answer."""
        ...

    def output_rows(self, words: Sequence[str]) -> "Tensor":
        """Return (word, hidden), float32, CPU: of words of one token; without biases."""
        ...


class TokenGradients(Protocol):
    """The first-order change of a loss when a trigger token is replaced."""

    @property
    def gradient(self) -> "Tensor":
        """(trigger, hidden), float32, CPU: with respect to the embedding at each position."""
        ...

    @property
    def tokens(self) -> "Tensor":
        """(trigger, token), float32, CPU: up to a constant a position; the smallest is best."""
        ...


class LanguageModel(Protocol):
    """A model that scores each answer in the slots of each text."""

    @property
    def info(self) -> ModelInfo:
        """The facts that results record of the model."""
        ...

    def plan(self, texts: Sequence[Filled], answers: Sequence[Answer], scoring: Scoring) -> Plan:
        """Tokenise, sort and batch. Raise ModelError if a text or an answer cannot be held."""
        ...

    def plan_all(self, requests: Sequence[ScoringRequest], scoring: Scoring) -> Plan:
        """Plan texts whose answers differ; rows count through the requests."""
        ...

    def run(self, plan: Plan) -> Iterator[ScoredTexts]:
        """Yield every text exactly once, in blocks of any order."""
        ...

    @property
    def options(self) -> Options:
        """The options that the model was loaded with: enough to load it again elsewhere."""
        ...

    @property
    def ranking_dtype(self) -> str:
        """The dtype of `fast_model`, which is created when it is first read."""
        ...

    @property
    def fast_model(self) -> "LanguageModel":
        """This model in a faster dtype, to rank with; itself if there is none."""
        ...

    @property
    def white_box(self) -> WhiteBox:
        """The model's tokens and gradients."""
        ...

    @property
    def without_chat(self) -> "LanguageModel":
        """This model, filling gaps in texts as they are: no chat, no plain form; itself if so."""
        ...

    def rendered(self, filled: Filled) -> str:
        """Return the text as the model reads it, special tokens written out."""
        ...

    def vocabulary_words(self) -> list[str]:
        """Return the whole words of the vocabulary, each one token, in its order."""
        ...

    def unknown_share(self, texts: Sequence[str]) -> float:
        """Return the share of non-space characters that are unknown, in [0, 1]."""
        ...

    def answer_ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the ids of answers with a space before their slot."""
        ...


__all__ = [
    "ChatMode",
    "Dtype",
    "Family",
    "FormMode",
    "LanguageModel",
    "LengthNorm",
    "ModelInfo",
    "MultiToken",
    "Options",
    "OptionsScore",
    "Plan",
    "ScoredTexts",
    "Scoring",
    "ScoringRequest",
    "TokenGradients",
    "WhiteBox",
]
