"""The gain certificate's statistics: against naive loops, closed forms, and a planted truth."""

from math import sqrt

import numpy as np
import pytest

from promptsearch.evaluation.certificate.crossfit import cross_fit, few_shot_draws
from promptsearch.evaluation.certificate.paired import (
    Interval,
    Z,
    paired_interval,
    rows_needed,
)
from promptsearch.evaluation.certificate.score_matrix import best_by
from promptsearch.evaluation.certificate.splits import few_shots
from promptsearch.evaluation.certificate.verdict import verdict_of
from promptsearch.metrics.folds import stratified_folds
from promptsearch.metrics.intervals import inflation, student_quantile, tango


def hits(accuracies, rows, seed):
    rng = np.random.default_rng(seed)
    return (rng.random((len(accuracies), rows)) < np.array(accuracies)[:, None]).astype(float)


def gains(fit, found, manual):
    """(repeat, row)"""
    return found[fit.chosen, np.arange(len(manual))] - manual


def test_folds_have_every_label_alike():
    strata = np.array([0] * 23 + [1] * 9 + [2] * 5)
    fold = stratified_folds(strata, 5, np.random.default_rng(0))
    for labels in (strata == 0, strata == 1, strata == 2, strata >= 0):
        counts = np.bincount(fold[labels], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_shots_are_so_many_of_each_label():
    strata = np.array([0, 1, 0, 1, 0, 1, 2, 0])
    drawn = few_shots(strata, 2, np.random.default_rng(0))
    assert sorted(strata[drawn].tolist()) == [0, 0, 1, 1, 2]
    assert len(set(drawn.tolist())) == len(drawn)


def test_the_choice_is_by_merit_then_by_the_next_then_by_order():
    first = np.array([[1.0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1]])
    second = np.array([[-3.0, 0, 0], [-1, 0, 0], [-1, 0, 0], [0, 0, 0]])
    assert best_by(first, second)(np.array([0, 1])) == 1
    assert best_by(first)(np.array([0, 1])) == 0
    assert best_by(first, second)(np.array([2])) == 3


def test_cross_fitting_is_what_a_naive_loop_does():
    values, strata = hits([0.5, 0.6, 0.7, 0.6], 31, 3), np.arange(31) % 3
    found, manual = values[1:], values[0]
    fit = cross_fit(best_by(found), strata, folds=4, repeats=3, seed=5)
    differences = gains(fit, found, manual)
    rng = np.random.default_rng(5)
    for repeat in range(3):
        fold = stratified_folds(strata, 4, rng)
        for row in range(31):
            others = [i for i in range(31) if fold[i] != fold[row]]
            totals = [sum(found[c][i] for i in others) for c in range(3)]
            winner = totals.index(max(totals))
            assert fit.winners[repeat, fold[row]] == winner
            assert differences[repeat, row] == found[winner][row] - manual[row]


def test_no_row_judges_a_winner_that_it_chose():
    """The best of many coins gains by choosing, and nothing where it is judged elsewhere."""
    naive, honest = [], []
    for seed in range(40):
        values = hits([0.5] * 41, 40, seed)
        found, manual = values[1:], values[0]
        choose = best_by(found)
        naive.append((found[choose(np.arange(40))] - manual).mean())
        fit = cross_fit(choose, np.arange(40) % 2, repeats=3, seed=seed)
        honest.append(gains(fit, found, manual).mean())
    assert np.mean(naive) > 0.1
    assert abs(np.mean(honest)) < 0.05


def test_few_shot_draws_judge_on_the_rows_that_were_not_drawn():
    strata = np.arange(20) % 2
    found = np.array([np.ones(20), np.zeros(20)])
    draws = few_shot_draws(best_by(found), strata, shots=3, draws=4, seed=1)
    drawn = few_shots(strata, 3, np.random.default_rng(1))
    assert [draw.winner for draw in draws] == [0] * 4
    assert sorted([*drawn, *draws[0].rest]) == list(range(20))


def likeliest_rate(won, lost, n, delta):
    """The most likely share of rows lost where the difference is `delta`, by trying them all."""
    shares = np.linspace(1e-9, (1 - delta) / 2 - 1e-9, 400_001)
    same = np.maximum(1 - delta - 2 * shares, 1e-300)
    logs = won * np.log(shares + delta) + lost * np.log(shares) + (n - won - lost) * np.log(same)
    return shares[logs.argmax()]


@pytest.mark.parametrize(("won", "lost", "n"), [(12, 2, 50), (4, 0, 32), (7.5, 3.5, 64)])
def test_tango_s_ends_are_just_surprising(won, lost, n):
    """At the lower end the score statistic, its nuisance rate found by search, is z."""
    low, high = tango(won, lost, n)
    assert low == pytest.approx(-tango(lost, won, n)[1])
    assert low < (won - lost) / n < high
    if low > 0:
        rate = likeliest_rate(won, lost, n, low)
        error = sqrt(n * (2 * rate + low * (1 - low)))
        assert (won - lost - n * low) / error == pytest.approx(Z, abs=1e-3)


def test_tango_where_no_row_differs():
    """By hand: n d = z sqrt(n d (1 - d)), hence d = z^2 / (n + z^2)."""
    for n in (10, 32, 200):
        end = Z * Z / (n + Z * Z)
        assert tango(0, 0, n) == pytest.approx((-end, end))


def test_tango_at_zero_is_mcnemar_s_test():
    """(b - c)^2 / (b + c) is 3.6 for 8 and 2, which 95% allow, and 4.45 for 9 and 2."""
    assert tango(8, 2, 60)[0] < 0 < tango(9, 2, 60)[0]


def test_student_s_quantiles_are_those_of_the_tables():
    table = {4: 2.776, 10: 2.228, 30: 2.042, 120: 1.980}
    for freedom, quantile in table.items():
        assert student_quantile(freedom) == pytest.approx(quantile, abs=1e-3)


def test_repeats_lend_no_certainty():
    one = np.array([[1.0, 0, -1, 1, 0, 0, 1, 0]])
    assert paired_interval(np.repeat(one, 9, axis=0)) == paired_interval(one)


def test_the_interval_of_other_values_is_student_s():
    found = paired_interval(np.array([[0.5, 1.5, 2.5, 3.5, 4.5]]))  # mean 2.5, variance 2.5
    half = 2.776 * sqrt(2.5 / 5)
    assert (found.low, found.high) == pytest.approx((2.5 - half, 2.5 + half), abs=1e-3)


def test_an_inflated_interval_is_that_of_fewer_rows():
    differences = np.array([[1.0] * 6 + [-1.0] * 2 + [0.0] * 22])
    found = paired_interval(differences, 1.5)
    assert (found.low, found.high) == pytest.approx(tango(4, 4 / 3, 20))
    assert inflation(5) == 1.5


def test_verdicts():
    assert str(verdict_of(Interval(0.1, 0.02, 0.2, 0.3), 50)) == "real"
    assert str(verdict_of(Interval(-0.1, -0.2, -0.02, 0.3), 50)) == "worse than manual"
    assert str(verdict_of(Interval(-0.01, -0.2, 0.2, 0.3), 50)) == "within noise"
    assert str(verdict_of(Interval(0.01, -0.2, 0.2, 0.3), 50)) == "within noise"
    # by hand: (1.96 + 0.8416)^2 x 0.3 / 0.1^2 = 235.5 rows in all, 50 of them there
    assert rows_needed(Interval(0.1, -0.02, 0.2, 0.3)) == pytest.approx(235.5, abs=0.1)
    assert str(verdict_of(Interval(0.1, -0.02, 0.2, 0.3), 50)) == "needs about 186 more rows"


def rulings(accuracies, rows, runs):
    found = []
    for seed in range(runs):
        values = hits(accuracies, rows, seed)
        fit = cross_fit(best_by(values[1:]), np.arange(rows) % 2, repeats=5, seed=seed)
        interval = paired_interval(gains(fit, values[1:], values[0]), inflation(5))
        found.append(verdict_of(interval, rows).ruling)
    return found


def test_a_planted_gain_is_real_and_equal_candidates_are_not():
    assert rulings([0.6, 0.9, *[0.6] * 19], 200, 20).count("real") >= 18
    assert rulings([0.7] * 21, 64, 100).count("real") <= 8
