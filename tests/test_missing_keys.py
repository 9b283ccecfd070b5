"""A prompts.json that lacks a key is read or refused in a line: only a few keys are required."""

import json
from copy import deepcopy

import pytest
from click.testing import CliRunner
from commanding import edits_in

from promptsearch.cli import cli

pytest.importorskip("matplotlib", reason="a report needs matplotlib")

DIFFERENCES = {"n": 6, "accuracy": 0.1, "accuracy_ci95": [0.0, 0.2], "log_likelihood": 0.1}
SCORES = {"n": 6, "accuracy": 0.5, "accuracy_ci95": [0.2, 0.6], "log_likelihood": -0.5}
BEST = {**SCORES, "log_likelihood_ci95": [-0.6, -0.2], "vs_manual": DIFFERENCES}
VS_MANUAL = {"metric": "accuracy", "delta": 0.1, "ci95": [0.0, 0.2], "p": 0.1, "n_discordant": 2}
SEARCH = {
    "race": {"dropped": 1, "saved": 0.1, "regret": 0.01, "confidence": 0.9},
    "expected": {
        "folds": 2,
        "best": BEST,
        "ensemble": BEST,
        "ensemble_minus_best": {**DIFFERENCES, "log_likelihood_ci95": [-0.1, 0.2]},
    },
}
COMMANDS = (
    "show {}",
    "show {} --json",
    "report {} --no-evaluate --overwrite -q",
    "export {} --to text",
)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A file with every section that a search, an ensemble and an evaluation write."""
    path = edits_in(tmp_path_factory.mktemp("full"))
    document = json.loads(path.read_text())
    document["search"] |= SEARCH
    document["prompts"][0]["scores"]["dev"]["vs_manual"] = VS_MANUAL
    members = [{"id": row["id"], "weight": 0.5} for row in document["prompts"][:2]]
    document["ensemble"] = {"rule": "uniform", "members": members, "scores": {"dev": SCORES}}
    document["prompts"] = document["prompts"][:2]
    path.write_text(json.dumps(document))
    return path


def paths(value, before=()):
    """The path of every key, and of the first item of every list."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:1])
    for key, inner in items:
        yield (*before, key)
        if isinstance(inner, dict | list):
            yield from paths(inner, (*before, key))


def changed(document, path, change):
    """The document, with the key taken out or emptied; None if there is nothing to empty."""
    copy = deepcopy(document)
    parent = copy
    for key in path[:-1]:
        parent = parent[key]
    if change == "gone":
        del parent[path[-1]]
    elif isinstance(value := parent[path[-1]], dict | list) and value:
        parent[path[-1]] = type(value)()
    else:
        return None
    return copy


@pytest.mark.parametrize("change", ["gone", "empty"])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_key_that_is_gone_or_empty_is_a_traceback(full, command, change, monkeypatch, tmp_path):
    for section in ("ranking", "budget_curve"):  # what is drawn is not what is read
        name = f"promptsearch.evaluation.report.sections.{section}._chart"
        monkeypatch.setattr(name, lambda *about: None)
    document = json.loads(full.read_text())
    path = tmp_path / "prompts.json"
    for keys in paths(document):
        if (damaged := changed(document, keys, change)) is None:
            continue
        path.write_text(json.dumps(damaged))
        words = command.format(path).split()
        words += ["-o", str(tmp_path / "out.html")] if words[0] == "report" else []
        words += ["-o", str(tmp_path / "out.txt"), "--overwrite"] if words[0] == "export" else []
        done = CliRunner().invoke(cli, words)
        assert done.exception is None or isinstance(done.exception, SystemExit), (
            keys,
            done.exception,
        )
        assert done.exit_code == 0 or done.stderr.startswith("promptsearch: "), (keys, done.output)
