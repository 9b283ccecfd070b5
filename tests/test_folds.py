"""Folds of dev: runs that do not see them, shared scores, and what is told of new rows."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from promptsearch.data import CLASSIFICATION
from promptsearch.engine import Limits, search_prompts
from promptsearch.engine.expectation import EnsembleRule, member_indices
from promptsearch.engine.folds import FOLDS, deal, runs_over
from promptsearch.engine.ledger import Ledger
from promptsearch.engine.search import SearchDesign
from promptsearch.engine.strategy import Task
from promptsearch.engine.trial import ranked
from promptsearch.metrics import scores_of
from promptsearch.metrics.intervals import wilson
from promptsearch.metrics.outcomes import predictions_of
from promptsearch.metrics.predictions import Predictions
from promptsearch.prompt import Prompt, Source, Template, Verbalizer
from promptsearch.scoring import Cost, PredictionBatch
from promptsearch.scoring.combination import combine

ROWS, LABELS = 64, ("pos", "neg")
ANSWERS = Verbalizer.of({"pos": "good", "neg": "bad"})
GOLD = np.arange(ROWS) % 2
TARGETS = tuple((LABELS[label],) for label in GOLD)


def prompt(name, source=Source("toy")):
    return Prompt(Template.parse(f"{name} [Z]"), ANSWERS, source)


TASK = Task("toy", CLASSIFICATION, prompt("start", Source()), (), labels=LABELS)
FOLDED = SearchDesign(folds=FOLDS)


@dataclass
class Guesses:
    """Judges that all prompts guess: each has its own log-odds on each row, better by `skill`."""

    seed: int = 0
    skill: float = 0.0
    changed: frozenset = frozenset()  # rows whose log-odds are other ones
    scored: list = field(default_factory=list)

    def count(self, on):
        return ROWS

    def strata(self, on):
        return GOLD

    def cost(self, prompts, on, rows):
        return Cost(len(prompts) * ROWS)

    def predict(self, prompts, on, rows):
        self.scored += prompts
        return PredictionBatch(tuple(map(self.of, prompts)), self.cost(prompts, on, rows))

    def of(self, one):
        """The predictions of a prompt for all rows."""
        name = sum(map(ord, str(one.template)))
        rng = np.random.default_rng([self.seed, name])
        odds = rng.normal(self.skill, 1, ROWS)
        other = np.random.default_rng([self.seed, name, 1]).normal(self.skill, 1, ROWS)
        odds = np.where(np.isin(np.arange(ROWS), list(self.changed)), other, odds)
        right = -np.logaddexp(0, -odds)
        log_probs = np.empty((ROWS, 2))
        log_probs[np.arange(ROWS), GOLD] = right
        log_probs[np.arange(ROWS), 1 - GOLD] = -np.logaddexp(0, odds)
        predicted = log_probs.argmax(1)
        rank = np.where(predicted == GOLD, 1, 2)
        return Predictions(LABELS, TARGETS, right, predicted, rank, log_probs)

    def scores(self, predictions):
        return scores_of(predictions, CLASSIFICATION)

    def outcomes(self, predictions):
        return CLASSIFICATION.outcomes(predictions)

    def recalled(self, one, on, rows, outcomes):
        return predictions_of(outcomes, LABELS, TARGETS)


@dataclass
class Climb:
    """Tries some prompts, then neighbours of the best of them; keeps what it saw."""

    first: int = 8
    then: int = 4
    runs: list = field(default_factory=list)

    def search(self, task, score):
        seen = score([task.prompt, *(prompt(f"a{n}") for n in range(self.first))])
        best = ranked(seen, "log_likelihood")[0]
        name = str(best.prompt.template).removesuffix(" [Z]")
        self.runs.append((score, [*seen, *score([prompt(f"{name}{n}") for n in range(self.then)])]))


@dataclass
class Names:
    """Tries the prompts of these names, whatever they score."""

    count: int

    def search(self, task, score):
        score([prompt(f"n{number}") for number in range(self.count)])


def run(searcher, judge=None, design=FOLDED, **options):
    return search_prompts(searcher, TASK, judge or Guesses(), design=design, **options)


def test_folds_are_all_rows_once_with_their_share_of_each_label():
    folds = deal(GOLD, 3)
    assert sorted(row for rows in folds for row in rows) == list(range(ROWS))
    assert {len(rows) for rows in folds} == {ROWS // FOLDS}
    assert {int(GOLD[list(rows)].sum()) for rows in folds} == {ROWS // FOLDS // 2}


def test_a_run_sees_scores_without_its_fold():
    climb, judge = Climb(), Guesses(1)
    run(climb, judge)
    assert len(climb.runs) == FOLDS
    for score, trials in climb.runs:
        seen = np.setdiff1d(np.arange(ROWS), score.out)
        for trial in trials:
            wanted = judge.of(trial.prompt).log_right[seen].mean()
            assert trial.scores["log_likelihood"] == pytest.approx(wanted, abs=1e-5)
            assert trial.n == len(seen)


def test_what_a_run_tries_does_not_depend_on_the_rows_of_its_fold():
    before, after = Climb(), Climb()
    run(before, Guesses(1))
    rows = frozenset(before.runs[2][0].out)
    run(after, Guesses(1, changed=rows))
    tried = [[trial.prompt for trial in climb.runs[2][1]] for climb in (before, after)]
    assert tried[0] == tried[1]
    scores = [[trial.scores for trial in climb.runs[2][1]] for climb in (before, after)]
    assert scores[0] == scores[1]


def test_prompts_that_several_runs_come_to_are_scored_once():
    judge = Guesses()
    result = run(Names(10), judge)
    assert len(judge.scored) == 11 == result.spent.prompts
    assert result.spent.forwards == 11 * ROWS


@pytest.mark.parametrize("budget", [2, 5, 10, 13, 20])
def test_runs_share_the_budget_and_keep_it(budget):
    result = run(Climb(), limits=Limits(prompts=budget))
    assert result.spent.prompts <= budget
    assert len(result.trials) == result.spent.prompts
    assert run(Climb(), limits=Limits(prompts=200)).stopped_because == "finished"


def naive(climb, judge, pick):
    """Hits and log p of each row under the winners of the run that did not see it."""
    hits, log_right = np.empty(ROWS), np.empty(ROWS)
    for score, trials in climb.runs:
        seen = np.setdiff1d(np.arange(ROWS), score.out)
        distinct = list(dict.fromkeys(trial.prompt for trial in trials))
        order = sorted(distinct, key=lambda p: -judge.of(p).log_right[seen].mean())
        log_probs = combine(np.stack([judge.of(p).log_probs for p in pick(order)]), [1.0], "mean")
        rows = list(score.out)
        hits[rows] = log_probs[rows].argmax(1) == GOLD[rows]
        log_right[rows] = log_probs[rows, GOLD[rows]]
    return hits, log_right


def test_the_expected_scores_are_those_of_a_plain_loop():
    climb, judge = Climb(), Guesses(4, 0.5)
    expected = run(climb, judge).expected
    hits, log_right = naive(climb, judge, lambda order: order[:1])
    assert expected.folds == FOLDS
    assert expected.best["n"] == ROWS
    assert expected.best["accuracy"] == pytest.approx(hits.mean())
    assert expected.best["log_likelihood"] == pytest.approx(log_right.mean(), abs=1e-5)
    manual = judge.of(TASK.prompt)
    gain = expected.best["vs_manual"]
    assert gain["accuracy"] == pytest.approx(hits.mean() - manual.hits.mean())
    assert gain["log_likelihood"] == pytest.approx((log_right - manual.log_right).mean(), abs=1e-5)
    fewer = ROWS / (1 + 2 / 6)  # winners of runs that share rows do not err independently
    assert expected.best["accuracy_ci95"] == pytest.approx(wilson(hits.mean() * fewer, fewer))


def test_an_ensemble_of_each_run_answers_its_fold():
    judge = Guesses(4, 0.5)
    rule = EnsembleRule("mean", 3)
    expected = run(Climb(), judge, SearchDesign(FOLDS, ensemble=rule)).expected
    climb = Climb()
    run(climb, judge)
    for number, (score, trials) in enumerate(climb.runs):
        assert set(score.out) == set(deal(GOLD, TASK.seed)[number])
        assert len(trials) == 13
    values = []
    for score, trials in climb.runs:
        seen = np.setdiff1d(np.arange(ROWS), score.out)
        order = sorted(
            {t.prompt for t in trials}, key=lambda p: -judge.of(p).log_right[seen].mean()
        )
        together = combine(np.stack([judge.of(p).log_probs for p in order[:3]]), [1] * 3, "mean")
        values += [together[row, GOLD[row]] for row in score.out]
    assert expected.ensemble["log_likelihood"] == pytest.approx(np.mean(values), abs=1e-5)


def test_nothing_flatters_where_all_prompts_guess():
    """Dev's accuracy of the best of 60 guessing prompts is high; what is expected of it is not."""
    results = [run(Climb(40, 20), Guesses(seed), limits=Limits()) for seed in range(12)]
    dev = np.mean([result.best.scores["accuracy"] for result in results])
    told = np.array([result.expected.best["accuracy"] for result in results])
    assert dev > 0.6
    assert abs(told.mean() - 0.5) < 3 * told.std(ddof=1) / len(told) ** 0.5 + 0.01
    inside = [r.expected.best["accuracy_ci95"] for r in results]
    assert np.mean([low <= 0.5 <= high for low, high in inside]) >= 0.9


def test_a_strategy_that_reads_no_scores_is_folded_afterwards():
    judge = Guesses(2, 0.3)
    whole = run(Names(20), judge, SearchDesign(adaptive=False))
    folded = run(Names(20), judge)
    assert whole.expected == folded.expected
    assert [t.scores for t in whole.trials] == [t.scores for t in folded.trials]


@pytest.mark.parametrize("options", [{"race": 0}, {}])
def test_nothing_is_told_where_all_rows_had_a_part(options):
    design = FOLDED if options else SearchDesign(adaptive=True)
    assert run(Climb(), design=design, **options).expected is None


def test_few_rows_are_not_folded():
    assert runs_over(15, FOLDS) == 1
    assert runs_over(16, FOLDS) == FOLDS


def test_a_cut_run_goes_on_to_the_same_end(tmp_path):
    def search(path):
        with Ledger({}, path) as ledger:
            return run(Climb(), Guesses(5, 0.2), ledger=ledger)

    path = tmp_path / "trials.jsonl"
    whole = search(path)
    lines = path.read_bytes().splitlines(keepends=True)
    for kept in (2, len(lines) // 2, len(lines) - 1):
        path.write_bytes(b"".join(lines[:kept]))
        again = search(path)
        assert again.expected == whole.expected
        assert [(t.id, t.prompt) for t in again.trials] == [(t.id, t.prompt) for t in whole.trials]
        assert again.spent.forwards == whole.spent.forwards


def test_trials_of_an_earlier_version_are_scored_again(tmp_path):
    """They have no outcomes, from which folds could be told."""
    with Ledger({}, None) as ledger:
        run(Names(3), ledger=ledger)
        old = [{k: v for k, v in row.items() if k != "outcomes"} for row in ledger.rows]
    judge = Guesses()
    result = run(Names(3), judge, ledger=Ledger(rows=old))
    assert len(judge.scored) == 4
    assert result.expected is not None


def test_members_are_the_best_with_at_most_so_many_of_a_step():
    steps = ("a", "a", "a", "b", "a", "b", "c")
    assert member_indices(steps, 4, 2) == [0, 1, 3, 5]
    assert member_indices(steps, 9, 1) == [0, 3, 6]
    assert member_indices(steps, 3, None) == [0, 1, 2]


def test_no_member_is_worse_than_the_manual_prompt():
    """Others take the places that a step may not have, but not to spoil what it has."""
    assert member_indices(("a", "a", "a", "b", "manual", "b", "c"), 10, 2) == [0, 1, 3]
    assert member_indices(("manual", "a", "b"), 10, 5) == [0]
    assert member_indices(("a", "manual", "b"), 10, None) == [0, 1, 2]


def test_a_prompt_has_the_source_that_the_run_itself_gave_it():
    """An earlier run, which sees the rows of this one's fold, may have proposed it elsewhere."""

    @dataclass
    class Steps:
        sources: list = field(default_factory=list)

        def search(self, task, score):
            best = ranked(score([prompt("a"), prompt("b")]), "log_likelihood")[0]
            step = str(best.prompt.template)
            (trial,) = score([prompt("x", Source("toy", (), {"step": step}))])
            self.sources.append((step, trial.prompt.source.evidence["step"]))

    steps = Steps()
    run(steps, Guesses(2))
    assert len({step for step, _ in steps.sources}) == 2
    assert all(step == source for step, source in steps.sources)


@pytest.mark.parametrize("budget", [2, 5, 13, 25, 30, 40])
def test_each_run_has_its_turn_however_small_the_budget(budget):
    """Runs whose prompts are all other ones must not leave the last ones without any."""
    climb = Climb(4, 20)
    result = run(climb, Guesses(1), limits=Limits(prompts=budget))
    assert result.spent.prompts <= budget
    assert result.expected is not None
    assert result.expected.best["n"] == ROWS


@pytest.mark.parametrize("forwards", range(51, 82, 3))
def test_forwards_stay_back_for_members_beside_the_finalists(forwards):
    """Without them the last phase ends early, and nothing counts as exact."""

    class Steps:
        def search(self, task, score):
            judge = Guesses(3)
            names = [prompt(f"q{n}") for n in range(200)]
            names.sort(key=lambda one: -judge.of(one).log_right.mean())
            steps = {"A": names[:40], "B": names[60:70]}
            for step, prompts in steps.items():
                source = Source("toy", (), {"step": step})
                score([replace(one, source=source) for one in prompts])

    design = SearchDesign(ensemble=EnsembleRule("mean", 10, 5))
    limits = Limits(forwards=forwards * ROWS)
    result = run(Steps(), Guesses(3), design, fast=lambda: Guesses(3), limits=limits)
    assert result.exact
    assert result.spent.forwards <= forwards * ROWS
