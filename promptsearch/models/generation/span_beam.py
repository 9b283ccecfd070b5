"""Gaps of many texts filled with the same words by one beam, as LM-BFF writes templates with T5.

Gao, Fisch and Chen (2021), "Making Pre-trained Language Models Better Few-shot Learners", section
5.2. https://arxiv.org/abs/2012.15723

An encoder-decoder reads each text with a sentinel for each gap and writes the gaps in turn. A
hypothesis is judged by log p summed over all texts, as the paper has it; the released code takes
the log-softmax of the mean logits. It also forbids some ids of the English T5, here known by what
they spell: blanks and runs of dots; nor may two full stops stand in a row. A gap ends with the next
sentinel or the end token. We begin every hypothesis with the first sentinel; the release lets the
model write it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel
from promptsearch.models.batching.batch_plan import OUTPUTS
from promptsearch.models.families.seq2seq import Seq2SeqFamily
from promptsearch.models.frozen_model import FrozenModel
from promptsearch.models.generation.incremental_decoder import (
    LONGEST,
    IncrementalDecoder,
    decoder_factory,
)
from promptsearch.models.generation.span_tokens import SpanVocabulary
from promptsearch.prompt import Filled, Slot


@dataclass(frozen=True)
class Infill:
    """The texts of the gaps."""

    gaps: tuple[str, ...]  # with their own spaces: " It was"
    log_prob: float  # of all tokens and gap ends: the mean over texts, in nats
    tokens: tuple[int, ...]  # as the decoder writes them after the first sentinel


@dataclass(frozen=True)
class Hypothesis:
    """The tokens after the first sentinel, and their log p."""

    tokens: tuple[int, ...] = ()
    log_prob: float = 0.0  # summed over texts
    closed: int = 0  # gaps that have ended


class SharedBeam:
    """A beam over texts whose slots are the gaps.

    Raise ModelError if the model cannot fill them.
    """

    def __init__(
        self, model: LanguageModel, texts: Sequence[Filled], beam: int = 100, longest: int = 20
    ) -> None:
        if not isinstance(model, FrozenModel) or not isinstance(model.family, Seq2SeqFamily):
            raise ModelError(
                f"{model.info.spec!r} is a {model.info.family} model; spans are written by a "
                "T5-like encoder-decoder"
            )
        self.model, self.family = model, model.family
        self.beam, self.longest = beam, min(longest, LONGEST - 2)
        self.text_ids = self.family.sequences(model.runtime, texts, ())
        self.gaps = sum(isinstance(part, Slot) for part in texts[0])
        if self.gaps >= len(self.family.sentinels):
            raise ModelError(
                f"{self.gaps} gaps are too many for {model.info.spec!r}, which has "
                f"{len(self.family.sentinels)} sentinels, one for each and one for the end"
            )

    @property
    def forwards(self) -> int:
        """Count of sequences: the texts, and for each of them the beam's hypotheses."""
        return len(self.text_ids) * (1 + self.beam)

    @property
    def tokens(self) -> int:
        """Most tokens that can pass."""
        return sum(map(len, self.text_ids)) + len(self.text_ids) * self.beam * self.longest

    def run(self) -> list[Infill]:
        """Return the finished hypotheses, likeliest first."""
        return [self._infill(h) for h in self.hypotheses() if h.closed == self.gaps]

    def hypotheses(self) -> list[Hypothesis]:
        """Return the beam after its last step, likeliest first."""
        with torch.inference_mode():
            decoders = self._decoders()
            beam, alive = [Hypothesis()], [Hypothesis()]
            parents, tokens = [0], [self.family.sentinels[0]]
            for _ in range(self.longest):
                totals = self._summed(decoders, parents, tokens)
                done = [h for h in beam if h.closed == self.gaps]
                beam = _best([*done, *self._extended(alive, totals)], self.beam)
                index_of = {h.tokens: index for index, h in enumerate(alive)}
                alive = [h for h in beam if h.closed < self.gaps]
                if not alive:
                    break
                parents = [index_of[h.tokens[:-1]] for h in alive]
                tokens = [h.tokens[-1] for h in alive]
        return beam

    def _decoders(self) -> list[IncrementalDecoder]:
        """Return decoders of groups of texts that fit one batch, their start token written."""
        size = max(1, self.model.runtime.batch_limits.budget // self.beam)
        make = decoder_factory(self.model.runtime, self.text_ids)
        decoders = [make(self.text_ids[i : i + size]) for i in range(0, len(self.text_ids), size)]
        device = self.model.runtime.device
        for decoder in decoders:
            decoder.grow(
                torch.tensor([0], device=device), torch.tensor([self.family.start], device=device)
            )
        return decoders

    def _summed(
        self, decoders: Sequence[IncrementalDecoder], parents: Sequence[int], tokens: Sequence[int]
    ) -> Tensor:
        """Return (hypothesis, word): log p of each next word, summed over texts, in float64."""
        device = self.model.runtime.device
        step = torch.tensor(parents, device=device), torch.tensor(tokens, device=device)
        totals = torch.zeros((), device=device, dtype=torch.float64)
        for decoder in decoders:
            states = decoder.grow(*step)  # (text, hypothesis, hidden)
            room = max(1, OUTPUTS // (self.words.count * len(tokens)))
            for chunk in states.split(room):
                logits = decoder.logits(chunk.flatten(0, 1)).log_softmax(-1)
                totals = totals + logits.unflatten(0, chunk.shape[:2]).sum(0, dtype=torch.float64)
        return totals

    def _extended(self, alive: Sequence[Hypothesis], totals: Tensor) -> list[Hypothesis]:
        """Return the likeliest hypotheses that are one token longer."""
        for row, hypothesis in enumerate(alive):
            last = hypothesis.tokens[-1] if hypothesis.tokens else None
            barred = self.words.barred(hypothesis.closed, last)
            totals[row, barred.to(totals.device)] = -torch.inf
            totals[row] += hypothesis.log_prob
        best = totals.flatten().topk(min(self.beam, totals.numel()))
        pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        width = totals.shape[1]
        return [
            self._longer(alive[index // width], index % width, value)
            for value, index in pairs
            if value > -torch.inf
        ]

    def _longer(self, hypothesis: Hypothesis, token: int, log_prob: float) -> Hypothesis:
        closed = hypothesis.closed + self.words.closes(hypothesis.closed, token)
        return Hypothesis((*hypothesis.tokens, token), log_prob, closed)

    @cached_property
    def words(self) -> SpanVocabulary:
        return SpanVocabulary.of(self.model, self.family)

    def _infill(self, hypothesis: Hypothesis) -> Infill:
        gaps = [""]
        for token in hypothesis.tokens:
            if self.words.closes(len(gaps) - 1, token):
                gaps.append("")
            else:
                gaps[-1] += self.words.spellings[token] or ""
        mean = hypothesis.log_prob / len(self.text_ids)
        return Infill(tuple(gaps[:-1]), mean, hypothesis.tokens)


def _best(hypotheses: Sequence[Hypothesis], count: int) -> list[Hypothesis]:
    """Return the likeliest hypotheses; ties to the first."""
    return sorted(hypotheses, key=lambda h: -h.log_prob)[:count]
