"""Joint search against searches of templates alone and of answers alone, at one budget, on test.

    python benchmarks/joint_search.py --tasks SST-2 TREC Subj AG-News --out docs/joint_search.jsonl
    python benchmarks/joint_search.py --table --out docs/joint_search.jsonl

The built-in model; LM-BFF's 16-shot splits, one a seed (AG News has the first three). `templates`
is the default plan without its steps for answers, `answers` all strategies for answers at the
manual template, `joint` the default plan of `promptsearch search`; each has the same budget of
prompts on dev. Of each the best prompt is asked on test, and the ensemble that the default plan
ends in: the first five, evenly (and 20, greedily). A line of the file is a task and a seed; those
that are there are not run again.
Differences are paired by seed, with Student's 95% interval over seeds.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from on_test import LABELLED, write
from over_seeds import difference, over_tasks

from promptsearch import (
    Example,
    JointSearch,
    Scorer,
    Settings,
    TaskDefinition,
    load_model,
    load_task,
    search,
)
from promptsearch.models import LanguageModel
from promptsearch.prediction.combination import Rule, greedy, uniform
from promptsearch.prediction.ensemble import Ensemble, EnsemblePredictor, Member, member_log_probs
from promptsearch.prompt import Prompt
from promptsearch.searchers import SEARCHERS
from promptsearch.searchers.joint.default_plan import default_steps

SEEDS = {"AG-News": (13, 21, 42)}  # the splits that there are
ALL_SEEDS = (13, 21, 42, 87, 100)
FIRST, OURS, BEST = "answers-prune", "joint", "its best prompt"
RULES: Mapping[str, tuple[Rule, int]] = {"uniform": ("uniform", 5), "greedy": ("greedy", 20)}


def methods(budget: int) -> dict[str, JointSearch]:
    """By name; each spends what the others do."""
    others = [name for name in SEARCHERS if name.startswith("answers") and name != FIRST]
    first: Mapping[str, object] = {"strategy": FIRST, "pairings": budget}  # takes what others leave
    answers = (*({"strategy": name} for name in others), first)
    return {
        "templates": JointSearch(default_steps("facts", False, budget - 1), skip=True),
        "answers": JointSearch(answers, skip=True),
        OURS: JointSearch.by_default("classification", False, budget - 1),
    }


@dataclass(frozen=True)
class Bench:
    """What all runs share."""

    model: LanguageModel
    budget: int
    rows: int | None

    def run(self, path: Path, seed: int) -> dict[str, dict[str, object]]:
        """What each method came to on test."""
        definition, settings = load_task(path), Settings(budget=self.budget, seed=seed)
        found = {"manual": self._tested(definition, definition.prompt)}
        for name, searcher in methods(self.budget).items():
            began = time.perf_counter()
            result = search(searcher, definition, self.model, settings)
            found[name] = {
                **self._tested(definition, result.best.prompt),
                **self._together(definition, [trial.prompt for trial in result.ranked]),
                "dev": result.best.scores["log_likelihood"],
                "prompts": result.spent.prompts,
                "forwards": result.spent.forwards,
                "seconds": round(time.perf_counter() - began, 1),
                "step": result.best.prompt.source.evidence.get("step"),
            }
            print(path.stem, name, found[name], file=sys.stderr, flush=True)
        return found

    def _tested(self, definition: TaskDefinition, prompt: Prompt) -> dict[str, object]:
        judgement = self._scorer_key(definition).judge([prompt], self._test(definition))[0]
        accuracy = float(judgement.hits.mean())
        answers = prompt.verbalizer.plain()
        return {"accuracy": accuracy, "template": str(prompt.template), "answers": answers}

    def _together(self, definition: TaskDefinition, prompts: Sequence[Prompt]) -> dict[str, object]:
        """Accuracy of ensembles of the best prompts, by rule; weights are learned from train."""
        scorer, train = self._scorer_key(definition), definition.train.examples
        right = scorer.labelling(prompts[0].verbalizer).right(train)
        found: dict[str, object] = {}
        for name, (rule, most) in RULES.items():
            some = prompts[:most]
            said = member_log_probs(some, train, scorer, scorer)
            weights = uniform(len(some)) if rule == "uniform" else greedy(said, right)
            members = map(Member, map(str, range(len(some))), some, weights)
            predictor = EnsemblePredictor(Ensemble(rule, tuple(members)), scorer, scorer)
            found[name] = float(predictor.predict(self._test(definition)).hits.mean())
        return found

    def _scorer_key(self, definition: TaskDefinition) -> Scorer:
        return Scorer(self.model, Settings().scoring(definition.kind))

    def _test(self, definition: TaskDefinition) -> Sequence[Example]:
        """All rows of test, or so many, the same ones for every seed."""
        examples = definition.test().examples
        order = np.random.default_rng(0).permutation(len(examples))[: self.rows]
        return [examples[row] for row in sorted(order.tolist())]


def table(lines: Iterable[Mapping[str, Any]], of: str) -> str:
    """Mean accuracies over seeds, and differences: of `joint` to the others, of answers to none.

    `of` is what a method came to: its best prompt ("accuracy"), or an ensemble.
    """
    names = ["manual", *methods(2)]
    pairs = [("answers", "manual"), *((OURS, name) for name in names if name != OURS)]
    pairs += [(OURS, BEST)] if of != "accuracy" else []
    heads = [*names, *(f"{ours} - {theirs}" for ours, theirs in pairs)]
    rows = [f"| task | seeds | {' | '.join(heads)} |", f"|{'---|' * (len(heads) + 2)}"]
    by_task: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        by_task.setdefault(line["task"], []).append(line["methods"])
    tables = {task: _scores(runs, names, of) for task, runs in by_task.items()}
    for task, own in tables.items():
        cells = [f"{own[name].mean():.3f}" for name in names]
        cells += [difference(own[ours] - own[theirs]) for ours, theirs in pairs]
        rows.append(f"| {task} | {len(by_task[task])} | {' | '.join(cells)} |")
    means = [f"{np.mean([own[name].mean() for own in tables.values()]):.3f}" for name in names]
    means += [over_tasks([s[ours] - s[theirs] for s in tables.values()]) for ours, theirs in pairs]
    return "\n".join([*rows, f"| mean | | {' | '.join(means)} |"])


def _scores(
    runs: Sequence[Mapping[str, Any]], names: Sequence[str], of: str
) -> Mapping[str, "np.ndarray"]:
    """(seed,) accuracies by method, and of our search's best prompt; `manual` has no ensembles."""
    found = {n: np.array([run[n].get(of, run[n]["accuracy"]) for run in runs]) for n in names}
    return found | {BEST: np.array([run[OURS]["accuracy"] for run in runs])}


def known(path: Path, budget: int, rows: int | None) -> list[Mapping[str, Any]]:
    """The lines that are there already, of this budget and these rows."""
    if not path.exists():
        return []
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if (line["budget"], line["rows"]) == (budget, rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=["SST-2", "TREC", "Subj", "AG-News"])
    parser.add_argument("--seeds", nargs="+", type=int, default=list(ALL_SEEDS))
    parser.add_argument("--budget", type=int, default=200)
    parser.add_argument("--rows", type=int, help="of test, at most")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true", help="print it and end")
    parser.add_argument("--of", default="accuracy", choices=["accuracy", *RULES], help="in it")
    given = parser.parse_args()
    if not given.table:
        fill(given)
    print(table(known(given.out, given.budget, given.rows), given.of))


def fill(given: argparse.Namespace) -> None:
    """Run what the file does not have yet; each task and seed is a line at once."""
    bench = Bench(load_model("builtin"), given.budget, given.rows)
    have = {(line["task"], line["seed"]) for line in known(given.out, given.budget, given.rows)}
    home = given.data.resolve() / "classification/lmbff"
    runs = [(task, s) for task in given.tasks for s in given.seeds if s in SEEDS.get(task, (s,))]
    with tempfile.TemporaryDirectory() as folder:
        for task, seed in (run for run in runs if run not in have):
            path = write(Path(folder) / f"{task}-{seed}.toml", LABELLED[task], home, seed)
            line = {"task": task, "seed": seed, "budget": given.budget, "rows": given.rows}
            with given.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps({**line, "methods": bench.run(path, seed)}) + "\n")


if __name__ == "__main__":
    main()
