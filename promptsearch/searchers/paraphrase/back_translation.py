"""Back-translation: LPAQA's paraphrases.

Jiang, Xu, Araki and Neubig (2020), "How Can We Know What Language Models Know?", section 3.2.
https://arxiv.org/abs/1911.12543

A template goes into another language and back, B translations each way: B x B candidates, scored by
the sum of both mean log-probabilities. Those that do not hold each field and slot exactly once are
rejected, and of equal ones the first counts.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from promptsearch.engine.strategy import Score
from promptsearch.models.generation.translation import Translator
from promptsearch.prompt import Template
from promptsearch.searchers.common.round_trip import Candidate, RoundTrip
from promptsearch.searchers.paraphrase.marked_sentence import (
    MARKS,
    Marks,
    PlaceholderLost,
    Sentence,
)
from promptsearch.searchers.paraphrase.proposal import Parent, Proposal


@dataclass
class BackTranslation:
    """Two translators; placeholders are LPAQA's, and other ones if these get lost."""

    forward: Translator
    backward: Translator
    beam: int
    whole: bool  # true if fields at the ends belong to the sentence
    score: Score
    rejected: Counter[str] = field(default_factory=Counter)

    def neighbours(self, parents: Sequence[Parent]) -> Iterator[list[Proposal]]:
        for parent in parents:
            sentence = Sentence.of(parent.template, self.whole)
            by_template: dict[Template, Proposal] = {}
            for marks in MARKS if sentence.marked_text(MARKS[0], self.rejected) else ():
                for template, candidate in self._templates(sentence, marks):
                    by_template.setdefault(template, _proposal(template, candidate, parent))
                if by_template and not self.forward.one_best:
                    break
            yield sorted(by_template.values(), key=lambda p: -cast(float, p.evidence["score"]))

    def _templates(self, sentence: Sentence, marks: Marks) -> Iterator[tuple[Template, Candidate]]:
        trip = RoundTrip(self.forward, self.backward, self.beam, self.score)
        for candidate in trip.of(sentence.to_text(marks)):
            try:
                yield sentence.to_template(candidate[0], marks), candidate
            except PlaceholderLost as lost:
                self.rejected[str(lost)] += 1


def _proposal(template: Template, candidate: Candidate, parent: Parent) -> Proposal:
    _, translation, score = candidate
    return Proposal(
        template, parent, {"method": "translate", "translation": translation, "score": score}
    )
