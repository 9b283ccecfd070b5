"""Answer search by likelihood ratios: words that tell a label from all others.

Schick, Schmid and Schütze (2020), "Automatically Identifying Words That Can Serve as Labels for
Few-Shot Text Classification" (PETAL). https://arxiv.org/abs/2010.13641

The model reads the training examples once; of each label, the likeliest `candidates` words are
ranked by the likelihood ratio of "this label or not" or by its cross-entropy. The paper takes the
best ten of each label, and sums scores over its templates (`joint`).

Ours: how many words a label should have is decided on dev, and no word stands for two labels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal, get_args

import numpy as np

from promptsearch.engine import ModelCall, Trial
from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import RunError
from promptsearch.metrics.predictions import Ints
from promptsearch.models import Options
from promptsearch.prompt import Prompt
from promptsearch.scoring import Cost
from promptsearch.searchers.answers.common.candidates import Candidate, candidates
from promptsearch.searchers.answers.common.score_table import WordScoring
from promptsearch.searchers.answers.common.start import (
    require_labels,
    require_model,
    starting_trials,
    with_words,
)
from promptsearch.searchers.answers.likelihood_ratio.petal import Measure, label_words
from promptsearch.searchers.common.field_notes import TemplateFiles
from promptsearch.searchers.common.ledgered import ledgered

STRATEGY = "answers-likelihood-ratio"
Ranking = dict[str, list[list[str]]]  # measure -> for each label its words, best first


@dataclass(frozen=True)
class LikelihoodRatioSearch:
    """Search one or several words a label: those that tell it from all others.

    The model reads the training examples once; each label's words are ranked by a likelihood ratio
    or by cross-entropy, and dev says how many are best. Schick et al. (2020), PETAL.
    """

    template: Annotated[
        tuple[str, ...],
        "Search the answers of this template, not of the task's; give it several times.",
        TemplateFiles(),
    ] = ()
    measure: Annotated[
        Literal["llr", "ce", "both"], "Likelihood ratio, or cross-entropy (PETAL's ablation)."
    ] = "both"
    per_label: Annotated[int, "Words of a label, at most (PETAL: 10); fewer are tried too."] = 10
    candidates: Annotated[int, "Likeliest words of a label that are ranked; 0: all."] = 1000
    frequent: Annotated[
        int, "Only so many words, the most frequent in the training inputs; 0: all."
    ] = 0
    examples: Annotated[int, "Training examples that words are judged on, at most."] = 200
    balanced: Annotated[bool, "Weigh a label's examples as much as all others'."] = True
    joint: Annotated[bool, "Add up the scores of all templates, as the paper does."] = True
    max_tokens: Annotated[int, "Tokens of a word, at most."] = 1
    more: Annotated[int, "Words of several tokens that are tried, at most."] = 1000
    repeat: Annotated[bool, "One word may stand for two labels, as in the release."] = False

    def __post_init__(self) -> None:
        least = {"candidates": 0, "frequent": 0}
        for name in ("per_label", "candidates", "frequent", "examples", "max_tokens", "more"):
            if (value := getattr(self, name)) < (bound := least.get(name, 1)):
                raise RunError(
                    f"--{name.replace('_', '-')} {value} is too small; give {bound} or more"
                )

    def check(self, task: Task, model: Options) -> None:
        """Raise TaskError if the task has no labels, or several slots for one word."""
        require_labels(task.name, task.kind, task.prompt.template.slots)

    def search(self, task: Task, score: Score) -> None:
        """One word a label first, then more."""
        require_model(task)
        starts = starting_trials(task, self.template, score, STRATEGY)
        for group in [starts] if self.joint else [[start] for start in starts]:
            prompts = [start.prompt for start in group]
            prepare = partial(self._model_call, task, group)
            ranking: Ranking = ledgered(score, STRATEGY, prepare, (self, prompts), task.train)
            for start in group:
                score(self._prompts(task, start, ranking))

    def _prompts(self, task: Task, start: Trial, ranking: Ranking) -> Iterator[Prompt]:
        """Those whose labels all have words, and different ones."""
        for count in range(1, self.per_label + 1):
            for measure, lists in ranking.items():
                prefixes = [words[:count] for words in lists]
                if len({frozenset(words) for words in prefixes if words}) == len(prefixes):
                    words = dict(zip(task.labels, prefixes, strict=True))
                    yield with_words(start, words, STRATEGY, {"measure": measure, "words": count})

    def _model_call(self, task: Task, starts: Sequence[Trial]) -> ModelCall:
        model = require_model(task).fast_model
        words = candidates(task, model, self.max_tokens, self.more, self.frequent)
        templates = [start.prompt.template for start in starts]
        asking = WordScoring.of(task, model, templates, words, self.examples)
        plan = asking.plan()

        def run() -> Ranking:
            log_q = asking.log_prob_table(plan).astype(np.float64)
            return {by: self._ranked(log_q, asking, by) for by in self._measures}

        return ModelCall(Cost.of(plan), run)

    def _ranked(
        self,
        log_q: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
        asking: WordScoring,
        by: Measure,
    ) -> list[list[str]]:
        lists = label_words(log_q, asking.gold, by, self.candidates, self.balanced)
        if not self.repeat:
            lists = _assign_to_labels(lists, asking.words)
        return [[asking.words[i].text for i in columns[: self.per_label]] for columns in lists]

    @property
    def _measures(self) -> tuple[Measure, ...]:
        return get_args(Measure) if self.measure == "both" else (self.measure,)


def _assign_to_labels(lists: Sequence[Ints], words: Sequence[Candidate]) -> list[Ints]:
    """Each word to the label in whose list it stands highest; of equals to the first label."""
    owner: dict[tuple[int, ...], tuple[int, int]] = {}
    for label, ranked in enumerate(lists):
        for rank, word in enumerate(ranked.tolist()):
            owner[words[word].ids] = min(owner.get(words[word].ids, (rank, label)), (rank, label))
    return [
        np.array([word for word in ranked.tolist() if owner[words[word].ids][1] == label])
        for label, ranked in enumerate(lists)
    ]
