"""Spans and entity F1: by hand, and as seqeval has them on random and adversarial tags."""

import warnings
from itertools import product

import numpy as np
import pytest

from promptsearch.errors import DataError
from promptsearch.language.spans import Span, broken_spans, iob2_of_iob1, is_tag, spans_of
from promptsearch.metrics.entity_f1 import (
    EntityScores,
    entity_counts,
    entity_scores,
    entity_scores_by_type,
    tag_accuracy,
)

TAGS = {
    "IOB2": ["O", "B-X", "I-X", "B-Y", "I-Y"],
    "IOBES": ["O", *(f"{prefix}-{name}" for prefix in "BIES" for name in "XY")],
}


def seqeval():
    return pytest.importorskip("seqeval", reason="seqeval, of the test extra, is not installed")


def reference(gold, predicted, scheme, strict):
    """seqeval's micro precision, recall and F1."""
    seqeval()
    from seqeval import scheme as schemes
    from seqeval.metrics import f1_score, precision_score, recall_score

    options = {"mode": "strict", "scheme": getattr(schemes, scheme)} if strict else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about ratios of nothing
        metrics = precision_score, recall_score, f1_score
        return tuple(float(metric(gold, predicted, **options)) for metric in metrics)


def numbers(scores):
    return scores.precision, scores.recall, scores.f1


def drawn(tags, rng, words=(1, 12), sentences=40):
    return [list(rng.choice(tags, size=rng.integers(*words))) for _ in range(sentences)]


def noisy(gold, tags, rng):
    """The gold tags, a third of them drawn again."""
    return [[str(rng.choice(tags)) if rng.random() < 0.3 else tag for tag in row] for row in gold]


def test_by_hand():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG"]]
    predicted = [["B-PER", "I-PER", "O", "B-ORG"], ["B-LOC", "B-ORG"]]
    scores = entity_scores(gold, predicted)
    assert scores == EntityScores(right=2, predicted=4, gold=3)
    assert numbers(scores) == (2 / 4, 2 / 3, 4 / 7)
    assert tag_accuracy(gold, predicted) == 4 / 6
    assert entity_counts(gold, predicted).tolist() == [[1, 2, 2], [1, 2, 1]]
    assert entity_scores_by_type(gold, predicted) == {
        "LOC": EntityScores(0, 1, 1),
        "ORG": EntityScores(1, 2, 1),
        "PER": EntityScores(1, 1, 1),
    }


def test_an_end_too_early_is_all_wrong():
    assert entity_scores([["B-X", "I-X"]], [["B-X", "O"]]) == EntityScores(0, 1, 1)


def test_nothing_scores_nothing():
    assert numbers(entity_scores([["O"]], [["O"]])) == (0.0, 0.0, 0.0)
    assert numbers(entity_scores([], [])) == (0.0, 0.0, 0.0)
    assert entity_scores_by_type([["O"]], [["O"]]) == {}
    assert tag_accuracy([], []) == 0.0


def test_a_broken_span_counts_only_where_it_is_not_read_strictly():
    gold, predicted = [["O", "B-X", "I-X"]], [["O", "I-X", "I-X"]]
    assert entity_scores(gold, predicted) == EntityScores(0, 0, 1)
    assert entity_scores(gold, predicted, strict=False) == EntityScores(1, 1, 1)


def test_broken_spans_start_where_a_tag_continues_nothing():
    assert broken_spans(["I-X", "O", "I-X", "B-Y", "I-X", "I-X"]) == [
        Span(0, 1, "X"),
        Span(2, 3, "X"),
        Span(4, 6, "X"),
    ]
    assert broken_spans(["B-X", "I-X", "B-X", "O"]) == []
    assert broken_spans(["S-X", "B-X", "E-X", "B-X", "I-X", "E-X"], "IOBES") == []
    assert broken_spans(["B-X", "I-X", "O", "E-X", "B-X"], "IOBES") == [
        Span(0, 2, "X"),
        Span(3, 4, "X"),
        Span(4, 5, "X"),
    ]


@pytest.mark.parametrize("scheme", sorted(TAGS))
def test_the_readings_differ_by_the_broken_spans(scheme):
    for tags in product(TAGS[scheme], repeat=3):
        strict, broken = spans_of(tags, scheme), broken_spans(tags, scheme)
        assert sorted(strict + broken) == spans_of(tags, scheme, strict=False)


def test_a_type_may_have_hyphens_and_a_tag_needs_a_type():
    assert spans_of(["B-art-film", "I-art-film"]) == [Span(0, 2, "art-film")]
    assert [is_tag(tag, "IOB2") for tag in ("B-", "b-X", "B_X", "", "S-X")] == [False] * 5


def test_iob1_comes_to_the_same_spans():
    for tags in product(TAGS["IOB2"], repeat=4):
        converted = iob2_of_iob1(tags)
        assert broken_spans(converted) == []
        assert spans_of(converted) == spans_of(tags, strict=False)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("scheme", sorted(TAGS))
@pytest.mark.parametrize("seed", range(8))
def test_scores_are_seqevals_on_random_tags(scheme, strict, seed):
    rng = np.random.default_rng(seed)
    gold = drawn(TAGS[scheme], rng)
    predicted = noisy(gold, TAGS[scheme], rng)
    expected = reference(gold, predicted, scheme, strict)
    assert numbers(entity_scores(gold, predicted, scheme, strict=strict)) == pytest.approx(expected)


@pytest.mark.parametrize("scheme", sorted(TAGS))
def test_spans_are_seqevals_on_every_short_sentence(scheme):
    seqeval()
    from seqeval import scheme as schemes
    from seqeval.metrics.sequence_labeling import get_entities

    for length in (1, 2, 3):
        for tags in product(TAGS[scheme], repeat=length):
            strict = schemes.Tokens(list(tags), getattr(schemes, scheme)).entities
            assert spans_of(tags, scheme) == [Span(e.start, e.end, e.tag) for e in strict]
            default = [Span(start, end + 1, name) for name, start, end in get_entities(list(tags))]
            assert spans_of(tags, scheme, strict=False) == default


@pytest.mark.parametrize("strict", [True, False])
def test_scores_of_types_are_seqevals(strict):
    seqeval()
    from seqeval import scheme as schemes
    from seqeval.metrics import classification_report

    rng = np.random.default_rng(0)
    gold = drawn(TAGS["IOB2"], rng)
    predicted = noisy(gold, TAGS["IOB2"], rng)
    options = {"mode": "strict", "scheme": schemes.IOB2} if strict else {}
    report = classification_report(gold, predicted, output_dict=True, **options)
    for name, scores in entity_scores_by_type(gold, predicted, strict=strict).items():
        row = report[name]
        expected = row["precision"], row["recall"], row["f1-score"]
        assert numbers(scores) == pytest.approx(tuple(map(float, expected)))
        assert scores.gold == row["support"]


@pytest.mark.parametrize(
    ("predicted", "message"),
    [([["O"]], "2 sentences have gold tags, 1"), ([["O"], ["O"]], "sentence 1 has 2 gold tags, 1")],
)
def test_tags_of_other_words_are_refused(predicted, message):
    with pytest.raises(DataError, match=message):
        entity_scores([["O"], ["O", "O"]], predicted)
