"""Words for all labels together: the published numbers, and a loop that tries all by hand."""

import json
from collections import Counter
from itertools import product

import numpy as np
import pytest

from promptsearch.searchers.answers.prune.beam import beam_combinations
from promptsearch.searchers.answers.prune.combinations import best_combinations
from promptsearch.searchers.answers.prune.likely_words import most_likely_words, nearest
from promptsearch.searchers.answers.prune.swaps import WordSwap

CASES = ("three", "two", "neighbours")


@pytest.fixture(scope="module")
def golden(shared):
    folder = shared / "golden" / "dev"
    cases = json.loads((folder / "lmbff_labels.json").read_text())["cases"]
    return {case["id"]: case for case in cases}, np.load(folder / "lmbff_labels.npz")


@pytest.mark.parametrize("name", CASES)
def test_candidates_of_lm_bff(golden, name):
    case, logits = golden[0][name], golden[1][f"{name}_logits"]
    able = np.array([i for i, word in enumerate(case["vocab"]) if word.startswith("Ġ")])
    lists = most_likely_words(logits[:, able], np.array(case["labels"]), case["k_likely"])
    for own, wanted, means, ties in zip(
        lists,
        case["candidates_per_class"],
        case["mean_logit_of_candidates"],
        case["candidate_ties"],
        strict=True,
    ):
        free = set(ties["tied_at_cut"])
        assert set(able[own]) - free == set(wanted) - free
        label = case["candidates_per_class"].index(wanted)
        rows = logits[np.array(case["labels"]) == label]
        assert rows[:, able[own]].mean(0) == pytest.approx(means, abs=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_pairings_of_lm_bff(golden, name):
    case, logits = golden[0][name], golden[1][f"{name}_logits"]
    lists = [np.array(own) for own in case["pairing_candidates"]]
    found = best_combinations(logits, np.array(case["labels"]), lists, case["top_n"])
    scores = [pairing.correct / case["n"] for pairing in found]
    assert scores == pytest.approx(case["top_scores"])
    words = {pairing.words for pairing in found}
    assert {tuple(each) for each in case["pairings_strictly_above_cut"]} <= words
    assert len(words) == case["top_n"]


def every(table, gold, lists, distinct):
    """(correct, log-likelihood) of each combination, one example at a time."""
    found = {}
    for words in product(*lists):
        if distinct and len(set(words)) < len(words):
            continue
        correct, total = 0, 0.0
        for row, right in zip(table.astype(float), gold, strict=True):
            values = [row[word] for word in words]
            correct += values.index(max(values)) == right
            total += values[right] - np.log(np.exp(values).sum())
        found[tuple(map(int, words))] = correct, total / len(gold)
    return found


@pytest.mark.parametrize("sizes", [(5, 9), (3, 70, 2), (2, 3, 4, 1)])
@pytest.mark.parametrize("distinct", [False, True])
def test_as_a_loop_over_all_combinations(sizes, distinct):
    rng = np.random.default_rng(len(sizes))
    table = rng.normal(size=(sum(sizes), 12)).astype(np.float32)
    table[:, 7] = table[:, 3]  # equal words tie
    gold = np.repeat(np.arange(len(sizes)), sizes)
    lists = [rng.permutation(12)[:5] for _ in sizes]
    naive = every(table, gold, lists, distinct)
    found = best_combinations(table, gold, lists, 40, np.arange(12) if distinct else None)
    order = sorted(naive.items(), key=lambda item: (-item[1][0], -item[1][1]))[: len(found)]
    assert [pairing.correct for pairing in found] == [correct for _, (correct, _) in order]
    for pairing in found:
        correct, log_likelihood = naive[pairing.words]
        assert (pairing.correct, pairing.log_likelihood) == (correct, pytest.approx(log_likelihood))
    assert found[0].log_likelihood == pytest.approx(order[0][1][1])


def test_words_that_read_alike_do_not_stand_for_two_labels():
    table = np.array([[2.0, 1.9, 0.0], [0.0, 0.1, 1.0]], dtype=np.float32)
    lists = [np.array([0, 1]), np.array([1, 2])]
    found = best_combinations(table, np.array([0, 1]), lists, 9, np.array([5, 5, 6]))
    assert {pairing.words for pairing in found} == {(0, 2), (1, 2)}


def test_a_beam_finds_planted_words_among_too_many_combinations():
    rng = np.random.default_rng(0)
    gold = np.repeat(np.arange(6), [4, 9, 5, 7, 3, 8])
    table = rng.normal(size=(len(gold), 300)).astype(np.float32)
    planted = [11, 60, 133, 190, 242, 290]
    for label, word in enumerate(planted):
        table[gold == label, word] += 8
    lists = [np.arange(50 * label, 50 * label + 50) for label in range(6)]  # 50 ** 6 combinations
    best = beam_combinations(table, gold, lists, 10)[0]
    assert (best.words, best.correct) == (tuple(planted), len(gold))


def test_a_beam_agrees_with_the_search_of_all_on_a_small_product():
    rng = np.random.default_rng(3)
    gold = np.repeat(np.arange(3), [4, 6, 5])
    table = rng.normal(size=(15, 30)).astype(np.float32)
    lists = [rng.permutation(30)[:8] for _ in range(3)]
    alike = np.arange(30)
    best = best_combinations(table, gold, lists, 1, alike)[0]
    assert beam_combinations(table, gold, lists, 1, alike)[0] == best


@pytest.mark.parametrize("label", [0, 2, 3])
@pytest.mark.parametrize("distinct", [False, True])
def test_a_changed_word_is_judged_as_the_whole_combination_is(label, distinct):
    rng = np.random.default_rng(label)
    gold = np.repeat(np.arange(4), [3, 5, 2, 4])
    table = rng.normal(size=(len(gold), 12)).astype(np.float32)
    table[:, 7] = table[:, 3]  # equal words tie
    lists = [rng.permutation(12)[:4] for _ in range(4)]
    naive = every(table, gold, lists, distinct)
    rest = [own for place, own in enumerate(lists) if place != label]
    words = np.array([c for c in product(*rest) if len(set(c)) == 3 or not distinct])
    alike = np.arange(12) if distinct else None
    found = WordSwap(table, gold, words, label, lists[label], alike).best(1000)
    assert sorted(pairing.words for pairing in found) == sorted(naive)
    for pairing in found:
        correct, log_likelihood = naive[pairing.words]
        assert (pairing.correct, pairing.log_likelihood) == (correct, pytest.approx(log_likelihood))


def test_beams_leave_out_repeated_words_only_where_asked():
    table = np.zeros((2, 2), dtype=np.float32)
    lists = [np.array([0, 1])] * 2
    both = beam_combinations(table, np.array([0, 1]), lists, 9)
    assert Counter(len(set(pairing.words)) for pairing in both) == {1: 2, 2: 2}
    once = beam_combinations(table, np.array([0, 1]), lists, 9, np.arange(2))
    assert {pairing.words for pairing in once} == {(0, 1), (1, 0)}


def test_neighbours_of_lm_bff(golden):
    case, arrays = golden[0]["neighbours"], golden[1]
    rows = arrays["neighbours_decoder_weight"]
    seeds = [rows[[case["vocab"].index(word)]] for word in case["seed_labels"]]
    lists = [np.array(own) for own in case["candidates_per_class"]]
    found = nearest(lists, rows, seeds, case["k_neighbors"])
    assert [own.tolist() for own in found] == case["pairing_candidates"]
