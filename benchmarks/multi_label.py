"""Several labels at once on news digests: options and clozes against TF-IDF one against the rest.

    python benchmarks/multi_label.py --data ../shared/data --out docs/multi_label.jsonl

A digest is one or two stories of AG News (its test1000.json, 20 words of each, every story in one
digest), and its labels are their topics: 160 digests to learn from, 120 of dev, the rest are test.
`options` are UniMC's layout, `cloze` a yes/no question a label. `manual` is the prompt of the task
file; `paraphrase` the best of --budget prompts on dev by micro F1 (synonyms and edits, 40 a round
compared on 16 digests of train); `soft` trains vectors in place of the template's words for
--steps steps. Thresholds are 0, or learned on dev, one a prompt. `tf-idf` is a logistic regression
a label on words and word pairs of train, with scikit-learn's OneVsRestClassifier. Intervals are
bootstraps over test's digests; `minus tf-idf`, that of the threshold learned on dev, is paired.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from promptsearch import ParaphraseSearch, Settings, SoftSearch, load_model, load_task, search
from promptsearch.data import Dataset, TaskDefinition
from promptsearch.data.kinds.multi_label import most_frequent_set
from promptsearch.engine.strategy import Searcher
from promptsearch.evaluation.certificate.label_set_learners import WORD, texts_of
from promptsearch.metrics import paired_difference, scores_of
from promptsearch.metrics.label_sets import indicator
from promptsearch.metrics.multi_label_predictions import MultiLabelPredictions, decided_by
from promptsearch.metrics.predictions import Predictions
from promptsearch.models import LanguageModel
from promptsearch.prompt import Prompt
from promptsearch.runs.scorer_setup import model_scorer

WORDS, TRAIN, DEV = 20, 160, 120
TOPICS = ("world", "sports", "business", "science")
TASK = """name = "digests"
kind = "classification"
multi_label = true
threshold = "dev"
train = "train.jsonl"
dev = "dev.jsonl"
test = "test.jsonl"
"""
OPTIONS = """template = "{text}"
[options]
question = "What is the news about?"
world = "politics and the world"
sports = "sports"
business = "business"
science = "science and technology"
"""
CLOZE = """no = "no"
template = "{text} Is it about politics? [Z1] Is it about sports? [Z2] Is it about business? [Z3] \
Is it about science? [Z4]"
[answers]
world = "yes"
sports = "yes"
business = "yes"
science = "yes"
"""


def digests(data: Path) -> list[dict[str, object]]:
    """Return the digests, each with its text and its topics."""
    path = data / "classification/agnews/test1000.json"
    stories = list(json.loads(path.read_text(encoding="utf-8")).values())
    rng = np.random.default_rng(0)
    order: list[int] = rng.permutation(len(stories)).tolist()
    rows: list[dict[str, object]] = []
    while order:
        drawn = [stories[order.pop()] for _ in range(min(len(order), int(rng.integers(1, 3))))]
        topics = {TOPICS[int(story["label"])] for story in drawn}
        text = " ".join(" ".join(story["ori"].split()[:WORDS]) + " ..." for story in drawn)
        rows.append({"text": text, "label": [topic for topic in TOPICS if topic in topics]})
    return rows


def tasks_in(folder: Path, data: Path) -> dict[str, TaskDefinition]:
    """Return the task in both layouts."""
    rows = digests(data)
    parts = {"train": rows[:TRAIN], "dev": rows[TRAIN : TRAIN + DEV], "test": rows[TRAIN + DEV :]}
    for name, part in parts.items():
        text = "".join(json.dumps(row) + "\n" for row in part)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    for name, layout in (("options", OPTIONS), ("cloze", CLOZE)):
        (folder / f"{name}.toml").write_text(TASK + layout, encoding="utf-8")
    return {name: load_task(folder / f"{name}.toml") for name in ("options", "cloze")}


def searchers(given: argparse.Namespace) -> dict[str, Searcher | None]:
    """Return the searches; None is the manual prompt."""
    edits = ParaphraseSearch(method=("synonyms", "edits"), pool=40, screen=16)
    soft = SoftSearch(steps=given.steps)
    return {"manual": None, "paraphrase": edits, "soft": soft}


def best(
    searcher: Searcher | None, task: TaskDefinition, model: LanguageModel, budget: int
) -> Prompt:
    """Return the best prompt of a search on dev."""
    if searcher is None:
        return task.prompt
    settings = Settings(objective="micro-f1", budget=budget)
    return search(searcher, task, model, settings).best.prompt


def word_predictions(task: TaskDefinition) -> tuple[MultiLabelPredictions, MultiLabelPredictions]:
    """Return what the words of train say of dev and of test."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD)
    model = OneVsRestClassifier(LogisticRegression(C=10, max_iter=1000))
    train, dev, test = task.train.examples, task.dev.examples, task.test().examples
    gold = indicator([example.targets for example in train], task.labels)
    model.fit(words.fit_transform(texts_of(train)), gold.astype(int))
    of_dev, of_test = (
        log_odds_of(model.decision_function(words.transform(texts_of(part))), part, task)
        for part in (dev, test)
    )
    return of_dev, of_test


def log_odds_of(
    log_odds: NDArray[np.float64], examples: Dataset, task: TaskDefinition
) -> MultiLabelPredictions:
    """Return the predictions that log-odds (example, label) are."""
    targets = [example.targets for example in examples]
    return MultiLabelPredictions.of(task.labels, targets, log_odds)


def at_thresholds(
    dev: Predictions, test: Predictions
) -> Iterator[tuple[str, MultiLabelPredictions]]:
    """Yield the predictions of test by the threshold's rule."""
    learned = decided_by(dev, "dev")
    assert isinstance(learned, MultiLabelPredictions)
    for rule, threshold in (("0", 0.0), ("dev", learned.threshold)):
        decided = decided_by(test, threshold)
        assert isinstance(decided, MultiLabelPredictions)
        yield rule, decided


def row_of(
    name: str,
    predictions: MultiLabelPredictions,
    words: Mapping[str, MultiLabelPredictions],
    task: TaskDefinition,
) -> dict[str, object]:
    """Return the scores of one method on test; differences are to TF-IDF's learned threshold."""
    scores = dict(scores_of(predictions, task.kind))
    minus = paired_difference(predictions, words["dev"], "micro_f1")
    keys = ("micro_f1", "micro_f1_ci95", "macro_f1", "subset_accuracy", "hamming", "threshold")
    kept = {key: scores[key] for key in keys}
    return {"method": name, **kept, "minus_tfidf": minus["delta"], "ci95": minus["ci95"]}


def rows(given: argparse.Namespace, folder: Path) -> Iterator[dict[str, object]]:
    """Yield the scores of all methods."""
    tasks, model = tasks_in(folder, given.data), load_model(given.model)
    first = tasks["options"]
    test = first.test().examples
    words = dict(at_thresholds(*word_predictions(first)))
    for rule, predictions in words.items():
        yield row_of(f"tf-idf, threshold {rule}", predictions, words, first)
    most, every = most_frequent_set(first.train.examples), first.labels
    for name, labels in (("majority set", most), ("all labels", every)):
        log_odds = np.where(indicator([labels] * len(test), every), 1.0, -1.0)
        yield row_of(name, log_odds_of(log_odds, test, first), words, first)
    for layout, task in tasks.items():
        for name, searcher in searchers(given).items():
            if name == "soft" and layout == "options":
                continue
            began = time.perf_counter()
            prompt = best(searcher, task, model, given.budget)
            seconds = time.perf_counter() - began
            scorer = model_scorer(model, Settings(), task.kind)
            on_dev, on_test = (
                scorer.judge([prompt], part)[0] for part in (task.dev.examples, test)
            )
            for rule, predictions in at_thresholds(on_dev, on_test):
                row = row_of(f"{layout}, {name}, threshold {rule}", predictions, words, task)
                yield {**row, "template": prompt.template.notation, "seconds": round(seconds)}


def printed(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    low, high = row["micro_f1_ci95"]
    worse, better = row["ci95"]
    minus = f"{row['minus_tfidf']:+.3f} [{worse:+.3f}, {better:+.3f}]"
    shares = f"{row['macro_f1']:.3f} | {row['subset_accuracy']:.3f} | {row['hamming']:.3f}"
    return (
        f"| {row['method']} | {row['micro_f1']:.3f} [{low:.3f}, {high:.3f}] | {minus} | {shares} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--budget", type=int, default=16)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = []
        for row in rows(given, Path(folder)):
            print(printed(row), flush=True)
            lines.append(json.dumps(row) + "\n")
    if given.out:
        given.out.write_text("".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
