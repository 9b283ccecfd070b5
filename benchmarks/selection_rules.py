"""Rules that choose among the prompts of several strategies, by what their choice comes to on test.

    python benchmarks/selection_rules.py --out docs/selection_rules.jsonl
    python benchmarks/selection_rules.py --out docs/selection_rules.jsonl --table

The built-in model; LM-BFF's 16-shot splits. A pool is what five strategies propose (up to --budget
prompts each), all of it scored on train, dev and test; a rule sees train and dev only. A line of
the file is a pool, with the accuracy and the log-likelihood of each rule's choice on test.

`dev`, `train + dev`: the best mean log-likelihood there. `unfitted`: dev for prompts whose answers
were fitted to train, else train and dev. `shrunken`: that, drawn towards the mean of the strategy
that proposed it, as its spread and the rows' noise say (empirical Bayes). `one error less`: that,
less one standard error of the difference to the manual prompt. `worse of both`: the smaller of the
two means. `mean of K` are ensembles of the first K by dev, the mean of their probabilities;
`5 each`: at most five of one strategy.

The rules were thought out on other splits of the first four tasks; the last two were not looked at.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from on_test import LABELLED, write
from over_seeds import difference

from promptsearch import Scorer, Settings, load_model, load_task, search
from promptsearch.data import TaskDefinition
from promptsearch.engine.expectation import member_indices
from promptsearch.metrics.predictions import Predictions
from promptsearch.models import LanguageModel
from promptsearch.prompt import Prompt
from promptsearch.scoring.combination import Rule, together
from promptsearch.searchers import SEARCHERS

STRATEGIES = (
    *("answers-prune", "answers-likelihood-ratio", "answers-probe"),
    *("paraphrase", "generate"),
)
DECIDED, CONFIRMED = ("SST-2", "TREC", "MR", "Subj"), ("AG-News", "MRPC")
SEED = 42  # of the splits
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pool:
    """Prompts of several strategies and what they say of each split, the manual prompt first."""

    strategies: Sequence[str]  # (prompt,)
    fitted: NDArray[np.bool_]  # (prompt,): whether its answers were fitted to train
    said: Mapping[str, Sequence[Predictions]]  # by split

    def right(self, split: str) -> Floats:
        """Return (prompt, row): log p of the right label."""
        return np.stack([predictions.log_right for predictions in self.said[split]])

    def on_test(self, prompts: Sequence[int], rule: Rule = "mean") -> dict[str, float]:
        """Return the scores on test of one prompt, or of several together."""
        chosen = [self.said["test"][prompt] for prompt in prompts]
        answer = chosen[0] if len(chosen) == 1 else together(chosen, rule)
        return {"accuracy": float(answer.hits.mean()), "ll": float(answer.log_right.mean())}


def pool_of(definition: TaskDefinition, model: LanguageModel, budget: int, rows: int) -> Pool:
    """Search with each strategy, and score all prompts on all splits."""
    prompts: dict[Prompt, str] = {definition.prompt: "manual"}
    for name in STRATEGIES:
        result = search(SEARCHERS[name](), definition, model, Settings(budget=budget))
        for trial in result.trials:
            if trial.split == "dev" and trial.complete:
                prompts.setdefault(trial.prompt, name)
    scorer = Scorer(model, Settings().scoring(definition.kind))
    test = definition.test().examples
    order = np.random.default_rng(0).permutation(len(test))[:rows]
    splits = {
        "train": definition.train.examples,
        "dev": definition.dev.examples,
        "test": [test[row] for row in sorted(order.tolist())],
    }
    said = {name: scorer.judge(list(prompts), examples) for name, examples in splits.items()}
    fitted = [prompt.verbalizer != definition.prompt.verbalizer for prompt in prompts]
    return Pool(list(prompts.values()), np.array(fitted), said)


def choices(pool: Pool) -> dict[str, list[int]]:
    """Return the prompts that each rule chooses."""
    dev, train = pool.right("dev"), pool.right("train")
    dev, train = dev - dev[0], train - train[0]  # paired with the manual prompt
    every = np.concatenate([dev, train], axis=1)
    rows = [dev[i] if fitted else every[i] for i, fitted in enumerate(pool.fitted)]
    unfitted = np.array([values.mean() for values in rows])
    error = np.array([values.std(ddof=1) / len(values) ** 0.5 for values in rows])
    estimates = {
        "dev": dev.mean(1),
        "train + dev": every.mean(1),
        "unfitted": unfitted,
        "shrunken": _shrunken(unfitted, error, pool.strategies),
        "one error less": unfitted - error,
        "worse of both": np.minimum(dev.mean(1), train.mean(1)),
    }
    chosen = {name: [int(values.argmax())] for name, values in estimates.items()}
    order = np.argsort(-estimates["dev"], kind="stable").tolist()
    chosen |= {f"mean of {k}": order[:k] for k in (5, 10, 20, 30)}
    chosen |= {f"mean of {k}, 5 each": _capped(order, pool.strategies, k) for k in (10, 20)}
    return {"manual": [0], **chosen}


def _shrunken(values: Floats, error: Floats, strategies: Sequence[str]) -> Floats:
    """Return the estimates drawn towards the mean of their strategy's (empirical Bayes)."""
    shrunken, names = values.copy(), np.array(strategies)
    for name in set(strategies):
        group = names == name
        centre, noise = values[group].mean(), error[group] ** 2
        spread = max(0.0, values[group].var() - noise.mean())
        shrunken[group] = centre + spread / (spread + noise + 1e-12) * (values[group] - centre)
    return shrunken


def _capped(order: Sequence[int], strategies: Sequence[str], members: int) -> list[int]:
    """Return the first members, at most five of one strategy."""
    steps = [strategies[prompt] for prompt in order]
    return [order[index] for index in member_indices(steps, members, 5)]


def line_of(pool: Pool) -> dict[str, dict[str, float]]:
    """Return the scores on test by rule, and of the best single prompt there is."""
    found = {name: pool.on_test(chosen) for name, chosen in choices(pool).items()}
    found["product of 10, 5 each"] = pool.on_test(choices(pool)["mean of 10, 5 each"], "uniform")
    every = [pool.on_test([prompt]) for prompt in range(len(pool.strategies))]
    found["best on test"] = max(every, key=lambda scores: scores["accuracy"])
    return found


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the means over the tasks that decided and that confirmed, and differences to dev."""
    rows = [
        "| rule | four tasks: accuracy | ll | AG News, MRPC: accuracy | ll | all - dev |",
        f"|{'---|' * 6}",
    ]
    for rule in lines[0]["rules"]:
        cells = []
        for tasks in (DECIDED, CONFIRMED):
            some = [line["rules"][rule] for line in lines if line["task"] in tasks]
            cells += [_mean(some, key) for key in ("accuracy", "ll")]
        gains = [
            line["rules"][rule]["accuracy"] - line["rules"]["dev"]["accuracy"] for line in lines
        ]
        rows.append(f"| {rule} | {' | '.join(cells)} | {difference(np.array(gains))} |")
    return "\n".join(rows)


def _mean(scores: Sequence[Mapping[str, float]], key: str) -> str:
    return f"{np.mean([each[key] for each in scores]):.3f}" if scores else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=[*DECIDED, *CONFIRMED])
    parser.add_argument("--seeds", nargs="+", type=int, default=[SEED])
    parser.add_argument("--budget", type=int, default=30)
    parser.add_argument("--rows", type=int, default=128, help="of test, at most")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true", help="print it and end")
    given = parser.parse_args()
    lines = (
        [json.loads(line) for line in given.out.read_text().splitlines()]
        if given.out.exists()
        else []
    )
    if not given.table:
        model, home = load_model("builtin"), given.data.resolve() / "classification/lmbff"
        for task, seed in ((t, s) for s in given.seeds for t in given.tasks):
            if (task, seed) in {(line["task"], line["seed"]) for line in lines}:
                continue
            with tempfile.TemporaryDirectory() as folder:
                path = write(Path(folder) / f"{task}.toml", LABELLED[task], home, seed)
                pool = pool_of(load_task(path), model, given.budget, given.rows)
            lines.append(
                {
                    "task": task,
                    "seed": seed,
                    "prompts": len(pool.strategies),
                    "rules": line_of(pool),
                }
            )
            with given.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps(lines[-1]) + "\n")
            print(task, seed, len(pool.strategies), file=sys.stderr, flush=True)
    print(table(lines))


if __name__ == "__main__":
    main()
