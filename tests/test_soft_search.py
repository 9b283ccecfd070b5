"""`promptsearch soft`: vectors are trained, scored and kept; a killed run ends as an unhurt one."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner
from tiny import saved

from promptsearch.cli import cli
from promptsearch.errors import PromptError, RunError
from promptsearch.models.training.config import SoftTrainingConfig
from promptsearch.prompt import Template
from promptsearch.prompt_file import read_prompts
from promptsearch.searchers import SoftSearch
from promptsearch.searchers.soft.form import form_of

TASK = """
name = "toy"
kind = "classification"
train = "train.tsv"
dev = "dev.tsv"
inputs = ["text"]
label = "label"
template = "{text} It was [Z] ."
answers = { bad = ["terrible"], good = ["great"] }
"""
ROWS = [
    ("a great film", "good"),
    ("a terrible plot", "bad"),
    ("a wonderful story", "good"),
    ("an awful actor", "bad"),
    ("really good", "good"),
    ("really bad", "bad"),
]


@pytest.fixture
def task(tmp_path):
    for split in ("train", "dev"):
        lines = ["text\tlabel", *("\t".join(row) for row in ROWS)]
        (tmp_path / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "task.toml").write_text(TASK)
    return tmp_path / "task.toml"


def run(*words, status=0):
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == status, done.output
    return done


def soft(task, folder, *words, kind="bert", status=0):
    options = ["-m", saved(kind), "--steps", 6, "--check-every", 2, "--lr", 0.05, "-o", folder]
    return run("soft", "--task", task, *options, *words, status=status)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_vectors_are_trained_from_words_and_step_0_scores_as_they_do(task, tmp_path, kind):
    said = soft(task, tmp_path / "run", kind=kind).output
    assert "numbers trained for" in said
    file = read_prompts(tmp_path / "run" / "prompts.json")
    assert file.document["format"] == "promptsearch/2"
    by_step = {
        saved.row["source"]["evidence"].get("trained_steps"): saved for saved in file.prompts
    }
    assert set(by_step) == {None, 0, 2, 4, 6}
    scores = {n: each.row["scores"]["dev"]["log_likelihood"] for n, each in by_step.items()}
    assert scores[0] == pytest.approx(scores[None], abs=1e-4)
    assert max(scores[2], scores[4], scores[6]) > scores[0] + 0.01
    losses = [by_step[n].row["source"]["evidence"]["loss"] for n in (2, 4, 6)]
    assert losses[2] < losses[0]
    best = file.prompts[0]
    assert best.prompt.template.soft


def test_a_trained_file_is_evaluated_shown_and_used(task, tmp_path):
    folder = tmp_path / "run"
    soft(task, folder)
    file = folder / "prompts.json"
    dev = run("evaluate", file, "--task", task, "--split", "dev", "--json").output
    found = json.loads(dev[dev.index("{") :])["prompts"][0]
    saved_row = read_prompts(file).prompts[0].row
    expected = saved_row["scores"]["dev"]["log_likelihood"]
    assert found["scores"]["dev"]["log_likelihood"] == pytest.approx(expected, abs=1e-4)
    assert "[S1:2]" in run("show", file).output
    predicted = run(
        "predict", file, "--task", task, "--input", tmp_path / "dev.tsv", "--prefix", "x_"
    ).output
    assert predicted.count("\n") >= len(ROWS)
    run("report", file, "-o", tmp_path / "report.html", "--no-evaluate")
    page = (tmp_path / "report.html").read_text()
    assert "[S1:2]" in page
    assert "@" + read_prompts(file).prompts[0].prompt.template.soft[0].vectors.digest not in page
    said = run("certify", file, "--task", task, "--rows", "all").output
    assert "4 prompts" in said
    said = run("export", file, "--to", "messages", "-o", tmp_path / "x.json", status=1).output
    assert "vectors, which are no words" in said
    refused = run("paraphrase", "--task", task, "--from", file, "-m", saved("bert"), status=1)
    assert "[S1:2]" in refused.output


def test_two_runs_are_equal_and_seeds_differ(task, tmp_path):
    vectors = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        soft(task, tmp_path / name, "--seed", seed, "--start", "random", "--places", "before")
        vectors.append((tmp_path / name / "soft.safetensors").read_bytes())
    assert vectors[0] == vectors[1] != vectors[2]


def test_a_training_cut_anywhere_resumes_to_the_same_bytes(task, tmp_path):
    """Its budget ends it after each checkpoint in turn."""
    soft(task, tmp_path / "whole")
    for budget in (2, 3, 4, 200):
        words = ["--budget", budget] + ["--resume"] * (budget > 2)
        soft(task, tmp_path / "parts", *words)
    for name in ("soft.safetensors",):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    rows = [
        [{**prompt.row} for prompt in read_prompts(tmp_path / name / "prompts.json").prompts]
        for name in ("whole", "parts")
    ]
    assert rows[0] == rows[1]


def test_a_checkpoint_that_was_changed_is_not_gone_on_with(task, tmp_path):
    soft(task, tmp_path / "run", "--budget", 3)
    for file in (tmp_path / "run" / "soft").iterdir():
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    said = soft(task, tmp_path / "run", "--resume", status=1).output
    assert "is missing or was changed" in said


def test_what_finished_is_gone_on_with_after_old_checkpoints_are_gone(task, tmp_path):
    """A resumed run reads the vectors of all segments, and the last checkpoint alone."""
    options = ("--steps", 12, "--check-every", 2)
    soft(task, tmp_path / "whole", *options)
    soft(task, tmp_path / "parts", *options, "--budget", 6)
    files = {path.name for path in (tmp_path / "parts" / "soft").iterdir()}
    assert "0-2.safetensors" not in files
    assert "0-2-vectors.safetensors" in files
    soft(task, tmp_path / "parts", *options, "--budget", 200, "--resume")
    both = [(tmp_path / name / "soft.safetensors").read_bytes() for name in ("whole", "parts")]
    assert both[0] == both[1]


def test_folds_of_a_plan_share_a_training(task, tmp_path):
    rows = "".join(f"{text} {n}\t{label}\n" for n in range(3) for text, label in ROWS)
    (tmp_path / "dev.tsv").write_text(f"text\tlabel\n{rows}")
    plan = tmp_path / "plan.toml"
    step = '[[step]]\nstrategy = "soft"\nsteps = 12\ncheck_every = 2\nlr = 0.05\n'
    plan.write_text(f"folds = 4\n{step}")
    options = ("-m", saved("bert"), "-o", tmp_path / "run")
    said = run("search", plan, "--task", task, *options).output
    assert "run 4 of 4" in said
    assert "expected of the best prompt" in said


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["soft", "prefix"])
def test_killed_20_times_it_ends_with_the_same_bytes(task, tmp_path, strategy):
    """Each kill falls after another segment has been written, somewhere in those that follow."""
    words = [strategy, "--task", str(task), "-m", saved("bert"), "--steps", "1600"]
    words += ["--check-every", "20", "--budget", "500", "-q"]
    program = [sys.executable, "-m", "promptsearch", *words]
    subprocess.run([*program, "-o", str(tmp_path / "whole")], check=True)
    rng, folder = np.random.default_rng(0), tmp_path / "killed"
    for _ in range(20):
        flags = ["--resume"] if (folder / "trials.jsonl").exists() else []
        before = len(list((folder / "soft").glob("*-vectors.safetensors")))
        process = subprocess.Popen([*program, "-o", str(folder), *flags])
        while len(list((folder / "soft").glob("*-vectors.safetensors"))) <= before:
            assert process.poll() is None, "it was to be killed while it trains"
            time.sleep(0.01)
        time.sleep(float(rng.uniform(0.0, 0.3)))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not (folder / "soft.safetensors").exists()
    subprocess.run([*program, "-o", str(folder), "--resume"], check=True)
    both = [(path / "soft.safetensors").read_bytes() for path in (tmp_path / "whole", folder)]
    assert both[0] == both[1]


def test_encoders_controls_and_recipes_run(task, tmp_path):
    for number, words in enumerate(
        (
            ["--encoder", "lstm", "--places", "around", "--length", 2],
            ["--encoder", "mlp", "--start", "labels", "--places", "after", "--length", 3],
            ["--control", "shuffled-labels", "--runs", 2],
            ["--dropout", 0.1, "--loss", "vocabulary"],
        )
    ):
        soft(task, tmp_path / str(number), *words)
    runs = [
        saved.row["source"]["evidence"].get("run")
        for saved in read_prompts(tmp_path / "2" / "prompts.json").prompts
    ]
    assert {0, 1} <= set(runs)
    options = ["--recipe", "optiprompt", "--epochs", 2, "--check-every", 1]
    run("soft", "--task", task, "-m", saved("bert"), *options, "-o", tmp_path / "recipe")


def test_a_plan_chains_words_and_vectors(task, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[[step]]\nstrategy = "answers-prune"\ncandidates = 4\nbudget = 4\n'
        '[[step]]\nstrategy = "soft"\nsteps = 4\ncheck_every = 2\nlr = 0.05\n'
    )
    run("search", plan, "--task", task, "-m", saved("bert"), "-o", tmp_path / "run")
    prompts = read_prompts(tmp_path / "run" / "prompts.json").prompts
    trained = [saved for saved in prompts if saved.prompt.template.soft]
    assert trained
    assert {saved.row["source"]["strategy"] for saved in prompts} >= {"answers-prune", "soft"}


FORMS = [
    ("{text} It was [Z] .", "words", "masked", "{text} [S1:2] [Z] [S2]"),
    ("{text} It was [Z] .", "words", "causal", "{text} [S1:2] [Z] ."),
    ("The ({text}) is [Z]", "words", "masked", "The ({text}[S1:2] [Z]"),
    ("{text} It was [Z] .", "before", "masked", "[S:5] {text} It was [Z] ."),
    ("{text} It was [Z] .", "after", "masked", "{text} It was [Z] . [S:5]"),
    ("{text} It was [Z] .", "after", "causal", "{text} It was [S:5] [Z] ."),
    ("{text} It was [Z] .", "around", "masked", "[S1:5] {text} [S2:5] [Z] [S3:5]"),
    ("{text} It was [Z] .", "around", "causal", "[S1:5] {text} [S2:5] [Z]"),
    ("{text} [S:3] [Z]", "words", "masked", "{text} [S:3] [Z]"),
]


@pytest.mark.parametrize(("template", "place", "family", "expected"), FORMS)
def test_vectors_stand_where_the_paper_has_them(template, place, family, expected):
    form = form_of(Template.parse(template), place, 5, family, lambda text, _before: text.split())
    assert form.template.notation == expected


def test_what_has_no_place_or_no_number_is_one_line():
    with pytest.raises(PromptError, match="no words that vectors could replace"):
        form_of(Template.parse("{text} [Z]"), "words", 5, "masked", lambda *_: [1])
    with pytest.raises(PromptError, match="marks no place"):
        form_of(Template.parse("{text} [Z]"), "template", 5, "masked", lambda *_: [1])
    for options in ({"lr": 0.0}, {"steps": 0}, {"warmup": 1.0}, {"runs": 0}, {"batch": 0}):
        with pytest.raises(RunError):
            SoftSearch(**options)
    with pytest.raises(RunError, match="leave one out"):
        SoftSearch(steps=3, epochs=2)
    assert SoftSearch(recipe="optiprompt")._config(100) == SoftTrainingConfig(steps=70, dropout=0.1)


def test_the_rate_rises_and_falls_in_straight_lines():
    config = SoftTrainingConfig(steps=10, lr=1.0, warmup=0.2)
    assert [round(config.rate(step), 3) for step in range(10)] == [
        *(0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125),
    ]


def test_rules_over_several_slots_are_decomposed_then_trained(tmp_path):
    """PTR's way in a plan: `answers decompose` gives a word a slot, `soft` the tokens between."""
    rows = "".join(f"{text}\t{label}\n" for text, label in ROWS * 2)
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + rows)
    task = tmp_path / "toy.toml"
    several = TASK.replace('dev = "dev.tsv"\n', "").replace("It was [Z]", "a [Z1] sort of [Z2]")
    several = several.replace('["terrible"]', '[["terrible", "plot"]]')
    task.write_text(several.replace('["great"]', '[["great", "film"]]'))
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[[step]]\nstrategy = "answers-decompose"\n[[step]]\nstrategy = "soft"\nsteps = 4\n'
    )
    words = ("search", plan, "--task", task, "-m", saved("bert"), "-o", tmp_path / "run", "-q")
    run(*words)
    trained = [
        p for p in read_prompts(tmp_path / "run" / "prompts.json").prompts if p.prompt.template.soft
    ]
    assert trained
    for each in trained:
        assert list(each.prompt.template.slots) == ["Z1", "Z2"]
        assert dict(each.prompt.plain_answers)["bad"] == [["terrible", "plot"]]
    steps = {p.row["source"]["evidence"].get("trained_steps") for p in trained}
    assert len(steps) > 1


def searched(folder):
    """A prompts.json with a template and answers that are not the task's."""
    row = {
        "template": "{text} so it is [Z]",
        "verbalizer": {"bad": ["dull"], "good": ["fine", "great"]},
    }
    file = folder / "searched.json"
    file.write_text(json.dumps({"format": "promptsearch/1", "prompts": [row]}))
    return file


def test_it_goes_on_from_a_searched_prompt_and_its_answers(task, tmp_path):
    file = searched(tmp_path)
    soft(task, tmp_path / "run", "--from", file)
    prompts = {p.id: p for p in read_prompts(tmp_path / "run" / "prompts.json").prompts}
    start = next(p for p in prompts.values() if p.row["source"]["evidence"].get("start"))
    assert start.prompt.template.notation == "{text} so it is [Z]"
    trained = [p for p in prompts.values() if p.prompt.template.soft]
    for each in trained:
        assert dict(each.prompt.plain_answers) == {"bad": ["dull"], "good": ["fine", "great"]}
        assert each.row["source"]["parents"] == [start.id]
    first = next(p for p in trained if p.row["source"]["evidence"]["trained_steps"] == 0)
    for metric in ("log_likelihood", "accuracy"):
        scores = [p.row["scores"]["dev"][metric] for p in (first, start)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-4)
    again = run("soft", "--task", task, "--from", file, "--template", "{text} [Z]", status=1)
    assert "both give a template" in again.output


def test_it_goes_on_from_trained_vectors(task, tmp_path):
    soft(task, tmp_path / "first")
    best = read_prompts(tmp_path / "first" / "prompts.json").prompts[0]
    soft(task, tmp_path / "second", "--from", tmp_path / "first" / "prompts.json")
    prompts = [
        p.prompt.template for p in read_prompts(tmp_path / "second" / "prompts.json").prompts
    ]
    assert best.prompt.template in prompts
    done = soft(
        task,
        tmp_path / "third",
        "--from",
        tmp_path / "first" / "prompts.json",
        kind="roberta",
        status=1,
    )
    assert "are of another model" in done.output


def test_a_resumed_run_does_not_go_on_from_a_file_that_changed(task, tmp_path):
    file = searched(tmp_path)
    soft(task, tmp_path / "run", "--from", file, "--budget", 4)
    file.write_text(file.read_text().replace("so it is", "and it seems"))
    soft(task, tmp_path / "run", "--from", file, "--resume")
    soft(task, tmp_path / "fresh", "--from", file)
    resumed, fresh = (
        {p.prompt for p in read_prompts(tmp_path / name / "prompts.json").prompts}
        for name in ("run", "fresh")
    )
    assert fresh <= resumed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--template", "{text} [S1:x] was [Z]"), r"[S1:x] is no soft token; write [S1:5]"),
        (("--template", "{text} [S] [Z]", "--places", "before"), "says itself where vectors stand"),
        (("--length", 4), "as many vectors as its words have tokens"),
        (("--train", "lm"), "has no checkpoints; leave"),
    ],
)
def test_an_option_without_a_meaning_is_refused(task, tmp_path, words, message):
    assert message in " ".join(soft(task, tmp_path / "run", *words, status=1).output.split())


def test_labels_that_are_all_one_cannot_be_shuffled(task, tmp_path):
    (task.parent / "train.tsv").write_text("text\tlabel\na film\tgood\na plot\tgood\n")
    done = soft(task, tmp_path / "run", "--control", "shuffled-labels", status=1)
    assert "shuffling changes nothing" in done.output
