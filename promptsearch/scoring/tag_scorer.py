"""The judge of taggers: prompts whose head reads each word, and sentences with a tag for each.

Liu et al. (2022), "P-Tuning v2", section 4.2: a word is read at its first token; words that a model
has no room for are outside. Spans are counted as seqeval counts them, strictly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptsearch.data import Dataset
from promptsearch.errors import ModelError
from promptsearch.language.spans import Scheme
from promptsearch.metrics.entity_f1 import entity_counts
from promptsearch.metrics.predictions import Floats, Predictions, TagPredictions
from promptsearch.models import Plan, Scoring
from promptsearch.prompt import Prompt
from promptsearch.scoring.scorer import Cost, PredictionBatch, Scorer

SENTENCES = 4096  # planned at a time
OUTSIDE = "O"


@dataclass(frozen=True)
class TagScorer(Scorer):
    """Judges taggers; a prompt without a head that reads words says that each is outside."""

    scheme: Scheme = "IOB2"

    def predict(self, prompts: Sequence[Prompt], examples: Dataset) -> PredictionBatch:
        """Return one `TagPredictions` a prompt, in order, and their cost."""
        predictions, cost = {}, Cost()
        for prompt in dict.fromkeys(prompts):
            tables, spent = self._tables(prompt, examples)
            predictions[prompt] = self._predictions(prompt, tables, examples)
            cost += spent
        return PredictionBatch(tuple(predictions[prompt] for prompt in prompts), cost)

    def cost(self, prompts: Sequence[Prompt], examples: Dataset) -> Cost:
        """Return the cost of `predict`, from plans that are made for it and thrown away."""
        cost = Cost()
        for prompt in filter(is_tagger, dict.fromkeys(prompts)):
            for first in range(0, len(examples), SENTENCES):
                cost += Cost.of(self._tag_plan(prompt, examples[first : first + SENTENCES]))
        return cost

    def label_log_probs(self, prompts: Sequence[Prompt], examples: Dataset) -> NDArray[np.float32]:
        """Raise ModelError: sentences have a table of words and labels each."""
        raise ModelError("a tagger has labels for each word, and none for the sentence")

    def _tables(self, prompt: Prompt, examples: Dataset) -> tuple[list[Floats], Cost]:
        """Return log p (word, label) of each sentence, and the cost."""
        labels = len(prompt.verbalizer)
        if not is_tagger(prompt):
            uniform = -np.log(labels)
            return [np.full((len(e.words), labels), uniform) for e in examples], Cost()
        tables: list[Floats] = [np.zeros((0, 0))] * len(examples)
        cost = Cost()
        for first in range(0, len(examples), SENTENCES):
            part = examples[first : first + SENTENCES]
            plan = self._tag_plan(prompt, part)
            cost += Cost.of(plan)
            for block in self.model.run(plan):
                values = block.log_probs.double().numpy()
                for row, wide in zip(block.rows, values, strict=True):
                    tables[first + row] = word_log_probs(wide, len(part[row].words), labels)
        return tables, cost

    def _tag_plan(self, prompt: Prompt, examples: Dataset) -> Plan:
        texts = [prompt.template.fill(example.inputs) for example in examples]
        return self.model.plan(texts, prompt.verbalizer.answers, Scoring("independent"))

    def _predictions(
        self, prompt: Prompt, tables: Sequence[Floats], examples: Dataset
    ) -> Predictions:
        """Return what the tables come to, for sentences with tags or without."""
        labels = prompt.verbalizer.labels
        tags = tuple(tuple(labels[i] for i in table.argmax(1).tolist()) for table in tables)
        targets = tuple(example.targets for example in examples)
        none = np.zeros(len(examples), dtype=np.int64)
        unknown = np.full(len(examples), -np.inf)
        if not all(example.tags for example in examples):
            return TagPredictions(labels, targets, unknown, none, none, tags=tags)
        gold = [example.tags for example in examples]
        index = {label: number for number, label in enumerate(labels)}
        pairs = zip(tables, gold, strict=True)
        log_right: Floats = np.array([_log_right(table, each, index) for table, each in pairs])
        right = [
            sum(a == b for a, b in zip(*pair, strict=True)) for pair in zip(gold, tags, strict=True)
        ]
        words = np.array([len(each) for each in gold])
        spans = entity_counts(gold, tags, self.scheme)
        counts = np.column_stack([spans, right, words]).astype(np.int64)
        rank = np.where(counts[:, 3] == counts[:, 4], 1, 2)
        fixed = labels, targets, log_right, none, rank, None, counts, tags
        return TagPredictions(*fixed, gold_tags=tuple(gold))


def is_tagger(prompt: Prompt) -> bool:
    """Return whether a prompt's head reads each word."""
    return prompt.template.head is not None and prompt.template.head.reads == "token"


def word_log_probs(wide: Floats, words: int, labels: int) -> Floats:
    """Return (word, label) of a sentence's row of a plan; words that were cut off are outside."""
    table: Floats = wide[: words * labels].reshape(-1, labels)
    if len(table) < words:
        table = np.concatenate([table, np.zeros((words - len(table), labels))])
    unread = (table == 0).all(1)
    table[unread] = -np.log(labels)  # of equals, the first label is the choice: O
    return table


def _log_right(table: Floats, tags: Sequence[str], index: dict[str, int]) -> float:
    """Return the mean over words of log p(right tag); a tag that is no label has the lowest."""
    floor = float(table.min())
    values = [table[n, index[tag]] if tag in index else floor for n, tag in enumerate(tags)]
    return float(np.mean(values))
