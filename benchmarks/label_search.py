"""Label search from the same logits: ours beside the loop of LM-BFF's released `find_labels`.

python benchmarks/label_search.py [--rounds 5]

The loop is re-created: every combination is a task of a process pool, which takes the words' logits
with `numpy.take`, the largest with `argmax`, and compares; the scores are then sorted. Both get the
same candidates; the same combinations must come out, with the same accuracies. Prints the median
ratio of the times, with [min, max] over the rounds.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from itertools import product
from multiprocessing import Pool
from statistics import median

import numpy as np

from promptsearch.searchers.answers.prune.combinations import best_combinations
from promptsearch.searchers.answers.prune.likely_words import most_likely_words

SHAPES = {  # classes, examples of each, words of each label
    "SST-2 (2 x 16, 100 words)": (2, 16, 100),
    "SNLI (3 x 16, 100 words)": (3, 16, 100),
    "SST-2 (2 x 16, 1000 words)": (2, 16, 1000),
}
TOP = 100
VOCABULARY = 5000
Found = tuple[set[tuple[int, ...]], list[float]]  # those above the cut, accuracies

_logits: np.ndarray
_labels: np.ndarray


def _begin(logits: np.ndarray, labels: np.ndarray) -> None:
    global _logits, _labels
    _logits, _labels = logits, labels


def _accuracy(words: tuple[int, ...]) -> float:
    guessed = np.argmax(np.take(_logits, words, axis=-1), axis=-1)
    return float(np.sum(guessed == _labels) / len(_labels))


def loop(logits: np.ndarray, labels: np.ndarray, lists: Sequence[np.ndarray]) -> Found:
    """The release's way, with as many processes as there are cores."""
    every = list(product(*(own.tolist() for own in lists)))
    with Pool(initializer=_begin, initargs=(logits, labels)) as pool:
        scores = list(pool.imap(_accuracy, every, chunksize=max(10, len(every) // 1000)))
    best = np.argsort(-np.array(scores), kind="stable")[:TOP]
    return _above([(every[i], scores[i]) for i in best])


def ours(logits: np.ndarray, labels: np.ndarray, lists: Sequence[np.ndarray]) -> Found:
    found = best_combinations(logits, labels, lists, TOP)
    return _above([(each.words, each.correct / len(labels)) for each in found])


def _above(pairs: Sequence[tuple[tuple[int, ...], float]]) -> Found:
    """Combinations above the last accuracy (which of those equal to it come is arbitrary)."""
    cut = pairs[-1][1]
    return {words for words, score in pairs if score > cut}, [score for _, score in pairs]


def timed(way: Callable[..., Found], *given: object) -> tuple[float, Found]:
    began = time.perf_counter()
    found = way(*given)
    return time.perf_counter() - began, found


def measure(classes: int, shots: int, words: int, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of the loop and of ours, round by round; they must agree."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(classes * shots, VOCABULARY)).astype(np.float32)
    labels = np.repeat(np.arange(classes), shots)
    logits += 0.5 * rng.normal(size=(classes, VOCABULARY)).astype(np.float32)[labels]
    lists = most_likely_words(logits, labels, words)
    times: tuple[list[float], list[float]] = [], []
    for _ in range(rounds):
        found = [timed(way, logits, labels, lists) for way in (loop, ours)]
        assert found[0][1] == found[1][1], "the two disagree"
        for own, (seconds, _) in zip(times, found, strict=True):
            own.append(seconds)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print("| combinations of | loop, s | ours, s | ratio [min, max] |\n|---|---|---|---|")
    for name, shape in SHAPES.items():
        slow, fast = measure(*shape, given.rounds)
        ratios = [a / b for a, b in zip(slow, fast, strict=True)]
        print(
            f"| {name} | {median(slow):.2f} | {median(fast):.4f} | "
            f"{median(ratios):.0f}x [{min(ratios):.0f}, {max(ratios):.0f}] |"
        )


if __name__ == "__main__":
    main()
