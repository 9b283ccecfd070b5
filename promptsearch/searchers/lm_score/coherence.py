"""How coherent the sentences are that a template makes of known triples.

The score of a sentence w_1 ... w_n (tokens, `prefix` and all) is

    (sum over i >= 2 of log p(w_i | w_1 ... w_{i-1})) / n ** exponent

so the first token is counted and not scored, as in the release. What a template makes of an
example is as good as the best sentence among its forms; with several answers, the mean over them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from promptsearch.engine import ModelCall
from promptsearch.models import LanguageModel
from promptsearch.prompt import Filled, Slot, Template, Trigger
from promptsearch.scoring import Cost
from promptsearch.searchers.lm_score.sentences import SentenceSet


class CoherenceScore(NamedTuple):
    """Of one template for one example: its score, and which of its sentences is the best."""

    score: float
    best: int


@dataclass(frozen=True)
class Coherence:
    """Scores templates on the cases, with a causal model."""

    lm: LanguageModel
    cases: Sequence[SentenceSet]
    prefix: str = ". "
    exponent: float = 0.2

    def chore(self, templates: Sequence[Template]) -> ModelCall:
        """Gives a `Worth` for each template and case, as JSON values."""
        from promptsearch.models.generation.text_likelihood import plan_text_likelihood

        sentences = [
            self.sentences(template, case) for template in templates for case in self.cases
        ]
        reading = plan_text_likelihood(
            self.lm, [text for answers in sentences for answer in answers for text in answer]
        )

        def work() -> list[list[CoherenceScore]]:
            scores = map(self.score, reading.log_probs(), reading.counts)
            worths = [
                _coherence_score([[next(scores) for _ in answer] for answer in answers])
                for answers in sentences
            ]
            step = len(self.cases)
            return [worths[first : first + step] for first in range(0, len(worths), step)]

        return ModelCall(Cost.of(reading.plan), work)

    def score(self, log_prob: float, tokens: int) -> float:
        """Of a sentence with so many tokens, the first one too."""
        return log_prob / float(tokens**self.exponent)

    def sentences(self, template: Template, case: SentenceSet) -> list[list[Filled]]:
        """For each of the case's answers, a sentence for each combination of forms."""
        return case.sentences(template, self.prefix)

    def sentence(self, template: Template, case: SentenceSet, number: int) -> str:
        """The text of a case's best sentence, without the prefix."""
        every = [text for own in self.sentences(template, case) for text in own]
        return "".join(_texts(every[number]))


def _texts(filled: Filled) -> Iterator[str]:
    yield from (part.text for part in filled[1:] if not isinstance(part, Slot | Trigger))


def _coherence_score(scores: Sequence[Sequence[float]]) -> CoherenceScore:
    """From (answer, form): the mean of the best forms, and the best of all; ties to the first."""
    flat = [score for forms in scores for score in forms]
    return CoherenceScore(sum(map(max, scores)) / len(scores), flat.index(max(flat)))
