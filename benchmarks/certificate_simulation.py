"""Whether the gain certificate keeps its word, on simulated hits whose truth is known.

python benchmarks/certificate_simulation.py [--runs 200] [--seed 0] [--folds 5] [--continuous]

A candidate is right about a row where `quality + difficulty of the row + luck of the two` is above
0, all normal, so that the true accuracy of each candidate is known and rows are hard or easy for
all. With shuffled labels, candidates name one of two labels, and labels know nothing of the rows.
The manual prompt is the rival and no candidate. The table has, of each case: how often the verdict
is "real"; how often the 95% interval holds the true gain of the winner that all rows chose, and
how often the mean true gain of the folds' winners; and how often the naive interval (paired
bootstrap of the winner on the rows that chose it) holds the true gain of that winner.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist

import numpy as np

from promptsearch.evaluation.certificate.crossfit import FOLDS, cross_fit
from promptsearch.evaluation.certificate.paired import paired_interval
from promptsearch.evaluation.certificate.score_matrix import best_by
from promptsearch.evaluation.certificate.verdict import verdict_of
from promptsearch.metrics.intervals import inflation

ROWS, CANDIDATES = (32, 64, 128, 200), (10, 50, 200)
SHARED = 0.6  # of the variance: the row's difficulty
MANUAL = 0.7  # its true accuracy
Floats = np.ndarray
Drawn = tuple[Floats, Floats]  # values (candidate, row), the manual prompt first; true means


def hits(accuracies: Floats, n: int, rng: np.random.Generator) -> Drawn:
    """Right or wrong, rows being hard or easy for all."""
    quality = np.array([NormalDist().inv_cdf(a) for a in accuracies])
    luck = rng.normal(size=(len(accuracies), n)) * np.sqrt(1 - SHARED)
    latent = quality[:, None] + rng.normal(size=n) * np.sqrt(SHARED) + luck
    return (latent > 0).astype(float), accuracies


def log_likelihoods(gains: Floats, n: int, rng: np.random.Generator) -> Drawn:
    """Skewed values below 0, as log-likelihoods are."""
    hard = rng.exponential(size=n)
    own = rng.exponential(size=(len(gains), n))
    return gains[:, None] - hard - own, gains - 2


def shuffled(candidates: int, n: int, rng: np.random.Generator) -> Drawn:
    """Guesses that lean to one label and agree with each other; labels of no meaning."""
    lean = rng.normal(size=candidates + 1)[:, None]
    luck = rng.normal(size=(candidates + 1, n))
    guesses = lean + rng.normal(size=n) + luck > 0
    labels = rng.permutation(np.arange(n) % 2).astype(bool)
    return (guesses == labels).astype(float), np.full(candidates + 1, 0.5)


def gains_of(better: float, gain: float, candidates: int) -> Floats:
    """0 for the manual prompt; `gain` for a share (or a number, from 1) of the candidates."""
    count = int(better) if better >= 1 else max(1, round(better * candidates))
    return np.array([0.0, *[gain] * count, *[0.0] * (candidates - count)])


CASES: dict[str, tuple[float, float]] = {
    "all equal": (1, 0.0),
    "all worse by 0.05": (1.0, -0.05),
    "one better by 0.05": (1, 0.05),
    "one better by 0.10": (1, 0.10),
    "one better by 0.20": (1, 0.20),
    "a tenth better by 0.05": (0.1, 0.05),
    "a tenth better by 0.10": (0.1, 0.10),
}


@dataclass(frozen=True)
class Rates:
    """Shares of the runs."""

    real: float
    covers_winner: float
    covers_folds: float
    naive_covers: float


def naive_interval(differences: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """The percentile bootstrap of the winner's paired difference on the rows that chose it."""
    draws = differences[rng.integers(len(differences), size=(500, len(differences)))].mean(axis=1)
    return float(np.percentile(draws, 2.5)), float(np.percentile(draws, 97.5))


def measure(
    draw: Callable[[np.random.Generator], Drawn], runs: int, seed: int, folds: int = FOLDS
) -> Rates:
    found = []
    for run in range(runs):
        rng = np.random.default_rng((seed, run))
        values, truth = draw(rng)
        found_values, manual, gains = values[1:], values[0], truth[1:] - truth[0]
        n, choose = len(manual), best_by(found_values)
        fit = cross_fit(choose, np.arange(n) % 2, folds=folds, seed=seed + run)
        differences = found_values[fit.chosen, np.arange(n)] - manual
        own = paired_interval(differences, inflation(folds))
        winner = choose(np.arange(n))
        low, high = naive_interval(found_values[winner] - manual, rng)
        found.append(
            (
                verdict_of(own, n).ruling == "real",
                own.low <= gains[winner] <= own.high,
                own.low <= gains[fit.winners].mean() <= own.high,
                low <= gains[winner] <= high,
            )
        )
    return Rates(*np.array(found).mean(axis=0).tolist())


def drawing(case: str, candidates: int, n: int, continuous: bool) -> Callable[..., Drawn]:
    """How a run of the case draws its values."""
    if case == "shuffled labels":
        return lambda rng: shuffled(candidates, n, rng)
    better, gain = CASES[case]
    gains = gains_of(better, gain, candidates)
    if case.startswith("all worse"):
        gains = np.array([0.0, *[gain] * candidates])
    if continuous:
        return lambda rng: log_likelihoods(2 * gains, n, rng)
    return lambda rng: hits(MANUAL + gains, n, rng)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--continuous", action="store_true", help="log-likelihoods, not hits")
    given = parser.parse_args()
    print("| case | rows | candidates | real | covers winner | covers folds' | naive covers |")
    print("|---|---|---|---|---|---|---|")
    cases = [*CASES, *([] if given.continuous else ["shuffled labels"])]
    for case, n, candidates in product(cases, ROWS, CANDIDATES):
        draw = drawing(case, candidates, n, given.continuous)
        rates = measure(draw, given.runs, given.seed, given.folds)
        print(
            f"| {case} | {n} | {candidates} | {rates.real:.3f} | {rates.covers_winner:.3f} | "
            f"{rates.covers_folds:.3f} | {rates.naive_covers:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
