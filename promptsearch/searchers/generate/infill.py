"""Gaps filled word by word by a masked or a causal model: our way where no T5 is at hand.

A masked model sees the example, its right answer and the other words, and fills one mask after the
other by a beam; then every word is asked for once more, given all the others, and the likeliest
changes are taken in. A causal model sees only what stands before, so its words are judged at the
end by how likely they make the right answer and what follows it, words behind it included. As in
LM-BFF, one beam serves all examples: words are judged by the mean over examples of log p.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from promptsearch.engine import ModelCall
from promptsearch.models import Plan, ScoringRequest, Scoring
from promptsearch.prompt import Filled, Slot, Text
from promptsearch.scoring import Cost
from promptsearch.searchers.common.gap_template import Contents, GapTemplate
from promptsearch.searchers.common.training_contexts import TrainingContext
from promptsearch.searchers.common.word_scorer import WORD_SLOT, WordScorer
from promptsearch.searchers.generate.beam_job import BeamJob
from promptsearch.searchers.generate.partial_fills import PartialFill, Sizes, best_of, sizes_of

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 50  # words that follow a draft
CHANGES = 3  # words that may come instead of each one


@dataclass(frozen=True)
class Infiller:
    """Fills the gaps of frames with words of the model's vocabulary, one token each."""

    asker: WordScorer
    instances: Sequence[TrainingContext]
    longest: int = 3  # words in a gap
    spaced: bool = True

    def jobs(self, frames: Sequence[GapTemplate], beam: int) -> Iterator[BeamJob]:
        """A beam for each frame and number of words; they share its width."""
        shapes = [(frame, s) for frame in frames for s in sizes_of(frame.gaps, self.longest)]
        width = -(-beam // len(shapes))
        for frame, sizes in shapes:
            about = (frame, sizes, width, self.asker.words, self.instances)
            yield BeamJob(frame, about, partial(self.chore, frame, sizes, width))

    def chore(self, frame: GapTemplate, sizes: Sizes, beam: int) -> ModelCall:
        """See `Job`. What it takes is known when it is done: equal texts pass once."""
        holes, before = sum(sizes), len(self.asker.paid)
        passes = 1 + beam * (holes - 1) + beam * (2 * holes if self._masked else 1)
        first = self._plan(frame, sizes, [PartialFill((None,) * holes)], 0)
        most = Cost(len(self.instances) * passes, first.tokens * passes, first.peak_bytes)

        def work() -> list[list[object]]:
            return [[self._texts(d, sizes), d.log_prob] for d in self._drafts(frame, sizes, beam)]

        return ModelCall(most, work, lambda: sum(self.asker.paid[before:], Cost()))

    def _drafts(self, frame: GapTemplate, sizes: Sizes, beam: int) -> list[PartialFill]:
        drafts = [PartialFill((None,) * sum(sizes))]
        for position in range(sum(sizes)):
            table = self._table(frame, sizes, drafts, position)
            longer = [
                d for n, draft in enumerate(drafts) for d in self._next(draft, position, table[n])
            ]
            drafts = best_of(longer, beam)
        if self._masked:
            return best_of(self._revised(frame, sizes, drafts, beam), beam)
        return best_of(self._answered(frame, sizes, drafts), beam)

    def _next(self, draft: PartialFill, position: int, row: "Tensor") -> Iterator[PartialFill]:
        """The draft with each word there; no word stands twice in a row."""
        beside = {draft.words[i] for i in (position - 1, position + 1) if 0 <= i < len(draft.words)}
        values, columns = row.topk(min(len(self.asker.words), KEPT))
        for value, column in zip(values.tolist(), columns.tolist(), strict=True):
            if (word := self.asker.words[column]) not in beside:
                yield draft.with_word(position, word, value)

    def _revised(
        self, frame: GapTemplate, sizes: Sizes, drafts: Sequence[PartialFill], beam: int
    ) -> list[PartialFill]:
        """With single words changed where that promises more, and all judged anew."""
        tables = self._tables(frame, sizes, drafts)
        judged = self._judged(drafts, tables)
        changed = [d for n, draft in enumerate(judged) for d in self._changed(draft, n, tables)]
        best = best_of([*judged, *changed], beam)
        return self._judged(best, self._tables(frame, sizes, best))

    def _judged(
        self, drafts: Sequence[PartialFill], tables: Sequence["Tensor"]
    ) -> list[PartialFill]:
        """By log p of each word given all others."""
        return [
            replace(draft, log_probs=self._own_log_probs(draft, number, tables))
            for number, draft in enumerate(drafts)
        ]

    def _changed(
        self, draft: PartialFill, number: int, tables: Sequence["Tensor"]
    ) -> Iterator[PartialFill]:
        """The likeliest words instead of each one, the others being judged as before."""
        for position, table in enumerate(tables):
            others = (
                d for d in self._next(draft, position, table[number]) if d.words != draft.words
            )
            yield from islice(others, CHANGES)

    def _own_log_probs(
        self, draft: PartialFill, number: int, tables: Sequence["Tensor"]
    ) -> tuple[float, ...]:
        """log p of each word of a draft."""
        columns = (self.asker.column[str(word)] for word in draft.words)
        return tuple(float(t[number, column]) for t, column in zip(tables, columns, strict=True))

    def _answered(
        self, frame: GapTemplate, sizes: Sizes, drafts: Sequence[PartialFill]
    ) -> list[PartialFill]:
        """By the words before the slot, the right answer, and all that follows it."""
        import torch

        questions = [self._question(frame, sizes, drafts, each) for each in self.instances]
        plan = self.asker.model.plan_all(questions, Scoring())
        self.asker.paid.append(Cost.of(plan))
        values = torch.zeros(len(questions) * len(drafts))
        for block in self.asker.model.run(plan):
            values[list(block.rows)] = block.log_probs[:, 0]
        means = values.view(len(questions), len(drafts)).mean(0).tolist()
        words = sum(sizes[: frame.gaps_before])
        pairs = zip(drafts, means, strict=True)
        return [replace(d, log_probs=(*d.log_probs[:words], mean)) for d, mean in pairs]

    def _question(
        self,
        frame: GapTemplate,
        sizes: Sizes,
        drafts: Sequence[PartialFill],
        instance: TrainingContext,
    ) -> ScoringRequest:
        """Every draft's text around the instance, asked its right answer."""
        contents = (self._contents(draft, sizes, None) for draft in drafts)
        texts = [instance.fill(frame, each, answered=False) for each in contents]
        return ScoringRequest(texts, [tuple(instance.answer.items())])

    def _table(
        self, frame: GapTemplate, sizes: Sizes, drafts: Sequence[PartialFill], position: int
    ) -> "Tensor":
        """(draft, word) log p of each word there, the mean over the instances."""
        plan = self._plan(frame, sizes, drafts, position)
        return self.asker.mean_log_probs(plan, len(self.instances))

    def _tables(
        self, frame: GapTemplate, sizes: Sizes, drafts: Sequence[PartialFill]
    ) -> list["Tensor"]:
        """Of every word's place."""
        return [self._table(frame, sizes, drafts, position) for position in range(sum(sizes))]

    def _plan(
        self, frame: GapTemplate, sizes: Sizes, drafts: Sequence[PartialFill], position: int
    ) -> Plan:
        contents = [self._contents(draft, sizes, position) for draft in drafts]
        texts = [
            self._asking(each.fill(frame, gap_contents))
            for gap_contents in contents
            for each in self.instances
        ]
        return self.asker.plan(texts)

    def _asking(self, text: Filled) -> Filled:
        """The text; for a causal model as far as the word that is asked for."""
        if self._masked:
            return text
        return text[: text.index(WORD_SLOT) + 1]

    def _contents(self, draft: PartialFill, sizes: Sizes, position: int | None) -> Contents:
        """Each gap's words, a slot for the one that is asked for and for those still open."""
        space = (Text(" "),) if self.spaced else ()
        parts: list[tuple[Text | Slot, ...]] = []
        for number, word in enumerate(draft.words):
            queried = WORD_SLOT if number == position else Slot(f"open{number}")
            parts.append((*space, queried if word is None or number == position else Text(word)))
        remaining = iter(parts)
        return [
            tuple(p for parts_of_word in islice(remaining, size) for p in parts_of_word)
            for size in sizes
        ]

    def _texts(self, draft: PartialFill, sizes: Sizes) -> list[str]:
        """What stands in each gap."""
        filled = self._contents(draft, sizes, None)
        return ["".join(p.text for p in gap if isinstance(p, Text)) for gap in filled]

    @property
    def _masked(self) -> bool:
        return self.asker.model.info.family == "masked"
