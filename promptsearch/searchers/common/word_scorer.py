"""Scores of words at a position of a text, by a masked or causal model, over many examples."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from promptsearch.engine.strategy import Task
from promptsearch.errors import TaskError
from promptsearch.models import LanguageModel, Plan, Scoring
from promptsearch.prompt import Answer, Filled, Slot
from promptsearch.scoring import Cost
from promptsearch.searchers.common.answer_leaks import leaked_words

if TYPE_CHECKING:
    from torch import Tensor

WORD_SLOT = Slot("word")  # the position of the scored word
PUNCTUATION = (",", ".", ":", ";", "?", "!", "-")


@dataclass(frozen=True)
class WordScorer:
    """Scores words of the model's vocabulary, one token each."""

    model: LanguageModel
    words: tuple[str, ...]
    paid: list[Cost] = field(default_factory=list, compare=False)  # for each plan that ran

    def plan(self, texts: Sequence[Filled]) -> Plan:
        """Return the plan of texts with the slot `WORD_SLOT`; other slots stay open."""
        return self.model.plan(texts, self._answers, Scoring("independent"))

    def mean_log_probs(self, plan: Plan, group: int) -> "Tensor":
        """Return (group, word) log p of each word, the mean over each `group` texts of the plan."""
        import torch

        self.paid.append(Cost.of(plan))
        tables: dict[int, Tensor] = {}
        for block in self.model.run(plan):
            owners = torch.tensor(block.rows) // group
            for owner in owners.unique().tolist():
                total = block.log_probs[owners == owner].sum(0)
                tables[owner] = tables[owner] + total if owner in tables else total
        return torch.stack([tables[owner] for owner in sorted(tables)]) / group

    @cached_property
    def column(self) -> dict[str, int]:
        """The column of each word in a table."""
        return {word: column for column, word in enumerate(self.words)}

    @cached_property
    def column_of_ids(self) -> dict[tuple[int, ...], int]:
        """The column of a word's tokens: an uncased model reads "The" as "the"."""
        ids = self.model.answer_ids(self.words)
        return {word_ids: column for column, word_ids in reversed(list(enumerate(ids)))}

    @cached_property
    def _answers(self) -> tuple[Answer, ...]:
        return tuple(((WORD_SLOT.name, word),) for word in self.words)


def word_scorer(task: Task, model: LanguageModel, more: Sequence[str] = ()) -> WordScorer:
    """Return the scorer of the model's whole words that are no answers, punctuation, and `more`.

    Raises TaskError if the model has no whole words.
    """
    leaks = leaked_words(task)
    words = [word for word in model.vocabulary_words() if word.lower() not in leaks]
    extra = [*PUNCTUATION, *more]
    single = (w for w, ids in zip(extra, model.answer_ids(extra), strict=True) if len(ids) == 1)
    if not words:
        raise TaskError(f"{task.name}: {model.info.spec!r} has no whole words to write with")
    return WordScorer(model.fast_model, tuple(dict.fromkeys((*words, *single))))
