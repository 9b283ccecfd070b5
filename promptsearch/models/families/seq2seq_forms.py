"""The two forms in which encoder-decoders answer: behind sentinels, or as a plain text.

T5 was pre-trained on the first (Raffel et al., 2020); models that were tuned on tasks, as T0,
Flan-T5, mT0 and PromptCLUE, and those without sentinels, as BART, write their answers plainly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from promptsearch.errors import ModelError, brief
from promptsearch.models.tokenization.encode import Encoded, SlotContexts, encode, line_of
from promptsearch.models.tokenization.tokenizer import TokenizerInput, Tokens
from promptsearch.prompt import Answer, Filled, Input, Slot, Text
from promptsearch.prompt.parts import FilledPart

Target = tuple[list[int], list[int]]  # what the decoder writes, and the positions that count


class Seq2SeqForm(Protocol):
    """What the encoder reads of a prompt, and what the decoder writes for an answer."""

    @property
    def name(self) -> Literal["sentinel", "plain"]: ...
    @property
    def spec(self) -> str: ...

    def encode(self, texts: Sequence[Filled], tokens: Tokens, limit: int) -> list[Encoded]:
        """Return what the encoder reads; texts of more than `limit` tokens are cut.

        Raises ModelError if the form has no place for their slots.
        """
        ...

    def line(self, filled: Filled) -> TokenizerInput:
        """Return what the encoder reads, as it is tokenised."""
        ...

    def targets(
        self, names: Sequence[str], answers: Sequence[Answer], tokens: Tokens, limit: int
    ) -> list[Target]:
        """Return what the decoder writes for each answer in the slots of these names."""
        ...


@dataclass(frozen=True)
class SentinelForm:
    """The slots are sentinels, and the decoder writes each again with what stands in it."""

    sentinels: Sequence[int]
    spec: str
    name: Literal["sentinel"] = field(default="sentinel", init=False)

    def encode(self, texts: Sequence[Filled], tokens: Tokens, limit: int) -> list[Encoded]:
        encoded = encode(texts, tokens, self.sentinels, lambda _: limit)
        if encoded and (most := max(len(text.slots) for text in encoded)) > len(self.sentinels):
            raise ModelError(
                f"the template has {most} slots, but the tokenizer of {self.spec!r} has "
                f"{len(self.sentinels)} sentinels; use fewer slots"
            )
        return encoded

    def line(self, filled: Filled) -> TokenizerInput:
        return line_of(filled, self.sentinels)

    def targets(
        self, names: Sequence[str], answers: Sequence[Answer], tokens: Tokens, limit: int
    ) -> list[Target]:
        """Return sentinel, answer, sentinel, answer; the answers count."""
        ids = _answer_ids(answers, tokens)
        return [
            self._target(names, {slot: ids[text] for slot, text in answer}) for answer in answers
        ]

    def _target(self, names: Sequence[str], ids: Mapping[str, Sequence[int]]) -> Target:
        follow: list[int] = []
        positions: list[int] = []
        for sentinel, name in zip(self.sentinels, names, strict=False):
            follow.append(sentinel)
            positions += range(len(follow), len(follow) + len(ids.get(name, ())))
            follow += ids.get(name, ())
        return follow, positions


@dataclass(frozen=True)
class PlainForm:
    """The slot stands last and is not read: the decoder writes the answer and the end token.

    All that the tokenizer makes of an answer counts, the end too: without it "a" would win over
    "a b" always.
    """

    end: int
    spec: str
    has_sentinels: bool  # so that the model could be asked by them
    name: Literal["plain"] = field(default="plain", init=False)

    def encode(self, texts: Sequence[Filled], tokens: Tokens, limit: int) -> list[Encoded]:
        encoded = encode([self._read(text) for text in texts], tokens, [], lambda _: limit)
        slots: list[SlotContexts] = [((_last(text).name, "start"),) for text in texts]
        return [
            Encoded(each.ids, (), slot, each.cut) for each, slot in zip(encoded, slots, strict=True)
        ]

    def line(self, filled: Filled) -> TokenizerInput:
        return line_of(self._read(filled), [])

    def targets(
        self, names: Sequence[str], answers: Sequence[Answer], tokens: Tokens, limit: int
    ) -> list[Target]:
        """Return the answers with the end token; all counts."""
        (name,) = names
        texts = [dict(answer).get(name, "") for answer in answers]
        _answer_ids(answers, tokens)  # each has tokens of its own
        lines = tokens.encode([(text,) for text in texts])
        written = [ids if ids[-1:] == [self.end] else [*ids, self.end] for ids in lines]
        if long := [t for t, ids in zip(texts, written, strict=True) if len(ids) > limit]:
            count = max(map(len, written))
            raise ModelError(
                f"the answer {brief(repr(long[0]))} takes {count:,} tokens with its end, and "
                f"{self.spec!r} writes {limit:,}; shorten it"
            )
        return [(ids, list(range(len(ids)))) for ids in written]

    def _read(self, filled: Filled) -> Filled:
        """Return what stands before the slot. Raises ModelError if something stands after it."""
        slots = [part for part in filled if isinstance(part, Slot)]
        if len(slots) != 1 or filled[-1] != slots[0]:
            problem = f"has {len(slots)} slots" if len(slots) != 1 else "goes on after its slot"
            way_out = ", or give `seq2seq_form` sentinel" if self.has_sentinels else ""
            raise ModelError(
                f"the template {problem}, but {self.spec!r} answers in plain text: write it with "
                f"one [Z], at its very end{way_out}"
            )
        *before, last = filled[:-1] or (Text(""),)
        return (*before, _without_spaces(last))


def _without_spaces(part: FilledPart) -> FilledPart:
    """Return the part before the slot without the space that only parts it from the answer."""
    if isinstance(part, Text):
        return Text(part.text.rstrip(" "))
    return Input(part.name, part.text.rstrip(" ")) if isinstance(part, Input) else part


def _last(filled: Filled) -> Slot:
    slot = filled[-1]
    assert isinstance(slot, Slot), "texts are read before this is asked"
    return slot


def _answer_ids(answers: Sequence[Answer], tokens: Tokens) -> Mapping[str, list[int]]:
    """Return the ids of each text of the answers. Raises ModelError if one has none."""
    texts = list(dict.fromkeys(text for answer in answers for _, text in answer))
    encoded = tokens.encode([(text,) for text in texts], special=False)
    for text, ids in zip(texts, encoded, strict=True):
        if not ids:
            raise ModelError(
                f"the answer {text!r} has no tokens in this model's vocabulary; use another"
            )
    return dict(zip(texts, encoded, strict=True))
