"""Tokens that an encoder-decoder may write in a gap, and those that end it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from promptsearch.models.families.seq2seq import Seq2SeqFamily
from promptsearch.models.frozen_model import FrozenModel


@dataclass(frozen=True)
class SpanVocabulary:
    """A vocabulary for the text of gaps: spellings, sentinels and the end token."""

    spellings: Sequence[str | None]  # what a token adds to a text; None: nothing that text can say
    sentinels: Sequence[int]
    end: int | None
    count: int  # words of the model's output

    @classmethod
    def of(cls, model: FrozenModel[Any], family: Seq2SeqFamily) -> "SpanVocabulary":
        """Return the vocabulary of a model and its tokenizer."""
        count = model.runtime.batch_limits.vocabulary
        spellings = [*model.white_box.spellings, *[None] * count][:count]
        return cls(spellings, family.sentinels, model.runtime.tokenizer.eos_token_id, count)

    def closes(self, closed: int, token: int) -> bool:
        """Return True if the token ends the open gap, after `closed` gaps have ended."""
        return token == self.end or token == self._next(closed)

    def barred(self, closed: int, last: int | None) -> Tensor:
        """Return (word,): True for blanks, runs of dots, control tokens, a second full stop."""
        barred = self._unwritable.clone()
        barred[[token for token in (self.end, self._next(closed)) if token is not None]] = False
        if last is not None and _is_stop(self.spellings[last]):
            barred |= self._stops
        return barred

    def _next(self, closed: int) -> int | None:
        """Return the sentinel of the next gap."""
        return self.sentinels[closed + 1] if closed + 1 < len(self.sentinels) else None

    @cached_property
    def _unwritable(self) -> Tensor:
        return torch.tensor([text is None or not _writable(text) for text in self.spellings])

    @cached_property
    def _stops(self) -> Tensor:
        return torch.tensor([_is_stop(text) for text in self.spellings])


def _writable(text: str) -> bool:
    """Return True if the text is neither blank nor a run of dots."""
    stripped = text.strip()
    return (
        bool(stripped)
        and not (len(stripped) > 1 and set(stripped) <= {".", "\u2026"})
        and stripped != "\u2026"
    )


def _is_stop(text: str | None) -> bool:
    return text is not None and text.strip() == "."
