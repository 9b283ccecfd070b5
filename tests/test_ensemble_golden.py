"""LPAQA's ensembles: numbers recorded from its release."""

import json

import numpy as np
import pytest

from promptsearch.prediction.learned_weights import optimised
from promptsearch.scoring.combination import combine, log_likelihood, uniform

RELATIONS = ("A", "B", "C")


@pytest.fixture(scope="module")
def golden(shared):
    folder = shared / "golden" / "dev"
    document = json.loads((folder / "lpaqa_ensemble.json").read_text())
    rows = {row["relation"]: row for row in document["relations"]}
    return rows, np.load(folder / "lpaqa_ensemble.npz")


def members(arrays, relation, split):
    """(member, example, candidate), and the right candidate of each example."""
    log_probs = arrays[f"{relation}_{split}_logp"].transpose(1, 0, 2)
    return log_probs, [[int(gold)] for gold in arrays[f"{relation}_{split}_gold"]]


def macro(predicted, gold):
    return np.mean([np.mean(predicted[gold == each] == each) for each in np.unique(gold)])


def check(said, wanted, gold):
    """Predictions, P@1 and LPAQA's macro; `wanted` uses the names of the release's numbers."""
    predicted, gold = said.argmax(1), np.array(gold)[:, 0]
    assert predicted.tolist() == wanted[0]
    assert np.mean(predicted == gold) == pytest.approx(wanted[1])
    assert macro(predicted, gold) == pytest.approx(wanted[2])


@pytest.mark.parametrize("relation", RELATIONS)
def test_the_sum_of_the_best_templates(golden, relation):
    rows, arrays = golden
    train, gold = members(arrays, relation, "train")
    shares = (train.argmax(2) == np.array(gold)[:, 0]).mean(1)
    assert shares == pytest.approx(rows[relation]["train_p_at_1"])
    ranking = np.argsort(-shares, kind="stable")
    assert ranking.tolist() == rows[relation]["train_ranking"]
    test, gold = members(arrays, relation, "test")
    for top in rows[relation]["topk_sum"]:
        said = combine(test[ranking[: top["k"]]], uniform(top["k"]), "uniform")
        check(said, (top["predictions"], top["p_at_1"], top["macro"]), gold)


@pytest.mark.parametrize("relation", RELATIONS)
def test_optimised_weights(golden, relation):
    rows, arrays = golden
    wanted = rows[relation]["optimised"][0]
    learned = optimised(*members(arrays, relation, "train"))
    assert learned.weights == pytest.approx(wanted["weights"], abs=1e-3)
    assert learned.before == pytest.approx(wanted["loss_at_theta_zero_unweighted"], abs=1e-5)
    assert learned.loss == pytest.approx(wanted["loss_at_end_unweighted"], abs=1e-5)
    assert learned.epochs == pytest.approx(wanted["epochs"], abs=3)
    test, gold = members(arrays, relation, "test")
    said = combine(test, learned.weights, "optimised")
    check(
        said,
        (wanted["test_predictions"], wanted["test_p_at_1"], wanted["test_macro"]),
        gold,
    )


def test_losses_are_of_the_combined_probabilities(golden):
    log_probs, right = members(golden[1], "A", "train")
    learned = optimised(log_probs, right)
    said = combine(log_probs, learned.weights, "optimised")
    assert -log_likelihood(said, right) == pytest.approx(learned.loss, abs=1e-5)
