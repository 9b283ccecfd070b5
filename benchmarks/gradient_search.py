"""Gradient-searched triggers against the manual prompt and against random triggers, on test.

    python benchmarks/gradient_search.py --data ../shared/data --out docs/gradient_search.json

SST-2 and TREC in LM-BFF's 16-shot splits (one split a seed), and five LAMA relations (train and dev
as in lama_mining.py; one search seed a seed), with the built-in model, 3 seeds. Each search may
spend the same number of forwards. `random` spends them on random triggers of the same length in the
same places, from the same tokens, and keeps the best on dev; `blind` is the same search with random
candidates instead of the gradient's; `release` is the gradient search with AutoPrompt's loss,
comparison and tokens. Prints the tables of docs/results.md.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from on_test import RELATIONS, SEEDS, Methods, head, row, tasks, trials

from promptsearch import GradientSearch, Settings, load_model
from promptsearch.engine.strategy import Score, Task
from promptsearch.prompt import Source

NAMES = ("SST-2", "TREC", *RELATIONS)
EXAMPLES = 32  # a draw, as many as one of AutoPrompt's batches
CLIMBS = 100  # as many as the forwards allow


class RandomTriggers(GradientSearch):
    """Random triggers in the same places, from the same tokens: what dev alone would choose."""

    def search(self, task: Task, score: Score) -> None:
        """Until the limits end it."""
        assert task.model is not None
        objective, start = self.prepared(task, score)
        able, rng = np.flatnonzero(objective.usable), np.random.default_rng(task.seed)
        while True:
            drawn = (tuple(rng.choice(able, len(start)).tolist()) for _ in range(64))
            texts = filter(None, map(objective.detokenizer.template, drawn))
            score([task.prompt.with_template(text, Source("random")) for text in texts])


METHODS: Methods = {
    "gradient": lambda: GradientSearch(restarts=CLIMBS, iterations=100, examples=EXAMPLES),
    "blind": lambda: GradientSearch(
        step="random", restarts=CLIMBS, iterations=100, examples=EXAMPLES
    ),
    "random": RandomTriggers,
    "release": lambda: GradientSearch(
        restarts=CLIMBS, iterations=100, examples=EXAMPLES,
        loss="gold", compare="accuracy", whole_words=False,
    ),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("docs/gradient_search.json"))
    parser.add_argument("--forwards", type=int, default=4_000, help="of one search")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS)[:3])
    given = parser.parse_args()
    methods = {name: METHODS[name] for name in given.methods}
    settings = Settings(budget=None, max_forwards=given.forwards)
    model, rows, saved = load_model("builtin"), [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name, paths in tasks(given.data.resolve(), Path(folder), given.names):
            seeds = [
                trials(path, seed, methods, replace(settings, seed=seed), model)
                for path, seed in zip(paths, SEEDS, strict=True)
            ]
            rows.append(row(name, seeds, "gradient"))
            saved[name] = [{m: vars(trial) for m, trial in own.items()} for own in seeds]
            given.out.write_text(json.dumps(saved) + "\n")
    print(head(methods, "gradient"))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
