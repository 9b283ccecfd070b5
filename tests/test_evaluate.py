"""`evaluate`: several files, formats of tables, and the rows beside the prompts."""

import csv
import io
import json
import re
import shutil

import numpy as np
import pytest
from commanding import reviews_in, run
from tiny import saved

from promptsearch.commands.shared.manual_row import with_manual
from promptsearch.commands.shared.table_formats import csv_table, latex_table, markdown_table
from promptsearch.prediction.ensemble_text import is_summed
from promptsearch.scoring.combination import combine, log_likelihood

HOSTILE = '{text} | It\x1b]0;t\x07 & `was` *so* 50% "fun" \\ -- [[x]]: [Z].'


def prompt_file(path, template, spec=None):
    prompt = {"template": template, "verbalizer": {"bad": ["terrible"], "good": ["great"]}}
    document = {"format": "promptsearch/1", "prompts": [prompt], "model": {"spec": spec or BERT}}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document))
    return path


BERT = saved("bert")


@pytest.fixture
def files(tmp_path):
    """Two files of one prompt each: the manual one, and a hostile one; and their task."""
    task = reviews_in(tmp_path, 4)
    first = prompt_file(tmp_path / "a" / "prompts.json", "{text} It was [Z].")
    return first, prompt_file(tmp_path / "b" / "prompts.json", HOSTILE), task


def evaluated(files, *options):
    first, second, task = files
    return run("evaluate", first, second, "--task", task, *options)


def test_several_files_are_what_each_is_alone(files, tmp_path):
    out = tmp_path / "rows.jsonl"
    document = json.loads(evaluated(files, "--json", "--examples-out", out).stdout)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 24
    for each, path in zip(document["files"], files[:2], strict=True):
        assert each.pop("file") == str(path)
        alone = json.loads(run("evaluate", path, "--task", files[2], "--json").stdout)
        assert alone == each
        hits = [row["correct"] for row in rows if row["file"] == str(path)]
        assert np.mean(hits) == alone["prompts"][0]["scores"]["test"]["accuracy"]
    assert not [*tmp_path.rglob("*-scores")]


def test_a_model_of_several_files_is_loaded_once(files, tmp_path, monkeypatch):
    from promptsearch.models.loading import load

    specs, plain = [], load.load_for

    def counted(chat, spec, /, **options):
        specs.append(spec)
        return plain(chat, spec, **options)

    monkeypatch.setattr(load, "load_for", counted)
    gpt2 = prompt_file(tmp_path / "c" / "prompts.json", "{text} It was [Z].", saved("gpt2"))
    words = ("evaluate", files[0], gpt2, files[1], "--task", files[2], "--json")
    document = json.loads(run(*words).stdout)
    assert [row["model"]["spec"] for row in document["files"]] == [BERT, saved("gpt2"), BERT]
    assert specs == [BERT, saved("gpt2")]
    specs.clear()
    run(*words, "--model", BERT)
    assert specs == [BERT]


def test_several_files_that_are_stopped_go_on(files, monkeypatch):
    whole = evaluated(files, "--json")
    from promptsearch.commands.shared import evaluation_run as module

    plain, calls = module.evaluate, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(*args)

    with monkeypatch.context() as patch:
        patch.setattr(module, "evaluate", interrupted)
        first, second, task = files
        stopped = run("evaluate", first, second, "--task", task, status=130)
    assert "--resume" in stopped.stderr
    resumed = evaluated(files, "--json", "--resume")
    assert json.loads(resumed.stdout) == json.loads(whole.stdout)
    passes = [re.findall(r"([0-9,]+) forward pass", done.stderr) for done in (whole, resumed)]
    assert passes[0][0] != "0"
    assert passes[1][0] == "0"
    assert passes[1][1] == passes[0][1]


def test_a_file_that_does_not_fit_is_named_before_any_model_loads(files):
    first, second, task = files
    for template, reason in (("{movie} [Z]", "uses {movie}"), ("{text} [Z", "template")):
        prompt_file(second, template, "nowhere")
        done = run("evaluate", first, second, "--task", task, status=1)
        assert str(second) in done.stderr
        assert reason in done.stderr
        assert done.stderr.count("\n") == 1


def test_text_has_a_table_a_file(files):
    text = evaluated(files, "-q").stdout
    assert text.count("reviews · test · 12 examples") == 2
    assert f"{files[1]}: reviews" in text
    assert "\x1b" not in text
    assert "p0 (manual)" in text
    assert len(re.findall(r"  manual  ", text)) == 1  # of the second file alone


def test_csv_holds_the_numbers_of_json(files):
    document = json.loads(evaluated(files, "--json").stdout)
    text = evaluated(files, "--format", "csv", "-q").stdout
    assert "\x1b" not in text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert next(row["id"] for row in rows if row["file"] == str(files[0])) == "p0 (manual)"
    assert rows[0]["accuracy_vs_manual"] == ""
    hostile = next(row for row in rows if row["file"] == str(files[1]))
    scores = document["files"][1]["prompts"][0]["scores"]["test"]
    for metric in ("log_likelihood", "accuracy", "macro_f1", "ece", "n"):
        assert float(hostile[metric]) == scores[metric]
    assert float(hostile["ci95_low"]) == scores["ci95"][0]
    assert float(hostile["accuracy_vs_manual"]) == scores["vs_manual"]["delta"]
    assert float(hostile["accuracy_vs_manual_ci95_high"]) == scores["vs_manual"]["ci95"][1]
    assert hostile["prompt"] == HOSTILE.replace("\x1b", "\\x1b").replace("\x07", "\\x07")


def test_markdown_and_latex_are_one_table_over_all_files(files):
    markdown = evaluated(files, "--format", "markdown", "-q").stdout.splitlines()
    bars = {len(re.findall(r"(?<!\\)\|", line)) for line in markdown}
    assert len(bars) == 1
    assert (
        sum(str(files[1]) in line for line in markdown)
        == sum(str(files[0]) in line for line in markdown) + 1
    )  # the manual prompt is a row apart
    assert any("``{text} \\| It\\x1b]0;t\\x07 & `was` *so*" in line for line in markdown)
    latex = evaluated(files, "--format", "latex", "-q").stdout
    assert latex.startswith("\\begin{tabular}{lllrlrrrr")
    assert "\\hline" in latex
    assert "rule" not in latex
    lines = [line for line in latex.splitlines() if line.endswith("\\\\")]
    assert len(lines) == len(markdown) - 1
    assert len({len(re.findall(r"(?<!\\)&", line)) for line in lines}) == 1
    assert r"\{text\} \textbar{} It\textbackslash{}x1b" in latex
    assert r"\& \char96{}was\char96{} {*}so{*} 50\% \char34{}fun\char34{}" in latex
    assert r"-{}- {[}{[}x]]: {[}Z]." in latex


def test_json_and_a_format_are_two_outputs(files):
    first, second, task = files
    done = run("evaluate", first, second, "--task", task, "--json", "--format", "csv", status=1)
    assert "leave out one" in done.stderr


def test_cells_of_tables():
    rows = [["a", 1, -0.25, (-0.5, 0.5)], ["b ", 12, None, None]]
    header = ["id", "n", "gain", "ci"]
    assert markdown_table(header, rows).splitlines() == [
        "| id | n | gain | ci |",
        "| --- | ---: | ---: | ---: |",
        "| a | 1 | -0.250 | [-0.500, 0.500] |",
        "| ` b  ` | 12 | - | - |",
    ]
    assert latex_table(header, rows).splitlines()[2:5] == [
        "id & n & gain & ci \\\\",
        "\\hline",
        "a & 1 & $-$0.250 & {[}$-$0.500, 0.500] \\\\",
    ]
    assert csv_table(header, rows).splitlines() == [
        "id,n,gain,ci_low,ci_high",
        "a,1,-0.25,-0.5,0.5",
        "b ,12,,,",
    ]


def test_a_listed_prompt_that_is_the_manual_one_is_one_row():
    manual = {"template": "{t} [Z]", "verbalizer": {"a": ["x"], "b": ["y"]}}
    same = {"id": "p0", "template": "{t} [Z]", "verbalizer": {"b": "y", "a": "x"}}
    other = {"id": "p1", "template": "{t} [Z]", "verbalizer": {"b": "x", "a": "y"}}
    rows, alone = with_manual([other, same], manual)
    assert [row["id"] for row in rows] == ["p1", "p0 (manual)"]
    assert alone == []
    rows, alone = with_manual([other], manual)
    assert [row["id"] for row in (*rows, *alone)] == ["p1", "manual"]
    assert with_manual([other], None) == ([other], [])


def test_searches_and_show_have_one_row_of_the_manual_prompt(tmp_path):
    task = reviews_in(tmp_path, 4)
    words = ("--task", task, "-m", BERT, "-o", tmp_path / "run", "--budget", 4, "-q")
    printed = run("paraphrase", "--method", "edits", *words).stdout
    path = tmp_path / "run" / "prompts.json"
    assert "p0" in [row["id"] for row in json.loads(path.read_text())["prompts"]]
    for text in (printed, run("show", path).stdout, run("evaluate", path, "--top", 9).stdout):
        assert text.count("p0 (manual)") == 1
        assert not re.search(r" manual  ", text)
    assert re.search(r" manual  ", run("evaluate", path, "--split", "dev").stdout)


def test_a_bag_of_words_is_a_row_of_labelled_tasks(files, monkeypatch):
    pytest.importorskip("sklearn")
    first, _, task = files
    words = ("evaluate", first, "--task", task)
    document = json.loads(run(*words, "--json").stdout)
    row = document["baselines"]["tf-idf"]
    assert row["classifier"] == "TF-IDF + logistic regression"
    assert row["scores"]["test"]["accuracy"] == 1.0  # test is train here
    text = run(*words).stdout
    assert "TF-IDF + logistic regression, which learned from train" in text
    best = document["prompts"][0]["scores"]["test"]["accuracy"]
    assert best < 1
    assert "no prompt, but better than p0: accuracy of" in text
    assert "tf-idf 1.000" in text
    on_train = json.loads(run(*words, "--split", "train", "--json").stdout)
    assert "tf-idf" not in on_train["baselines"]
    for module in ("evaluation.word_baseline", "commands.shared.evaluation_remarks"):
        monkeypatch.setattr(f"promptsearch.{module}.is_installed", lambda: False)
    assert "tf-idf" not in json.loads(run(*words, "--json").stdout)["baselines"]
    assert "left out: tf-idf (pip install 'scikit-learn" in run(*words).stdout
    assert "left out" not in run(*words, "--split", "train").stdout


def test_an_ensemble_says_that_log_p_is_summed(tmp_path):
    """The product of members that agree is surer than each, so that its mistakes cost more."""
    members = np.log(np.array([[[0.4, 0.6]] * 3] * 5))  # five members, wrong in one voice
    product = combine(members, [1.0] * 5, "uniform")
    assert np.exp(product[0, 0]) == pytest.approx(0.4**5 / (0.4**5 + 0.6**5))
    assert log_likelihood(product, [[0]] * 3) == pytest.approx(-2.151, abs=1e-3)
    assert np.exp(combine(members, [0.2] * 5, "uniform")[0, 0]) == pytest.approx(0.4)
    weights = {"summed": (1.0, 1.0), "a mean": (0.5, 0.5)}
    for summed, pair in weights.items():
        rows = [{"id": str(n), "weight": weight} for n, weight in enumerate(pair)]
        assert is_summed({"rule": "rank", "members": rows}) == (summed == "summed")
        assert not is_summed({"rule": "vote", "members": rows})
    task = reviews_in(tmp_path, 4)
    words = ("--task", task, "-m", BERT, "-o", tmp_path / "run", "--budget", 6, "-q")
    run("paraphrase", "--method", "edits", *words)
    path = tmp_path / "run" / "prompts.json"
    made = run("ensemble", path, "--top", 2, "-o", tmp_path / "two", "-q").stdout
    path = tmp_path / "two" / "prompts.json"
    assert "log p summed, then normalised" in made
    assert "log p summed, then normalised" in run("show", path).stdout
    assert re.search(r"uniform of p\d, p\d; log p summed, then norm", run("evaluate", path).stdout)
    shutil.rmtree(tmp_path / "two")
    greedy = run(
        "ensemble",
        tmp_path / "run" / "prompts.json",
        "--rule",
        "greedy",
        "--top",
        2,
        "-o",
        tmp_path / "two",
        "-q",
    ).stdout
    assert "summed" not in greedy
