"""Taggers on test: prefix and head, a head alone, and fine-tuning; entity F1 by seqeval.

    python benchmarks/tags.py --out docs/tags.jsonl
    python benchmarks/tags.py --out docs/tags.jsonl --table

The built-in model on the built-in task `names` (people and places in WordNet's glosses, silver
tags), or on a task file of --task. Trainings are --steps steps of 16 sentences; those of
promptsearch have eight checkpoints, the best on dev by entity F1. `fine-tuned`: transformers' token
classification from the same weights, all of which move (AdamW, linear decay, the last step's
weights; of the rates 5e-5, 2e-4 and 5e-4 the best on dev), in a loop of this file's own. `lookup`
tags a word as it was tagged most often in train. Nothing is chosen on test; F1 is seqeval's,
strict, of tags that `predict` or the loop wrote. A line of the file is a seed and a method;
intervals are Student's over seeds.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from default_search import known
from over_seeds import difference
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from transformers import AutoTokenizer, BertForTokenClassification

from promptsearch import Example, Output, PrefixSearch, Settings, load_model, load_task, search
from promptsearch.data import KINDS, TAGS, TaskDefinition
from promptsearch.metrics.predictions import TagPredictions
from promptsearch.models.loading.files import find_model_files
from promptsearch.runs.scorer_setup import model_scorer

SEEDS, RATES = (0, 1, 2), (5e-5, 2e-4, 5e-4)
Tags = Sequence[Sequence[str]]


def searchers(steps: int) -> Mapping[str, PrefixSearch]:
    """Return the trainings of promptsearch."""
    return {
        "prefix 20": PrefixSearch(steps=steps, head="token"),
        "prefix 100": PrefixSearch(steps=steps, head="token", length=100),
        "last 2 layers": PrefixSearch(steps=steps, head="token", layers="last:2"),
        "head alone": PrefixSearch(steps=steps, head="token", length=0),
        "shuffled": PrefixSearch(steps=steps, head="token", control="shuffled-labels"),
    }


METHODS = (*searchers(1), "fine-tuned", "lookup")


def trained(method: str, definition: TaskDefinition, seed: int, steps: int) -> tuple[Tags, int]:
    """Return the tags of test by a training of promptsearch, and how many numbers it moved."""
    model, settings = load_model("builtin"), Settings(seed=seed, objective="entity-f1")
    result = search(searchers(steps)[method], definition, model, settings, Output())
    scorer = model_scorer(model, settings, TAGS, definition.scheme)
    (predictions,) = scorer.judge([result.best.prompt], definition.test().examples)
    assert isinstance(predictions, TagPredictions)
    return predictions.tags, int(str(result.best.prompt.source.evidence["parameters"]))


def lookup(definition: TaskDefinition, *_: object) -> tuple[Tags, int]:
    """Return the tag that each word of test had most often in train, O if it is new."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for example in definition.train.examples:
        for word, tag in zip(example.words, example.tags, strict=True):
            counts[word][tag] += 1
    tag_of = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
    return [[tag_of.get(w, "O") for w in e.words] for e in definition.test().examples], 0


def fine_tuned(definition: TaskDefinition, seed: int, steps: int) -> tuple[Tags, int]:
    """Return the tags of test by transformers' token classification, all weights trained."""
    dev, gold = definition.dev.examples, [list(e.tags) for e in definition.dev.examples]
    best: tuple[float, Tags, int] = (-1.0, [], 0)
    for rate in RATES:
        model, tokenizer, labels = fitted(definition, seed, steps, rate)
        guesses = [tags_of(model, tokenizer, example, labels) for example in dev]
        f1 = float(f1_score(gold, guesses, mode="strict", scheme=IOB2))
        if f1 > best[0]:
            test = definition.test().examples
            tags = [tags_of(model, tokenizer, example, labels) for example in test]
            best = f1, tags, sum(each.numel() for each in model.parameters())
    return best[1:]


def fitted(definition: TaskDefinition, seed: int, steps: int, rate: float) -> tuple[Any, Any, Any]:
    """Return a trained model, its tokenizer and the labels."""
    torch.manual_seed(seed)
    folder = find_model_files("builtin").directory
    tokenizer = AutoTokenizer.from_pretrained(folder)
    labels = list(definition.labels)
    model = BertForTokenClassification.from_pretrained(folder, num_labels=len(labels))
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    examples, rng = definition.train.examples, random.Random(seed)
    model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / steps)
        batch, gold = encoded(tokenizer, rng.sample(examples, min(16, len(examples))), labels)
        loss = model(**batch, labels=gold).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval(), tokenizer, labels


def encoded(
    tokenizer: Any, examples: Sequence[Example], labels: Sequence[str]
) -> tuple[Any, torch.Tensor]:
    """Return a padded batch, and the label of each word's first piece, -100 elsewhere."""
    words = [list(example.words) for example in examples]
    batch = tokenizer(words, is_split_into_words=True, padding=True, return_tensors="pt")
    gold = torch.full_like(batch["input_ids"], -100)
    for row, example in enumerate(examples):
        for position, word in first_pieces(batch.word_ids(row)):
            gold[row, position] = labels.index(example.tags[word])
    return batch, gold


def first_pieces(word_ids: Sequence[int | None]) -> list[tuple[int, int]]:
    """Return (position, word) of the first piece of each word."""
    seen: dict[int, int] = {}
    for position, word in enumerate(word_ids):
        if word is not None:
            seen.setdefault(word, position)
    return [(position, word) for word, position in seen.items()]


@torch.inference_mode()
def tags_of(model: Any, tokenizer: Any, example: Example, labels: Sequence[str]) -> list[str]:
    """Return the tags of one sentence."""
    batch = tokenizer([list(example.words)], is_split_into_words=True, return_tensors="pt")
    best = model(**batch).logits[0].argmax(1).tolist()
    tags = ["O"] * len(example.words)
    for position, word in first_pieces(batch.word_ids(0)):
        tags[word] = labels[best[position]]
    return tags


def fill(given: argparse.Namespace) -> None:
    """Run what the file does not have yet."""
    definition = load_task(given.task, KINDS)
    gold = [list(example.tags) for example in definition.test().examples]
    for seed in given.seeds:
        cell = {"task": definition.name, "seed": seed, "steps": given.steps}
        there = {line["method"] for line in known(given.out, cell)}
        for method in (name for name in given.methods if name not in there):
            began = time.perf_counter()
            if method in searchers(1):
                tags, parameters = trained(method, definition, seed, given.steps)
            else:
                way = fine_tuned if method == "fine-tuned" else lookup
                tags, parameters = way(definition, seed, given.steps)
            f1 = float(f1_score(gold, [list(t) for t in tags], mode="strict", scheme=IOB2))
            seconds = round(time.perf_counter() - began, 1)
            line = {"f1": f1, "parameters": parameters, "seconds": seconds}
            with given.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps({**cell, "method": method, **line}) + "\n")
            print(definition.name, seed, method, line, file=sys.stderr, flush=True)


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return means over seeds, and the paired differences of `prefix 20` to each method."""
    cells = {(line["method"], line["seed"]): line for line in lines}
    rows = ["| | F1 (seeds) | parameters | prefix 20 - it |", "|---|---|---|---|"]
    for name in METHODS:
        having = [line for (method, _), line in cells.items() if method == name]
        if not having:
            continue
        values = [line["f1"] for line in having]
        gains = [cells["prefix 20", each["seed"]]["f1"] - each["f1"] for each in having]
        gain = "-" if name == "prefix 20" else difference(np.array(gains))
        count = f"{having[0]['parameters']:,}"
        rows.append(f"| {name} | {np.mean(values):.3f} ({len(values)}) | {count} | {gain} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="names", help="a task file of tags, or a task's name")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true", help="print the table and end")
    given = parser.parse_args()
    if not given.table:
        fill(given)
    lines = known(given.out, {"steps": given.steps})
    for task in dict.fromkeys(line["task"] for line in lines):
        print(f"{task}\n\n{table([line for line in lines if line['task'] == task])}\n")


if __name__ == "__main__":
    main()
