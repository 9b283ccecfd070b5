"""Prompt mining.

Jiang, Xu, Araki and Neubig (2020), "How Can We Know What Language Models Know?" (LPAQA).
https://arxiv.org/abs/1911.12543

Sentences that hold the subject and the object of a known fact show how people state its relation:
the words between the two ("Paris is the capital of France") become templates, and so do phrases
around the shortest path between them in the dependency tree. We follow the released code (RelEnt),
except that case variants are merged before they are counted, middle words stay inside the
sentence, templates with digits are dropped, and path words are looked up by position; fields bring
the first three back. LPAQA counted over all of Wikipedia; where a smaller corpus holds nothing as
frequent as `min_count`, `relax` keeps what occurs twice. Only training facts are mined.

For classification, which the paper does not cover, contexts of the answers ("the food was [Z]")
take the place of middle words: see `contexts.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from promptsearch.engine.strategy import Score, Task
from promptsearch.searchers.mine.contexts import shared_contexts
from promptsearch.searchers.mine.dependency import frequent_phrases, phrase_direction
from promptsearch.searchers.mine.frequent_snippets import FrequentSnippets
from promptsearch.searchers.mine.mined_templates import MinedTemplate, TemplateBuilder
from promptsearch.searchers.mine.pipeline import mine_templates
from promptsearch.searchers.mine.snippet_extractor import SnippetLimits
from promptsearch.searchers.mine.snippets import most_frequent


@dataclass(frozen=True)
class MiningSearch:
    """Search templates in a corpus.

    The words that stand between subject and object of the training facts in real sentences (or
    around the answer words of a labelled task) become templates; each is scored on dev.
    Jiang et al. (2020), "How Can We Know What Language Models Know?"
    """

    adaptive: ClassVar[bool] = False  # no prompt depends on what others score on dev

    min_count: Annotated[int, "Drop snippets that occur less often (LPAQA: 10)."] = 10
    relax: Annotated[
        bool, "Where nothing is that frequent, keep what occurs twice (ours: corpora are small)."
    ] = True
    max_words: Annotated[int, "Words in a snippet; in a context, on both sides together."] = 5
    top: Annotated[int, "Snippets kept, most frequent first."] = 50
    max_distance: Annotated[int, "Words between two mentions that belong together."] = 10
    digits: Annotated[bool, 'Keep snippets with digits, as the release does ("[Y] 1 [X] .").'] = (
        False
    )
    merge_case: Annotated[bool, 'Count "Was" as "was"; the release does not.'] = True
    cross_sentences: Annotated[bool, "Pair mentions across sentence ends, as the release does."] = (
        False
    )
    min_labels: Annotated[int, "Labels that must share a context (classification)."] = 2
    dependency: Annotated[
        Literal["auto", "on", "off"], "Templates from dependency paths; auto: if spaCy is there."
    ] = "auto"
    dependency_top: Annotated[int, "Dependency templates kept."] = 100
    dependency_tokens: Annotated[int, "A dependency template has fewer tokens."] = 20
    max_parsed: Annotated[int, "Sentences parsed per task: a fixed sample of the hits."] = 2000

    def search(self, task: Task, score: Score) -> None:
        (mined,) = mine_tasks(self, [task])
        score(template.prompt(task.prompt) for template in mined)

    def limits(self, parses: bool) -> SnippetLimits:
        """Return the limits of what is counted; the other fields choose among the counts."""
        return SnippetLimits(
            self.max_words,
            self.max_distance,
            self.digits,
            self.merge_case,
            self.cross_sentences,
            self.max_parsed if parses else 0,
        )

    def templates(
        self, snippets: FrequentSnippets, builder: TemplateBuilder
    ) -> list[MinedTemplate]:
        """Return each template once, by its first and most frequent source."""
        ordered = [*self._middle(snippets, builder), *self._dependency(snippets, builder)]
        ordered += self._contexts(snippets, builder)
        return list({template.template: template for template in reversed(ordered)}.values())[::-1]

    def _middle(
        self, snippets: FrequentSnippets, builder: TemplateBuilder
    ) -> Iterator[MinedTemplate]:
        counts = {snippet: n for snippet, n in snippets.totals.items() if snippet.direction}
        for snippet, count in most_frequent(
            counts, snippets.min_count, self.max_words, self.top, self.digits, self.merge_case
        ):
            if template := builder.middle(snippet):
                yield MinedTemplate(
                    template, count, snippet.direction, "middle", snippets.example(snippet)
                )

    def _dependency(
        self, snippets: FrequentSnippets, builder: TemplateBuilder
    ) -> Iterator[MinedTemplate]:
        counts, examples = snippets.phrases
        for phrase, count in frequent_phrases(counts, snippets.min_count, self.dependency_top):
            if template := builder.phrase(phrase):
                direction = phrase_direction(phrase)
                yield MinedTemplate(template, count, direction, "dependency", examples[phrase])

    def _contexts(
        self, snippets: FrequentSnippets, builder: TemplateBuilder
    ) -> Iterator[MinedTemplate]:
        counts = {s: by_label for s, by_label in snippets.counts.items() if not s.direction}
        for snippet, count in shared_contexts(
            counts, snippets.min_count, self.min_labels, self.top
        ):
            for template in filter(None, builder.contexts(snippet)):
                yield MinedTemplate(template, count, None, "context", snippets.example(snippet))


def mine_tasks(searcher: MiningSearch, tasks: Sequence[Task]) -> list[list[MinedTemplate]]:
    """Return the templates of each task, from one pass over all their corpora, without a model.

    They are written to `mined.jsonl` in the task's workspace, and read from there if nothing has
    changed. Raises TaskError if a task has no corpus, or its corpus not a single hit.
    """
    return mine_templates(searcher, tasks)
