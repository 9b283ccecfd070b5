"""The default search against each strategy alone, calibration and a bag of words, on test.

    python benchmarks/default_search.py --out docs/default_search.jsonl
    python benchmarks/default_search.py --out docs/default_search.jsonl --table

LM-BFF's 16-shot splits, one a seed, and the built-in model by default. `search` is the default plan
and what it ends in: the ensemble, or its best prompt where the ensemble is surely worse (`its best
prompt` in any case). `whole plan`, of the first seed alone, is the same search without
`least_gain`, which ends a run at a step that gains nothing beyond its noise. Each strategy alone
has the same budget of prompts, and may not pass more texts through the model than the default
search has; of each, its best prompt on dev. `calibrated` is the manual prompt with batch
calibration; `tf-idf` learns from train. With `--shots 64`, train and dev are so many rows of each
label, drawn from test, which keeps the others; tasks with too few are left out. A line of the file
is a cell: a model, a task, its shots and a seed; those that are there are not run again.

Differences are paired by cell, a task and a seed; their intervals are Student's over cells.
The table of expected scores asks how often test's accuracy (or log-likelihood) is in the interval
that the search told.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from on_test import add_files, labelled_task, some
from over_seeds import difference
from selection_rules import without_least_gain

from promptsearch import Example, JointSearch, Scorer, Settings, load_model, load_task, search
from promptsearch.data import Split, TaskDefinition
from promptsearch.engine.expectation import members_of
from promptsearch.engine.folds import FOLDS, share_of_run
from promptsearch.engine.trial import Expectation, Result
from promptsearch.evaluation.word_baseline import NAME, word_baseline
from promptsearch.metrics.predictions import Predictions
from promptsearch.models import LanguageModel
from promptsearch.scoring.calibration import CalibratedScorer, references_of
from promptsearch.scoring.combination import together
from promptsearch.searchers import SEARCHERS

TASKS = ("SST-2", "MR", "Subj", "TREC", "AG-News", "SNLI", "MRPC")
SEEDS = (13, 21, 42, 87, 100)  # of LM-BFF's splits; AG News has the first three
SHOTS = 16  # rows of each label in LM-BFF's splits, in train and in dev
OURS, BEST, WHOLE = "search", "its best prompt", "whole plan"
ALONE = (
    *("answers-prune", "answers-likelihood-ratio", "answers-probe"),
    *("paraphrase", "generate", "gradient"),
)
Cell = Mapping[str, Any]


@dataclass(frozen=True)
class Bench:
    """What all cells share."""

    model: LanguageModel
    budget: int
    rows: int
    first: int  # the seed whose cells have the whole plan too

    def cell(
        self, definition: TaskDefinition, rows: Sequence[Example], seed: int
    ) -> dict[str, Cell]:
        """Return what each method comes to on these rows, which are test's."""
        test = some(rows, self.rows)
        cell: dict[str, Cell] = {**self._baselines(definition, test)}
        share = share_of_run(self.budget, FOLDS) or 0
        default = JointSearch.by_default(definition.kind, False, share - 1)
        settings = Settings(budget=self.budget, seed=seed)
        result, seconds = self._timed(default, definition, settings)
        cell |= self._joint(result, default, seconds, definition, test)
        if seed == self.first:
            plan = without_least_gain(default)
            whole, seconds = self._timed(plan, definition, settings)
            cell[WHOLE] = self._joint(whole, plan, seconds, definition, test)[OURS]
        for name in ALONE:
            most = result.spent.forwards
            settings = Settings(budget=self.budget, max_forwards=most, seed=seed)
            alone, seconds = self._timed(SEARCHERS[name](), definition, settings)
            (best,) = self._scorer(definition).judge([alone.best.prompt], test)
            cell[name] = {**_scores(best), **_told(alone, seconds), "expected": _best_of(alone)}
        return cell

    def _timed(
        self, searcher: Any, definition: TaskDefinition, settings: Settings
    ) -> tuple[Result, float]:
        began = time.perf_counter()
        result = search(searcher, definition, self.model, settings)
        return result, round(time.perf_counter() - began, 1)

    def _joint(
        self,
        result: Result,
        plan: JointSearch,
        seconds: float,
        definition: TaskDefinition,
        test: Sequence[Example],
    ) -> dict[str, Cell]:
        rule = plan.design.ensemble
        assert rule is not None, "the default plan ends in one"
        members = members_of(result.ranked, rule.top, rule.per_step)
        prompts = [result.best.prompt, *(member.prompt for member in members)]
        best, *others = self._scorer(definition).judge(prompts, test)
        whole, told = together(others, rule.rule), _told(result, seconds)
        expected = result.expected
        assert expected is not None, "dev is large enough for folds"
        wins = expected.ensemble_wins("log_likelihood")
        product = together(others, "uniform")
        return {
            OURS: {
                **_scores(whole if wins else best),
                **told,
                "expected": expected.ensemble if wins else expected.best,
                "ensemble": wins,
                "templates": len({member.prompt.template for member in members}),
            },
            BEST: {**_scores(best), **told, "expected": expected.best},
            "mean of ten": {**_scores(whole), "expected": expected.ensemble},
            "product of ten": _scores(product),
        }

    def _baselines(self, definition: TaskDefinition, test: Sequence[Example]) -> dict[str, Cell]:
        scorer, prompt = self._scorer(definition), definition.prompt
        references = references_of("batch", definition.inputs, definition.train.examples)
        calibrated = CalibratedScorer(scorer, scorer, "batch", references)
        (manual,) = scorer.judge([prompt], test)
        (corrected,) = calibrated.predict([prompt], test).predictions
        split = Split("test", (), "", tuple(test))
        words = word_baseline(definition, split)[NAME]["scores"]["test"]  # type: ignore[index]
        return {
            "manual": _scores(manual),
            "calibrated": _scores(corrected),
            NAME: {"accuracy": words["accuracy"]},
        }

    def _scorer(self, definition: TaskDefinition) -> Scorer:
        return Scorer(self.model, Settings().scoring(definition.kind))


def _scores(predictions: Predictions) -> dict[str, Any]:
    log_likelihood = float(predictions.log_right.mean())
    return {"accuracy": float(predictions.hits.mean()), "log_likelihood": log_likelihood}


def _told(result: Result, seconds: float) -> dict[str, Any]:
    best, spent = result.best, result.spent
    dev = {key: best.scores[key] for key in ("accuracy", "log_likelihood")}
    of = {"template": str(best.prompt.template), "answers": best.prompt.verbalizer.plain()}
    cost = {"prompts": spent.prompts, "forwards": spent.forwards, "seconds": seconds}
    return {"dev": dev, **of, **cost}


def _best_of(result: Result) -> Mapping[str, object] | None:
    expected: Expectation | None = result.expected
    return None if expected is None else expected.best


def table(lines: Sequence[Mapping[str, Any]], metric: str) -> str:
    """Return means over seeds, and differences of the default search to the others."""
    names = [
        name
        for name in lines[0]["methods"]
        if all(metric in line["methods"].get(name, {}) for line in lines)
    ]
    rivals = [name for name in names if name not in (OURS, "mean of ten", "product of ten")]
    by_task: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        by_task.setdefault(line["task"], []).append(line["methods"])
    tables = {
        task: {name: np.array([run[name][metric] for run in runs]) for name in names}
        for task, runs in by_task.items()
    }
    means = {name: np.mean([own[name].mean() for own in tables.values()]) for name in names}
    heads = " | ".join([metric, *tables, "mean", f"{OURS} - it"])
    rows = [f"| {heads} |", f"|{'---|' * (len(tables) + 3)}"]
    for name in names:
        cells = [f"{own[name].mean():.3f}" for own in tables.values()]
        gain = difference(np.concatenate([own[OURS] - own[name] for own in tables.values()]))
        rows.append(f"| {' | '.join([name, *cells, f'{means[name]:.3f}'])} | {gain} |")
    single = max((name for name in rivals if name in ALONE), key=lambda name: means[name])
    per_task = [f"{task} {difference(own[OURS] - own['manual'])}" for task, own in tables.items()]
    return "\n".join(
        [*rows, "", f"best strategy alone: {single}", "against manual: " + "; ".join(per_task)]
    )


def coverage(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return how often test's score is in the interval told, and what dev told before."""
    rows = [
        "| of | runs | metric | in the interval | expected - test | dev - test |",
        f"|{'---|' * 6}",
    ]
    every: dict[str, list[bool]] = {}
    for name in (OURS, BEST, *ALONE):
        cells = [line["methods"][name] for line in lines if line["methods"][name].get("expected")]
        for metric in ("accuracy", "log_likelihood") if cells else ():
            ends = [cell["expected"][f"{metric}_ci95"] for cell in cells]
            test = np.array([cell[metric] for cell in cells])
            within = [bool(low <= t <= high) for (low, high), t in zip(ends, test, strict=True)]
            every.setdefault(metric, []).extend(within)
            gap = np.array([cell["expected"][metric] for cell in cells]) - test
            dev = np.array([cell["dev"][metric] for cell in cells]) - test
            rows.append(
                f"| {name} | {len(cells)} | {metric} | {np.mean(within):.2f} | {difference(gap)} | "
                f"{difference(dev)} |"
            )
    for metric, within in every.items():
        rows.append(f"| all of these | {len(within)} | {metric} | {np.mean(within):.2f} | | |")
    return "\n".join(rows)


def ended(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return what the end by noise costs and saves, in the cells that have the whole plan too."""
    cells = [line["methods"] for line in lines if WHOLE in line["methods"]]
    if not cells:
        return ""
    pairs = [(cell[OURS], cell[WHOLE]) for cell in cells]
    gains = [
        f"{metric} {difference(np.array([ours[metric] - whole[metric] for ours, whole in pairs]))}"
        for metric in ("accuracy", "log_likelihood")
    ]
    shares = [ours["seconds"] / whole["seconds"] for ours, whole in pairs]
    head = f"{OURS} - {WHOLE}, {len(cells)} cells"
    return f"{head}: {'; '.join(gains)}; time, median ratio {np.median(shares):.2f}"


def times(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the median seconds and forwards of each search."""
    rows = ["| search | seconds, median | forwards, median |", "|---|---|---|"]
    for name in (OURS, *ALONE):
        cells = [line["methods"][name] for line in lines]
        medians = [np.median([cell[key] for cell in cells]) for key in ("seconds", "forwards")]
        rows.append(f"| {name} | {medians[0]:.0f} | {medians[1]:,.0f} |")
    return "\n".join(rows)


def cells_of(given: argparse.Namespace) -> dict[str, Any]:
    """Return what the cells of one run of this program have in common."""
    return {key: getattr(given, key) for key in ("model", "shots", "budget", "rows")}


def known(path: Path, of: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the lines that are there already, with these values."""
    if not path.exists():
        return []
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if of.items() <= line.items()]


def redrawn(
    definition: TaskDefinition, shots: int, seed: int
) -> tuple[TaskDefinition, Sequence[Example]] | None:
    """Return the task with `shots` rows of each label in train and in dev, and what test keeps.

    They are drawn from test; None where test would not keep as many of each label.
    """
    examples = definition.test().examples
    order = np.random.default_rng([seed, shots]).permutation(len(examples)).tolist()
    of_labels: dict[object, list[int]] = {label: [] for label in definition.labels}
    for row in order:
        of_labels[examples[row].targets[0]].append(row)
    if min(map(len, of_labels.values())) < 3 * shots:
        return None
    train = [row for rows in of_labels.values() for row in rows[:shots]]
    dev = [row for rows in of_labels.values() for row in rows[shots : 2 * shots]]
    new_train = replace(definition.train, examples=tuple(examples[row] for row in train))
    new_dev = replace(definition.dev, examples=tuple(examples[row] for row in dev))
    rest = [examples[row] for row in sorted(set(order) - {*train, *dev})]
    return replace(definition, train=new_train, dev=new_dev), rest


def fill(given: argparse.Namespace) -> None:
    """Run what the file does not have yet; each task and seed is a line at once."""
    bench = Bench(load_model(given.model), given.budget, given.rows, SEEDS[0])
    home = given.data.resolve() / "classification/lmbff"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed, task in ((s, t) for s in given.seeds for t in given.tasks):
            if task == "AG-News" and not (home / f"../agnews/16-{seed}").exists():
                continue
            cell = {"task": task, "seed": seed, **cells_of(given)}
            if known(given.out, cell):
                continue
            definition = load_task(labelled_task(task, seed, home, folder))
            drawn = (
                (definition, definition.test().examples)
                if given.shots == SHOTS
                else redrawn(definition, given.shots, seed)
            )
            if drawn is None:
                continue
            methods = bench.cell(*drawn, seed)
            with given.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps({**cell, "methods": methods}) + "\n")
            print(task, seed, methods[OURS]["accuracy"], file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--budget", type=int, default=200)
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--shots", type=int, default=SHOTS, help="rows a label in train and dev")
    parser.add_argument("--rows", type=int, default=400, help="of test, at most")
    add_files(parser)
    given = parser.parse_args()
    if not given.table:
        fill(given)
    lines = known(given.out, cells_of(given))
    tables = [table(lines, metric) for metric in ("accuracy", "log_likelihood")]
    print(*tables, coverage(lines), times(lines), ended(lines), sep="\n\n")


if __name__ == "__main__":
    main()
