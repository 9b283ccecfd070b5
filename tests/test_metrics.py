"""Each metric against hand arithmetic, on unequal class counts."""

import numpy as np
import pytest

from promptsearch.data import CLASSIFICATION, FACTS
from promptsearch.metrics import paired_difference, scores_of
from promptsearch.metrics.calibration_error import calibration_error
from promptsearch.metrics.f1 import macro_f1, micro_f1
from promptsearch.metrics.guesses import label_guess_scores, object_guess_scores
from promptsearch.metrics.intervals import bootstrap, wilson
from promptsearch.metrics.predictions import Predictions


def judged(gold, predicted, labels=("a", "b", "c")):
    hits = [g == p for g, p in zip(gold, predicted, strict=True)]
    return Predictions(
        labels,
        tuple((g,) for g in gold),
        np.log([0.5] * len(gold)),
        np.array([labels.index(p) for p in predicted]),
        np.array([1 if hit else 2 for hit in hits]),
    )


def test_f1_by_hand():
    gold, predicted = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 0, 1, 1, 1, 0])
    # a: tp 2, gold 3, predicted 3 -> 4/6;  b: tp 1, gold 1, predicted 3 -> 2/4;  c: 0
    assert macro_f1(gold, predicted, 3) == pytest.approx((4 / 6 + 2 / 4 + 0) / 3)
    # without a: tp 1, gold 3, predicted 3
    assert micro_f1(gold, predicted, 3, negative=0) == pytest.approx(2 * 1 / 6)
    assert micro_f1(gold, predicted, 3) == pytest.approx(3 / 6)


def test_a_label_that_nobody_gives_is_left_out_of_macro_f1():
    assert macro_f1(np.array([0, 0]), np.array([0, 0]), 3) == 1.0


def test_classification_scores_by_hand():
    scores = scores_of(judged("aab", "aba"), CLASSIFICATION)
    assert scores["log_likelihood"] == pytest.approx(np.log(0.5))
    assert scores["accuracy"] == pytest.approx(1 / 3)
    assert scores["n"] == 3


def test_wilson_by_hand():
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    low, high = wilson(0, 20)
    assert low == pytest.approx(0, abs=1e-12)
    assert high == pytest.approx(0.1611, abs=1e-4)


@pytest.mark.parametrize("n", range(1, 60))
def test_wilson_stays_inside_its_bounds(n):
    assert wilson(0, n)[0] >= 0
    assert wilson(n, n)[1] <= 1


def test_fact_scores_by_hand():
    """Four facts: right at 1, 2 and 4; the last has no right candidate, and counts as wrong."""
    facts = Predictions(
        ("x", "y", "z", "w"),
        (("x", "y"), ("x",), ("z",), ("elsewhere",)),
        np.array([np.log(0.6), np.log(0.2), np.log(0.1), -np.inf]),
        np.array([0, 1, 0, 0]),
        np.array([1, 2, 4, 0]),
    )
    scores = scores_of(facts, FACTS)
    assert scores["p@1"] == pytest.approx(1 / 4)
    assert scores["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 4) / 4)
    assert scores["coverage"] == pytest.approx(3 / 4)
    assert scores["log_likelihood"] == pytest.approx(np.log([0.6, 0.2, 0.1]).mean())
    # x: hit in one of two facts, y: its one fact is a hit, z and elsewhere: none
    assert scores["p@1_macro"] == pytest.approx((1 / 2 + 1 + 0 + 0) / 4)


def test_majority_by_hand():
    scores = label_guess_scores(["a"] * 3, [("a",), ("a",), ("b",)], ("a", "b"))
    assert scores["accuracy"] == pytest.approx(2 / 3)
    assert scores["macro_f1"] == pytest.approx((4 / 5 + 0) / 2)


def test_guesses_by_hand():
    targets = [("a",), ("b",), ("c",), ("a",)]
    scores = label_guess_scores(["a", "b", "a", "b"], targets, ("a", "b", "c"))
    assert scores["accuracy"] == 1 / 2
    assert scores["macro_f1"] == pytest.approx((2 / 4 + 2 / 3 + 0) / 3)
    facts = object_guess_scores(["x", "x"], [("x", "y"), ("z",)])
    assert facts["p@1"] == 1 / 2
    assert facts["p@1_macro"] == pytest.approx((1 + 1 + 0) / 3)
    with pytest.raises(ValueError, match="argument 2 is longer"):
        label_guess_scores(["a"], targets, ("a", "b", "c"))


def test_the_paired_difference_is_zero_for_equal_predictions():
    same = judged("aabbc", "aabca")
    gain = paired_difference(same, same, "accuracy")
    assert (gain["delta"], gain["n_discordant"], gain["p"]) == (0, 0, 1)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_the_paired_difference_sees_a_clear_gain(metric):
    gold = "ab" * 50
    gain = paired_difference(judged(gold, gold), judged(gold, "a" * 100), metric)
    assert gain["delta"] == pytest.approx(0.5 if metric == "accuracy" else 1 - 1 / 3)
    assert gain["ci95"][0] > 0
    assert gain["n_discordant"] == 50
    assert gain["p"] < 0.01


def test_the_bootstrap_covers_the_mean_of_a_known_spread():
    values = np.arange(400) % 2
    (low, high), _ = bootstrap(lambda rows: float(values[rows].mean()), 400)
    assert (low, high) == pytest.approx((0.5 - 0.049, 0.5 + 0.049), abs=0.008)


def test_the_calibration_error_by_hand():
    confidence = np.array([0.62, 0.64, 0.61, 0.95, 1.0])  # bins (0.6, 0.65], (0.9, 0.95], (0.95, 1]
    hits = np.array([True, False, False, True, False])
    gaps = abs(1 - 0.62 - 0.64 - 0.61), abs(1 - 0.95), abs(0 - 1.0)
    assert calibration_error(confidence, hits) == pytest.approx(sum(gaps) / 5)


def test_a_bin_holds_its_upper_end():
    both = np.array([0.05, 0.05 + 1e-9])
    apart = calibration_error(both, np.array([True, False]))
    assert apart == pytest.approx((0.95 + 0.05) / 2)
    together = calibration_error(np.array([0.04, 0.05]), np.array([True, False]))
    assert together == pytest.approx(abs(1 - 0.09) / 2)


def test_probabilities_that_are_shares_have_no_calibration_error():
    hits = np.array([True, False, True, True])
    assert calibration_error(np.full(4, 0.75), hits) == pytest.approx(0.0)
