"""Soft prompts on LAMA's T-REx relations, from the manual prompt, the best mined one, and random.

    python benchmarks/soft_lama.py --out docs/soft_lama.jsonl [P19 P36 ...]
    python benchmarks/soft_lama.py --out docs/soft_lama.jsonl --table

Splits, candidates and figures are those of lama_mining.py; the mined and paraphrased prompts are
the winners that stand in docs/lama_mining.json and docs/lama_paraphrase.json. A training is --steps
steps of 16 facts and eight checkpoints, the best on dev; nothing is chosen on test, whose facts are
at most --rows drawn ones. `random-model` is `words` with a model of random weights: what can be
learned from train alone. `projected` is the text of the nearest words of `words`. A line of the
file is a relation and a seed. Intervals are bootstraps over relations.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from default_search import known
from lama_mining import Relation, rows_of
from on_test import add_files, difference, some

from promptsearch import (
    Example,
    ProjectSearch,
    Scorer,
    Settings,
    SoftSearch,
    Template,
    load_model,
    load_task,
    search,
)
from promptsearch.data import FACTS, TaskDefinition
from promptsearch.models import LanguageModel
from promptsearch.prompt import Prompt

METHODS = ("words", "mined", "random", "lstm", "random-model")
SEARCHED = {"mined prompt": "lama_mining.json", "paraphrased prompt": "lama_paraphrase.json"}
RANDOM = "{subject} [S1:5] [Z] ."  # OptiPrompt's random form: five vectors between, and a full stop


def searcher_of(method: str, mined: str, steps: int) -> SoftSearch:
    """Return the training of a method."""
    if method == "mined":
        return SoftSearch(steps=steps, template=mined)
    if method == "random":
        return SoftSearch(steps=steps, template=RANDOM, start="random")
    if method == "lstm":
        return SoftSearch(steps=steps, template=RANDOM, start="random", encoder="lstm")
    return SoftSearch(steps=steps)


def measured(
    relation: Relation, mined: str, paraphrased: str, given: argparse.Namespace, seed: int
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each prompt's figures on test: of the texts, then of the trained vectors."""
    with tempfile.TemporaryDirectory() as name:
        definition = load_task(relation.write_task(Path(name)))
        test = some(definition.test().examples, given.rows)
        models = {"random-model": load_model("random:builtin")}
        usual = load_model("builtin")
        texts = {"manual": str(definition.prompt.template), "mined prompt": mined}
        for name, text in {**texts, "paraphrased prompt": paraphrased}.items():
            prompt = replace(definition.prompt, template=Template.parse(text))
            yield name, figures(prompt, usual, definition, test)
        for method in given.methods:
            model, began = models.get(method, usual), time.perf_counter()
            searcher = searcher_of(method, mined, given.steps)
            best = search(searcher, definition, model, Settings(seed=seed)).best
            facts = {"dev": best.scores["p@1"], "seconds": round(time.perf_counter() - began, 1)}
            yield method, {**figures(best.prompt, model, definition, test), **facts}
            if method == "words" and best.prompt.template.soft:
                task = replace(definition, prompt=best.prompt)
                trials = search(ProjectSearch(), task, model, Settings(seed=seed)).trials
                projected = next(t.prompt for t in trials if not t.prompt.template.soft)
                yield "projected", figures(projected, model, definition, test)


def figures(
    prompt: Prompt, model: LanguageModel, definition: TaskDefinition, test: Sequence[Example]
) -> Mapping[str, Any]:
    """Return P@1 and the mean log-likelihood of a prompt on rows of test, and how it reads."""
    scorer = Scorer(model, Settings().scoring(FACTS), facts=True)
    (predictions,) = scorer.judge([prompt], test)
    hits, log_right = (float(each.mean()) for each in (predictions.hits, predictions.log_right))
    return {"p@1": hits, "log_likelihood": log_right, "template": prompt.template.notation}


def fill(given: argparse.Namespace) -> None:
    """Run what the file does not have yet."""
    data, here = given.data.resolve(), Path(__file__).parents[1] / "docs"
    texts = {
        name: {row["relation"]: row["template"] for row in json.loads((here / file).read_text())}
        for name, file in SEARCHED.items()
    }
    templates = {
        row["relation"]: row["template"] for row in rows_of(data / "factual/relations.jsonl")
    }
    names = given.relations or list(texts["mined prompt"])
    for seed, name in ((seed, name) for seed in given.seeds for name in names):
        cell = {"relation": name, "seed": seed, "steps": given.steps, "rows": given.rows}
        if known(given.out, cell):
            continue
        manual = templates[name].replace("[X]", "{subject}").replace("[Y]", "[Z]")
        relation = Relation(name, manual, data)
        rows = measured(
            relation, texts["mined prompt"][name], texts["paraphrased prompt"][name], given, seed
        )
        methods = dict(rows)
        with given.out.open("a", encoding="utf-8") as out:
            out.write(json.dumps({**cell, "methods": methods}) + "\n")
        print(name, seed, {k: round(v["p@1"], 3) for k, v in methods.items()}, file=sys.stderr)


def table(lines: Sequence[Mapping[str, Any]], majority: Mapping[str, float]) -> str:
    """Return the mean P@1 of each method over relations, and `words` less it."""
    relations = list(dict.fromkeys(line["relation"] for line in lines))
    names = list(dict.fromkeys(name for line in lines for name in line["methods"]))
    p1 = {
        name: np.array(
            [
                np.mean(
                    [line["methods"][name]["p@1"] for line in lines if line["relation"] == each]
                )
                for each in relations
            ]
        )
        for name in names
        if all(name in line["methods"] for line in lines)
    }
    p1["majority"] = np.array([majority[each] for each in relations])
    rows = [
        f"| P@1, {len(relations)} relations | mean | words - it | up, down |",
        "|---|---|---|---|",
    ]
    for name, values in p1.items():
        gain = p1["words"] - values
        interval = difference(p1["words"], values)
        signs = f"{(gain > 0).sum()}, {(gain < 0).sum()}"
        rows.append(f"| {name} | {values.mean():.3f} | {interval} | {signs} |")
    columns = [name for name in p1 if name != "paraphrased prompt"]
    rows += ["", f"| {' | '.join(['relation', *columns])} |", f"|{'---|' * (len(columns) + 1)}"]
    for number, each in enumerate(relations):
        rows.append(f"| {' | '.join([each, *(f'{p1[name][number]:.3f}' for name in columns)])} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("relations", nargs="*", help="default: all 26")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--rows", type=int, default=300, help="facts of test, at most")
    add_files(parser)
    given = parser.parse_args()
    if not given.table:
        fill(given)
    lines = known(given.out, {"steps": given.steps, "rows": given.rows})
    mined = json.loads((Path(__file__).parents[1] / "docs/lama_mining.json").read_text())
    print(table(lines, {row["relation"]: row["majority"]["p@1"] for row in mined}))


if __name__ == "__main__":
    main()
