"""Answer search by pruning: likely words of each label, then the best of their combinations.

Gao, Fisch and Chen (2021), "Making Pre-trained Language Models Better Few-shot Learners" (LM-BFF),
section 5.1. https://arxiv.org/abs/2012.15723

The model reads the training examples once. Of each label, the `candidates` words that it finds
likeliest at the slot are kept; combinations of one word a label are ranked by how many training
examples they get right, and the best go to dev. The paper then fine-tunes with each:
`--rank-by finetune`. Words near given ones are the paper's way for TREC: `near`.

Ours: equal combinations (few examples make many) are told apart by log-likelihood; no word stands
for two labels (in the release one may, and then nothing tells them apart); a beam takes over where
the combinations are too many; words may have several tokens.
"""

from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Annotated, ClassVar

import numpy as np

from promptsearch.engine import ModelCall, Trial
from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import RunError, TaskError
from promptsearch.metrics.predictions import Ints
from promptsearch.models import Options
from promptsearch.prompt import Prompt
from promptsearch.scoring import Cost
from promptsearch.searchers.answers.common.candidates import candidates
from promptsearch.searchers.answers.common.score_table import Floats32, WordScoring
from promptsearch.searchers.answers.common.start import (
    require_model,
    require_words,
    starting_trials,
    with_words,
)
from promptsearch.searchers.answers.prune.beam import beam_combinations
from promptsearch.searchers.answers.prune.combinations import LabelWords, best_combinations
from promptsearch.searchers.answers.prune.likely_words import most_likely_words, nearest
from promptsearch.searchers.answers.prune.value_words import ValueWordSearch, check_one_slot
from promptsearch.searchers.answers.prune.yes_no import YesNoSearch
from promptsearch.searchers.common.ledger_calls import ledgered
from promptsearch.searchers.common.start_files import TemplateFiles

STRATEGY = "answers-prune"
Combinations = list[tuple[list[str], int, float]]  # a word a label, examples right, log-likelihood


@dataclass(frozen=True)
class PruneSearch:
    """Search one word a label: likely words first, then their combinations.

    The model reads the training examples once; of each label's likeliest words, the combinations
    that get most examples right go to dev. Gao et al. (2021), LM-BFF.
    """

    adaptive: ClassVar[bool] = False  # no prompt depends on what others score on dev

    template: Annotated[
        tuple[str, ...],
        "Search the answers of this template, not of the task's; give it several times.",
        TemplateFiles(),
    ] = ()
    candidates: Annotated[int, "Words kept of each label (LM-BFF: 100, for TREC 1000)."] = 100
    pairings: Annotated[int, "Combinations that go to dev, of each template."] = 100
    examples: Annotated[int, "Training examples that words are judged on, at most."] = 200
    all: Annotated[int, "Try all combinations if there are no more; else a beam's."] = 10_000_000
    beam: Annotated[int, "Combinations that a beam keeps at each label, or --pairings."] = 200
    near: Annotated[
        int, "Keep as many candidates, the nearest to the label's present answers; 0: all."
    ] = 0
    max_tokens: Annotated[int, "Tokens of a word, at most."] = 1
    more: Annotated[int, "Words of several tokens that are tried, at most."] = 1000

    def __post_init__(self) -> None:
        for name in ("candidates", "pairings", "examples", "all", "beam", "max_tokens", "more"):
            if (value := getattr(self, name)) < 1:
                raise RunError(f"--{name.replace('_', '-')} {value} is too small; give 1 or more")
        if self.near < 0:
            raise RunError(f"`near` {self.near} is too small; give 0 or more")

    def check(self, task: Task, model: Options) -> None:
        """Raise TaskError if the task has no labels, or several slots for one word."""
        if task.kind.values:
            check_one_slot(task)
        elif not task.prompt.template.has_options:
            require_words(task)

    def search(self, task: Task, score: Score) -> None:
        """Score each template's combinations, best first."""
        if task.prompt.template.has_options:
            YesNoSearch(self.candidates, self.pairings, self.examples).search(
                task, score, starting_trials(task, self.template, score, STRATEGY)
            )
            return
        if task.kind.values:
            sizes = self.candidates, self.pairings, self.examples, self.max_tokens, self.more
            starts = starting_trials(task, self.template, score, STRATEGY)
            ValueWordSearch(*sizes).search(task, score, starts)
            return
        require_model(task)
        for start in starting_trials(task, self.template, score, STRATEGY):
            prepare, inputs = partial(self._model_call, task, start), (self, start.prompt)
            combinations: Combinations = ledgered(score, STRATEGY, prepare, inputs, task.train)
            score(self._prompt(task, start, *each) for each in combinations)

    def _prompt(
        self, task: Task, start: Trial, words: list[str], correct: int, log_likelihood: float
    ) -> Prompt:
        evidence = {"train_correct": correct, "train_log_likelihood": log_likelihood}
        label_words = {label: [word] for label, word in zip(task.labels, words, strict=True)}
        return with_words(start, label_words, STRATEGY, evidence)

    def _model_call(self, task: Task, start: Trial) -> ModelCall:
        model = require_model(task).fast_model
        words = candidates(task, model, self.max_tokens, self.more)
        scoring = WordScoring.of(task, model, [start.prompt.template], words, self.examples)
        plan = scoring.plan()

        def run() -> Combinations:
            (table,) = scoring.log_prob_table(plan)
            combinations = self._best_combinations(table, scoring, task)
            return [
                ([words[column].text for column in each.words], each.correct, each.log_likelihood)
                for each in combinations
            ]

        return ModelCall(Cost.of(plan), run)

    def _best_combinations(
        self, table: Floats32, scoring: WordScoring, task: Task
    ) -> list[LabelWords]:
        lengths = [len(word.ids) for word in scoring.words]
        lists = most_likely_words(table, scoring.gold, self.candidates, lengths)
        if self.near:
            lists = self._near(lists, scoring, task)
        count, groups = prod(map(len, lists)), _groups_of_same_tokens(scoring)
        if count <= self.all:
            task.log(f"{count:,} combinations of {len(lists[0])} words a label")
            return best_combinations(table, scoring.gold, lists, self.pairings, groups)
        task.log(
            f"{len(lists[0])} words a label make {count:.1e} combinations: a beam of {self.beam} "
            "looks for the best"
        )
        return beam_combinations(table, scoring.gold, lists, self.pairings, groups, self.beam)

    def _near(self, lists: list[Ints], scoring: WordScoring, task: Task) -> list[Ints]:
        """Return the words near each label's present answers, out of those that are one token."""
        single = [i for i, word in enumerate(scoring.words) if len(word.ids) == 1]
        embeddings = (
            require_model(task)
            .white_box.output_rows([scoring.words[i].text for i in single])
            .numpy()
        )
        rows = np.zeros((len(scoring.words), embeddings.shape[1]), dtype=np.float32)
        rows[single] = embeddings
        lists = [columns[np.isin(columns, single)] for columns in lists]
        return nearest(lists, rows, [_seed_rows(task, label) for label in task.labels], self.near)


def _seed_rows(task: Task, label: str) -> Floats32:
    """Return (answer, hidden) of the label's answers; TaskError if none is one token."""
    model = require_model(task)
    texts = [text for answer in task.prompt.verbalizer[label] for _, text in answer]
    single = [t for t, ids in zip(texts, model.answer_ids(texts), strict=True) if len(ids) == 1]
    if not single:
        raise TaskError(
            f"{task.name}: no answer of {label!r} is one token of {model.info.spec!r}, so nothing "
            "is near it; use `near` 0, or another answer"
        )
    rows: Floats32 = model.white_box.output_rows(single).numpy()
    return rows


def _groups_of_same_tokens(scoring: WordScoring) -> Ints:
    """Return (word,) numbers, equal for words that are the same tokens to the model."""
    first: dict[tuple[int, ...], int] = {}
    return np.array([first.setdefault(word.ids, i) for i, word in enumerate(scoring.words)])
