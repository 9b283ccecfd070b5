"""Gaps filled word by word by a masked or a causal model, in beam search: ours, without a T5.

A masked model sees the example, its right answer and the other words, and fills one mask after the
other by a beam; then every word is scored once more, given all the others, and the likeliest
changes are taken in. A causal model sees only the text before a word, so its fills are scored at
the end by how likely they make the right answer and all that follows it. As in LM-BFF, one beam
serves all examples: the score of a word is the mean over examples of log p.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from promptsearch.engine import ModelCall
from promptsearch.models import Plan, Scoring, ScoringRequest
from promptsearch.prompt import Filled, Slot, Text
from promptsearch.scoring import Cost
from promptsearch.searchers.common.gap_template import Contents, GapTemplate
from promptsearch.searchers.common.training_contexts import TrainingContext
from promptsearch.searchers.common.word_scorer import WORD_SLOT, WordScorer
from promptsearch.searchers.generate.beam_job import BeamJob, GapFill
from promptsearch.searchers.generate.partial_fills import PartialFill, Sizes, best_of, sizes_of

if TYPE_CHECKING:
    from torch import Tensor

FOLLOWERS = 50  # words that continue a fill
CHANGES = 3  # words tried in the place of each one


@dataclass(frozen=True)
class Infiller:
    """Beam search for words in the gaps, out of the model's vocabulary, one token each."""

    word_scorer: WordScorer
    contexts: Sequence[TrainingContext]
    longest: int = 3  # words in a gap
    spaced: bool = True

    def jobs(self, gap_templates: Sequence[GapTemplate], beam: int) -> Iterator[BeamJob]:
        """Yield a beam for each template and number of words; they share the width."""
        shapes = [
            (gap_template, s)
            for gap_template in gap_templates
            for s in sizes_of(gap_template.gaps, self.longest)
        ]
        width = -(-beam // len(shapes))
        for gap_template, sizes in shapes:
            inputs = (gap_template, sizes, width, self.word_scorer.words, self.contexts)
            yield BeamJob(
                gap_template, inputs, partial(self.model_call, gap_template, sizes, width)
            )

    def model_call(self, gap_template: GapTemplate, sizes: Sizes, beam: int) -> ModelCall:
        """Return the call that gives a beam's `GapFill`s.

        Its actual cost is known when it is done: equal texts pass once.
        """
        word_count, paid_before = sum(sizes), len(self.word_scorer.paid)
        passes = 1 + beam * (word_count - 1) + beam * (2 * word_count if self._masked else 1)
        first = self._plan(gap_template, sizes, [PartialFill((None,) * word_count)], 0)
        most = Cost(len(self.contexts) * passes, first.tokens * passes, first.peak_bytes)

        def run() -> list[GapFill]:
            fills = self._fills(gap_template, sizes, beam)
            return [(self._texts(fill, sizes), fill.log_prob) for fill in fills]

        return ModelCall(most, run, lambda: sum(self.word_scorer.paid[paid_before:], Cost()))

    def _fills(self, gap_template: GapTemplate, sizes: Sizes, beam: int) -> list[PartialFill]:
        fills = [PartialFill((None,) * sum(sizes))]
        for position in range(sum(sizes)):
            table = self._table(gap_template, sizes, fills, position)
            longer = [
                longer_fill
                for n, fill in enumerate(fills)
                for longer_fill in self._next(fill, position, table[n])
            ]
            fills = best_of(longer, beam)
        if self._masked:
            return best_of(self._revised(gap_template, sizes, fills, beam), beam)
        return best_of(self._answered(gap_template, sizes, fills), beam)

    def _next(self, fill: PartialFill, position: int, row: "Tensor") -> Iterator[PartialFill]:
        """Yield the fill with each likely word at the position; no word stands twice in a row."""
        beside = {fill.words[i] for i in (position - 1, position + 1) if 0 <= i < len(fill.words)}
        values, columns = row.topk(min(len(self.word_scorer.words), FOLLOWERS))
        for value, column in zip(values.tolist(), columns.tolist(), strict=True):
            if (word := self.word_scorer.words[column]) not in beside:
                yield fill.with_word(position, word, value)

    def _revised(
        self, gap_template: GapTemplate, sizes: Sizes, fills: Sequence[PartialFill], beam: int
    ) -> list[PartialFill]:
        """Change single words that promise more, and score the best anew."""
        tables = self._tables(gap_template, sizes, fills)
        rescored = self._rescored(fills, tables)
        changed = [c for n, fill in enumerate(rescored) for c in self._changed(fill, n, tables)]
        best = best_of([*rescored, *changed], beam)
        return self._rescored(best, self._tables(gap_template, sizes, best))

    def _rescored(
        self, fills: Sequence[PartialFill], tables: Sequence["Tensor"]
    ) -> list[PartialFill]:
        """Score the fills by log p of each word given all others."""
        return [
            replace(fill, log_probs=self._log_probs(fill, number, tables))
            for number, fill in enumerate(fills)
        ]

    def _changed(
        self, fill: PartialFill, number: int, tables: Sequence["Tensor"]
    ) -> Iterator[PartialFill]:
        """Yield the fill with the likeliest words in the place of each one, one at a time."""
        for position, table in enumerate(tables):
            candidates = self._next(fill, position, table[number])
            changed = (each for each in candidates if each.words != fill.words)
            yield from islice(changed, CHANGES)

    def _log_probs(
        self, fill: PartialFill, number: int, tables: Sequence["Tensor"]
    ) -> tuple[float, ...]:
        """Return log p of each word of a fill."""
        columns = (self.word_scorer.column[str(word)] for word in fill.words)
        return tuple(float(t[number, column]) for t, column in zip(tables, columns, strict=True))

    def _answered(
        self, gap_template: GapTemplate, sizes: Sizes, fills: Sequence[PartialFill]
    ) -> list[PartialFill]:
        """Score the fills by the words before the slot, the right answer, and what follows it."""
        import torch

        requests = [self._request(gap_template, sizes, fills, context) for context in self.contexts]
        plan = self.word_scorer.model.plan_all(requests, Scoring())
        self.word_scorer.paid.append(Cost.of(plan))
        values = torch.zeros(len(requests) * len(fills))
        for block in self.word_scorer.model.run(plan):
            values[list(block.rows)] = block.log_probs[:, 0]
        means = values.view(len(requests), len(fills)).mean(0).tolist()
        words = sum(sizes[: gap_template.gaps_before])
        pairs = zip(fills, means, strict=True)
        return [replace(fill, log_probs=(*fill.log_probs[:words], mean)) for fill, mean in pairs]

    def _request(
        self,
        gap_template: GapTemplate,
        sizes: Sizes,
        fills: Sequence[PartialFill],
        context: TrainingContext,
    ) -> ScoringRequest:
        """Return the request for the right answer in every fill's text of a training context."""
        contents = (self._contents(fill, sizes, None) for fill in fills)
        texts = [context.fill(gap_template, each, answered=False) for each in contents]
        return ScoringRequest(texts, [tuple(context.answer.items())])

    def _table(
        self, gap_template: GapTemplate, sizes: Sizes, fills: Sequence[PartialFill], position: int
    ) -> "Tensor":
        """Return (fill, word) log p of each word at the position, the mean over the contexts."""
        plan = self._plan(gap_template, sizes, fills, position)
        return self.word_scorer.mean_log_probs(plan, len(self.contexts))

    def _tables(
        self, gap_template: GapTemplate, sizes: Sizes, fills: Sequence[PartialFill]
    ) -> list["Tensor"]:
        """Return the table of every position."""
        return [self._table(gap_template, sizes, fills, position) for position in range(sum(sizes))]

    def _plan(
        self, gap_template: GapTemplate, sizes: Sizes, fills: Sequence[PartialFill], position: int
    ) -> Plan:
        gap_contents = [self._contents(fill, sizes, position) for fill in fills]
        texts = [
            self._visible(context.fill(gap_template, fill_contents))
            for fill_contents in gap_contents
            for context in self.contexts
        ]
        return self.word_scorer.plan(texts)

    def _visible(self, text: Filled) -> Filled:
        """Return what the model may see of a text: a causal one, up to the scored word."""
        if self._masked:
            return text
        return text[: text.index(WORD_SLOT) + 1]

    def _contents(self, fill: PartialFill, sizes: Sizes, position: int | None) -> Contents:
        """Return each gap's words, with a slot for the scored word and for those still open."""
        space = (Text(" "),) if self.spaced else ()
        parts: list[tuple[Text | Slot, ...]] = []
        for number, word in enumerate(fill.words):
            slot = WORD_SLOT if number == position else Slot(f"open{number}")
            parts.append((*space, slot if word is None or number == position else Text(word)))
        remaining = iter(parts)
        return [
            tuple(p for parts_of_word in islice(remaining, size) for p in parts_of_word)
            for size in sizes
        ]

    def _texts(self, fill: PartialFill, sizes: Sizes) -> list[str]:
        """Return the text of each gap."""
        filled = self._contents(fill, sizes, None)
        return ["".join(p.text for p in gap if isinstance(p, Text)) for gap in filled]

    @property
    def _masked(self) -> bool:
        return self.word_scorer.model.info.family == "masked"
