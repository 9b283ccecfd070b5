"""`answers probe` and `answers paraphrase` from the command line."""

import json

import pytest
from click.testing import CliRunner
from tiny import saved

from promptsearch.cli import cli

TASK = """name = "reviews"
kind = "classification"
train = "rows.tsv"
dev = "rows.tsv"
label = "label"
template = "{text} It was [Z]."
language = "en"
[answers]
bad = ["terrible"]
good = ["great"]
"""
ROWS = "text\tlabel\na great film\tgood\nthe plot is awful\tbad\na dull actor\tbad\nso good\tgood\n"
SMALL = {"probe": ["--top", "3"], "paraphrase": ["--pool", "3", "--keep", "2"]}
SEVERAL = {"[Z].": "[Z1] [Z2].", '["terrible"]': '[["so", "bad"]]', '["great"]': '[["so", "good"]]'}
every_strategy = pytest.mark.parametrize("strategy", SMALL)


@pytest.fixture
def task(tmp_path):
    (tmp_path / "rows.tsv").write_text(ROWS)
    path = tmp_path / "task.toml"
    path.write_text(TASK)
    return path


def run(strategy, task, *words, status=0):
    folder = task.parent / "run"
    given = ["answers", strategy, "--task", task, "-o", folder, "--model", saved("bert")]
    done = CliRunner().invoke(cli, [str(word) for word in (*given, *SMALL[strategy], *words)])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done


@every_strategy
def test_a_run_leaves_verbalizers_and_reproduces(task, strategy):
    run(strategy, task, "-q")
    file = task.parent / "run" / "prompts.json"
    document = json.loads(file.read_text())
    assert document["search"]["strategy"] == f"answers-{strategy}"
    assert {row["template"] for row in document["prompts"]} == {"{text} It was [Z]."}
    assert len({json.dumps(row["verbalizer"]) for row in document["prompts"]}) > 2
    done = CliRunner().invoke(cli, ["reproduce", str(file), "-q"])
    assert done.exit_code == 0, done.output


@every_strategy
def test_a_run_that_was_cut_short_goes_on_to_the_same_prompts(task, strategy):
    run(strategy, task, "-q")
    folder = task.parent / "run"
    whole = json.loads((folder / "prompts.json").read_text())
    lines = (folder / "trials.jsonl").read_text().splitlines(keepends=True)
    (folder / "trials.jsonl").write_text("".join(lines[:3]))  # the model's own reading is there
    run(strategy, task, "-q", "--resume")
    again = json.loads((folder / "prompts.json").read_text())
    assert again["prompts"] == whole["prompts"]


@every_strategy
def test_answers_of_another_template_are_searched(task, strategy):
    run(strategy, task, "-q", "--template", "[Z] film: {text}")
    document = json.loads((task.parent / "run" / "prompts.json").read_text())
    assert "[Z] film: {text}" in {row["template"] for row in document["prompts"]}


@pytest.mark.parametrize(
    ("strategy", "change", "words", "reason"),
    [
        ("probe", {}, ["--top", "0"], "--top 0 is too small; give 1 or more"),
        ("probe", SEVERAL, [], "the template has the slots Z1, Z2; words are searched for one [Z]"),
        ("paraphrase", {}, ["--thesaurus", "gone.tsv"], "gone.tsv"),
        ("paraphrase", {}, ["--forward", "/gone", "--backward", "/gone"], "no model at '/gone'"),
        ("paraphrase", {'"en"': '"zh"'}, [], "WordNet is English, but the task is in 'zh'"),
    ],
)
def test_a_mistake_is_one_line_before_a_model_loads(
    task, monkeypatch, strategy, change, words, reason
):
    monkeypatch.setattr("promptsearch.models.loading.load.load_model", None)
    for old, new in change.items():
        task.write_text(task.read_text().replace(old, new))
    done = run(strategy, task, *words, status=1)
    assert reason in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not (task.parent / "run").exists()


@every_strategy
def test_facts_are_refused_in_one_line(tmp_path, strategy):
    given = ["answers", strategy, "--task", "capitals", "-o", str(tmp_path / "run")]
    done = CliRunner().invoke(cli, given)
    assert done.exit_code == 1
    assert "the candidates of facts are their own answers" in done.output
    assert len(done.output.strip().splitlines()) == 1
