"""Rows of the multiple-choice stage as a model reads them: options, masked words, what is right.

Xu et al. (2022), UniMC, https://arxiv.org/abs/2210.08590, section 3.2, and the release
(IDEA-CCNL/Fengshenbang-LM, `fengshen/models/unimc`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from promptsearch.models.batching.option_layout import OptionLayout
from promptsearch.models.training.choice_config import ChoiceLoss

RATES, RATE_SHARES = (0.0, 0.1, 0.2, 0.3), (0.3, 0.3, 0.25, 0.15)  # drawn for each row
MASKED, KEPT = 0.8, 0.9  # of the words that are to be predicted; a random word in the rest


@dataclass(frozen=True)
class ChoiceRow:
    """A row: its tokens, their layout, and which option is right, from 0."""

    ids: tuple[int, ...]
    layout: OptionLayout
    right: int


@dataclass(frozen=True)
class MaskedRow:
    """A row with some of its words hidden, and what the model is to say where."""

    row: ChoiceRow
    ids: tuple[int, ...]
    hidden: tuple[tuple[int, int], ...] = ()  # (position, word) behind the options

    @property
    def positions(self) -> list[int]:
        """Where output is read: at the options' masks, then at the hidden words."""
        return [*self.row.layout.starts, *(position for position, _ in self.hidden)]

    def words(self, yes: int, no: int) -> list[int]:
        """The right word at each of `positions`."""
        options = range(len(self.row.layout.starts))
        answers = [yes if option == self.row.right else no for option in options]
        return [*answers, *(word for _, word in self.hidden)]


def masked_row(row: ChoiceRow, mask: int, vocabulary: int, draw: np.random.Generator) -> MaskedRow:
    """Return the row with words behind its options hidden, their share drawn from RATES.

    Of these, 80% become masks, 10% stay and 10% are replaced by a random word, as in BERT. The
    separators count as words; the first and the options do not, nor does the last token.
    """
    rate = draw.choice(RATES, p=RATE_SHARES)
    chances = draw.random(len(row.ids))
    ids, hidden = list(row.ids), []
    for position in range(row.layout.end, len(ids) - 1):
        if chances[position] >= rate:
            continue
        hidden.append((position, ids[position]))
        share = chances[position] / rate
        if share < MASKED:
            ids[position] = mask
        elif share >= KEPT:
            ids[position] = int(draw.integers(1, vocabulary))
    return MaskedRow(row, tuple(ids), tuple(hidden))


def choice_loss(
    logits: Tensor, rows: Sequence[MaskedRow], yes: int, no: int, losses: Sequence[ChoiceLoss]
) -> Tensor:
    """Return the loss of a batch, from logits (position, word) at the rows' `positions`.

    OP: the mean over rows of -log softmax of the options' logits of yes at the right one. O-MLM and
    MLM: one mean over all positions of -log p(word), as in the release, whose mean counts padding
    too; here that is left out.
    """
    words = torch.tensor(
        [word for row in rows for word in row.words(yes, no)], device=logits.device
    )
    is_option = torch.tensor(
        [index < len(row.row.layout.starts) for row in rows for index in range(len(row.positions))],
        device=logits.device,
    )
    counted = (is_option & ("omlm" in losses)) | (~is_option & ("mlm" in losses))
    total = logits.new_zeros(())
    if bool(counted.any()):
        total = total + F.cross_entropy(logits[counted], words[counted])
    if "op" in losses:
        of_options = logits[is_option, yes].split([len(row.row.layout.starts) for row in rows])
        parts = [
            -scores.log_softmax(0)[row.row.right]
            for scores, row in zip(of_options, rows, strict=True)
        ]
        total = total + torch.stack(parts).mean()
    return total
