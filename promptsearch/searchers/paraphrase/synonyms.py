"""Words and phrases replaced by synonyms, inflected like what they replace; articles agree."""

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
    """English only, as its thesauri are: WordNet, and pair files such as PPDB's."""

    thesauri: Sequence[Thesaurus]

    def neighbours(self, parents: Sequence[Parent]) -> Iterator[list[Proposal]]:
        for parent in parents:
            yield [
                Proposal(with_articles(template, parent.template), parent, done)
                for template, done in distinct(self._edits(TemplateWords.of(parent.template)))
            ]

    def _edits(self, wording: TemplateWords) -> Iterator[Edit]:
        """Each phrase in turn, its likeliest synonym first."""
        return interleave(self._of(wording, *span) for span in wording.spans(LONGEST))

    def _of(self, wording: TemplateWords, start: int, stop: int) -> Iterator[Edit]:
        phrase = wording.text(start, stop)
        texts = (text for source in self.thesauri for text in replacements(phrase, source))
        for text in dict.fromkeys(texts):
            done: dict[str, object] = {"method": "synonyms", "from": phrase, "to": text}
            yield wording.replaced(start, stop, text), done


def with_articles(template: Template, before: Template) -> Template:
    """The template, its articles as the words after them want them where those have changed."""
    return Template.parse(agreed(str(template), str(before)))
