"""Rules that choose among the prompts of several strategies, by what their choice comes to on test.

    python benchmarks/selection_rules.py --out docs/selection_rules.jsonl
    python benchmarks/selection_rules.py --out docs/selection_rules.jsonl --table

The built-in model; LM-BFF's 16-shot splits. A pool is what the default search proposes (--budget
prompts; no run ends early), all of it scored on train, dev and test; a rule sees train and dev
only. A line of the file is a pool, with the accuracy and the log-likelihood on test of each rule's
choice.

`dev`, `train + dev`: the best mean log-likelihood there. `unfitted`: dev for prompts whose answers
were fitted to train, else train and dev. `shrunken`: that, drawn towards the mean of the step
that proposed it, as its spread and the rows' noise say (empirical Bayes). `one error less`: that,
less one standard error of the difference to the manual prompt. `worse of both`: the smaller of the
two means. `within one error`: of the prompts whose paired difference to the best on dev is within
its standard error, the first proposed, which has the fewest changes. `mean within one error`: all
of those together. `mean of K` are ensembles of the first K by dev, the mean of their
probabilities; `5 each`: at most five of one step. `first N steps`: `mean of 10, 5 each` of what
these proposed.

The default was decided on splits 13 and 42 of the tasks in the first two columns. Split 21 was not
looked at, nor any of MRPC.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from on_test import add_files, labelled_task, some
from over_seeds import difference

from promptsearch import JointSearch, Scorer, Settings, load_model, load_task, search
from promptsearch.data import TaskDefinition
from promptsearch.engine.expectation import member_indices, step_of
from promptsearch.engine.folds import FOLDS, share_of_run
from promptsearch.metrics.predictions import Predictions
from promptsearch.models import LanguageModel
from promptsearch.scoring.combination import Rule, together

DECIDED, CONFIRMED = ("SST-2", "TREC", "MR", "Subj"), ("AG-News", "SNLI", "MRPC")
SEED = 21  # of the splits
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pool:
    """Prompts of several steps and what they say of each split, the manual prompt first."""

    steps: Sequence[str]  # (prompt,): such as "4 paraphrase"
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


def without_least_gain(plan: JointSearch) -> JointSearch:
    """Return the plan whose runs go to the end, whatever their steps gain."""
    steps = ({k: v for k, v in step.items() if k != "least_gain"} for step in plan.steps)
    return replace(plan, steps=tuple(steps))


def pool_of(definition: TaskDefinition, model: LanguageModel, budget: int, rows: int) -> Pool:
    """Search by the default plan, and score all prompts on all splits."""
    share = share_of_run(budget, FOLDS) or 0
    plan = without_least_gain(JointSearch.by_default(definition.kind, False, share - 1))
    result = search(plan, definition, model, Settings(budget=budget))
    trials = [trial for trial in result.trials if trial.split == "dev" and trial.complete]
    prompts = [trial.prompt for trial in trials]
    scorer = Scorer(model, Settings().scoring(definition.kind))
    splits = {
        "train": definition.train.examples,
        "dev": definition.dev.examples,
        "test": some(definition.test().examples, rows),
    }
    said = {name: scorer.judge(prompts, examples) for name, examples in splits.items()}
    fitted = [prompt.verbalizer != definition.prompt.verbalizer for prompt in prompts]
    return Pool([str(step_of(prompt)) for prompt in prompts], np.array(fitted), said)


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
        "shrunken": _shrunken(unfitted, error, pool.steps),
        "one error less": unfitted - error,
        "worse of both": np.minimum(dev.mean(1), train.mean(1)),
    }
    chosen = {name: [int(values.argmax())] for name, values in estimates.items()}
    order = np.argsort(-estimates["dev"], kind="stable").tolist()
    equals = _within_one_error(dev)
    chosen |= {"within one error": equals[:1], "mean within one error": equals}
    chosen |= {f"mean of {k}": order[:k] for k in (5, 10, 20, 30)}
    chosen |= {f"mean of {k}, 5 each": _capped(order, pool.steps, k) for k in (10, 20)}
    numbers = [int(step.split()[0]) if step[0].isdigit() else 0 for step in pool.steps]
    for last in range(3, max(numbers)):
        early = [prompt for prompt in order if numbers[prompt] <= last]
        chosen[f"first {last} steps"] = _capped(early, pool.steps, 10)
    return {"manual": [0], **chosen}


def _within_one_error(dev: Floats) -> list[int]:
    """Return the prompts that are no worse than the best by more than one standard error."""
    behind = dev[dev.mean(1).argmax()] - dev
    error = behind.std(1, ddof=1) / dev.shape[1] ** 0.5
    return np.flatnonzero(behind.mean(1) <= error).tolist()


def _shrunken(values: Floats, error: Floats, steps: Sequence[str]) -> Floats:
    """Return the estimates drawn towards the mean of their step's (empirical Bayes)."""
    shrunken, names = values.copy(), np.array(steps)
    for name in set(steps):
        group = names == name
        centre, noise = values[group].mean(), error[group] ** 2
        spread = max(0.0, values[group].var() - noise.mean())
        shrunken[group] = centre + spread / (spread + noise + 1e-12) * (values[group] - centre)
    return shrunken


def _capped(order: Sequence[int], steps: Sequence[str], members: int) -> list[int]:
    """Return the first members, at most five of one step."""
    chosen = member_indices([steps[prompt] for prompt in order], members, 5)
    return [order[index] for index in chosen]


def line_of(pool: Pool) -> dict[str, dict[str, float]]:
    """Return the scores on test by rule, and of the best single prompt there is."""
    found = {name: pool.on_test(chosen) for name, chosen in choices(pool).items()}
    found["product of 10, 5 each"] = pool.on_test(choices(pool)["mean of 10, 5 each"], "uniform")
    every = [pool.on_test([prompt]) for prompt in range(len(pool.steps))]
    found["best on test"] = max(every, key=lambda scores: scores["accuracy"])
    return found


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the means over the tasks that decided and that confirmed, and differences to dev."""
    rows = [
        f"| rule | {', '.join(DECIDED)}: accuracy | ll | {', '.join(CONFIRMED)}: accuracy | ll "
        "| all - dev: accuracy | ll |",
        f"|{'---|' * 7}",
    ]
    for rule in lines[0]["rules"]:
        cells = []
        for tasks in (DECIDED, CONFIRMED):
            some = [line["rules"][rule] for line in lines if line["task"] in tasks]
            cells += [_mean(some, key) for key in ("accuracy", "ll")]
        for key in ("accuracy", "ll"):
            gains = [line["rules"][rule][key] - line["rules"]["dev"][key] for line in lines]
            cells.append(difference(np.array(gains)))
        rows.append(f"| {rule} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _mean(scores: Sequence[Mapping[str, float]], key: str) -> str:
    return f"{np.mean([each[key] for each in scores]):.3f}" if scores else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=[*DECIDED, *CONFIRMED])
    parser.add_argument("--seeds", nargs="+", type=int, default=[SEED])
    parser.add_argument("--budget", type=int, default=200)
    parser.add_argument("--rows", type=int, default=128, help="of test, at most")
    add_files(parser)
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
                path = labelled_task(task, seed, home, Path(folder))
                pool = pool_of(load_task(path), model, given.budget, given.rows)
            lines.append(
                {
                    "task": task,
                    "seed": seed,
                    "prompts": len(pool.steps),
                    "rules": line_of(pool),
                }
            )
            with given.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps(lines[-1]) + "\n")
            print(task, seed, len(pool.steps), file=sys.stderr, flush=True)
    print(table(lines))


if __name__ == "__main__":
    main()
