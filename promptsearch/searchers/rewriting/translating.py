"""Back-translation: LPAQA's paraphrases.

Jiang, Xu, Araki and Neubig (2020), "How Can We Know What Language Models Know?", section 3.2.
https://arxiv.org/abs/1911.12543

A template goes into another language and back, B translations each way: B x B candidates, judged by
the sum of both mean log-probabilities. Those that do not hold each place exactly once are turned
down, and of equal ones the first counts.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from promptsearch.engine import Chore, Score
from promptsearch.ledger import digest
from promptsearch.models.translation import Translator
from promptsearch.prompt import Template
from promptsearch.scoring import Cost
from promptsearch.searchers.rewriting.proposal import Parent, Proposal
from promptsearch.searchers.rewriting.sentence import MARKS, Lost, Marks, Sentence

Candidate = tuple[str, str, float]  # text, translation, sum of the mean log p of both ways


@dataclass
class BackTranslation:
    """Both translators; places are marked as LPAQA does, and otherwise where that loses them."""

    forward: Translator
    backward: Translator
    beam: int
    whole: bool  # whether fields at the ends belong to the sentence
    score: Score
    rejected: Counter[str] = field(default_factory=Counter)

    def neighbours(self, parents: Sequence[Parent]) -> Iterator[list[Proposal]]:
        for parent in parents:
            sentence = Sentence.of(parent.template, self.whole)
            found: dict[Template, Proposal] = {}
            for marks in MARKS if sentence.asked(MARKS[0], self.rejected) else ():
                for template, candidate in self._understood(sentence, marks):
                    found.setdefault(template, _proposal(template, candidate, parent))
                if found and not self.forward.one_best:
                    break
            yield sorted(found.values(), key=lambda p: -cast(float, p.evidence["score"]))

    def _understood(self, sentence: Sentence, marks: Marks) -> Iterator[tuple[Template, Candidate]]:
        said = sentence.said(marks)
        about = (said, self.beam, self.forward.sha256, self.backward.sha256)
        made = self.score.once(f"translate {digest(about)}", partial(self._chore, said))
        for candidate in cast(list[Candidate], made):
            try:
                yield sentence.understood(candidate[0], marks), candidate
            except Lost as lost:
                self.rejected[str(lost)] += 1

    def _chore(self, said: str) -> Chore:
        """The candidates, best first."""
        beam = 1 if self.forward.one_best else self.beam
        forwards = beam + beam * (1 if self.backward.one_best else self.beam)
        tokens = forwards * 2 * len(said.split())  # about: nobody else knows their tokens
        return Chore(Cost(forwards, tokens), partial(self._translated, said))

    def _translated(self, said: str) -> list[Candidate]:
        (there,) = self.forward.translations([said], self.beam)
        back = self.backward.translations([each.text for each in there], self.beam)
        found = [
            (again.text, each.text, each.log_prob + again.log_prob)
            for each, own in zip(there, back, strict=True)
            for again in own
        ]
        return sorted(found, key=lambda candidate: -candidate[2])


def _proposal(template: Template, candidate: Candidate, parent: Parent) -> Proposal:
    _, translation, score = candidate
    return Proposal(
        template, parent, {"method": "translate", "translation": translation, "score": score}
    )
