"""Kinds of task: one object each, which files know by its name."""

import json
import pickle
import re
from pathlib import Path

import pytest

from promptsearch.data import CLASSIFICATION, FACTS, KINDS, MULTI_LABEL, PROMPTED, TAGS
from promptsearch.metrics import METRIC, headline_metric, interval_metric, table_metrics

PACKAGE = Path(__file__).parents[1] / "promptsearch"
SCHEMA = PACKAGE / "prompt_file" / "prompts.schema.json"
COMPARED = re.compile(rf'\bkind\b *(==|!=|in|is) *\(?"({"|".join(KINDS)})"')


def test_files_know_all_kinds_by_name():
    task = json.loads(SCHEMA.read_text(encoding="utf8"))["properties"]["task"]
    names = [
        "classification",
        "facts",
        "tags",
        "multi-label",
        "multiple-choice",
        "generation",
        "value",
        "spans",
    ]
    assert task["properties"]["kind"]["enum"] == list(KINDS) == names
    assert [str(kind) for kind in KINDS.values()] == list(KINDS)
    assert PROMPTED == (
        "classification",
        "facts",
        "multi-label",
        "multiple-choice",
        "generation",
        "value",
        "spans",
    )


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_a_kind_has_metrics_for_tables_and_intervals(kind):
    assert set(kind.metric_keys) <= set(METRIC)
    assert table_metrics(kind)[0] == "log_likelihood"
    interval = METRIC[interval_metric(kind)]
    assert interval.per_example is not None or interval.is_bootstrapped
    assert headline_metric(kind) in kind.metric_keys


def test_a_kind_is_the_same_in_another_process():
    again = pickle.loads(pickle.dumps(KINDS))  # noqa: S301
    assert again == KINDS
    assert len({*again.values(), CLASSIFICATION, FACTS, MULTI_LABEL, TAGS}) == len(KINDS)


def test_nothing_asks_which_kind_it_is():
    asks = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text(encoding="utf8").splitlines()
        if COMPARED.search(line)
    ]
    assert asks == []
