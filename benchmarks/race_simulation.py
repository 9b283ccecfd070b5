"""Our paired race beside successive halving, on simulated prompts of nearly equal quality.

    python benchmarks/race_simulation.py [--races 200]

A prompt's score of an example is its quality, plus the example's difficulty (70% of the variance,
shared by all prompts), plus noise; the variance is 1, qualities are normal with the spread given.
Printed: how many times fewer scores were needed, how often the best prompt on all examples was
kept, and the mean regret over all races.
"""

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from promptsearch.engine.race_statistics import eliminated, checkpoints

Values = NDArray[np.float64]  # (prompt, example)
Rule = Callable[[Values, int], list[int]]  # of the examples seen, and of how many: who drops out
SHARED = 0.7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--races", type=int, default=200)
    races = parser.parse_args().races
    print(f"{races} races a cell; x: times fewer scores; won: winner kept; regret: mean")
    print("| examples | prompts | spread | race x | won | regret | halving x | won | regret |")
    print("|---|---|---|---|---|---|---|---|---|")
    for examples in (128, 256, 800):
        for prompts in (8, 50, 200):
            for spread in (0.02, 0.1, 0.3):
                cells = [measured(rule, races, prompts, examples, spread) for rule in (race, halve)]
                print(f"| {examples} | {prompts} | {spread} | {' | '.join(cells)} |", flush=True)


def race(seen: Values, count: int) -> list[int]:
    """Ours."""
    return eliminated(list(seen), None, count)


def halve(seen: Values, _count: int) -> list[int]:
    """Successive halving (Jamieson and Talwalkar, 2016)."""
    order = np.argsort(-seen.mean(1), kind="stable")
    return [int(i) for i in order[(len(order) + 1) // 2 :]]


def measured(rule: Rule, races: int, prompts: int, examples: int, spread: float) -> str:
    rng = np.random.default_rng(0)
    outcomes = np.array(
        [run(simulated(rng, prompts, examples, spread), rule) for _ in range(races)]
    )
    cost, won, regret = outcomes.mean(0)
    return f"{1 / cost:.1f} | {won:.2f} | {regret:.4f}"


def simulated(rng: np.random.Generator, prompts: int, examples: int, spread: float) -> Values:
    difficulty = rng.normal(0, SHARED**0.5, examples)
    noise = rng.normal(0, (1 - SHARED) ** 0.5, (prompts, examples))
    values: Values = rng.normal(0, spread, (prompts, 1)) + difficulty + noise
    return values


def run(values: Values, rule: Rule) -> tuple[float, bool, float]:
    """Share of the scores that were needed; whether the best one won; the regret."""
    prompts, examples = values.shape
    alive, scored, seen = list(range(prompts)), 0, 0
    for rung in checkpoints(examples):
        scored, seen = scored + len(alive) * (rung - seen), rung
        out = set(rule(values[alive, :rung], examples)) if len(alive) > 1 else set()
        alive = [prompt for place, prompt in enumerate(alive) if place not in out]
    scored += len(alive) * (examples - seen)
    means = values.mean(1)
    regret = float(means.max() - means[alive].max())
    return scored / values.size, regret == 0, regret


if __name__ == "__main__":
    main()
