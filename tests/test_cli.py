"""The command line end to end: one search, what it leaves, and every bad input in one line."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from promptsearch.cli import all_commands, cli
from promptsearch.commands.shared.option_names import with_option_names
from promptsearch.prompt_file.schema import SCHEMA
from promptsearch.searchers import SEARCHERS

REVIEWS = {
    "positive": ["a great film", "truly great acting", "a great cast", "great fun for everyone"],
    "negative": ["a bad film", "truly bad acting", "a bad cast", "bad taste for everyone"],
}
CORPUS = (
    "The plot was good .\nThe plot was bad .\nThe film was just good .\nThe film was just bad .\n"
)
TASK = """
name = "toy"
kind = "classification"
train = "train.tsv"
dev = "dev.tsv"
test = "test.tsv"
label = "label"
template = "{text} It was [Z]."
corpus = ["corpus.txt"]
[answers]
negative = ["bad"]
positive = ["good"]
"""


@pytest.fixture
def task(tmp_path):
    rows = [f"{text}\t{label}\n" for label, texts in REVIEWS.items() for text in texts]
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.tsv").write_text("text\tlabel\n" + "".join(rows))
    (tmp_path / "corpus.txt").write_text(CORPUS * 10)
    (tmp_path / "task.toml").write_text(TASK)
    return tmp_path / "task.toml"


def run(*words, status=0):
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done


def mined(task, *options, status=0):
    return run("mine", "--task", task, "-o", task.parent / "run", "-q", *options, status=status)


def test_a_search_leaves_a_valid_file_that_evaluates(task):
    mined(task)
    folder = task.parent / "run"
    document = json.loads((folder / "prompts.json").read_text())
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    assert document["baselines"]["manual"]["template"] == "{text} It was [Z]."
    assert document["prompts"][0]["scores"]["dev"]["selected"] is True
    assert len(document["prompts"]) > 1
    assert {"trials.jsonl", "log.jsonl", "mined.jsonl"} <= {file.name for file in folder.iterdir()}
    out = task.parent / "examples.jsonl"
    done = run(
        "evaluate", folder / "prompts.json", "--task", task, "--json", "-q", "--examples-out", out
    )
    shown = json.loads(done.stdout)
    assert set(shown) == {"prompts", "baselines", "model"}
    test = shown["prompts"][0]["scores"]["test"]
    assert test["n"] == 8
    assert test["selected"] is False
    assert set(test["vs_manual"]) == {"metric", "delta", "ci95", "p", "n_discordant"}
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 8
    assert sum(row["correct"] for row in rows) / 8 == test["accuracy"]


def test_an_evaluation_that_is_stopped_goes_on(task, monkeypatch):
    mined(task)
    prompts = task.parent / "run" / "prompts.json"
    words = ("evaluate", prompts, "--task", task, "--json")
    monkeypatch.setattr("promptsearch.scoring.chunked_scorer.TOKENS", 40)
    whole = run(*words)
    assert "1 prompt and the manual one x 8 test examples" in whole.stderr

    def interrupted(console, now):
        if now.done >= 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("promptsearch.commands.shared.console.Console.scoring", interrupted)
        stopped = run(*words, status=130)
    assert "go on with: promptsearch" in stopped.stderr
    assert "--resume" in stopped.stderr
    scores = task.parent / "run" / "prompts.json.test-scores"
    assert scores.is_dir()
    resumed = run(*words, "--resume")
    forwards = [int(re.search(r"([0-9,]+) forward passes", d.stderr)[1]) for d in (whole, resumed)]
    assert forwards[1] < forwards[0]
    assert json.loads(resumed.stdout) == json.loads(whole.stdout)
    assert not scores.exists()


def without_times(document):
    document["search"]["spent"].pop("seconds")
    document["search"].pop("command")
    return document


def test_changing_the_test_file_changes_nothing_but_its_fingerprint(task):
    documents = []
    for _ in range(2):
        mined(task, "--overwrite")
        text = (task.parent / "run" / "prompts.json").read_text()
        documents.append(without_times(json.loads(text)))
        (task.parent / "test.tsv").write_text("text\tlabel\nnothing like it\tnegative\n")
    shas = [document["task"]["data"]["test"].pop("sha256") for document in documents]
    assert shas[0] != shas[1]
    assert documents[0] == documents[1]


def test_a_run_killed_at_any_moment_resumes_to_the_same_file(task):
    mined(task)
    whole = without_times(json.loads((task.parent / "run" / "prompts.json").read_text()))
    other = task.parent / "killed"
    command = [sys.executable, "-m", "promptsearch", "mine", "--task", str(task), "-o", str(other)]
    for patience in (0.4, 1.0, 2.5, 4.0):
        process = subprocess.Popen([*command, "--resume", "-q"], stdout=subprocess.DEVNULL)
        time.sleep(patience)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([*command, "--resume", "-q"], check=True, stdout=subprocess.DEVNULL)
    assert without_times(json.loads((other / "prompts.json").read_text())) == whole


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ('label = "label"', 'label = "class"', "label was 'label', now 'class'"),
        ('label = "label"', 'label = "label"\nnegative_label = "negative"', "negative_label was"),
        ('label = "label"', 'label = "label"\nlanguage = "de"', "language was None, now 'de'"),
        ('label = "label"', 'label = "label"\nencoding = "latin-1"', "encoding was None"),
        ('label = "label"', 'label = "label"\n[rename]\ntext2 = "text"', "rename was None"),
    ],
)
def test_a_task_that_means_something_else_is_not_gone_on_with(task, old, new, change):
    rows = [
        f"{text} café\t{text} again\t{label}\t{other}\n"
        for label, texts in REVIEWS.items()
        for text in texts
        for other in REVIEWS
        if other != label
    ]
    for split in ("train", "dev"):
        text = "text\ttext2\tlabel\tclass\n" + "".join(rows)
        (task.parent / f"{split}.tsv").write_text(text)
    toml = task.read_text().replace('test = "test.tsv"', 'inputs = ["text"]')
    task.write_text(toml)
    mined(task)
    task.write_text(toml.replace(old, new, 1) if "[rename]" not in new else _renamed(toml))
    refused = mined(task, "--resume", status=1).stderr
    assert "another examples" in refused
    assert change in refused
    checked = run("check", task.parent / "run" / "prompts.json", "--task", task).stdout
    assert change in checked or "negative_label" in change or "language" in change


def _renamed(toml):
    return toml + '[rename]\ntext2 = "text"\ntext = "unused"\n'


def document_of(task):
    return json.loads((task.parent / "run" / "prompts.json").read_text())


def test_scores_are_kept_across_runs(task):
    store = task.parent / "scores"
    mined(task, "--cache", store)
    first = document_of(task)
    mined(task, "--cache", store, "--overwrite")
    again = document_of(task)
    assert again["search"]["spent"]["forwards"] == 0 < first["search"]["spent"]["forwards"]
    assert again["prompts"] == first["prompts"]
    kept = json.loads(run("cache", "info", "--cache", store, "--json").stdout)
    assert kept["prompts"] == first["search"]["spent"]["prompts"]
    run("cache", "clear", "--cache", store)
    mined(task, "--cache", store, "--overwrite")
    assert document_of(task)["search"]["spent"]["forwards"] > 0


def test_two_processes_find_what_one_finds(task):
    mined(task)
    alone = document_of(task)["prompts"]
    mined(task, "--workers", 2, "--overwrite")
    spread = document_of(task)["prompts"]
    assert [row["template"] for row in spread] == [row["template"] for row in alone]
    for one, other in zip(spread, alone, strict=True):
        ours, theirs = (row["scores"]["dev"]["log_likelihood"] for row in (one, other))
        assert ours == pytest.approx(theirs, abs=1e-4)


def test_a_race_is_told_and_reproduced(task):
    dev = task.parent / "dev.tsv"
    header, *rows = dev.read_text().splitlines(keepends=True)
    dev.write_text(header + "".join(rows * 9))  # 72: more than the first rung
    mined(task, "--race")
    document = document_of(task)
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    race = document["search"]["race"]
    assert 0 <= race["saved"] < 1
    assert race["dropped"] + len(document["prompts"]) == document["search"]["spent"]["prompts"]
    done = run("reproduce", task.parent / "run" / "prompts.json", "-q")
    assert "reproduced: same prompts, same scores" in done.stdout


def test_a_search_is_reproduced(task):
    mined(task)
    done = run("reproduce", task.parent / "run" / "prompts.json", "-q")
    assert "reproduced: same prompts, same scores" in done.stdout


def test_reproduce_says_what_has_changed(task):
    mined(task)
    dev = task.parent / "dev.tsv"
    dev.write_text(dev.read_text().replace("a great film", "a film"))
    done = run("reproduce", task.parent / "run" / "prompts.json", "-q", status=1)
    assert "data: dev has changed" in done.stdout
    assert "scores: log_likelihood" in done.stdout


def test_no_score_stops_before_a_model_loads(task):
    mined(task, "--no-score", "--model", task.parent / "no-such-model")
    assert (task.parent / "run" / "mined.jsonl").read_text()
    assert not (task.parent / "run" / "prompts.json").exists()


def test_a_search_that_finds_nothing_says_so_quiet_or_not(task):
    (task.parent / "corpus.txt").write_text("No word of it stands beside an answer.\n")
    done = mined(task)
    assert "no template was mined: give more text with --corpus" in done.stdout
    assert "to try: a larger --budget, another strategy" in done.stdout


def test_drafts_and_what_took_the_time_are_told(task, monkeypatch):
    monkeypatch.setattr("promptsearch.runs.run.LONG", 0.0)
    words = ["--beam", 4, "--words", 1, "--examples", 2, "--budget", 4]
    said = run("generate", "--task", task, "-o", task.parent / "g", *words).stderr
    assert re.search(r"drafts: \d of \d", said)
    assert re.search(r"time: .*\d+% generate", said)
    assert "· done" not in said


def test_a_missing_model_is_said_before_mining(task):
    done = mined(task, "--model", task.parent / "no-such-model", status=1)
    assert "no-such-model" in done.stderr
    assert not (task.parent / "run" / "mined.jsonl").exists()


def test_a_run_is_not_written_over(task):
    mined(task)
    done = mined(task, status=1)
    assert "--resume to go on with it, --overwrite to start anew" in done.stderr


def test_show_and_check_and_lists(task):
    mined(task)
    prompts = task.parent / "run" / "prompts.json"
    assert "{text} It was [Z]." in run("show", prompts).stdout
    assert "0 errors" in run("check", prompts, "--task", task).stdout
    assert "capitals" in run("tasks").stdout
    assert json.loads(run("models", "--json").stdout)[0]["spec"] == "builtin"


def test_init_writes_a_task_that_loads(task):
    data = task.parent / "dev.tsv"
    run("init", data, "--label", "label")
    assert "0 errors" in run("check", "--task", task.parent / "dev.toml").stdout
    done = run("init", data, "--label", "label", status=1)
    assert "--overwrite" in done.stderr


def test_init_names_the_columns_that_it_leaves_out(tmp_path):
    data = tmp_path / "a.csv"
    data.write_text("title,text,label\na title,a longer text,1\na name,a very long text,0\n")
    done = run("init", data, "--label", "label")
    assert "the template reads text; other columns with text, left out: title;" in done.stderr
    assert "title" not in done.stdout


def test_init_says_that_its_answers_are_a_start(tmp_path):
    data = tmp_path / "my data.csv"
    data.write_text("text,label\na long text,good\na longer text,bad\n")
    done = run("init", data, "--label", "label")
    quoted = f"--task '{tmp_path / 'my data.toml'}'"
    assert f"promptsearch check {quoted}" in done.stdout
    assert "labels' names, a start: write words that a model may say, or search" in done.stderr
    assert f"promptsearch answers prune {quoted}" in done.stderr


def test_init_takes_no_folder_and_replaces_no_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ". is a folder, not a file" in run("init", ".", "--label", "label", status=1).stderr
    data = tmp_path / "a.csv"
    data.write_text("text,label\na long text,good\na longer text,bad\n")
    done = run("init", data, "--label", "label", "-o", data, "--overwrite", status=1)
    assert "is what is read" in done.stderr
    assert data.read_text().startswith("text,label")


def test_a_message_has_its_ends_however_long_it_is(tmp_path):
    data = tmp_path / "a.csv"
    data.write_text("text," + ",".join(f"column {n}" for n in range(5000)) + "\nx,y\n")
    error = run("init", data, "--label", "label", status=1).stderr
    assert len(error) < 2100
    assert f"{data}, line 2: 2 cells where the columns are 5001: text" in error
    assert 'a quote in it as ""' in error


def test_a_name_that_is_too_long_is_one_line(tmp_path):
    data = tmp_path / "a.csv"
    data.write_text("text,label\na long text,good\na longer text,bad\n")
    error = run("init", data, "--label", "label", "-o", "x" * 5000 + ".toml", status=1).stderr
    assert "the name is too long" in error
    assert len(error) < 200


BAD = {
    "a missing file": (("train.tsv", None, None),),
    "a wrong column": (("train.tsv", "label\n", "lable\n"),),
    "an unknown label": (("dev.tsv", "positive", "postive"),),
    "an unknown key": (("task.toml", "label =", "labl ="),),
    "no slot": (("task.toml", "[Z]", ""),),
    "two equal slots": (("task.toml", "[Z]", "[Z] [Z]"),),
    "an unknown field": (("task.toml", "{text}", "{txt}"),),
    "an empty split": (("dev.tsv", None, "text\tlabel\n"),),
    "a label without answers": (("task.toml", '["bad"]', "[]"),),
    "equal answers": (("task.toml", '["bad"]', '["good"]'),),
    "a corpus without a hit": (("corpus.txt", None, "Nothing of the kind.\n"),),
}
NAMED = {
    "a missing file": "train.tsv",
    "a wrong column": "label",
    "an unknown label": "dev.tsv, line",
    "an unknown key": "labl",
    "no slot": "task.toml",
    "two equal slots": "task.toml",
    "an unknown field": "{txt}",
    "an empty split": "dev.tsv",
    "a label without answers": "negative",
    "equal answers": "same answers",
    "a corpus without a hit": "corpus.txt",
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_that_names_the_place(task, case):
    name, old, new = BAD[case][0]
    path = task.parent / name
    if new is None:
        path.unlink()
    else:
        path.write_text(new if old is None else path.read_text().replace(old, new))
    if case == "a corpus without a hit":  # the training texts are a corpus of their own
        (task.parent / "train.tsv").write_text("text\tlabel\nx\tpositive\ny\tnegative\n")
    done = mined(task, status=1)
    assert len(done.stderr.strip().splitlines()) == 1
    assert NAMED[case] in done.stderr


def test_invalid_utf8_names_the_line(task):
    path = task.parent / "dev.tsv"
    path.write_bytes(path.read_bytes() + b"caf\xe9\tpositive\n")
    done = mined(task, status=1)
    assert "dev.tsv, line 10" in done.stderr
    assert "latin-1" in done.stderr


def test_an_objective_of_another_kind_is_an_error(task):
    assert (
        "does not suit a classification task" in mined(task, "--objective", "p@1", status=1).stderr
    )


ANSWERS = [name.split("-", 1) for name in SEARCHERS if name.startswith("answers-")]


@pytest.mark.parametrize(
    "words", [(), *((name,) for name in all_commands()), *ANSWERS], ids=" ".join
)
def test_help_leaves_the_heavy_packages_out(words):
    code = (
        "import sys; from promptsearch.cli import cli\n"
        f"try: cli({[*words, '--help']!r})\n"
        "except SystemExit: pass\n"
        "print({'torch', 'transformers', 'spacy'} & set(sys.modules) or 'light')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("light")


@pytest.mark.parametrize(
    ("words", "meant"), [(["mien"], "mine"), (["answers", "prun"], "prune"), (["exprot"], "export")]
)
def test_a_command_that_is_not_there_has_a_near_one(words, meant):
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert f"there is no command {words[-1]!r} (did you mean {meant!r}?)" in done.output


def test_messages_of_the_library_name_options_on_the_command_line():
    """The library names a field between backticks; a command prints the option that it is."""
    command = all_commands()["evaluate"].load()
    assert with_option_names("use `dtype` float32, or `text`", command) == (
        "use --dtype float32, or `text`"
    )
    predict = all_commands()["predict"].load()
    assert with_option_names("use its best (`ensemble=False`)", predict) == (
        "use its best (--no-ensemble)"
    )
    assert with_option_names("use `dtype`", None) == "use `dtype`"


def test_no_command_prints_a_field_for_an_option(task):
    """Notes of exports and findings of checks come from the library, too."""
    mined(task)
    path, program = task.parent / "run" / "prompts.json", task.parent / "p.py"
    done = run("export", path, "--to", "python", "-o", program)
    assert "give --model" in done.stdout
    assert "`" not in done.stdout
