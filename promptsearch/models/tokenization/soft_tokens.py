"""Soft prompts in texts: each vector becomes a token by its id, beyond the model's vocabulary.

Ids keep soft tokens apart from words through encoding, batching and sharing; vectors of one name
that are equal bit by bit have one id in a plan, so that several templates share what they share.
A soft token stands for a word: the space before it belongs to it, as to a trigger.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from promptsearch.errors import ModelError
from promptsearch.models import ModelInfo, ScoringRequest
from promptsearch.models.batching.soft_table import SoftTable
from promptsearch.prompt import Filled, Slot, Soft, Text, Trigger, Vectors
from promptsearch.prompt.parts import FilledPart


class SoftTokens:
    """Numbers the vectors of texts, in the order in which they come."""

    def __init__(self, info: ModelInfo, first: int, hidden: int) -> None:
        self._info, self._first, self._hidden = info, first, hidden
        self._ids: dict[tuple[str, Vectors], int] = {}  # the id of the first of them
        self._names: dict[int, str] = {}

    def requests(self, requests: Sequence[ScoringRequest]) -> list[ScoringRequest]:
        """Return requests whose texts hold tokens by their ids in place of soft parts."""
        return [ScoringRequest(self.texts(each.texts), each.answers) for each in requests]

    def texts(self, texts: Sequence[Filled]) -> list[Filled]:
        """Return texts that hold tokens by their ids in place of soft parts.

        Raises ModelError where soft tokens follow a slot of a causal model, which would have to
        predict them, and where their vectors are missing or of another model.
        """
        return [self._text(text) if has_soft(text) else text for text in texts]

    @property
    def table(self) -> SoftTable | None:
        """All vectors that were numbered; None without any."""
        if not self._ids:
            return None
        rows = np.concatenate([vectors.rows for _, vectors in self._ids])
        names = tuple(name for name, _ in self._ids)
        return SoftTable(self._first, torch.from_numpy(rows), names)

    @property
    def names(self) -> Mapping[int, str]:
        """How each id reads: the notation at the first of a part's, nothing at the others."""
        return self._names

    def _text(self, text: Filled) -> Filled:
        parts: list[FilledPart] = []
        for part in text:
            if not isinstance(part, Soft):
                parts.append(part)
                continue
            if self._info.family == "causal" and any(isinstance(each, Slot) for each in parts):
                raise ModelError(
                    f"{part.notation} stands after the slot, where {self._info.spec!r} predicts "
                    "what it reads, and a vector is no word; put it before the slot"
                )
            if parts and isinstance(before := parts[-1], Text):
                parts[-1] = Text(before.text.removesuffix(" "))
            first = self._id(part)
            parts += [Trigger(token) for token in range(first, first + part.length)]
        return tuple(part for part in parts if part != Text(""))

    def _id(self, part: Soft) -> int:
        """Return the id of the part's first vector."""
        vectors = part.vectors
        if vectors is None:
            raise ModelError(
                f"{part.notation} stands for trained vectors, and there are none; "
                f"write [{part.notation}] for the text"
            )
        if vectors.model != self._info.sha256:
            raise ModelError(
                f"the vectors of {part.notation} are of another model (sha256 "
                f"{vectors.model[:12]}), not of {self._info.spec!r} ({self._info.sha256[:12]}), "
                "to which they mean nothing; use them with their own model"
            )
        if vectors.rows.shape[1] != self._hidden:
            raise ModelError(
                f"the vectors of {part.notation} have {vectors.rows.shape[1]} numbers each, but "
                f"those of {self._info.spec!r} have {self._hidden}"
            )
        key = part.name, vectors  # names are trained apart, though they may begin alike
        if key not in self._ids:
            first = self._ids[key] = self._first + len(self._names)
            self._names |= dict.fromkeys(range(first, first + part.length), "")
            self._names[first] = part.notation
        return self._ids[key]


def has_soft(text: Filled) -> bool:
    """Return whether a text holds soft tokens."""
    return any(isinstance(part, Soft) for part in text)
