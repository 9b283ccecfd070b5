"""Soft prompts on test, beside what was searched on the same rows.

    python benchmarks/soft_prompts.py --out docs/soft_prompts.jsonl
    python benchmarks/soft_prompts.py --out docs/soft_prompts.jsonl --table
    python benchmarks/soft_prompts.py --model smollm2 --tasks SST-2 --steps 60 --batch 8 \\
        --rows 200 --methods manual words random vocabulary labels --out docs/soft_smollm2.jsonl

The built-in model, or another; LM-BFF's 16-shot splits and the rows of test of
benchmarks/default_search.py, whose discrete searches stand beside. `words`: vectors in place of the
template's words, started as those; `random`, `vocabulary`, `labels`: five vectors in front of
everything, started as their name says (Lester et al. 2021); `manual`: the words, untrained;
`shuffled`: `words` trained on each other's labels, which shows what of a score is no more than
luck; `answers, words`: answers prune, then `words` from its best prompt. Each is --steps steps of
16 rows and eight checkpoints, the best on dev; nothing is chosen on test. `fine-tuned`: `train` lm,
all weights under the manual prompt, and `both`, the vectors too; the last step's weights. A line of
the file is a task, a seed and some methods. Differences are paired by cell; their intervals are
Student's over cells.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from default_search import SHOTS, cells_of, known
from on_test import add_files, labelled_task, some
from over_seeds import difference

from promptsearch import (
    Example,
    JointSearch,
    Output,
    Scorer,
    Searcher,
    Settings,
    SoftSearch,
    load_model,
    load_task,
    search,
)
from promptsearch.data import CLASSIFICATION
from promptsearch.models import LanguageModel
from promptsearch.prompt import Prompt
from promptsearch.searchers.soft.start import Start

DEFAULT = ["words", "random", "shuffled", "answers, words", "fine-tuned", "both"]
TASKS, SEEDS = ("SST-2", "Subj", "TREC", "AG-News"), (13, 21, 42)
BESIDE = ("manual", "tf-idf", "gradient", "answers-prune", "search")  # of default_search.jsonl


def methods(steps: int, batch: int | None = None) -> Mapping[str, Searcher]:
    """Return the trainings that are compared."""
    plan = ({"strategy": "answers-prune"}, {"strategy": "soft", "steps": steps})

    def before(start: Start) -> SoftSearch:
        return SoftSearch(steps=steps, batch=batch, places="before", start=start)

    return {
        "words": SoftSearch(steps=steps, batch=batch),
        "random": before("random"),
        "vocabulary": before("vocabulary"),
        "labels": before("labels"),
        "shuffled": SoftSearch(steps=steps, control="shuffled-labels"),
        "answers, words": JointSearch(plan, folds=1),
        "fine-tuned": SoftSearch(steps=steps, train="lm"),
        "both": SoftSearch(steps=steps, train="both"),
    }


def fill(given: argparse.Namespace) -> None:
    """Run what the file does not have yet."""
    model, searchers = load_model(given.model), methods(given.steps, given.batch)
    home = given.data.resolve() / "classification/lmbff"
    for seed, task in ((s, t) for s in given.seeds for t in given.tasks):
        cell = {"task": task, "seed": seed, "steps": given.steps, "rows": given.rows}
        there = {name for line in known(given.out, cell) for name in line["methods"]}
        if not (missing := [name for name in given.methods if name not in there]):
            continue
        with tempfile.TemporaryDirectory() as name:
            definition = load_task(labelled_task(task, seed, home, Path(name)))
            test = some(definition.test().examples, given.rows)
            scores = {}
            for method in missing:
                searcher, folder = searchers.get(method), Path(name) / method
                if searcher is None:
                    scores[method] = judged(model, definition.prompt, test)
                    continue
                began = time.perf_counter()
                result = search(searcher, definition, model, Settings(seed=seed), Output(folder))
                seconds = time.perf_counter() - began
                tuned = folder / "model"
                judging = load_model(str(tuned)) if tuned.is_dir() else model
                scores[method] = {
                    **judged(judging, result.best.prompt, test),
                    "dev": result.best.scores["accuracy"],
                    "trained_steps": result.best.prompt.source.evidence.get("trained_steps", 0),
                    "seconds": round(seconds, 1),
                }
        with given.out.open("a", encoding="utf-8") as out:
            out.write(json.dumps({**cell, "methods": scores}) + "\n")
        told = {method: round(float(str(each["accuracy"])), 3) for method, each in scores.items()}
        print(task, seed, told, file=sys.stderr, flush=True)


def judged(model: LanguageModel, prompt: Prompt, test: Sequence[Example]) -> dict[str, Any]:
    """Return what a prompt scores on test."""
    scorer = Scorer(model, Settings().scoring(CLASSIFICATION))
    (predictions,) = scorer.judge([prompt], test)
    return {
        "accuracy": float(predictions.hits.mean()),
        "log_likelihood": float(predictions.log_right.mean()),
    }


def table(
    lines: Sequence[Mapping[str, Any]], beside: Sequence[Mapping[str, Any]], metric: str
) -> str:
    """Return means over seeds, and the differences of `words` to the others."""
    discrete = {(line["task"], line["seed"]): line["methods"] for line in beside}
    cells = []
    for key in dict.fromkeys((line["task"], line["seed"]) for line in lines):
        cell = {**discrete.get(key, {}), "of": key[0]}
        for line in lines:
            if (line["task"], line["seed"]) == key:
                cell |= line["methods"]
        cells.append(cell)
    tasks = list(dict.fromkeys(cell["of"] for cell in cells))
    rows = [
        f"| {' | '.join([metric, *tasks, 'mean', 'words - it'])} |",
        f"|{'---|' * (len(tasks) + 3)}",
    ]
    for name in dict.fromkeys((*BESIDE, *methods(1))):
        having = [cell for cell in cells if metric in cell.get(name, {})]
        if len(having) < len(cells):
            continue
        means = [np.mean([c[name][metric] for c in having if c["of"] == task]) for task in tasks]
        gain = difference(np.array([c["words"][metric] - c[name][metric] for c in having]))
        shown = " | ".join(f"{value:.3f}" for value in (*means, np.mean(means)))
        rows.append(f"| {name} | {shown} | {gain} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    names = ("manual", *methods(1))
    parser.add_argument("--methods", nargs="+", default=DEFAULT, choices=names)
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--batch", type=int, help="training examples a step")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rows", type=int, default=400, help="of test, at most")
    parser.add_argument("--beside", type=Path, default=Path("docs/default_search.jsonl"))
    add_files(parser)
    given = parser.parse_args()
    if not given.table:
        fill(given)
    lines = known(given.out, {"steps": given.steps, "rows": given.rows})
    given.shots, given.budget = SHOTS, 200
    beside = known(given.beside, cells_of(given))
    print(*(table(lines, beside, key) for key in ("accuracy", "log_likelihood")), sep="\n\n")


if __name__ == "__main__":
    main()
