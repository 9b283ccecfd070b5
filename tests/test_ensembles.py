"""Many prompts as one: each rule against plain arithmetic, and files from making to use."""

import json
from math import exp, log

import numpy as np
import pytest
from commanding import reviews_in, run
from judges import reviews
from tiny import saved, tiny

from promptsearch import Scorer, Scoring
from promptsearch.data import Example
from promptsearch.errors import PromptError
from promptsearch.prediction.ensemble import Ensemble, EnsemblePredictor, Member
from promptsearch.prediction.learned_weights import WeightTraining, optimised
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.scoring.combination import (
    combine,
    fixed_weights,
    greedy,
    log_likelihood,
    rank_weights,
    uniform,
)

RNG = np.random.default_rng(0)


def said(members=3, examples=7, labels=4, seed=0):
    """(member, example, label): log p"""
    values = np.random.default_rng(seed).normal(size=(members, examples, labels)) * 2
    return values - np.logaddexp.reduce(values, axis=2, keepdims=True)


@pytest.mark.parametrize("rule", ["uniform", "rank", "optimised", "greedy"])
def test_products_of_experts_one_number_at_a_time(rule):
    log_probs, weights = said(), [0.5, 2.0, 0.0]
    found = combine(log_probs, weights, rule)
    for example in range(7):
        scores = [
            exp(sum(weights[m] * log_probs[m][example][label] for m in range(3)))
            for label in range(4)
        ]
        wanted = [log(score / sum(scores)) for score in scores]
        assert found[example] == pytest.approx(wanted)


def test_votes_win_and_likelihood_decides_between_equals():
    log_probs = np.log([
        [[0.4, 0.35, 0.25], [0.5, 0.4, 0.1]],
        [[0.4, 0.35, 0.25], [0.1, 0.9, 0.0001]],
        [[0.01, 0.09, 0.9], [0.3, 0.3, 0.4]],
    ])  # fmt: skip
    found = combine(log_probs, uniform(3), "vote")
    assert found[0].argmax() == 0  # two votes, though the product says otherwise
    assert combine(log_probs, uniform(3), "uniform")[0].argmax() == 2
    assert found[1].argmax() == 1  # a vote each: the product decides
    assert np.exp(found).sum(1) == pytest.approx([1, 1])


def test_the_mean_is_that_of_probabilities():
    log_probs, weights = said(), [0.5, 0.25, 0.25]
    wanted = np.tensordot(np.array(weights), np.exp(log_probs), 1)
    for scale in (1, 4):  # the weights are shares
        found = combine(log_probs, [scale * weight for weight in weights], "mean")
        assert np.exp(found) == pytest.approx(wanted)
    assert fixed_weights(4, "mean") == [0.25] * 4


def test_a_single_member_is_the_ensemble():
    log_probs = said(1)
    for weights in (uniform(1), rank_weights(1)):
        assert combine(log_probs, weights, "uniform") == pytest.approx(log_probs[0])


def test_labels_that_are_never_said_stay_so_without_nan():
    log_probs = said()
    log_probs[:, :, 2] = -np.inf
    for rule in ("uniform", "mean", "vote"):
        found = combine(log_probs, [1.0, 0.0, 2.0], rule)
        assert np.isfinite(found).all()
        assert (found[:, 2] < -20).all()
    learned = optimised(log_probs, [[0]] * 7, training=WeightTraining(epochs=3))
    assert np.isfinite(learned.weights).all()


def complementary(examples=40):
    """Two members that know a half of the examples each, and one that knows nothing."""
    values = RNG.normal(size=(3, examples, 2)) * 0.05
    gold = RNG.integers(2, size=examples)
    values[0, : examples // 2][np.arange(examples // 2), gold[: examples // 2]] += 1.0
    rest = examples - examples // 2
    values[1, examples // 2 :][np.arange(rest), gold[examples // 2 :]] += 1.0
    values[2] *= 40
    log_probs = values - np.logaddexp.reduce(values, axis=2, keepdims=True)
    order = RNG.permutation(examples)
    return log_probs[:, order], [[int(gold[i])] for i in order]


def accuracy(log_probs, right):
    return np.mean(log_probs.argmax(-1) == [own[0] for own in right])


@pytest.mark.parametrize("way", ["optimised", "greedy"])
def test_members_that_complete_each_other_beat_the_best_of_them(way):
    log_probs, right = complementary()
    weights = greedy(log_probs, right) if way == "greedy" else optimised(log_probs, right).weights
    assert sum(weights) == pytest.approx(1)
    assert weights[2] < 0.1
    together = combine(log_probs, weights, way)
    best = max(accuracy(own, right) for own in log_probs)
    assert accuracy(together, right) > best
    assert log_likelihood(together, right) > max(log_likelihood(own, right) for own in log_probs)


def test_several_right_labels_add_up():
    log_probs = said()
    right = [[0, 2]] * 7
    wanted = np.mean([log(exp(row[0]) + exp(row[2])) for row in log_probs[0]])
    assert log_likelihood(log_probs[0], right) == pytest.approx(wanted)
    assert optimised(log_probs[:1], right).before == pytest.approx(-wanted, abs=1e-5)


def test_rows_that_are_held_back_end_the_learning_and_choose_the_weights():
    log_probs, right = said(8, 12, 2, seed=5), [[int(i)] for i in RNG.integers(2, size=12)]
    held = said(8, 40, 2, seed=6), [[int(i)] for i in RNG.integers(2, size=40)]
    fitted, kept = optimised(log_probs, right), optimised(log_probs, right, held)
    assert kept.epochs < fitted.epochs
    assert kept.loss <= kept.before  # at equal weights, where nothing helps

    def loss(weights):
        return -log_likelihood(combine(held[0], weights, "optimised"), held[1])

    assert loss(kept.weights) == pytest.approx(kept.loss, abs=1e-5)
    assert loss(kept.weights) < loss(fitted.weights)


def test_greedy_picks_are_shares_by_hand():
    log_probs = np.log([[[0.9, 0.1], [0.2, 0.8]], [[0.2, 0.8], [0.9, 0.1]]])
    right = [[0], [0]]
    # alone: (log .9 + log .2) / 2 each, the first is taken; with the second: .5 log-odds of 0
    assert greedy(log_probs, right) == [0.5, 0.5]


# Over a model: the scorer's numbers, and thousands of candidates


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_the_log_probabilities_of_all_labels(kind):
    own, task = Scorer(tiny(kind)[0], Scoring()), reviews()
    prompts = [
        task.prompt,
        task.prompt.with_template(Template.parse("{text} [Z] !"), task.prompt.source),
    ]
    prompts.append(Prompt(prompts[1].template, Verbalizer.of({"bad": "dull", "good": "city"})))
    found = own.label_log_probs(prompts, task.train)
    for prompt, values in zip(prompts, found, strict=True):
        assert values == pytest.approx(own.judge([prompt], task.train)[0].log_probs, abs=1e-5)


def test_facts_with_thousands_of_candidates():
    own = Scorer(tiny("bert")[0], Scoring("independent"), facts=True)
    words = [f"w{i}" for i in range(1100)]
    verbalizer = Verbalizer.of_candidates(["paris", "korea", *words])
    prompts = [Prompt(Template.parse(t), verbalizer) for t in ("{subject} [Z]", "[Z] of {subject}")]
    facts = [Example(str(i), {"subject": s}, ("paris", "korea")) for i, s in enumerate("ab")]
    members = tuple(Member(str(i), prompt, 1.0) for i, prompt in enumerate(prompts))
    predictor = EnsemblePredictor(Ensemble("uniform", members), own, own)
    total = own.label_log_probs(prompts, facts).astype(float).sum(0)
    total = np.where(total > -1e4, total, -1e4)
    wanted = total - np.logaddexp.reduce(total, axis=1, keepdims=True)
    judged = predictor.predict(facts)
    assert judged.log_right == pytest.approx(np.logaddexp(wanted[:, 0], wanted[:, 1]), abs=1e-4)
    assert judged.predicted.tolist() == wanted.argmax(1).tolist()
    single = EnsemblePredictor(Ensemble("uniform", members[:1]), own, own).predict(facts)
    alone = own.judge(prompts[:1], facts)[0]
    assert single.log_right == pytest.approx(alone.log_right, abs=1e-4)
    assert single.rank.tolist() == alone.rank.tolist()


def test_members_of_different_labels_are_refused():
    one = Prompt(Template.parse("{t} [Z]"), Verbalizer.of({"a": "x", "b": "y"}))
    other = Prompt(Template.parse("{t} [Z]"), Verbalizer.of({"b": "y", "a": "x"}))
    with pytest.raises(PromptError, match="p0 and p1 do not answer the same labels"):
        Ensemble("uniform", (Member("p0", one, 1.0), Member("p1", other, 1.0)))


# The command


@pytest.fixture
def found(tmp_path):
    task = reviews_in(tmp_path, 4)
    path = tmp_path / "run" / "prompts.json"
    options = ["--task", task, "-o", path.parent, "-m", saved("bert")]
    run("answers", "prune", *options, "--budget", "8", "-q")
    return path


@pytest.mark.parametrize("rule", ["uniform", "mean", "rank", "optimised", "greedy", "vote"])
def test_an_ensemble_is_written_shown_and_evaluated(found, rule):
    folder = found.parent.parent / "together"
    done = run("ensemble", found, "--rule", rule, "--top", 4, "-o", folder, "-q")
    assert "on dev, which selected the members" in done.stdout
    document = json.loads((folder / "prompts.json").read_text())
    before = json.loads(found.read_text())
    assert {**document, "ensemble": None} == before
    own = document["ensemble"]
    assert own["rule"] == rule
    assert own["scores"]["dev"]["selected"]
    assert {m["id"] for m in own["members"]} <= {row["id"] for row in before["prompts"][:4]}
    assert f"ensemble ({rule})" in run("show", folder / "prompts.json").stdout
    again = json.loads(run("evaluate", folder / "prompts.json", "--split", "dev", "--json").stdout)
    for metric in ("log_likelihood", "accuracy", "ece"):
        assert again["ensemble"]["scores"]["dev"][metric] == pytest.approx(
            own["scores"]["dev"][metric], abs=1e-5
        )
    assert "vs_best" in again["ensemble"]["scores"]["dev"]
    assert f"{rule} of" in run("evaluate", folder / "prompts.json").stdout
    run("reproduce", folder / "prompts.json", "-q")


def test_mistakes_are_one_line(found):
    folder = found.parent.parent / "together"
    done = run("ensemble", found, "--top", 99, "-o", folder, status=1)
    assert "--top 99: there are" in done.stderr
    assert not (folder / "prompts.json").exists()
    run("ensemble", found, "--top", 2, "-o", folder, "-q")
    assert "holds a run already" in run("ensemble", found, "-o", folder, status=1).stderr


def test_what_fails_loses_nothing(found, tmp_path):
    folder = tmp_path / "together"
    run("ensemble", found, "--top", 2, "-o", folder, "-q")
    before = (folder / "prompts.json").read_bytes()
    run("ensemble", found, "--top", 99, "-o", folder, "--overwrite", status=1)
    assert (folder / "prompts.json").read_bytes() == before
    kept = {file: file.read_bytes() for file in found.parent.iterdir() if file.is_file()}
    done = run("ensemble", found, "-o", found.parent, "--overwrite", status=1)
    assert "its ledger lie; choose another -o DIR" in done.stderr
    assert all(file.read_bytes() == held for file, held in kept.items())
    run("ensemble", found, "--top", 3, "-o", folder, "--overwrite", "-q")
    assert len(json.loads((folder / "prompts.json").read_text())["ensemble"]["members"]) == 3


def test_fewer_prompts_than_the_default_all_take_part(found, tmp_path):
    document = json.loads(found.read_text())
    (tmp_path / "few.json").write_text(json.dumps({**document, "prompts": document["prompts"][:2]}))
    made = json.loads(run("ensemble", tmp_path / "few.json", "-o", tmp_path / "a", "--json").stdout)
    assert len(made["ensemble"]["members"]) == 2


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        (
            {"rule": "uniform", "members": [{"id": "p1", "weight": -1}]},
            "weight must be a number, 0 or",
        ),
        ({"rule": "uniform", "members": [{"id": "p1", "weight": 1e39}]}, "give about 1"),
        ({"rule": "uniform", "members": [{"id": "q", "weight": 1}]}, "'q' is none of the prompts"),
        (
            {"rule": "sum", "members": [{"id": "p1", "weight": 1}]},
            "rule must be uniform or",
        ),
        ({"rule": "uniform", "members": []}, "members must be a list of at least 1"),
        ({"rule": "uniform", "members": [{"id": "p1"}]}, "members 1.weight is missing"),
        ({"rule": "vote", "members": [{"id": "p1", "weight": 0}]}, "has a weight above 0"),
    ],
)
def test_a_hand_written_ensemble_is_checked(found, section, reason):
    document = {**json.loads(found.read_text()), "ensemble": section}
    found.write_text(json.dumps(document))
    done = run("evaluate", found, status=1)
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
