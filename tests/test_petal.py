"""PETAL's word scores: the published numbers, and hand arithmetic."""

import json

import numpy as np
import pytest

from promptsearch.searchers.answers.likelihood_ratio.search import ranked_words, word_scores


@pytest.fixture(scope="module")
def golden(shared):
    folder = shared / "golden" / "dev"
    return json.loads((folder / "petal.json").read_text()), np.load(folder / "petal.npz")


def log_softmax(logits):
    logits = logits.astype(np.float64)
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)


@pytest.mark.parametrize("place", [0, 1])
def test_words_and_scores_of_petal(golden, place):
    case = golden[0]["cases"][place]
    log_q = log_softmax(golden[1][f"{case['id']}_logits"])  # (template, example, token)
    able = [case["tokens"].index("Ġ" + word) for word in case["words_after_max_words"]]
    able.sort()
    words = [case["tokens"][i][1:] for i in able]
    gold = np.array([case["labels"].index(label) for label in case["gold"]])
    for run in case["runs"]:
        own = log_q[run["patterns"]][:, :, able]
        found = ranked_words(own, gold, run["score"], run["num_candidates"], run["normalize"])
        for place, label in enumerate(case["labels"]):
            scores = sum(
                word_scores(each, gold == place, run["score"], run["normalize"]) for each in own
            )
            best = found[place][:10]
            assert scores[best] == pytest.approx(run["scores_float64"][label], rel=1e-6)
            if run["smallest_gap_in_top11_float64"][label] > 1e-3:
                assert [words[i] for i in best] == run["top_words_float64"][label]


def test_a_probability_of_nought_gives_numbers(golden):
    case = golden[0]["underflow"]
    log_q = log_softmax(np.array(case["logits"]))
    positive = np.array(case["expected"]) == 1
    for by, wanted in case["log_space_float64"].items():
        score = word_scores(log_q, positive, by, balanced=case["normalize"])[case["word_index"]]
        assert score == pytest.approx(wanted, rel=1e-9)


def test_a_certain_word_gives_numbers():
    log_q = np.array([[0.0], [-1.0], [-2.0]])
    assert np.isfinite(word_scores(log_q, np.array([True, False, False]), "llr", True)).all()


def test_by_hand_on_unequal_classes():
    q = np.array([[0.5], [0.2], [0.1], [0.4]])
    positive = np.array([True, False, False, False])  # s = 3
    llr = 3 * np.log(0.5 / 0.5) + np.log(0.8 / 0.2) + np.log(0.9 / 0.1) + np.log(0.6 / 0.4)
    ce = 3 * np.log(0.5) + np.log(0.8) + np.log(0.9) + np.log(0.6)
    assert word_scores(np.log(q), positive, "llr", True) == pytest.approx([llr])
    assert word_scores(np.log(q), positive, "ce", True) == pytest.approx([ce])
