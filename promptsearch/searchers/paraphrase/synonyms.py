"""Words and phrases replaced by synonyms, inflected like them; articles agree."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from promptsearch.language.english import Thesaurus, agreed, replacements
from promptsearch.prompt import Template
from promptsearch.searchers.common.interleave import interleave
from promptsearch.searchers.paraphrase.proposal import Parent, Proposal
from promptsearch.searchers.paraphrase.template_words import Edit, TemplateWords, distinct

LONGEST = 3  # words of a phrase


@dataclass(frozen=True)
class Synonyms:
    """Synonyms of thesauri: WordNet, and pair files such as PPDB's. English only."""

    thesauri: Sequence[Thesaurus]

    def neighbours(self, parents: Sequence[Parent]) -> Iterator[list[Proposal]]:
        for parent in parents:
            yield [
                Proposal(with_articles(template, parent.template), parent, evidence)
                for template, evidence in distinct(self._edits(TemplateWords.of(parent.template)))
            ]

    def _edits(self, words: TemplateWords) -> Iterator[Edit]:
        """Yield edits of each phrase in turn, its likeliest synonym first."""
        return interleave(self._replacements(words, *span) for span in words.spans(LONGEST))

    def _replacements(self, words: TemplateWords, start: int, stop: int) -> Iterator[Edit]:
        phrase = words.text(start, stop)
        texts = (text for thesaurus in self.thesauri for text in replacements(phrase, thesaurus))
        for text in dict.fromkeys(texts):
            evidence: dict[str, object] = {"method": "synonyms", "from": phrase, "to": text}
            yield words.replaced(start, stop, text), evidence


def with_articles(template: Template, before: Template) -> Template:
    """Return the template with "a" and "an" corrected where the words after them have changed."""
    return Template.parse(agreed(str(template), str(before)))
