"""Answer search by likelihood ratios: words that tell a label from all others.

Schick, Schmid and Schütze (2020), "Automatically Identifying Words That Can Serve as Labels for
Few-Shot Text Classification" (PETAL). https://arxiv.org/abs/2010.13641

The model reads the training examples once; of each label, the likeliest `candidates` words are
ranked by the likelihood ratio of "this label or not" or by its cross-entropy. With q(example) the
probability of the word at the slot, and s = #negative / #positive examples (section 4):

    llr = s (sum_pos log q - sum_pos log(1 - q)) + sum_neg log(1 - q) - sum_neg log q
    ce  = s  sum_pos log q                       + sum_neg log(1 - q)

In log space and float64: the release's float32 probabilities become 0, and its scores NaN. The
paper takes the best ten of each label, and sums scores over its templates (`joint`).

Ours: how many words a label should have is decided on dev, and no word stands for two labels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

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
    require_model,
    require_words,
    starting_trials,
    with_words,
)
from promptsearch.searchers.common.ledger_calls import ledgered
from promptsearch.searchers.common.start_files import TemplateFiles

STRATEGY = "answers-likelihood-ratio"
Measure = Literal["llr", "ce"]
Floats = NDArray[np.float64]
Ranking = dict[str, list[list[str]]]  # measure -> for each label its words, best first


@dataclass(frozen=True)
class LikelihoodRatioSearch:
    """Search one or several words a label: those that tell it from all others.

    The model reads the training examples once; each label's words are ranked by a likelihood ratio
    or by cross-entropy, and dev says how many are best. Schick et al. (2020), PETAL.
    """

    adaptive: ClassVar[bool] = False  # no prompt depends on what others score on dev

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
        require_words(task)

    def search(self, task: Task, score: Score) -> None:
        """Score prompts with one word for each label, then with more."""
        require_model(task)
        starts = starting_trials(task, self.template, score, STRATEGY)
        for group in [starts] if self.joint else [[start] for start in starts]:
            prompts = [start.prompt for start in group]
            prepare = partial(self._model_call, task, group)
            ranking: Ranking = ledgered(score, STRATEGY, prepare, (self, prompts), task.train)
            for start in group:
                score(self._prompts(task, start, ranking))

    def _prompts(self, task: Task, start: Trial, ranking: Ranking) -> Iterator[Prompt]:
        """Yield the prompts whose labels all have words, and different ones."""
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
        scoring = WordScoring.of(task, model, templates, words, self.examples)
        plan = scoring.plan()

        def run() -> Ranking:
            log_q = scoring.log_prob_table(plan).astype(np.float64)
            return {by: self._ranked(log_q, scoring, by) for by in self._measures}

        return ModelCall(Cost.of(plan), run)

    def _ranked(
        self,
        log_q: Floats,
        scoring: WordScoring,
        by: Measure,
    ) -> list[list[str]]:
        lists = ranked_words(log_q, scoring.gold, by, self.candidates, self.balanced)
        if not self.repeat:
            lists = _assign_to_labels(lists, scoring.words)
        return [[scoring.words[i].text for i in columns[: self.per_label]] for columns in lists]

    @property
    def _measures(self) -> tuple[Measure, ...]:
        return get_args(Measure) if self.measure == "both" else (self.measure,)


def word_scores(log_q: Floats, positive: NDArray[np.bool_], by: Measure, balanced: bool) -> Floats:
    """Return (word,) scores: the higher, the better the word tells the positive examples.

    `log_q` (example, word), `positive` (example,). Not `balanced`: s = 1.
    """
    of_label, negative = log_q[positive], log_q[~positive]
    weight = len(negative) / len(of_label) if balanced else 1.0
    scores: Floats
    if by == "ce":
        scores = weight * of_label.sum(0) + _log_1_minus(negative).sum(0)
    else:
        scores = weight * (of_label - _log_1_minus(of_label)).sum(0)
        scores += (_log_1_minus(negative) - negative).sum(0)
    return scores


def ranked_words(
    log_q: Floats, gold: Ints, by: Measure, candidates: int, balanced: bool = True
) -> list[Ints]:
    """Return the words (columns) of each label, best first; ties to the first.

    `log_q` (template, example, word): the scores of several templates add up (the joint mode).
    Of each label only the `candidates` (0: all) with the highest sum of log q over its examples
    are compared.
    """
    ranked = []
    for label in range(int(gold.max()) + 1):
        positive = gold == label
        scores = sum(
            word_scores(log_q_of_template, positive, by, balanced) for log_q_of_template in log_q
        )
        likely = np.argsort(-log_q[:, positive].sum((0, 1)), kind="stable")
        eligible = np.sort(likely[: candidates or None])
        ranked.append(eligible[np.argsort(-np.asarray(scores)[eligible], kind="stable")])
    return ranked


def _log_1_minus(log_q: Floats) -> Floats:
    """Return log(1 - q) without loss of precision near q = 0 or 1; finite for q = 1 too."""
    below = np.minimum(log_q, -1e-300)
    values = np.log(-np.expm1(below))
    small = below < -0.693  # q below 1/2: 1 - q would lose a small q
    values[small] = np.log1p(-np.exp(below[small]))
    return values


def _assign_to_labels(lists: Sequence[Ints], words: Sequence[Candidate]) -> list[Ints]:
    """Leave each word to the label in whose list it is highest; of equals to the first label."""
    owner: dict[tuple[int, ...], tuple[int, int]] = {}
    for label, ranked in enumerate(lists):
        for rank, word in enumerate(ranked.tolist()):
            owner[words[word].ids] = min(owner.get(words[word].ids, (rank, label)), (rank, label))
    return [
        np.array([word for word in ranked.tolist() if owner[words[word].ids][1] == label])
        for label, ranked in enumerate(lists)
    ]
