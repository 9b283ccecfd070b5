"""The two words that a value lies between: those whose log-odds follow the values of train.

LM-BFF gives the words of a regression by hand. Here, after its pruning for labels: the model reads
the training examples once; words are ranked by how the log p of each goes with the values
(Pearson), the ones that rise most are tried as the high end and those that fall most as the low
one, all on the same table, and the pairs whose shares p(high) correlate best go to dev.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from promptsearch.data import Example
from promptsearch.engine import ModelCall, Trial
from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import ModelError, TaskError
from promptsearch.metrics.correlation import correlations
from promptsearch.metrics.predictions import Floats
from promptsearch.models import LanguageModel, Scoring
from promptsearch.prompt import Prompt
from promptsearch.scoring import Cost
from promptsearch.searchers.answers.common.candidates import candidates
from promptsearch.searchers.answers.common.score_table import WordScoring
from promptsearch.searchers.answers.common.start import with_words
from promptsearch.searchers.common.ledger_calls import ledgered

Pairs = list[tuple[str, str, float]]  # low, high, correlation on train
STRATEGY = "answers-prune"


def check_one_slot(task: Task) -> None:
    """Raise TaskError if there are several slots for a word."""
    if len(slots := task.prompt.template.slots) > 1:
        raise TaskError(
            f"{task.name}: the template has the slots {', '.join(slots)}; words are searched for "
            "one [Z]"
        )


@dataclass(frozen=True)
class ValueWordSearch:
    """The search of one or more templates of a task of values."""

    candidates: int  # words tried for each end
    pairings: int  # pairs that go to dev, of each template
    examples: int  # of train, at most
    max_tokens: int
    more: int  # words of several tokens, at most

    def search(self, task: Task, score: Score, starts: Sequence[Trial]) -> None:
        """Score the best pairs of each start."""
        if task.model is None:
            raise ModelError("searching answers needs a model")
        check_one_slot(task)
        for start in starts:
            prepare = partial(self._call, task, task.model.fast_model, start.prompt)
            inputs = (self, start.prompt)
            pairs: Pairs = ledgered(score, f"{STRATEGY} values", prepare, inputs, task.train)
            score(_prompt(task, start, *pair) for pair in pairs)

    def _call(self, task: Task, model: LanguageModel, prompt: Prompt) -> ModelCall:
        words = candidates(task, model, self.max_tokens, self.more)
        examples = _drawn(task, self.examples)
        right = np.array([float(example.targets[0]) for example in examples])
        scoring = Scoring("independent", task.scoring.length_norm)
        none = np.zeros(len(examples), dtype=np.int64)
        read = WordScoring(model, [prompt.template], examples, none, words, scoring)
        plan = read.plan()

        def run() -> Pairs:
            (table,) = read.log_prob_table(plan)
            best = self._best(table.astype(np.float64), right)
            return [(words[low].text, words[high].text, value) for low, high, value in best]

        return ModelCall(Cost.of(plan), run)

    def _best(self, table: Floats, right: Floats) -> list[tuple[int, int, float]]:
        """Return the best pairs of columns, low and high, from (example, word) log p."""
        order = np.argsort(-correlations(table, right), kind="stable")
        rising, falling = order[: self.candidates], order[::-1][: self.candidates]
        pairs: list[tuple[int, int, float]] = []
        for high in rising.tolist():
            shares = 1 / (1 + np.exp(table[:, falling] - table[:, [high]]))
            values = correlations(shares, right).tolist()
            scored = zip(falling.tolist(), values, strict=True)
            pairs += [(low, high, value) for low, value in scored if low != high]
        pairs.sort(key=lambda pair: -pair[2])
        return pairs[: self.pairings]


def _drawn(task: Task, most: int) -> list[Example]:
    """Return as many training examples at most, in their order."""
    order = np.random.default_rng([task.seed, 8]).permutation(len(task.train))[:most]
    return [task.train[row] for row in sorted(order.tolist())]


def _prompt(task: Task, start: Trial, low: str, high: str, correlation: float) -> Prompt:
    words = dict(zip(task.labels, ([low], [high]), strict=True))
    return with_words(start, words, STRATEGY, {"train_pearson": correlation})
