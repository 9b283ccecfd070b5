"""Prefixes and heads on test, beside shallow soft prompts, a head alone, and fine-tuning.

    python benchmarks/deep_prompts.py --out docs/deep_prompts.jsonl
    python benchmarks/deep_prompts.py --out docs/deep_prompts.jsonl --table

The claims of P-tuning v2 (Liu et al. 2022), each as methods of one table: the prefix's length (5,
20, 100), its depth (all layers, the last two, the first two), an MLP while it is trained, a head on
the first token or on the mask in place of the verbalizer. `soft`: vectors in place of the
template's words; `head alone`: no prefix; `fine-tuned`: all weights under the manual prompt, the
last step's. The built-in model. SST-2, Subj, TREC and AG News are LM-BFF's 16-shot splits; SST and
TREC-coarse are --train rows of the full data, a quarter as many for dev, drawn by the seed. All
are trained for --steps steps of 16 rows, eight checkpoints, the best on dev; nothing is chosen on
test, whose rows are at most --rows drawn ones. A line of the file is a task, a seed and a method.
Differences are paired by cell; their intervals are Student's over cells.
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
from default_search import known
from on_test import add_files, labelled_task, some
from over_seeds import difference

from promptsearch import (
    Output,
    PrefixSearch,
    Scorer,
    Searcher,
    Settings,
    SoftSearch,
    load_model,
    load_task,
    search,
)
from promptsearch.models.frozen_model import parameter_count

SHOTS, FULL, SEEDS = ("SST-2", "Subj", "TREC", "AG-News"), ("SST", "TREC-coarse"), (13, 21, 42)
SST = """name = "SST"
kind = "classification"
train = "{0}/train.tsv"
dev = "{0}/dev.tsv"
test = "{0}/test.tsv"
label = "label"
template = "{{text}} It was [Z]."
answers = {{ 0 = ["terrible"], 1 = ["great"] }}
"""
TREC_COARSE = """name = "TREC-coarse"
kind = "classification"
train = "{0}/train.tsv"
dev = "{0}/dev.tsv"
test = "{0}/test.tsv"
label = "label"
template = "[Z]: {{text}}"
[answers]
DESC = ["Description"]
ENTY = ["Entity"]
ABBR = ["Expression"]
HUM = ["Human"]
LOC = ["Location"]
NUM = ["Number"]
"""
FILES = {  # of the full data: train and test
    "SST": (SST, "sst_full/stsa.binary.train", "sst_full/stsa.binary.test"),
    "TREC-coarse": (TREC_COARSE, "trec_fine/TREC.train", "trec_fine/TREC.test"),
}


def methods(steps: int) -> Mapping[str, Searcher]:
    """Return the trainings that are compared."""
    return {
        "prefix 20": PrefixSearch(steps=steps),
        "prefix 5": PrefixSearch(steps=steps, length=5),
        "prefix 100": PrefixSearch(steps=steps, length=100),
        "last 2 layers": PrefixSearch(steps=steps, layers="last:2"),
        "first 2 layers": PrefixSearch(steps=steps, layers="first:2"),
        "mlp": PrefixSearch(steps=steps, encoder="mlp"),
        "head on cls": PrefixSearch(steps=steps, head="cls"),
        "head on mask": PrefixSearch(steps=steps, head="mask"),
        "head alone, cls": PrefixSearch(steps=steps, length=0, head="cls"),
        "head alone, mask": PrefixSearch(steps=steps, length=0, head="mask"),
        "shuffled": PrefixSearch(steps=steps, control="shuffled-labels"),
        "soft": SoftSearch(steps=steps),
        "fine-tuned": SoftSearch(steps=steps, train="lm"),
    }


def full_task(task: str, seed: int, data: Path, rows: int, folder: Path) -> Path:
    """Write a draw of the full data, and its task file; return that."""
    notation, train, test = FILES[task]
    pairs = pairs_in(data / "classification" / train)
    order = np.random.default_rng(seed).permutation(len(pairs)).tolist()
    splits = {
        "train": [pairs[i] for i in order[:rows]],
        "dev": [pairs[i] for i in order[rows : rows + rows // 4]],
        "test": pairs_in(data / "classification" / test),
    }
    for name, split in splits.items():
        lines = ["label\ttext", *(f"{label}\t{text}" for label, text in split)]
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = folder / "task.toml"
    path.write_text(notation.format(folder), encoding="utf-8")
    return path


def pairs_in(path: Path) -> list[tuple[str, str]]:
    """Return the label, without its fine part, and the text of each line."""
    lines = path.read_text(encoding="latin-1").splitlines()
    pairs = (line.split(" ", 1) for line in lines if line.strip())
    return [(label.split(":")[0], text.replace('"', "''").strip()) for label, text in pairs]


def fill(given: argparse.Namespace) -> None:
    """Run what the file does not have yet, cell by cell and method by method."""
    model, data = load_model("builtin"), given.data.resolve()
    for seed, task in ((s, t) for s in given.seeds for t in given.tasks):
        cell = cell_of(given, task) | {"seed": seed}
        there = {line["method"] for line in known(given.out, cell)}
        for method in (name for name in given.methods if name not in there):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                path = (
                    full_task(task, seed, data, given.train, folder)
                    if task in FULL
                    else labelled_task(task, seed, data / "classification/lmbff", folder)
                )
                scores = trained(method, load_task(path), model, given, seed, folder / "run")
            with given.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps({**cell, "method": method, **scores}) + "\n")
            print(task, seed, method, scores, file=sys.stderr, flush=True)


def cell_of(given: argparse.Namespace, task: str) -> dict[str, Any]:
    """Return what tells a cell's lines from others."""
    train = {"train": given.train} if task in FULL else {}
    return {"task": task, "steps": given.steps, "rows": given.rows, **train}


def trained(
    method: str, definition: Any, model: Any, given: argparse.Namespace, seed: int, folder: Path
) -> dict[str, Any]:
    """Train by a method; return what its best prompt scores on test, and what it cost."""
    test = some(definition.test().examples, given.rows)
    began = time.perf_counter()
    searcher = methods(given.steps)[method]
    result = search(searcher, definition, model, Settings(seed=seed), Output(folder))
    seconds = time.perf_counter() - began
    tuned = folder / "model"
    judging = load_model(str(tuned)) if tuned.is_dir() else model
    scorer, best = Scorer(judging, Settings().scoring(definition.kind)), result.best
    ours, manual = scorer.judge([best.prompt, definition.prompt], test)
    evidence = best.prompt.source.evidence
    return {
        "accuracy": float(ours.hits.mean()),
        "log_likelihood": float(ours.log_right.mean()),
        "manual": float(manual.hits.mean()),
        "dev": best.scores["accuracy"],
        "trained_steps": evidence.get("trained_steps", 0),
        "parameters": evidence.get("parameters", 0),
        "seconds": round(seconds, 1),
    }


def table(lines: Sequence[Mapping[str, Any]], tasks: Sequence[str], names: Sequence[str]) -> str:
    """Return means of accuracy over seeds, and the paired differences of `prefix 20` to it."""
    cells = {(line["task"], line["seed"], line["method"]): line["accuracy"] for line in lines}
    present = [task for task in tasks if any(line["task"] == task for line in lines)]
    head = " | ".join(present)
    rows = [
        f"| accuracy | parameters | {head} | prefix 20 - it |",
        f"|{'---|' * (len(present) + 3)}",
    ]
    total = parameter_count(load_model("builtin"))
    for name in names:
        count = max((x["parameters"] for x in lines if x["method"] == name), default=0)
        count = total if name == "fine-tuned" else count
        means = [
            [v for (t, _, m), v in cells.items() if (t, m) == (task, name)] for task in present
        ]
        if not any(means):
            continue
        pairs = [
            cells[t, s, "prefix 20"] - v
            for (t, s, m), v in cells.items()
            if m == name and (t, s, "prefix 20") in cells
        ]
        shown = " | ".join(f"{np.mean(v):.3f} ({len(v)})" if v else "-" for v in means)
        gain = difference(np.array(pairs)) if pairs and name != "prefix 20" else "-"
        rows.append(f"| {name} | {count:,} ({count / total:.2%}) | {shown} | {gain} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=list(SHOTS), choices=(*SHOTS, *FULL))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--methods", nargs="+", default=list(methods(1)), choices=methods(1))
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--train", type=int, default=2000, help="rows of the full data")
    parser.add_argument("--rows", type=int, default=400, help="of test, at most")
    add_files(parser)
    given = parser.parse_args()
    if not given.table:
        fill(given)
    for tasks in (SHOTS, FULL):
        lines = [line for t in tasks for line in known(given.out, cell_of(given, t))]
        if lines:
            print(table(lines, tasks, list(methods(1))), end="\n\n")


if __name__ == "__main__":
    main()
