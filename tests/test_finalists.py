"""A search that ranks in a faster dtype: the scores that are written are exact."""

from dataclasses import dataclass, field

import pytest
from test_engine import TASK, Words, prompt

from promptsearch.engine import Limits, search_prompts
from promptsearch.engine.ledger import Ledger
from promptsearch.scoring import Cost, PredictionBatch


@dataclass
class Lengths:
    """Scores by length, less `error`; dies after so many prompts."""

    error: float = 0.0
    dies_after: int = 10**9
    scored: list = field(default_factory=list)

    def count(self, on):
        return 1000

    def cost(self, prompts, on, rows):
        return Cost(1000 * len(prompts))

    def predict(self, prompts, on, rows):
        if len(self.scored) >= self.dies_after:
            raise KeyboardInterrupt
        self.scored += prompts
        return PredictionBatch(tuple(prompts), self.cost(prompts, on, rows))

    def outcomes(self, prompt):
        return {}

    def scores(self, one):
        length = len(str(one.template))
        wrong = self.error * (length % 2)
        return {"log_likelihood": -1 / length - wrong, "accuracy": 0.5, "n": 1000}


WORDS = Words(tuple("a" * n for n in range(1, 61)), together=30)


def test_the_best_are_scored_again_and_only_they_are_ranked():
    ranking, exact = Lengths(0.001), Lengths()
    result = search_prompts(WORDS, TASK, exact, fast=lambda: ranking)
    assert len(ranking.scored) == 60  # the manual prompt alone is not worth it
    assert len(exact.scored) == 21  # the manual prompt and 20 finalists
    assert result.best.prompt == prompt("a" * 60)
    assert len(result.ranked) == 21
    assert all(trial.exact for trial in result.ranked)
    assert result.best.scores == exact.scores(result.best.prompt)
    assert result.manual.scores == exact.scores(TASK.prompt)
    assert result.spent.prompts == 61
    assert result.spent.forwards == 81_000


def test_a_resumed_run_scores_nothing_twice(tmp_path):
    path = tmp_path / "trials.jsonl"
    with Ledger({}, path) as ledger:
        whole = search_prompts(WORDS, TASK, Lengths(), fast=lambda: Lengths(0.001), ledger=ledger)
    ranking, exact = Lengths(0.001), Lengths()
    with Ledger({}, path) as ledger:
        again = search_prompts(WORDS, TASK, exact, fast=lambda: ranking, ledger=ledger)
    assert not ranking.scored
    assert not exact.scored
    assert again.ranked == whole.ranked


@pytest.mark.parametrize("forwards", [45_000, 60_000, 81_000])
def test_the_limit_on_forwards_leaves_room_for_the_finalists(forwards):
    limits = Limits(forwards=forwards)
    result = search_prompts(WORDS, TASK, Lengths(), fast=lambda: Lengths(0.001), limits=limits)
    assert result.spent.forwards <= forwards
    assert result.exact
    assert result.manual.exact


def test_a_search_interrupted_twice_keeps_what_it_ranked():
    result = search_prompts(WORDS, TASK, Lengths(dies_after=1), fast=lambda: Lengths(0.001))
    assert result.stopped_because == "interrupted"
    assert len(result.ranked) == 61
    assert not result.exact


def test_few_prompts_are_scored_exactly_at_once():
    ranking = Lengths(0.001)
    result = search_prompts(Words(WORDS.words[:19]), TASK, Lengths(), fast=lambda: ranking)
    assert not ranking.scored
    assert len(result.ranked) == 20
    assert result.spent.forwards == 20_000
