"""The linear probe of the slot: hand arithmetic, and words that it must find."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from judges import ShorterIsBetter, capitals, reviews
from planting import judge_of, planted
from tiny import KINDS

from promptsearch.engine import Limits, search_prompts
from promptsearch.engine.ledger import Ledger
from promptsearch.errors import RunError, TaskError
from promptsearch.prompt import Source, Template
from promptsearch.searchers import ProbeSearch
from promptsearch.searchers.answers.probe.linear_probe import (
    Fit,
    LinearProbe,
    fitted,
    selections,
    top_words,
)


def test_the_first_step_by_hand_on_unequal_classes():
    """At zero, p = 1/2: a weight's gradient is the mean of (p - right) h; Adam's first step is
    its sign, times the rate."""
    states = torch.tensor([[1.0, -1.0], [2.0, 0.0], [-4.0, 3.0]])
    probe = fitted(states, [0, 0, 1], 2, Fit(rate=0.1, epochs=1, batch=3, seed=0))
    # label 0: ((-1, 1) + (-2, 0) + (-4, 3)) / 6 = (-7/6, 4/6); bias: (-1 - 1 + 1) / 6
    assert torch.allclose(probe.weight, torch.tensor([[0.1, -0.1], [-0.1, 0.1]]), atol=1e-5)
    assert torch.allclose(probe.bias, torch.tensor([0.1, -0.1]), atol=1e-5)


def test_it_learns_what_adam_learns_in_a_plain_loop():
    states = torch.randn(10, 5, generator=torch.Generator().manual_seed(3))
    gold = [0, 1, 2, 0, 0, 1, 2, 0, 1, 0]
    probe = fitted(states, gold, 3, Fit(rate=0.01, epochs=40, batch=32, seed=0))
    layer = torch.nn.Linear(5, 3)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    adam = torch.optim.Adam(layer.parameters(), lr=0.01)
    for _ in range(40):
        adam.zero_grad()
        torch.nn.functional.cross_entropy(layer(states), torch.tensor(gold)).backward()
        adam.step()
    assert torch.allclose(probe.weight, layer.weight, atol=1e-5)
    assert torch.allclose(probe.bias, layer.bias, atol=1e-5)


def test_a_word_s_score_has_the_odds_of_the_softmax_over_labels_bias_included():
    probe = LinearProbe(
        torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]), torch.tensor([0.0, 1.0, 0.5])
    )
    (found,) = probe.log_odds(torch.tensor([[3.0, 0.5]]))
    p = np.exp([3.0, 2.0, 0.5]) / np.exp([3.0, 2.0, 0.5]).sum()
    assert found == pytest.approx(np.log(p / (1 - p)))


def test_words_that_float32_cannot_tell_apart_are_still_in_order():
    probe = LinearProbe(torch.tensor([[1.0], [-1.0]]), torch.zeros(2))
    rows = torch.tensor([[20.0], [40.0], [30.0]])
    assert (rows @ probe.weight.T).softmax(1)[:, 0].tolist() == [1.0, 1.0, 1.0]
    assert top_words(probe.log_odds(rows).T, 3, repeat=True)[0] == [1, 2, 0]


SCORES = np.log(
    np.array([[0.7, 0.5, 0.2, 0.45], [0.2, 0.3, 0.7, 0.3], [0.1, 0.2, 0.1, 0.25]])
)  # (label, word)


def test_a_word_stands_for_the_label_it_speaks_for_most():
    assert top_words(SCORES[:2], 9, repeat=False) == [[0, 1], [2]]
    assert top_words(SCORES[:2], 9, repeat=True) == [[0, 1, 3, 2], [2, 1, 3, 0]]


def test_a_label_no_word_speaks_for_most_has_the_best_that_is_left():
    assert top_words(SCORES, 9, repeat=False) == [[0], [2], [3]]


def test_picks_of_two_short_lists():
    found = {pick.rule: pick.ranks for pick in selections([3, 2], 3, ["a", "b"])}
    assert found == {
        "best 1": ((0,), (0,)),
        "best 2": ((0, 1), (0, 1)),
        "best 3": ((0, 1, 2), (0, 1)),
        "rank 2": ((1,), (1,)),
        "rank 2 for 'a'": ((1,), (0,)),
        "rank 3 for 'a'": ((2,), (0,)),
        "rank 2 for 'b'": ((0,), (1,)),
    }
    rules = [pick.rule for pick in islice(selections([9, 9], 3, ["a", "b"]), 4)]
    assert rules == ["best 1", "rank 2", "rank 2 for 'a'", "rank 2 for 'b'"]


@pytest.mark.parametrize("kind", KINDS)
def test_finds_the_planted_words(kind):
    task, wanted = planted(kind)
    lines = []
    searcher = ProbeSearch(top=3, rate=0.01, epochs=100)
    result = search_prompts(searcher, replace(task, log=lines.append), judge_of(task))
    first = result.trials[1].prompt
    assert first.verbalizer.plain() == {label: [word] for label, word in wanted.items()}
    assert first.source.evidence == {"rule": "best 1"}
    best = result.best.prompt.verbalizer
    assert all((("Z", word),) in best[label] for label, word in wanted.items())
    assert result.best.scores["log_likelihood"] > result.manual.scores["log_likelihood"]
    assert lines[0].startswith("probe right on ")
    assert f"; bad: {wanted['bad']}" in lines[0]


def test_no_word_is_given_to_two_labels_unless_it_may_repeat():
    def shared(**options):
        searcher = ProbeSearch(top=90, per_label=90, width=1000, **options)
        trials = search_prompts(searcher, reviews(), ShorterIsBetter()).trials
        pairs = (trial.prompt.verbalizer for trial in trials)
        return [pair for pair in pairs if set(pair["bad"]) & set(pair["good"])]

    assert not shared()
    assert shared(repeat=True)


def test_a_resumed_run_reads_the_words_from_its_ledger(tmp_path):
    task = planted("bert")[0]
    kept = tmp_path / "trials.jsonl"
    with Ledger({"run": 1}, kept) as ledger:
        whole = search_prompts(ProbeSearch(top=3), task, judge_of(task), ledger=ledger)
    kept.write_text("".join(kept.read_text().splitlines(keepends=True)[:3]))  # the probe is in it
    assert '"work answers-probe' in kept.read_text()
    task.model.white_box.__dict__["_states_runtime"] = None  # nothing passes again
    with Ledger({"run": 1}, kept) as ledger:
        resumed = search_prompts(ProbeSearch(top=3), task, judge_of(task), ledger=ledger)
    assert [(t.id, t.prompt) for t in resumed.trials] == [(t.id, t.prompt) for t in whole.trials]


def test_one_forward_an_example_is_paid():
    task = planted("gpt2")[0]
    limits = Limits(prompts=1)
    result = search_prompts(ProbeSearch(), task, judge_of(task), limits=limits)
    manual = judge_of(task).cost([task.prompt], "dev", None).forwards
    assert result.spent.forwards == manual + len(task.train)


def test_facts_and_several_slots_are_refused(tmp_path):
    with pytest.raises(TaskError, match="the candidates of facts are their own answers"):
        search_prompts(ProbeSearch(), capitals(tmp_path), ShorterIsBetter())
    several = reviews().prompt.with_template(Template.parse("{text} [Z] , [Z2]"), Source())
    with pytest.raises(TaskError, match="the template has the slots Z, Z2"):
        search_prompts(ProbeSearch(), replace(reviews(), prompt=several), ShorterIsBetter())


def test_a_label_without_examples_is_named():
    task = reviews()
    bad = [example for example in task.train if example.targets == ("bad",)]
    with pytest.raises(TaskError, match="no training example has the label 'good'"):
        search_prompts(ProbeSearch(), replace(task, train=bad), judge_of(task))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"per_label": 0}, "--per-label 0 is too small; give 1 or more"),
        ({"rate": 0.0}, "`rate` 0.0 is no learning rate; give one above 0"),
        ({"rate": float("nan")}, "`rate` nan is no learning rate"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, reason):
    with pytest.raises(RunError, match=reason):
        ProbeSearch(**options)
