"""Holding out a dev split: the same on every machine, each label with its share."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptsearch.data import Example
from promptsearch.data.tasks.dev_split import with_dev

FIELDS = ("text",)  # of the template


def examples_of(labels: list[str]) -> list[Example]:
    return [Example(str(n), {"text": f"text {n}"}, label) for n, label in enumerate(labels)]


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcd"), min_size=2, max_size=300))
def test_nothing_is_lost_and_every_label_keeps_its_share(labels: list[str]) -> None:
    examples = examples_of(labels)
    train, dev = with_dev(examples, FIELDS)
    share = 2 if len(labels) < 200 else 5
    assert len(dev) == len(labels) // share
    kept = Counter(example.inputs["text"] for example in (*train, *dev))
    assert kept == Counter(example.inputs["text"] for example in examples)
    held = Counter(example.targets[0] for example in dev)
    for label, size in Counter(labels).items():
        assert size // share <= held[label] <= -(-size // share)


@pytest.mark.parametrize(("size", "held"), [(2, 1), (3, 1), (199, 99), (200, 40), (1000, 200)])
def test_half_goes_below_200_rows_and_a_fifth_above(size: int, held: int) -> None:
    assert (
        len(with_dev(examples_of(["a", "b"] * (size // 2) + ["a"] * (size % 2)), FIELDS)[1]) == held
    )


def test_the_choice_does_not_hang_on_the_order_of_the_rows() -> None:
    examples = examples_of(["a"] * 30 + ["b"] * 20)
    shuffled = random.Random(0).sample(examples, len(examples))
    first, second = (
        {example.inputs["text"] for example in with_dev(each, FIELDS)[1]}
        for each in (examples, shuffled)
    )
    assert first == second


def test_the_choice_is_the_same_on_every_machine() -> None:
    _, dev = with_dev(examples_of(["a"] * 6), FIELDS)
    held = [(example.id, example.inputs["text"]) for example in dev]
    assert held == [("0", "text 0"), ("1", "text 2"), ("2", "text 5")]


def test_a_column_that_no_template_reads_moves_nothing() -> None:
    examples = examples_of(["a", "b"] * 20)
    wider = [replace(e, inputs={**e.inputs, "note": f"row {e.id}"}) for e in examples]
    first, second = (
        [example.inputs["text"] for example in with_dev(each, FIELDS)[1]]
        for each in (examples, wider)
    )
    assert first == second


def test_the_order_of_a_facts_objects_moves_nothing() -> None:
    rng = random.Random(0)
    facts = [
        Example(str(n), {"subject": f"s{n}"}, tuple(rng.sample("abcdef", rng.choice([1, 2, 3]))))
        for n in range(60)
    ]
    turned = [replace(fact, target=fact.targets[::-1]) for fact in facts]
    first, second = (
        [fact.inputs["subject"] for fact in with_dev(each, ("subject",))[1]]
        for each in (facts, turned)
    )
    assert first == second
