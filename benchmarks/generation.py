"""Generation on real texts: manual against searched prompts, by what a model writes on test.

    python benchmarks/generation.py --data ../shared/data --out docs/generation.jsonl
    python benchmarks/generation.py --out docs/generation.jsonl --table

headlines: AG News stories (its test1000.json) whose headline is glued to their text; the headline
is the reference. birthplaces: the snippets of LAMA's Google-RE, asked where their subject was born;
the references are the object and its aliases, one of which stands in the snippet. A seed draws
--train, --dev and --test rows, no two splits sharing one. `manual` is the prompt of the task file,
`search` the best of --budget prompts by log-likelihood on dev, by `paraphrase` (synonyms and edits,
60 a round compared on 16 rows of train). Both write on test: greedily, 24 tokens at most, up to a
line break. SmolLM2-135M-Instruct is asked with its chat template and without. `lead` takes no
model: the first ten words of a story, or the first name behind "in" or a comma of a snippet.
Differences are paired by row, with a bootstrap a seed; over the seeds Student's t.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from over_seeds import difference

from promptsearch import ParaphraseSearch, Settings, load_model, load_task, search
from promptsearch.data import TaskDefinition
from promptsearch.metrics import paired_difference, scores_of
from promptsearch.metrics.generation_predictions import GenerationPredictions
from promptsearch.metrics.predictions import Predictions
from promptsearch.models import ChatMode, LanguageModel
from promptsearch.prompt import Prompt
from promptsearch.runs.scorer_setup import model_scorer

SEARCH = ParaphraseSearch(method=("synonyms", "edits"), pool=60, screen=16)
FORMS: dict[str, ChatMode] = {"chat": "auto", "raw": "off"}
SHOWN = ("log_likelihood", "rouge_l", "token_f1", "exact_match", "chrf")
TASK = """name = "{0}"
kind = "generation"
train = "train.jsonl"
dev = "dev.jsonl"
test = "test.jsonl"
template = "{1}"
target = "target"
inputs = {2}
[decode]
max_tokens = 24
"""
HEADLINES = TASK.format("headlines", "{text} Headline: [Z]", '["text"]')
BIRTHPLACES = TASK.format(
    "birthplaces", "{text} Where was {person} born? Answer: [Z]", '["text", "person"]'
)
TASKS = {"headlines": HEADLINES, "birthplaces": BIRTHPLACES}
_GLUED = re.compile(r"^(.{15,90}?[a-z0-9)])([A-Z][a-z]+ .{60,400})$")
_PLACE = re.compile(r"(?:in|,) ((?:[A-Z][a-z]+ ?)+)")


def headline_rows(data: Path) -> list[dict[str, object]]:
    stories = json.loads((data / "classification/agnews/test1000.json").read_text("utf-8"))
    found = (_GLUED.match(story["ori"]) for story in stories.values())
    return [{"text": match[2], "target": [match[1]]} for match in found if match]


def birthplace_rows(data: Path) -> list[dict[str, object]]:
    path, rows = data / "factual/google_re/place_of_birth_test.jsonl", []
    for line in path.read_text("utf-8").splitlines():
        fact = json.loads(line)
        text = fact["evidences"][0]["snippet"]
        names = [fact["obj_label"], *fact["obj_aliases"]]
        if any(name in text for name in names) and len(text) < 400 and fact["sub_label"]:
            rows.append({"text": text, "person": fact["sub_label"], "target": names})
    return rows


def task_in(folder: Path, name: str, seed: int, given: argparse.Namespace) -> TaskDefinition:
    """Return the task with the rows of a seed."""
    data = given.data.resolve()
    rows = headline_rows(data) if name == "headlines" else birthplace_rows(data)
    order = np.random.default_rng([seed, 24]).permutation(len(rows)).tolist()
    sizes = {"train": given.train, "dev": given.dev, "test": given.test}
    for split, size in sizes.items():
        part, order = order[:size], order[size:]
        lines = [json.dumps(rows[i], ensure_ascii=False) + "\n" for i in part]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "task.toml").write_text(TASKS[name], encoding="utf-8")
    return load_task(folder / "task.toml")


def lead(name: str, text: str) -> str:
    """Return what takes no model: the first words, or the first place that is named."""
    if name == "headlines":
        return " ".join(text.split()[:10])
    places: list[str] = _PLACE.findall(text)
    return places[0].strip() if places else ""


def runs(given: argparse.Namespace) -> Iterator[Mapping[str, Any]]:
    """Yield the rows that the file does not have."""
    for form, name, seed in product(given.forms, given.tasks, given.seeds):
        cell = {"task": name, "form": form, "seed": seed}
        if any(all(line.get(k) == v for k, v in cell.items()) for line in lines_of(given)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            task = task_in(Path(folder), name, seed, given)
            model = load_model(given.model, chat=FORMS[form], device="cpu")
            began = time.process_time()
            best = search(SEARCH, task, model, Settings(budget=given.budget)).best.prompt
            searched = time.process_time() - began
            about = {"template": best.template.notation, "search_cpu_seconds": round(searched)}
            yield {**cell, **settings(given), **about, **results(name, task, model, best)}


def results(
    name: str, task: TaskDefinition, model: LanguageModel, best: Prompt
) -> dict[str, object]:
    """Return scores on test, and differences to the manual prompt."""
    test = task.test().examples
    scorer = model_scorer(model, Settings(), task.kind, writes=True)
    manual, searched = scorer.judge([task.prompt, best], test)
    targets = [example.targets for example in test]
    leads = [lead(name, example.inputs["text"]) for example in test]
    none = GenerationPredictions.of(targets, np.zeros(len(test)), leads)
    rows = {"manual": manual, "search": searched, "lead": none}
    scores = {key: _scores(each, task) for key, each in rows.items()}
    gains: dict[str, Any] = {key: paired_difference(searched, manual, key) for key in SHOWN}
    shown = {key: [row["delta"], *row["ci95"]] for key, row in gains.items()}
    return {"scores": scores, "gain": shown, "n": len(test)}


def _scores(predictions: Predictions, task: TaskDefinition) -> dict[str, object]:
    scores = scores_of(predictions, task.kind)
    return {key: round(float(str(scores[key])), 4) for key in (*SHOWN, "bleu")}


def settings(given: argparse.Namespace) -> dict[str, object]:
    names = ("model", "train", "dev", "test", "budget")
    return {f"{name}_rows" if name in ("train", "dev", "test") else name: getattr(given, name)
            for name in names}  # fmt: skip


def lines_of(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the lines of the file that were made with these settings."""
    if not given.out.exists():
        return []
    lines = [json.loads(line) for line in given.out.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if all(line[k] == v for k, v in settings(given).items())]


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return a row a task and form: means over seeds, and gains of the search."""
    keys = ("log_likelihood", "rouge_l", "token_f1", "exact_match")
    head = ["task", "form", *(f"{key}: manual, search, lead" for key in keys)]
    head += [f"gain in {key}" for key in keys]
    rows = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, form in product(TASKS, FORMS):
        own = [line for line in lines if (line["task"], line["form"]) == (name, form)]
        if not own:
            continue
        cells = [f"{name} ({len(own)} seeds)", form]
        for key in keys:
            shown = (
                ("manual", "search") if key == "log_likelihood" else ("manual", "search", "lead")
            )
            means = [np.mean([line["scores"][row][key] for line in own]) for row in shown]
            cells.append(", ".join(f"{mean:.3f}" for mean in means))
        for key in keys:
            gains = np.array([line["gain"][key][0] for line in own])
            apart = sum(line["gain"][key][1] > 0 for line in own)
            cells.append(f"{difference(gains)} (above 0 in {apart} of {len(own)})")
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true", help="print what the file holds")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=list(FORMS))
    parser.add_argument("--train", type=int, default=32)
    parser.add_argument("--dev", type=int, default=32)
    parser.add_argument("--test", type=int, default=100)
    parser.add_argument("--budget", type=int, default=40)
    given = parser.parse_args()
    if not given.table:
        for row in runs(given):
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            print(json.dumps(row, ensure_ascii=False), file=sys.stderr)
    print(table(lines_of(given)))


if __name__ == "__main__":
    main()
