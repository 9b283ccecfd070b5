"""The gain of some prompts over others, against rows counted by hand."""

import numpy as np
import pytest

from promptsearch.engine.gain import Gain, gain_of
from promptsearch.metrics.predictions import Predictions


def predictions(right, log_probs=True):
    """Two labels; the right one of every row is the first, with these probabilities."""
    p = np.array(right, dtype=float)
    with np.errstate(divide="ignore"):
        table = np.log(np.stack([p, 1 - p], axis=1))
    predicted = table.argmax(1)
    targets = (("x",),) * len(p)
    kept = table if log_probs else None
    return Predictions(("x", "y"), targets, table[:, 0], predicted, predicted + 1, kept)


def test_it_is_the_paired_difference_of_means_of_probabilities():
    ours = [predictions([0.9, 0.5, 0.7]), predictions([0.7, 0.5, 0.1])]
    theirs = [predictions([0.4, 0.5, 0.8])]
    differences = np.log([0.8, 0.5, 0.4]) - np.log([0.4, 0.5, 0.8])
    error = differences.std(ddof=1) / 3**0.5
    assert gain_of(ours, theirs, "log_likelihood") == pytest.approx((differences.mean(), error))
    assert gain_of(ours, theirs, "accuracy").mean == pytest.approx(0)


def test_where_probabilities_are_not_kept_the_first_prompts_are_compared():
    ours = [predictions([0.9, 0.5], False), predictions([0.1, 0.1], False)]
    assert gain_of(ours, [predictions([0.9, 0.5])], "log_likelihood") == (0, 0)


def test_rows_without_a_right_answer_to_give_count_for_nothing():
    ours, theirs = predictions([0.0, 0.6, 0.6]), predictions([0.0, 0.3, 0.3])
    assert gain_of([ours], [theirs], "log_likelihood") == pytest.approx((np.log(2), 0))
    assert gain_of([ours.on_rows([0])], [theirs.on_rows([0])], "log_likelihood") == (0, 0)


def test_nothing_gained_is_within_any_noise():
    assert Gain(0.0, 0.0).within(0)
    assert Gain(-1.0, 0.0).within(2)
    assert Gain(0.1, 0.1).within(1)
    assert not Gain(0.11, 0.1).within(1)
