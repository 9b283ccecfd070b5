"""Gradient search from beginning to end, on tiny models of every family."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny import KINDS, tiny

from promptsearch import GradientSearch, Output, Scorer, Settings, load_task, read_prompts, search
from promptsearch.cli import cli
from promptsearch.data import CLASSIFICATION, TaskDefinition
from promptsearch.errors import DataError, TaskError

ROWS = [
    ("It was a great film", "pos"),
    ("the plot of this movie is awful", "neg"),
    ("a wonderful evening really", "pos"),
    ("nobody likes a dull actor", "neg"),
] * 3
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def task(tmp_path) -> TaskDefinition:
    lines = ["text\tlabel", *(f"{text} {i}\t{label}" for i, (text, label) in enumerate(ROWS))]
    for split in ("train", "dev"):
        (tmp_path / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "task.toml").write_text(
        'name = "reviews"\nkind = "classification"\ntrain = "train.tsv"\ndev = "dev.tsv"\n'
        'label = "label"\ninputs = ["text"]\ntemplate = "{text} It was [Z] ."\n'
        '[answers]\npos = ["great"]\nneg = ["terrible", "really bad"]\n'
    )
    return load_task(str(tmp_path / "task.toml"))


def searched(task, kind, tmp_path=None, settings=None, **options):
    options = {"iterations": 6, "triggers": 2, "whole_words": False, "candidates": 5} | options
    port = tiny(kind)[0]
    output = Output(tmp_path / "run") if tmp_path else Output()
    return search(GradientSearch(**options), task, port, settings or Settings(), output), port


@every_kind
@pytest.mark.parametrize("step", ["hotflip", "gcg", "random"])
def test_finds_prompts_whose_text_is_read_as_the_tokens(kind, step, task):
    result, port = searched(task, kind, step=step, iterations=12)
    found = [trial for trial in result.ranked if trial.prompt.source.strategy == "gradient"]
    assert found
    assert result.best.scores["log_likelihood"] >= result.manual.scores["log_likelihood"]
    for trial in found:
        source = trial.prompt.source
        assert source.round_trips
        assert len(source.token_ids) == 2
        assert source.evidence["fluency"] < 0
        texts = [trial.prompt.template.fill(example.inputs) for example in task.dev.examples]
        for ids in port.white_box.sequences(texts, (("Z", "great"),)):
            assert any(tuple(ids[i : i + 2]) == source.token_ids for i in range(len(ids)))


@every_kind
@pytest.mark.parametrize("loss", ["gold", "label"])
@pytest.mark.parametrize("where", ["before", "after", "words"])
def test_what_is_accepted_is_better_on_train(kind, loss, where, task):
    result, _ = searched(task, kind, loss=loss, where=where, start="" if where == "words" else "it")
    values = [
        trial.prompt.source.evidence["train"]
        for trial in result.trials
        if trial.prompt.source.evidence.get("train") is not None
    ]
    assert values == sorted(values)


def test_the_worth_on_train_is_the_scorers_own(task):
    port = tiny("bert", dtype="float32")[0]  # no faster one that ranks
    result = search(GradientSearch(iterations=6, start="film film"), task, port)
    trial = result.trials[-1]
    scorer = Scorer(port, Settings().scoring(CLASSIFICATION))
    judgement = scorer.judge([trial.prompt], task.train.examples)[0]
    expected = judgement.log_right.mean()
    assert trial.prompt.source.evidence["train"] == pytest.approx(expected, abs=1e-4)


def test_no_mask_no_answer_and_no_capital_is_written(task):
    result, _ = searched(task, "bert", whole_words=True, iterations=30)
    for trial in result.trials[1:]:
        template = str(trial.prompt.template)
        own = template.removeprefix("{text} It was").removesuffix(" [Z] .").split()
        assert "[MASK]" not in template
        assert not {"great", "terrible", "bad"} & set(own)
        assert all(word.isalpha() for word in own)


def test_lists_of_words_allow_and_ban(task, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("film\nstory\nplot\n")
    result, _ = searched(task, "gpt2", whole_words=True, allow=str(words), start="movie movie")
    for trial in result.trials[2:]:
        own = str(trial.prompt.template).removeprefix("{text} It was").split()[:2]
        assert set(own) <= {"film", "story", "plot", "movie"}
    with pytest.raises(DataError, match=r"nothing\.txt"):
        searched(task, "gpt2", ban=str(tmp_path / "nothing.txt"))
    words.write_text("unheard\n")
    with pytest.raises(TaskError, match="no token passes the filters"):
        searched(task, "gpt2", allow=str(words))


def test_forwards_are_counted_and_end_the_search(task):
    free, _ = searched(task, "bert")
    limit = free.spent.forwards // 2
    bound, _ = searched(task, "bert", settings=Settings(max_forwards=limit))
    assert bound.stopped_because == "max-forwards"
    assert bound.spent.forwards <= limit


def test_climbs_differ(task):
    result, _ = searched(task, "bert", restarts=12, start="film film", examples=4)
    climbs = {trial.prompt.source.evidence.get("climb") for trial in result.trials[2:]}
    assert len(climbs) > 1


def test_a_fluent_trigger_is_worth_more_where_fluency_counts(task):
    plain, _ = searched(task, "gpt2", step="gcg", iterations=15)
    fluent, _ = searched(task, "gpt2", step="gcg", iterations=15, fluency=50.0)

    def mean(result):
        found = [trial.prompt.source.evidence["fluency"] for trial in result.trials[2:]]
        return sum(found) / len(found)

    assert mean(fluent) > mean(plain)


@every_kind
def test_a_run_cut_anywhere_goes_on_to_the_same_result(kind, task, tmp_path):
    whole, _ = searched(task, kind, tmp_path)
    ledger = tmp_path / "run" / "trials.jsonl"
    data, written = ledger.read_bytes(), (tmp_path / "run" / "prompts.json").read_text()
    for part in (0.3, 0.6, 0.9):
        ledger.write_bytes(data[: int(len(data) * part)])
        options = {"iterations": 6, "triggers": 2, "whole_words": False, "candidates": 5}
        output = Output(tmp_path / "run", resume=True)
        again = search(GradientSearch(**options), task, tiny(kind)[0], Settings(), output)
        assert again.spent.forwards == whole.spent.forwards
        new = json.loads((tmp_path / "run" / "prompts.json").read_text())
        assert new["prompts"] == json.loads(written)["prompts"]


def test_a_resumed_run_asks_the_model_nothing_it_knows(task, tmp_path, monkeypatch):
    searched(task, "bert", tmp_path)
    port = tiny("bert")[0]
    monkeypatch.setattr(type(port), "run", None)
    monkeypatch.setattr(type(port.white_box), "token_gradients", None)
    options = {"iterations": 6, "triggers": 2, "whole_words": False, "candidates": 5}
    search(GradientSearch(**options), task, port, Settings(), Output(tmp_path / "run", resume=True))


def command(*words, folder):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    call = [sys.executable, "-m", "promptsearch", *words]
    return subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True)


def test_what_is_written_scores_the_same_in_a_new_process(task, tmp_path):
    options = ["--iterations", "3", "--triggers", "2", "--candidates", "4", "-o", "run", "-q"]
    done = command("gradient", "--task", "task.toml", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    file = read_prompts(tmp_path / "run" / "prompts.json")
    again = command(
        "evaluate", "run/prompts.json", "--split", "dev", "--top", "99", "--json", folder=tmp_path
    )
    scored = json.loads(again.stdout)["prompts"]
    assert len(scored) == len(file.prompts) > 1
    for old, new in zip(file.prompts, scored, strict=True):
        expected = old.row["scores"]["dev"]["log_likelihood"]
        assert new["scores"]["dev"]["log_likelihood"] == pytest.approx(expected, abs=1e-4)
    source = file.prompts[0].row["source"]
    assert source["strategy"] in ("gradient", "manual")
    begun = command(
        *("gradient", "--task", "task.toml", "--from", "run/prompts.json", "--where", "words"),
        *("--iterations", "1", "--candidates", "2", "-q", "-o", "next"),
        folder=tmp_path,
    )
    assert begun.returncode == 0, begun.stderr
    assert Path(tmp_path / "next" / "prompts.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--template", "{text} [T] [T]"], "write [Z]"),
        (["--start", "film", "--template", "{text} [T] [T] [Z]"], "1 tokens to this model"),
        (["--allow", "missing.txt"], "missing.txt: no list of words"),
        (["--from", "missing.json"], "missing.json"),
        (["--fluency-model", "missing-model"], "missing-model"),
    ],
)
def test_mistakes_are_one_line(words, message, task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["gradient", "--task", "task.toml", *words, "-q"])
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert message in done.stderr
