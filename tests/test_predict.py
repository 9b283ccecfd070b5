"""Labels for new rows: the numbers are the scorer's, in every format, and mistakes are one line."""

import csv
import gzip
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from commanding import reviews_in, run
from hypothesis import given
from hypothesis import strategies as st
from tiny import saved, tiny

from promptsearch import Scorer, Scoring
from promptsearch.cli import cli
from promptsearch.data import Example, Row, read_rows
from promptsearch.prediction.table.line_formats import form_of
from promptsearch.prompt_file import prompt_of, read_prompts
from promptsearch.scoring.combination import combine

TEXTS = [
    "a great film",
    'an "awful" plot, really',
    "[MASK] {text} [Z]",
    "the quick\nbrown fox",
    "Zwölf Städte",
]
ONE, TWO = {"bad": ["dull"], "good": "great"}, {"bad": ["awful", "bad"], "good": "really"}
PROMPTS = [
    {"id": "p1", "template": "{text} It was [Z].", "verbalizer": ONE},
    {"id": "p2", "template": "[Z] : {text}", "verbalizer": TWO},
]
GONE = {"train": "gone.tsv", "answers": "gone.toml", "corpus": ["gone.txt"]}
TASK = {"name": "reviews", "kind": "classification", "inputs": ["text"], "labels": ["bad", "good"]}


def prompts_in(folder, prompts=PROMPTS, task=TASK, model="bert", **sections):
    """A prompts.json; what it says of the task's files is not there."""
    document = {"format": "promptsearch/1", "prompts": prompts, **sections}
    document |= {"task": {"definition": GONE, **task}} if task else {}
    document |= {"model": {"spec": saved(model)}} if model else {}
    path = folder / "prompts.json"
    path.write_text(json.dumps(document))
    return path


def table_in(folder, name, rows):
    """Rows (dictionaries) in a file of any format."""
    path = folder / name
    if name.endswith(".parquet"):
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.Table.from_pylist(rows), path)
        return path
    lines = io.StringIO(newline="")
    if ".jsonl" in name:
        lines.writelines(json.dumps(row) + "\n" for row in rows)
    elif ".csv" in name:
        writer = csv.writer(lines)
        writer.writerows([list(rows[0]), *(row.values() for row in rows)])
    else:
        lines.writelines("\t".join(row) + "\n" for row in [rows[0], *(r.values() for r in rows)])
    data = lines.getvalue().encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def rows_of(path):
    return [dict(row.cells) for row in read_rows(path)]


def expected(template, verbalizer, inputs, kind="bert", scoring=Scoring()):
    """Each input alone, straight from the scorer: label -> probability."""
    prompt = prompt_of({"template": template, "verbalizer": verbalizer}, Path())
    scorer = Scorer(tiny(kind)[0], scoring)
    judged = [scorer.judge([prompt], [Example("0", each, ())])[0] for each in inputs]
    return [
        {label: math.exp(p) for label, p in zip(one.labels, one.log_probs[0], strict=True)}
        for one in judged
    ]


def check(rows, wanted):
    """Rows with predictions against label -> probability."""
    assert len(rows) == len(wanted)
    for row, shares in zip(rows, wanted, strict=True):
        best = max(shares, key=shares.get)
        assert row["label"] == best
        assert float(row["probability"]) == pytest.approx(shares[best], rel=1e-4)
        for label, share in shares.items():
            assert float(row[f"p({label})"]) == pytest.approx(share, rel=1e-4)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_the_numbers_are_the_scorers_one_row_at_a_time(tmp_path, kind):
    path = prompts_in(tmp_path, model=kind)
    table = table_in(tmp_path, "new.jsonl", [{"n": i, "text": t} for i, t in enumerate(TEXTS)])
    run("predict", path, "-i", table, "-o", tmp_path / "out.jsonl", "--chunk", 2)
    rows = rows_of(tmp_path / "out.jsonl")
    wanted = expected(
        PROMPTS[0]["template"], PROMPTS[0]["verbalizer"], [{"text": t} for t in TEXTS], kind
    )
    check(rows, wanted)
    assert [list(row) for row in rows] == [
        ["n", "text", "label", "probability", "p(bad)", "p(good)"]
    ] * len(TEXTS)
    assert [(row["n"], row["text"]) for row in rows] == list(enumerate(TEXTS))


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "parquet", "csv.gz", "jsonl.gz"])
@pytest.mark.parametrize("to", ["jsonl", "csv", "tsv", "parquet"])
def test_every_format_becomes_every_other(tmp_path, ending, to):
    if "parquet" in (ending, to):
        pytest.importorskip("pyarrow")
    texts = [text.replace("\n", " ") for text in TEXTS]
    rows = [{"text": text, "n": str(i)} for i, text in enumerate(texts)]
    table, out = table_in(tmp_path, f"new.{ending}", rows), tmp_path / "out" / f"labels.{to}"
    run("predict", prompts_in(tmp_path), "-i", table, "-o", out, "--chunk", 2, "-q")
    found = rows_of(out)
    check(found, expected(**_prompt(0), inputs=[{"text": text} for text in texts]))
    assert [{name: row[name] for name in ("text", "n")} for row in found] == rows
    assert list(found[0]) == ["text", "n", "label", "probability", "p(bad)", "p(good)"]
    assert [path.name for path in out.parent.iterdir()] == [out.name]  # nothing is left beside it


def _prompt(place):
    return {name: PROMPTS[place][name] for name in ("template", "verbalizer")}


def test_values_of_json_stay_what_they_are(tmp_path):
    odd = {"id": 1 << 60, "flag": True, "none": None, "many": [1, {"a": "\ud83d"}], "share": 0.25}
    table = tmp_path / "new.jsonl"
    table.write_text(json.dumps({**odd, "text": "a film"}) + "\n\n" + '{"text": "a plot"}\n')
    run("predict", prompts_in(tmp_path), "-i", table, "-o", tmp_path / "out.jsonl")
    first, second = rows_of(tmp_path / "out.jsonl")
    assert {name: first[name] for name in odd} == odd
    assert list(second) == ["text", "label", "probability", "p(bad)", "p(good)"]


def test_parquet_keeps_its_types_and_json_gets_some(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    times = arrow.array([1, 2, 3], arrow.timestamp("ns"))  # no Python type holds these
    given = arrow.table(
        {"text": ["a film", "", "a plot"], "when": times, "raw": [b"\x00", b"\xff", None]}
    )
    parquet.write_table(given, tmp_path / "new.parquet")
    words = ["-i", tmp_path / "new.parquet", "-o", tmp_path / "out.parquet", "--on-error", "skip"]
    done = run("predict", prompts_in(tmp_path), *words, "--chunk", 1)
    assert "line 2: the column 'text' is empty" in done.stderr
    found = parquet.read_table(tmp_path / "out.parquet")
    assert found.select(["text", "when", "raw"]) == given.take([0, 2])
    assert found.schema.field("p(good)").type == arrow.float64()
    table = tmp_path / "new.jsonl"
    values = [{"text": "a", "x": 1, "y": 1, "z": "1"}, {"text": "b", "x": 0.5, "y": "b", "w": True}]
    table.write_text("".join(json.dumps(row) + "\n" for row in values))
    run("predict", tmp_path / "prompts.json", "-i", table, "-o", tmp_path / "b.parquet")
    kept = parquet.read_table(tmp_path / "b.parquet").to_pydict()
    wanted = {"x": [1, 0.5], "y": ["1", '"b"'], "z": ["1", None], "w": [None, True]}
    assert {name: kept[name] for name in wanted} == wanted


# Property: what is written is read back


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff\0"), max_size=8)


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
@given(rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=4))
def test_any_text_is_written_so_that_it_is_read_back(tmp_path_factory, ending, rows):
    path = tmp_path_factory.getbasetemp() / f"round{ending}"
    form = form_of(ending, ("label",))
    made = [Row(path, 1, dict(zip(("a\r", "b,"), row, strict=True))) for row in rows]
    text = form.head(made[0]) + "".join(
        form.line_start(row, 0) + form.line_end(["x"]) for row in made
    )
    path.write_bytes(text.encode())
    assert rows_of(path) == [{**row.cells, "label": "x"} for row in made]


# Which prompts answer


def test_one_prompt_the_ensemble_or_the_best(tmp_path):
    members = [{"id": "p2", "weight": 0.5}, {"id": "p1", "weight": 2.0}]
    path = prompts_in(tmp_path, ensemble={"rule": "uniform", "members": members})
    table = table_in(tmp_path, "new.csv", [{"text": text} for text in TEXTS])
    inputs = [{"text": text} for text in TEXTS]
    one, two = (expected(**_prompt(place), inputs=inputs) for place in (0, 1))

    def told(*words):
        done = run("predict", path, "-i", table, "-o", tmp_path / "out.csv", "--overwrite", *words)
        return done.stderr, rows_of(tmp_path / "out.csv")

    stderr, rows = told("--no-ensemble")
    assert "labels with p1: {text} It was [Z]." in stderr
    check(rows, one)
    check(told("--id", "p2")[1], two)
    stderr, rows = told()
    assert "labels with the ensemble (uniform of p2, p1)" in stderr
    logs = [[[math.log(p) for p in shares.values()] for shares in each] for each in (two, one)]
    wanted = np.exp(combine(np.array(logs), [0.5, 2.0], "uniform"))
    check(rows, [dict(zip(("bad", "good"), row, strict=True)) for row in wanted.tolist()])
    assert told("--ensemble")[1] == rows


def test_columns_without_a_name(tmp_path):
    path, table = prompts_in(tmp_path), tmp_path / "new.csv"
    table.write_text("text,,\nfine,,\ngood,,\n")
    rows = [json.loads(row) for row in run("predict", path, "-i", table).stdout.splitlines()]
    assert [list(row)[:2] for row in rows] == [["text", "label"]] * 2
    table.write_text("text,,\nfine,1,\n")
    assert "column without a name" in run("predict", path, "-i", table, status=1).stderr
    table.write_text(",text,,b\n1,fine,,2\n")
    assert "two columns have no name" in run("predict", path, "-i", table, status=1).stderr
    given = ["--columns", "text,text"]
    assert "named 'text'; rename one" in run("predict", path, "-i", table, *given, status=1).stderr


def test_the_first_row_that_can_be_asked_says_which_columns_there_are(tmp_path):
    path = prompts_in(tmp_path)
    table = table_in(tmp_path, "new.jsonl", [{"id": 1}, {"id": 2, "text": "a"}])
    out = tmp_path / "out.csv"
    run("predict", path, "-i", table, "-o", out, "--on-error", "skip", "--chunk", 1)
    assert [(row["id"], row["text"]) for row in rows_of(out)] == [("2", "a")]
    done = run("predict", path, "-i", table, "--rename", "nope=text", status=1)
    assert "there is no column 'nope'; correct --rename" in done.stderr


def test_half_a_character_is_left_out_of_parquet_too(tmp_path):
    pytest.importorskip("pyarrow")
    path, table, out = prompts_in(tmp_path), tmp_path / "new.jsonl", tmp_path / "out.parquet"
    table.write_text('{"text": "ok"}\n{"text": "\\ud800"}\n{"text": "fine"}\n')
    run("predict", path, "-i", table, "-o", out, "--on-error", "skip")
    assert [row["text"] for row in rows_of(out)] == ["ok", "fine"]


@pytest.mark.parametrize("whole", [-0.6, -0.5, -0.4])
def test_an_ensemble_answers_where_dev_says_no_less_of_it(tmp_path, whole):
    first, *others = [{**row, "scores": {"dev": {"log_likelihood": -0.5}}} for row in PROMPTS]
    members = [{"id": own["id"], "weight": 1.0} for own in PROMPTS]
    scores = {"dev": {"log_likelihood": whole}}
    together = {"rule": "uniform", "members": members, "scores": scores}
    path = prompts_in(tmp_path, [first, *others], ensemble=together)
    table = table_in(tmp_path, "new.csv", [{"text": TEXTS[0]}])
    assert ("with the ensemble" in run("predict", path, "-i", table).stderr) is (whole >= -0.5)
    assert "with the ensemble" in run("predict", path, "-i", table, "--ensemble").stderr
    told = run("export", path, "--to", "text", "-o", tmp_path / "text").output
    assert ("--ensemble exports the file's ensemble" in told) is (whole >= -0.5)


def test_what_labels_is_told_in_one_line(tmp_path):
    row = {"id": "a\nb", "template": "{text}\nIt was [Z].", "verbalizer": ONE}
    table = table_in(tmp_path, "new.csv", [{"text": TEXTS[0]}])
    said = run("predict", prompts_in(tmp_path, [row]), "-i", table).stderr
    assert "labels with a\\nb: {text}\\nIt was [Z].\n" in said


def test_a_file_of_templates_and_answers_alone_is_enough(tmp_path):
    path = prompts_in(tmp_path, task=None, model=None)
    table = table_in(tmp_path, "new.csv", [{"text": text} for text in TEXTS])
    asked = run("predict", path, "-i", table, "-q").stdout
    assert asked == run("predict", path, "-i", table, "-q", "-m", "builtin").stdout
    done = run("predict", path, "-i", table, "-m", saved("bert"), "-q")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    check(rows, expected(**_prompt(0), inputs=[{"text": text} for text in TEXTS]))


def test_several_slots_markup_and_names(tmp_path):
    rows = [
        {"body": "the <e1>fox</e1> and <e2>Paris</e2>"},
        {"body": "<e2>a city</e2> <e1>film</e1>"},
    ]
    prompts = [
        {
            "id": "p1",
            "template": "{head} [Z1] {tail} [Z2] {text}",
            "verbalizer": {"bad": [["a", "dull"], ["the", "bad"]], "good": [["is", "great"]]},
        }
    ]
    definition = {"markup": {"e1": "head", "e2": "tail"}, "rename": {"body": "text"}}
    task = {**TASK, "inputs": ["text", "head", "tail"], "definition": definition}
    path, table = prompts_in(tmp_path, prompts, task), table_in(tmp_path, "new.csv", rows)
    run("predict", path, "-i", table, "-o", tmp_path / "out.csv")
    found = rows_of(tmp_path / "out.csv")
    inputs = [
        {"head": "fox", "tail": "Paris", "text": "the fox and Paris"},
        {"head": "film", "tail": "a city", "text": "a city film"},
    ]
    check(found, expected(prompts[0]["template"], prompts[0]["verbalizer"], inputs))
    assert [row["body"] for row in found] == [row["body"] for row in rows]
    named = table_in(tmp_path, "other.csv", [{"What is it?": row["body"]} for row in rows])
    words = ["-o", tmp_path / "other.jsonl", "--rename", "What is it?=text", "--on-error", "skip"]
    run("predict", path, "-i", named, *words)
    check(rows_of(tmp_path / "other.jsonl"), expected(**_only(prompts), inputs=inputs))


def _only(prompts):
    return {name: prompts[0][name] for name in ("template", "verbalizer")}


def test_facts_give_their_first_answers(tmp_path):
    words = [f"w{i}" for i in range(1100)]  # more than judgements keep
    candidates = ["Paris", "paris", "korea", "film", *words]
    (tmp_path / "candidates.txt").write_text("".join(f"{word}\n" for word in candidates))
    prompts = [
        {"id": "p1", "template": "{subject} is [Z] .", "candidates": {"file": "candidates.txt"}}
    ]
    task = {**TASK, "kind": "facts", "inputs": ["subject"], "labels": []}
    task["definition"] = {"subject": "sub_label", "object": "obj_label"}
    path = prompts_in(tmp_path, prompts, task)
    table = table_in(tmp_path, "new.tsv", [{"sub_label": s} for s in ("France", " Seoul ")])
    run("predict", path, "-i", table, "-o", tmp_path / "out.tsv", "--top-answers", 3)
    scorer = Scorer(tiny("bert")[0], Scoring("independent"), facts=True)
    prompt = read_prompts(path).prompts[0].prompt
    examples = [Example(str(i), {"subject": s}, ()) for i, s in enumerate(("France", "Seoul"))]
    logs = scorer.label_log_probs([prompt], examples)[0]
    for row, own in zip(rows_of(tmp_path / "out.tsv"), logs, strict=True):
        order = sorted(range(len(candidates)), key=lambda i: (-own[i], i))[:3]
        assert [row[name] for name in ("answer", "answer_2", "answer_3")] == [
            candidates[i] for i in order
        ]
        shares = [float(row[name]) for name in ("probability", "probability_2", "probability_3")]
        assert shares == pytest.approx([math.exp(own[i]) for i in order], rel=1e-4)
    done = run("predict", path, "-i", table, "--top-answers", 5000, status=1)
    assert "there are 1,104 candidates" in done.stderr
    run("predict", path, "-i", table, "-o", tmp_path / "one.jsonl")
    assert list(rows_of(tmp_path / "one.jsonl")[0]) == ["sub_label", "answer", "probability"]


@pytest.mark.parametrize("method", ["contextual", "pmi", "batch"])
def test_calibrated_as_the_search_was_without_the_tasks_files(tmp_path, method):
    task = reviews_in(tmp_path, 2)
    options = ["--task", task, "-o", tmp_path / "run", "-m", saved("bert"), "-q"]
    run("answers", "prune", *options, "--budget", 3, "--calibration", method)
    path = tmp_path / "run" / "prompts.json"
    run("ensemble", path, "--top", 2, "-o", tmp_path / "two", "-q")
    rows = tmp_path / "rows.jsonl"
    run("evaluate", path, "--split", "test", "--examples-out", rows, "-q")
    wanted = [
        {label: math.exp(p) for label, p in row["log_probs"].items()} for row in rows_of(rows)
    ]
    (tmp_path / "train.csv").rename(tmp_path / "new.csv")
    task.unlink()
    words = ["-i", tmp_path / "new.csv", "--prefix", "new ", "-o", tmp_path / "out.jsonl"]
    run("predict", path, *words, "-q")
    found = [
        {name.removeprefix("new "): value for name, value in row.items() if name != "label"}
        for row in rows_of(tmp_path / "out.jsonl")
    ]
    check(found, wanted)
    run("predict", tmp_path / "two" / "prompts.json", *words, "--overwrite", "-q")
    document = json.loads(path.read_text())
    del document["prompts"][0]["prior"]
    path.write_text(json.dumps(document))
    if method == "batch":
        done = run("predict", path, *words, "--overwrite", status=1)
        assert "batch calibration asks the training inputs" in done.stderr
    else:  # its references are no rows of a file
        run("predict", path, *words, "--overwrite")
        again = rows_of(tmp_path / "out.jsonl")
        assert [float(row["new p(bad)"]) for row in again] == pytest.approx(
            [row["p(bad)"] for row in found], rel=1e-4
        )


def test_another_model_needs_its_training_inputs_for_batch_calibration(tmp_path):
    task = reviews_in(tmp_path, 2)
    options = ["--task", task, "-o", tmp_path / "run", "-m", saved("bert"), "-q"]
    run("answers", "prune", *options, "--budget", 2, "--calibration", "batch")
    words = ["predict", tmp_path / "run" / "prompts.json", "-i", tmp_path / "train.csv"]
    words += ["--prefix", "p_", "-m", saved("roberta")]
    assert "name the task they are in with --task" in run(*words, status=1).stderr
    done = run(*words, "--task", task)
    assert "transfer: prompts found with" in done.stderr
    assert len(done.stdout.splitlines()) == 6


# Pipes


def piped(data, *words, status=0):
    done = CliRunner().invoke(cli, list(map(str, words)), input=data)
    assert done.exit_code == status, done.output + repr(done.exception)
    return done


@pytest.mark.parametrize("form", ["jsonl", "csv", "tsv"])
def test_from_a_pipe_to_a_pipe(tmp_path, form):
    path, texts = prompts_in(tmp_path), [text.replace("\n", " ") for text in TEXTS]
    table = table_in(tmp_path, f"new.{form}", [{"text": text} for text in texts])
    done = piped(table.read_bytes(), "predict", path, "-i", "-", "--format", form, "-q")
    (tmp_path / f"out.{form}").write_bytes(done.stdout_bytes)
    wanted = expected(**_prompt(0), inputs=[{"text": text} for text in texts])
    check(rows_of(tmp_path / f"out.{form}"), wanted)
    assert not done.stderr


def test_mistakes_in_a_pipe_name_its_lines(tmp_path):
    path = prompts_in(tmp_path)
    data = b'{"text": "a"}\n' * 3000 + b'{"text": "\xe9"}\n'
    done = piped(data, "predict", path, "-i", "-", "--chunk", 4096, status=1)
    assert "<stdin>, line 3001: 0xe9 is not UTF-8" in done.stderr
    assert "--encoding latin-1" in done.stderr
    done = piped(data, "predict", path, "-i", "-", "--encoding", "latin-1", "-q", "--chunk", 4096)
    assert json.loads(done.stdout.splitlines()[-1])["text"] == "é"
    data = '{"text": "fine"}\n'.encode("utf-16")
    assert "--encoding utf-16" in piped(data, "predict", path, "-i", "-", status=1).stderr
    done = piped(data, "predict", path, "-i", "-", "--encoding", "utf-16", "-q")
    assert json.loads(done.stdout)["text"] == "fine"
    done = piped(b"", "predict", path, "-i", "-", status=1)
    assert "<stdin>: it has no rows to label" in done.stderr


# What goes wrong


def refused(tmp_path, text, *words, name="new.csv", prompts=None):
    """The one line that is said of a table."""
    (tmp_path / name).write_text(text)
    path = prompts or prompts_in(tmp_path)
    done = run("predict", path, "-i", tmp_path / name, *words, "-q", status=1)
    assert done.stderr.count("\n") == 1
    assert not done.stdout
    return done.stderr


@pytest.mark.parametrize(
    ("text", "words", "reason"),
    [
        ("body\nx\n", (), "no column 'text'; the columns are body; --rename COLUMN=text says"),
        ("text\nx\n ,\n", (), "new.csv, line 3: 2 cells where the columns are 1: text"),
        ('text\nx\n" "\n', (), "new.csv, line 3: the column 'text' is empty"),
        ('text\nx\n"y\n', (), "new.csv, line 3: the row that starts here is not CSV"),
        ("text,label\nx,good\n", (), "there is a column 'label' already; have the new ones"),
        ("text\nx\n", ("--rename", "text=body"), "there is no column 'text'"),
        ("text\n", (), "new.csv: it has no rows to label"),
        ("", (), "new.csv: the file is empty"),
        ("text\nx\n", ("--columns", "text"), "holds the names of the columns; add --header"),
        ("text\nx\n", ("--id", "p3"), "has no prompt 'p3'; its prompts are p1, p2"),
        ("text\nx\n", ("--ensemble",), "has no ensemble; make one with"),
        ("text\nx\n", ("--top-answers", "2"), "--top-answers is for facts"),
        ("text\nx\n", ("--resume",), "--resume needs --output FILE"),
        ("text\nx\n", ("-o", "out.json"), "cannot write a table that ends in '.json'"),
        ("text\nx\n", ("-o", "out.csv.gz"), "cannot write a table that ends in '.gz'"),
        ("text\nx\n", ("-m", "nowhere/at/all"), "nowhere/at/all"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, text, words, reason):
    assert reason in refused(tmp_path, text, *words)


def test_what_is_wrong_with_rows_of_json(tmp_path):
    rows = '{"text": "x"}\n{"text": 1}\n'
    assert "line 3: not valid JSON" in refused(tmp_path, rows + "{\n", name="a.jsonl")
    assert "line 3: a row must be an object" in refused(tmp_path, rows + "[1]\n", name="a.jsonl")
    assert "'text' is null" in refused(tmp_path, rows + '{"text": null}\n', name="a.jsonl")
    more = rows + '{"text": "x", "y": 1}\n'
    assert "has the column 'y', which the first row lacks" in refused(
        tmp_path, more, "--format", "csv", name="a.jsonl"
    )
    tab = '{"text": "a\\tb"}\n'
    assert "holds a tab or a line end" in refused(tmp_path, tab, "--format", "tsv", name="a.jsonl")


def test_what_is_no_number_is_written_as_null(tmp_path):
    (tmp_path / "new.jsonl").write_text(
        '{"text": "a film", "x": NaN, "y": [1, {"z": -1e400}]}\n{"text": NaN}\n'
    )
    words = ["-i", tmp_path / "new.jsonl", "--on-error", "skip"]
    done = run("predict", prompts_in(tmp_path), *words)
    assert "'text' is nan" in done.stderr
    (row,) = [json.loads(line, parse_constant=pytest.fail) for line in done.stdout.splitlines()]
    assert (row["x"], row["y"]) == (None, [1, {"z": None}])
    out = tmp_path / "out.csv"
    run("predict", tmp_path / "prompts.json", *words, "-o", out)
    assert [(row["x"], row["y"]) for row in rows_of(out)] == [("", '[1, {"z": null}]')]


def test_bad_rows_may_be_left_out_and_are_told(tmp_path):
    rows = ['{"text": "a film"}', "{", '{"text": ""}', '{"text": "a plot"}', "[]", '{"x": 1}']
    (tmp_path / "new.jsonl").write_text("\n".join(rows))
    words = ["-i", tmp_path / "new.jsonl", "-o", tmp_path / "out.csv", "--on-error", "skip"]
    done = run("predict", prompts_in(tmp_path), *words, "--chunk", 2)
    for line in (2, 3, 5, 6):
        assert f"new.jsonl, line {line}: " in done.stderr
    assert "4 of 6 rows were left out" in done.stderr
    assert [row["text"] for row in rows_of(tmp_path / "out.csv")] == ["a film", "a plot"]
    (tmp_path / "new.jsonl").write_text('{"text": ""}\n[]\n')
    done = run("predict", tmp_path / "prompts.json", *words, "--overwrite", "-q", status=1)
    assert "none of its rows could be labelled, the first because" in done.stderr


def test_a_table_that_is_wrong_from_the_start_leaves_nothing_behind(tmp_path):
    (tmp_path / "new.csv").write_text('text\na film\n""\n')
    words = ["-i", tmp_path / "new.csv", "-o", tmp_path / "out" / "out.csv"]
    for _ in range(2):
        done = run("predict", prompts_in(tmp_path), *words, status=1)
        assert "line 3: the column 'text' is empty" in done.stderr
        assert not list((tmp_path / "out").iterdir())


def test_files_are_not_lost(tmp_path):
    path, table = prompts_in(tmp_path), table_in(tmp_path, "new.csv", [{"text": "a film"}])
    out = tmp_path / "out.csv"
    out.write_text("dear")
    assert (
        "exists; add --overwrite" in run("predict", path, "-i", table, "-o", out, status=1).stderr
    )
    done = run("predict", path, "-i", table, "-o", out, "--resume", status=1)
    assert "there is nothing to resume" in done.stderr
    assert out.read_text() == "dear"
    done = run("predict", path, "-i", table, "-o", table, "--overwrite", status=1)
    assert "is the input" in done.stderr
    task = reviews_in(tmp_path, 4)
    data = tmp_path / "train.csv"
    before, words = data.read_bytes(), ("--task", task, "-o", data, "--overwrite")
    assert "is what is read" in run("predict", path, "-i", table, *words, status=1).stderr
    assert data.read_bytes() == before
    run("predict", path, "-i", table, "-o", out, "--overwrite", "--resume", status=2)
    done = run("predict", path, "-i", table, "-o", out / "below" / "a.csv", status=1)
    assert "cannot be written (Not a directory); choose another --output" in done.stderr
    run("predict", path, "-i", table, "-o", out, "--overwrite")
    assert len(rows_of(out)) == 1
    done = piped(b"text\nx\n", "predict", path, "-i", "-", "-o", tmp_path / "a.parquet", status=1)
    assert "the input is read twice" in done.stderr


def test_tables_without_a_header_where_the_tasks_have_none(tmp_path):
    definition = {"header": False, "columns": ["gold", "text"]}
    path = prompts_in(tmp_path, task={**TASK, "definition": definition})
    (tmp_path / "a.csv").write_text("good,a film\nbad,a plot\n")
    (tmp_path / "b.csv").write_text("a film\n")
    (tmp_path / "c.csv").write_text("text\na film\n")
    run("predict", path, "-i", tmp_path / "a.csv", "-o", tmp_path / "a.tsv")
    head, *lines = (tmp_path / "a.tsv").read_text().splitlines()
    assert head == "gold\ttext\tlabel\tprobability\tp(bad)\tp(good)"
    assert [line.split("\t")[1] for line in lines] == ["a film", "a plot"]
    assert "2: gold, text" in run("predict", path, "-i", tmp_path / "b.csv", status=1).stderr
    for words in (["b.csv", "--columns", "text"], ["c.csv", "--header"]):
        done = run("predict", path, "-i", tmp_path / words[0], *words[1:], "-q")
        assert json.loads(done.stdout)["text"] == "a film"
