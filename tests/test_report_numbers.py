"""The numbers of a report, each against counting by hand or a naive loop."""

from itertools import groupby
from math import isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptsearch.data import Example
from promptsearch.errors import PromptError
from promptsearch.evaluation.report.number_format import (
    count,
    gain,
    interval,
    number,
    percent,
    shortened,
)
from promptsearch.evaluation.report.statistics.ancestry import ancestry_of
from promptsearch.evaluation.report.statistics.budget_curve import budget_curve_of
from promptsearch.evaluation.report.statistics.dev_test_correlation import (
    Pair,
    correlation,
    ranks,
    relation_of,
)
from promptsearch.evaluation.report.statistics.labels import confusion, most_confused, per_label
from promptsearch.evaluation.report.statistics.mistakes import mistakes, worst
from promptsearch.evaluation.report.statistics.objects import most_predicted, per_object, uncovered
from promptsearch.evaluation.report.statistics.word_diff import answer_changes, changes, words_of
from promptsearch.evaluation.report.trials import Scored
from promptsearch.metrics.calibration_error import calibration_error, reliability_bins
from promptsearch.metrics.predictions import Predictions
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.prompt_file.prompts_json import SavedPrompt


def judged(gold, predicted, labels="abc", log_right=None, log_probs=None):
    """Gold and predicted labels by name; "?" is an object that is no candidate."""
    rank = [0 if g not in labels else 1 if g == p else 2 for g, p in zip(gold, predicted)]  # noqa: B905
    return Predictions(
        tuple(labels),
        tuple((g,) for g in gold),
        np.log(np.array(log_right or [0.5] * len(gold))),
        np.array([labels.index(p) for p in predicted]),
        np.array(rank),
        log_probs,
    )


# Labels


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1))
def test_results_by_label_are_counted(pairs):
    gold, predicted = zip(*pairs, strict=True)
    found = judged(gold, predicted)
    for row, result in zip("abc", per_label(found), strict=True):
        right = sum(g == p == row for g, p in pairs)
        assert (result.label, result.n) == (row, gold.count(row))
        assert result.precision == (right / predicted.count(row) if row in predicted else None)
        assert result.recall == (right / gold.count(row) if row in gold else None)
        if result.precision and result.recall:
            harmonic = 2 / (1 / result.precision + 1 / result.recall)
            assert isclose(result.f1, harmonic)
        elif row not in gold + predicted:
            assert result.f1 is None
        else:
            assert result.f1 == 0
    cells = confusion(found)
    assert all(
        cells[i, j] == pairs.count((g, p)) for i, g in enumerate("abc") for j, p in enumerate("abc")
    )


def test_what_is_most_confused_comes_first():
    found = most_confused(judged("aaabbc", "bbcaac"), most=2)
    assert [(own.right, own.predicted, own.times) for own in found] == [
        (("a",), "b", 2),
        (("b",), "a", 2),
    ]


# Objects


def test_results_by_object_by_hand():
    both = Predictions(
        ("x", "y", "z"),
        (("x", "y"), ("x",), ("w",), ("y",)),
        np.zeros(4),
        np.array([1, 1, 1, 1]),
        np.array([1, 2, 0, 1]),
    )
    found = {
        own.object: (own.n, own.hits, own.predicted, own.candidate) for own in per_object(both)
    }
    assert found == {
        "x": (2, 1, 0, True),
        "y": (2, 2, 4, True),
        "w": (1, 0, 0, False),
    }
    assert [own.object for own in per_object(both)] == ["x", "y", "w"]
    assert most_predicted(both, 5) == (("y", 4, 2),)
    assert uncovered(both) == 1


# Reliability


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_the_gaps_of_the_bins_are_the_calibration_error(pairs):
    confidence, hits = (np.array(column) for column in zip(*pairs, strict=True))
    bins = reliability_bins(confidence, hits)
    gaps = sum(own.n * abs(own.accuracy - own.confidence) for own in bins)
    assert gaps / len(pairs) == pytest.approx(calibration_error(confidence, hits), abs=1e-9)
    assert sum(own.n for own in bins) == len(pairs)
    assert [own.confidence for own in bins] == sorted(own.confidence for own in bins)
    assert all(own.ci95[0] - 1e-9 <= own.accuracy <= own.ci95[1] + 1e-9 for own in bins)


# Dev and test


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_ranks_are_mean_places(values):
    order = sorted(values)
    places = {
        value: np.mean([i for i, other in enumerate(order, 1) if other == value])
        for value in values
    }
    assert ranks(np.array(values, dtype=float)).tolist() == [places[value] for value in values]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=12))
def test_the_rank_correlation_is_that_of_numpy(points):
    one, other = (ranks(np.array(column, dtype=float)) for column in zip(*points, strict=True))
    found = correlation(one, other)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(np.corrcoef(one, other)[0, 1])


def test_a_relation_is_shown_only_where_chance_does_not_give_it():
    rising = [Pair(str(i), float(i), float(i) + 0.5 * (i % 2)) for i in range(10)]
    found = relation_of(rising, "accuracy")
    assert found.exceeds_chance
    assert 0.5 < found.chance < 0.75  # of ten: about 0.65 in tables
    mixed = [Pair(str(i), float(i), float(i * 7 % 10)) for i in range(10)]
    assert not relation_of(mixed, "accuracy").exceeds_chance
    few = relation_of(rising[:3], "accuracy")
    assert few.spearman is None
    assert not few.exceeds_chance
    assert correlation(np.ones(3), np.arange(3.0)) is None


# The search


def scored(name, value, split="dev", **other):
    about = {"answers": None, "complete": True, "exact": True, "again": False, "step": None}
    about |= {"template": f"{{s}} {name} [Z]", "strategy": "mine", "parents": ()} | other
    return Scored(id=name, split=split, scores={"log_likelihood": value}, **about)


def test_the_course_of_a_search_by_hand():
    rows = [
        scored("p0", -3.0, strategy="manual"),
        scored("p1", -9.0, split="train"),
        scored("p2", -2.0, step="1 mine"),
        scored("p3", -1.0, complete=False),  # dropped out of a race: it cannot be best
        scored("p2", -2.5, again=True),
        scored("p4", -1.5, complete=False),
        scored("p4", -1.8),  # went on
        scored("p5", None),
        scored("p6", -1.9),
    ]
    found = budget_curve_of(rows, "log_likelihood")
    assert [(p.prompt_number, p.id, p.value, p.group, p.complete) for p in found.points] == [
        (1, "p0", -3.0, "manual", True),
        (2, "p2", -2.0, "1 mine", True),
        (3, "p3", -1.0, "mine", False),
        (4, "p4", -1.8, "mine", True),
        (6, "p6", -1.9, "mine", True),
    ]
    assert found.best == ((1, -3.0), (2, -2.0), (4, -1.8))
    assert (found.prompts, found.ranked, found.groups) == (6, False, ("manual", "1 mine", "mine"))


@given(st.lists(st.floats(-50, 0), min_size=1, max_size=30))
def test_the_best_so_far_is_the_running_maximum(values):
    found = budget_curve_of([scored(f"p{i}", v) for i, v in enumerate(values)], "log_likelihood")
    steps = dict(found.best)
    line = []
    for place in range(1, len(values) + 1):
        line.append(steps.get(place, line[-1] if line else None))
    assert line == np.maximum.accumulate(values).tolist()
    low, high = found.window
    assert low < high
    assert all(value <= high for value in values)
    assert found.below == sum(value < low for value in values)


# Ancestry


def saved(name, parents=(), strategy="mine", template=None):
    prompt = Prompt(
        Template.parse(template or f"{{s}} {name} [Z]"), Verbalizer.of({"a": "x", "b": "y"})
    )
    row = {"source": {"strategy": strategy, "parents": list(parents)}}
    return SavedPrompt(name, prompt, row)


def test_ancestors_come_from_the_file_and_the_ledger_parents_first():
    rows = [scored("p0", -3.0), scored("p1", -2.0, parents=("p0",)), scored("p2", -2.0)]
    first = saved("p9", ("p1", "p5"), strategy="cross")
    found = ancestry_of(first, [first, saved("p5", ("p7", "p0"))], rows)
    assert [own.id for own in found.members] == ["p0", "p1", "p5", "p9"]
    assert found.lost == ("p7",)
    assert found.members[1].scores == {"log_likelihood": -2.0}
    assert found.members[-1].made_by == "cross"


def test_a_circle_of_parents_ends():
    first = saved("p1", ("p2",))
    found = ancestry_of(first, [first, saved("p2", ("p1",))], [])
    assert [own.id for own in found.members] == ["p2", "p1"]
    assert [own.id for own in ancestry_of(first, [], []).members] == ["p1"]


# Word differences

TEXT = st.text(alphabet="ab [Z]{}1,.\n'’人是", max_size=12)


def template(before, after):
    escaped = [text.replace("{", "{{").replace("}", "}}") for text in (before, after)]
    try:
        return Template.parse(f"{escaped[0]}{{s}}{escaped[1]} [Z9]")
    except PromptError:
        return Template.parse("{s} [Z9]")


@given(TEXT, TEXT, TEXT, TEXT, st.booleans())
def test_a_difference_holds_both_templates(a, b, c, d, spaced):
    old, new = template(a, b), template(c, d)
    found = changes(old, new, spaced)

    def text_of(*states):
        own = (word.text for change in found if change.state in states for word in change.words)
        return "".join(own)

    assert text_of("kept", "gone") == str(old)
    assert text_of("kept", "new") == str(new)
    assert "".join(word.text for word in words_of(old, spaced)) == str(old)
    assert all(len(list(run)) == 1 for _, run in groupby(found, key=lambda own: own.state))


def test_a_difference_is_told_in_words():
    old, new = (Template.parse(t) for t in ("{s} is really in [Z] .", "{s} is in the [Z] ."))
    shown = [(own.state, "".join(w.text for w in own.words)) for own in changes(old, new)]
    assert shown == [
        ("kept", "{s} is "),
        ("gone", "really "),
        ("kept", "in "),
        ("new", "the "),
        ("kept", "[Z] ."),
    ]
    chinese = changes(Template.parse("{s}很好[Z]"), Template.parse("{s}不好[Z]"), spaced=False)
    assert [own.state for own in chinese] == ["kept", "gone", "new", "kept"]


def test_answers_that_changed():
    found = answer_changes({"a": ("x", "y"), "b": ("z",)}, {"a": ("x", "w"), "b": ("z",)})
    assert [(own.label, own.gone, own.new) for own in found] == [("a", ("y",), ("w",))]


# Mistakes


def test_the_worst_mistakes_come_first_and_what_cannot_be_said_last():
    found = judged("ab?ac", "aabbb", log_right=[0.9, 0.3, 0.5, 0.01, 0.2])
    assert worst(found, 9) == [3, 4, 1, 2]
    assert worst(found, 1) == [3]
    examples = [Example(str(i), {"s": str(i)}, (g,)) for i, g in enumerate("ab?ac")]
    shown = mistakes(found, examples, worst(found, 9))
    assert [own.predicted for own in shown] == ["b", "b", "a", "b"]
    assert [own.p_right for own in shown[:3]] == pytest.approx([0.01, 0.2, 0.3])
    assert shown[3].p_right is None


def test_the_probability_of_what_was_said_is_read_where_it_is_kept():
    said = np.log([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    found = judged("bb", "ac", log_right=[0.2, 0.3], log_probs=said)
    examples = [Example(str(i), {}, ("b",)) for i in range(2)]
    assert [own.p_predicted for own in mistakes(found, examples, [0, 1])] == pytest.approx(
        [0.7, 0.6]
    )


# As they are shown


def test_numbers_as_they_are_shown():
    assert number(-0.12345) == "−0.123"
    assert number(-1e-9) == "0.000"
    assert number(0.5, signed=True) == "+0.500"
    assert (number(None), number(True), number("a")) == ("–", "–", "–")
    assert interval([0.1, 0.25]) == "[0.100, 0.250]"
    assert interval(None) == ""
    assert gain({"vs_manual": {"delta": -0.1, "ci95": [-0.2, 0.0]}}) == "−0.100 [−0.200, +0.000]"
    assert gain({}) == ""
    assert (percent(0.0001), percent(0), percent(0.256)) == ("<0.1%", "0.0%", "25.6%")
    assert (count(1, "prompt"), count(1200, "prompt")) == ("1 prompt", "1,200 prompts")
    assert shortened("abc", 3) == "abc"
