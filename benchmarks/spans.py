"""Entities by questions about spans: words that were written against words that were searched.

    python benchmarks/spans.py --out docs/spans.jsonl
    python benchmarks/spans.py --out docs/spans.jsonl --table

The built-in model on the built-in task `names` (people and places in WordNet's glosses, silver
tags) with few sentences: --shots of train, and as many of dev, drawn anew for each seed; test is
that of the task. `manual` asks "{text} {span} is [Z]." for someone, somewhere or nothing; `answers
prune` searches the three words, `search` template and words; `prefix 20` tags the words by a head
and a prefix that are trained on the same sentences, `lookup` gives a word its most frequent tag.
Nothing is chosen on test. F1 is seqeval's, strict. A line of the file is a seed and a method;
differences are over seeds, Student's intervals.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import DEVNULL, run
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from default_search import known
from over_seeds import difference
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from tags import lookup, trained

from promptsearch import load_task
from promptsearch.data import KINDS, Example, TaskDefinition
from promptsearch.prompt_file.prompts_json import read_prompts

SEEDS, METHODS = (0, 1, 2), ("manual", "answers prune", "search", "prefix 20", "lookup")
TASK = """kind = "spans"
train = "train.conll"
dev = "dev.conll"
test = "test.conll"
max_span = 4
template = "{text} {span} is [Z]."
[answers]
person = "someone"
place = "somewhere"
O = "nothing"
"""
Tags = Sequence[Sequence[str]]


def conll(examples: Sequence[Example]) -> str:
    """Return sentences as columns of words and tags."""
    sentences = (zip(example.words, example.tags, strict=True) for example in examples)
    return "\n".join("".join(f"{word}\t{tag}\n" for word, tag in each) for each in sentences)


def drawn(seed: int, shots: int, folder: Path) -> TaskDefinition:
    """Return the task of tags with the sentences of a seed; that of spans lies in the folder."""
    whole = load_task("names", KINDS)
    pool = [*whole.train.examples, *whole.dev.examples]
    rows = np.random.default_rng(seed).permutation(len(pool))[: 2 * shots].tolist()
    examples = [pool[row] for row in rows]
    train, dev = examples[:shots], examples[shots:]
    splits = {"train": train, "dev": dev, "test": whole.test().examples}
    for name, split in splits.items():
        (folder / f"{name}.conll").write_text(conll(split), encoding="utf-8")
    (folder / "spans.toml").write_text(TASK, encoding="utf-8")
    (folder / "tags.toml").write_text(TASK.split("max_span")[0].replace("spans", "tags"))
    return load_task(folder / "tags.toml", KINDS)


def searched(method: str, folder: Path, given: argparse.Namespace, seed: int) -> tuple[Tags, Any]:
    """Return the tags of test that `predict` writes with the best prompt, and the prompt."""
    about = ["--task", "spans.toml", "--seed", str(seed), "-o", "run", "-q"]
    command = ["paraphrase", "--budget", "1"]  # scores the manual prompt alone
    if method != "manual":
        command = [*method.split(), "--budget", str(given.budget)]
    promptsearch(folder, *command, *about)
    promptsearch(folder, "predict", "run/prompts.json", "-i", "test.conll", "-o", "out.jsonl")
    lines = (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()
    best = read_prompts(folder / "run" / "prompts.json").prompts[0].prompt
    words = [best.verbalizer[label][0][0][1] for label in best.verbalizer.labels]
    tags = [json.loads(line)["predicted_tags"] for line in lines]
    return tags, [best.template.notation, *words]


def promptsearch(folder: Path, *words: str) -> None:
    """Run a command in a folder, its output thrown away."""
    run([sys.executable, "-m", "promptsearch", *words], cwd=folder, check=True, stdout=DEVNULL)


def line_of(method: str, seed: int, given: argparse.Namespace) -> Mapping[str, object]:
    """Return what a method comes to with the sentences of a seed."""
    began, notation = time.perf_counter(), None
    with TemporaryDirectory() as folder:
        of_tags = drawn(seed, given.shots, Path(folder))
        if method == "lookup":
            tags, _ = lookup(of_tags)
        elif method == "prefix 20":
            tags, _ = trained(method, of_tags, seed, given.steps)
        else:
            tags, notation = searched(method, Path(folder), given, seed)
        gold = [list(example.tags) for example in of_tags.test().examples]
    f1 = float(f1_score(gold, [list(t) for t in tags], mode="strict", scheme=IOB2))
    seconds = round(time.perf_counter() - began)
    return {"method": method, "seed": seed, "f1": f1, "seconds": seconds, "prompt": notation}


def fill(given: argparse.Namespace) -> None:
    """Run what the file does not have yet."""
    for seed in given.seeds:
        cell = {**settings(given), "seed": seed}
        there = {line["method"] for line in known(given.out, cell)}
        for method in (name for name in given.methods if name not in there):
            line = {**settings(given), **line_of(method, seed, given)}
            with given.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")
            print(line, file=sys.stderr, flush=True)


def settings(given: argparse.Namespace) -> dict[str, int]:
    return {name: getattr(given, name) for name in ("shots", "budget", "steps")}


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return means over seeds, and the paired differences to the manual prompt."""
    f1 = {(line["method"], line["seed"]): line["f1"] for line in lines}
    rows = ["| | F1 (least-greatest; seeds) | minus manual |", "|---|---|---|"]
    for name in METHODS:
        seeds = [seed for method, seed in f1 if method == name]
        if not seeds:
            continue
        values = [f1[name, seed] for seed in seeds]
        gains = np.array([f1[name, seed] - f1["manual", seed] for seed in seeds])
        spread = f"{np.mean(values):.3f} ({min(values):.3f}-{max(values):.3f}; {len(values)})"
        rows.append(f"| {name} | {spread} | {'-' if name == 'manual' else difference(gains)} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--shots", type=int, default=40, help="sentences of train, and of dev")
    parser.add_argument("--budget", type=int, default=24, help="prompts of a search")
    parser.add_argument("--steps", type=int, default=300, help="of the tagger's training")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true", help="print the table and end")
    given = parser.parse_args()
    if not given.table:
        fill(given)
    print(table(known(given.out, settings(given))))


if __name__ == "__main__":
    main()
