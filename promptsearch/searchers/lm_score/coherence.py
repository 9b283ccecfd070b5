"""The coherence of a template: how likely are the sentences that it makes of known triples.

The score of a sentence w_1 ... w_n (tokens, `prefix` and all) is

    (sum over i >= 2 of log p(w_i | w_1 ... w_{i-1})) / n ** exponent

so the first token is counted and not scored, as in the release. The score of a template for an
example is that of the best sentence among its forms; with several answers, the mean over them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from promptsearch.engine import ModelCall
from promptsearch.models import LanguageModel
from promptsearch.prompt import Filled, Input, Template, Text
from promptsearch.scoring import Cost
from promptsearch.searchers.lm_score.sentences import SentenceSet


class CoherenceScore(NamedTuple):
    """The score of one template for one example, and the number of its best sentence."""

    score: float
    best: int


@dataclass(frozen=True)
class Coherence:
    """Scores templates on sets of sentences, with a causal model."""

    lm: LanguageModel
    sentence_sets: Sequence[SentenceSet]
    prefix: str = ". "
    exponent: float = 0.2

    def model_call(self, templates: Sequence[Template]) -> ModelCall:
        """Return the call that gives (template, example) `CoherenceScore`s."""
        from promptsearch.models.generation.text_likelihood import plan_text_likelihood

        sentences = [
            self.sentences(template, each) for template in templates for each in self.sentence_sets
        ]
        texts = plan_text_likelihood(
            self.lm, [text for answers in sentences for answer in answers for text in answer]
        )

        def run() -> list[list[CoherenceScore]]:
            scores = map(self.score, texts.log_probs(), texts.counts)
            scores_of = [
                _coherence_score([[next(scores) for _ in answer] for answer in answers])
                for answers in sentences
            ]
            step = len(self.sentence_sets)
            return [scores_of[first : first + step] for first in range(0, len(scores_of), step)]

        return ModelCall(Cost.of(texts.plan), run)

    def score(self, log_prob: float, tokens: int) -> float:
        """Return the score of a sentence with so many tokens, the first one included."""
        return log_prob / float(tokens**self.exponent)

    def sentences(self, template: Template, sentence_set: SentenceSet) -> list[list[Filled]]:
        """Return, for each answer of the example, a sentence for each combination of forms."""
        return sentence_set.sentences(template, self.prefix)

    def sentence(self, template: Template, sentence_set: SentenceSet, number: int) -> str:
        """Return the text of an example's sentence of this number, without the prefix."""
        sentences = [text for texts in self.sentences(template, sentence_set) for text in texts]
        return "".join(_texts(sentences[number]))


def _texts(filled: Filled) -> Iterator[str]:
    yield from (part.text for part in filled[1:] if isinstance(part, Text | Input))


def _coherence_score(scores: Sequence[Sequence[float]]) -> CoherenceScore:
    """Return the mean over answers of their best form, and the best form; ties to the first.

    `scores` is (answer, form).
    """
    flat = [score for forms in scores for score in forms]
    return CoherenceScore(sum(map(max, scores)) / len(scores), flat.index(max(flat)))
