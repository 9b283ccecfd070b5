"""Exported programs say what the scorer says, where promptsearch is not."""

import ast
import json
import runpy
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
import torch
from commanding import reviews_in, run
from exporting import exported, prompts_in, rows
from test_models_chat import TEMPLATE as CHAT
from tiny import bart, gpt2, gpt2_tokenizer, roberta_tokenizer, saved, saved_parts

from promptsearch import Example, Scorer, Scoring, load_model
from promptsearch.errors import ExportError
from promptsearch.formats.export import write_as
from promptsearch.formats.python.model_facts import model_facts
from promptsearch.prompt_file.prompts_json import read_prompts
from promptsearch.scoring.calibration import CalibratedScorer, references_of
from promptsearch.scoring.combination import combine

ONE = {"bad": ["terrible"], "good": ["great"]}
MANY = {"bad": ["terrible", "awful"], "good": ["great", "really good", "a wonderful evening"]}
DOUBLE = {"r": [["capital", "York"], ["plot", "a film"]], "s": [["really good", "South Korea"]]}
PARTIAL = {"r": [{"Z1": "capital", "Z2": "York"}], "s": [{"Z1": "really good"}, {"Z2": "New York"}]}
NAMES = ["Paris", "New York", "South Korea", "Oslo", "France", "paris"]
IT_WAS = "{text} It was [Z]."
TWO = "{text} is the [Z1] of New [Z2] , {other}"


@dataclass(frozen=True)
class Case:
    """A file's prompts, and how they are asked."""

    kind: str
    templates: tuple = (IT_WAS,)
    answers: tuple = (ONE,)  # the last one for all others
    scoring: dict = field(default_factory=dict)
    weights: tuple = ()
    rule: str = "uniform"
    candidates: tuple = ()
    tolerance: float = 1e-4  # more where hundreds of tokens behind the slot count


ONE_RS = {"r": ["great"], "s": ["terrible film"]}
CASES = {
    "words": Case("bert"),
    "stuck": Case("bert", ("{text} ({text}[Z]",)),
    "pieces": Case("bert", answers=(MANY,)),
    "mean": Case("roberta", answers=(MANY,), scoring={"answer_score": "mean"}),
    "max": Case("roberta", ("[Z] : {text}",), (MANY,), {"answer_score": "max"}),
    "space": Case("roberta", ("{text} {other}[Z]!",), (MANY,)),
    "slots": Case("bert", (TWO,), (DOUBLE,)),
    "left out": Case("roberta", (TWO,), (PARTIAL,), {"length_norm": "token"}),
    "by char": Case("bert", (TWO,), (DOUBLE,), {"length_norm": "char"}),
    "facts": Case("bert", ("{text} lies in [Z] .",), candidates=NAMES),
    "many facts": Case("roberta", ("[Z] has {text}.",), candidates=(*NAMES, *map(str, range(60)))),
    "contextual": Case("bert", answers=(MANY,), scoring={"calibration": "contextual"}),
    "ensemble": Case("bert", (IT_WAS, "{other}[Z] {text}"), (ONE, MANY), weights=(0.7, 2.0)),
    "votes": Case("bert", (IT_WAS, TWO), (ONE_RS, DOUBLE), weights=(1, 0.5), rule="vote"),
    "mean of probabilities": Case(
        "bert", (IT_WAS, TWO), (ONE_RS, DOUBLE), weights=(1, 0.5), rule="mean"
    ),
    "calibrated ensemble": Case(
        "roberta", (IT_WAS, "{other} [Z]"), (MANY,), {"calibration": "pmi"}, (0.5, 1.0)
    ),
    "gpt2": Case("gpt2"),
    "gpt2 last": Case("gpt2", ("{text} It was [Z]",), (MANY,)),
    "gpt2 first": Case("gpt2", ("[Z] : {text}",), (MANY,), tolerance=5e-4),
    "gpt2 after an input": Case("gpt2", ("{text}[Z]",), (MANY,), {"length_norm": "char"}),
    "gpt2 slots": Case("gpt2", (TWO,), (PARTIAL,), {"length_norm": "token"}),
    "gpt2 ensemble": Case("gpt2", (IT_WAS, TWO), (ONE_RS, DOUBLE), weights=(1, 2), tolerance=5e-4),
    "gpt2 facts": Case("gpt2", ("{text} lies in [Z].",), candidates=NAMES),
    "llama": Case("llama", ("{text} It was [Z]",), (MANY,), {"length_norm": "token"}),
    "llama first": Case("llama", ("[Z] : {text}",), (MANY,), tolerance=5e-4),
    "chat": Case("chat", answers=(MANY,)),
    "chat prefix": Case("chat", ("{text}[Z] {other}",), (MANY,), tolerance=5e-4),
    "chat solid": Case("chat", (" Is {text} a film? [Z]", IT_WAS), (MANY,), weights=(1, 1)),
    "chat first": Case("chat", ("[Z] : {text}",), (MANY,), tolerance=5e-4),
    "chat slots": Case("chat", (TWO,), (PARTIAL,), {"length_norm": "token"}, tolerance=5e-4),
    "chat facts": Case("chat", ("{text} lies in [Z].",), candidates=NAMES),
    "t5": Case("t5", answers=(MANY,)),
    "t5 slots": Case("t5", (TWO,), (PARTIAL,), {"length_norm": "token"}),
    "t5 facts": Case("t5", ("[Z] has {text}.",), candidates=NAMES),
    "t5 pmi": Case("t5", answers=(MANY,), scoring={"calibration": "pmi", "length_norm": "char"}),
    "plain": Case("plain", ("{text} It was [Z]",), (MANY,)),
    "plain after an input": Case("plain", ("{other}. {text} [Z]",), (MANY,)),
    "plain facts": Case("plain", ("{text} lies in[Z]",), candidates=NAMES),
    "bart": Case("bart", ("{text} It was [Z]",), (MANY,), {"length_norm": "token"}),
    "independent": Case("bert", answers=(MANY,), scoring={"multi_token": "independent"}),
}
FIELDS = ("text", "other")
ROWS = rows(FIELDS, 50)
DRIVER = """
import json, runpy, sys
sys.modules["promptsearch"] = None  # an import of it fails
rows = json.load(sys.stdin)
found = {}
for path in sys.argv[1:]:
    program = runpy.run_path(path)
    found[path] = program["predict"](rows)
print(json.dumps(found))
"""


@cache
def folder_of(kind):
    """The model's folder; a chat is a GPT-2 with a chat template."""
    if kind == "bart":
        tokenizer = roberta_tokenizer()
        torch.manual_seed(0)
        return saved_parts(bart(tokenizer), tokenizer)
    if kind != "chat":
        return saved("t5" if kind == "plain" else kind)
    tokenizer = gpt2_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHAT
    torch.manual_seed(0)
    return saved_parts(gpt2(tokenizer), tokenizer)


@cache
def model_of(kind):
    told = {"chat_system": "Judge <|im_end|>.", "chat_answer_prefix": "The film is"}
    options = {"chat": told, "plain": {"seq2seq_form": "plain"}}
    return load_model(folder_of(kind), dtype="float32", **options.get(kind, {}))


def file_of(case, folder):
    """The prompts.json of a case, with the priors that calibration finds."""
    folder.mkdir()
    own = [case.answers[min(i, len(case.answers) - 1)] for i in range(len(case.templates))]
    answers = [
        {"candidates": list(case.candidates)} if case.candidates else {"verbalizer": a} for a in own
    ]
    prompts = [
        {"id": f"p{i}", "template": template, **given}
        for i, (template, given) in enumerate(zip(case.templates, answers, strict=True))
    ]
    model = model_of(case.kind)
    document = {
        "model": {"spec": folder_of(case.kind), "chat": model.info.chat},
        "scoring": case.scoring,
    }
    if case.weights:
        members = [{"id": f"p{i}", "weight": float(w)} for i, w in enumerate(case.weights)]
        document["ensemble"] = {"rule": case.rule, "members": members}
    path = prompts_in(folder, *prompts, **document)
    if "calibration" in case.scoring:
        _, judge = scorers(case)
        for row, one in zip(prompts, read_prompts(path).prompts, strict=True):
            row["prior"] = judge.prior(one.prompt)
        prompts_in(folder, *prompts, **document)
    return path


def scorers(case):
    """Ours, and the one that judges."""
    multi = case.scoring.get("multi_token", "independent" if case.candidates else "left-to-right")
    scoring = Scoring(multi, case.scoring.get("length_norm", "none"))
    score = case.scoring.get("answer_score", "sum")
    own = Scorer(model_of(case.kind), scoring, score, bool(case.candidates))
    method = case.scoring.get("calibration")
    if method is None:
        return own, own
    return own, CalibratedScorer(own, own, method, references_of(method, FIELDS, []))


def expected(case, path):
    """(row, label): log p, and the labels"""
    _, judge = scorers(case)
    prompts = [one.prompt for one in read_prompts(path).prompts]
    examples = [Example(str(i), row, ()) for i, row in enumerate(ROWS)]
    said = np.array([j.log_probs for j in judge.predict(prompts, examples).predictions])
    labels = prompts[0].verbalizer.labels
    return labels, combine(said, case.weights, case.rule) if case.weights else said[0]


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """For each case its file, its program, and what the program says; one process asks them all."""
    top = tmp_path_factory.mktemp("programs")
    made = {}
    for number, (name, case) in enumerate(CASES.items()):
        path = file_of(case, top / str(number))
        program = path.with_name("program.py")
        given = exported(path, model_of(case.kind), ensemble=bool(case.weights))
        write_as("python", given, program)
        made[name] = path, program
    command = [sys.executable, "-I", "-c", DRIVER, *(str(program) for _, program in made.values())]
    done = subprocess.run(command, input=json.dumps(ROWS), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return {name: (path, program, said[str(program)]) for name, (path, program) in made.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_program_says_what_the_scorer_says(name, asked):
    path, _, said = asked[name]
    labels, wanted = expected(CASES[name], path)
    merged = {label for i, label in enumerate(labels) if wanted[0][i] == -np.inf}
    assert merged == ({"paris"} if CASES[name].kind == "bert" and CASES[name].candidates else set())
    for row, own in zip(said, wanted, strict=True):
        assert list(row["log_probs"]) == [label for label in labels if label not in merged]
        assert row["label"] == labels[int(own.argmax())]
        finite = own[own > -np.inf].tolist()
        assert [*row["log_probs"].values()] == pytest.approx(finite, abs=CASES[name].tolerance)


def test_a_program_stands_alone(asked):
    """One file of torch, transformers and the standard library, with nothing unused or twice."""
    for _, program, _ in asked.values():
        tree = ast.parse(program.read_text())
        imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        modules = {getattr(node, "module", None) or node.names[0].name for node in imports}
        roots = {module.split(".")[0] for module in modules}
        assert roots - sys.stdlib_module_names == {"torch", "transformers"}
        imported = [alias.name for node in imports for alias in node.names]
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert used.issuperset(imported), program
        names = imported + [node.name for node in tree.body if hasattr(node, "name")]
        assert len(names) == len(set(names)), program


def test_a_template_without_room_for_a_row_is_told(tmp_path):
    path = prompts_in(tmp_path, {"template": "great " * 70 + "{text} [Z]", "verbalizer": ONE})
    program = tmp_path / "program.py"
    write_as("python", exported(path, model_of("bert")), program)
    with pytest.raises(ValueError, match=r"the template alone takes 73 tokens .* has room for 64"):
        runpy.run_path(str(program))["predict"]([{"text": ""}])


def test_a_row_without_a_column_is_named_by_its_line(asked):
    _, program, said = asked["ensemble"]
    lines = [json.dumps(row) for row in (*ROWS[:2], {"text": "fun"}, ROWS[2])]
    command = [sys.executable, "-I", str(program)]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True)
    assert done.returncode == 1
    told = done.stderr.splitlines()[-1]
    assert told == "line 3: the row has no column 'other'; add it"
    assert "Traceback" not in done.stderr
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == [
        row["label"] for row in said[:2]
    ]


NO_ROWS = {
    b"{'text': 'a'}": "line 2: not JSON (Expecting property name",
    b'{"text": NaN, "other": "a"}': "line 2: the column 'text' is nan; give it a text",
    b'{"text": 1e400, "other": "a"}': "line 2: the column 'text' is inf; give it a text",
    b'{"text": null, "other": "a"}': "line 2: the column 'text' is None; give it a text",
    b'{"text": ["a"], "other": "a"}': "line 2: the column 'text' is ['a']; give it a text",
    b'{"text": "\\ud800", "other": "a"}': "line 2: the column 'text' is ",
    b'{"text": "a", "text": "b"}': "line 2: not JSON (a key stands twice)",
    b'["a"]': "line 2: a row must be an object, not \"['a']\"",
    b'{"text": "\xe9"}': "line 2: not JSON ('utf-8' codec can't decode byte 0xe9",
    b"[" * 100_000: "line 2: not JSON (",
    b"null": "line 2: a row must be an object, not 'None'",
}


def test_lines_that_are_no_rows_are_one_line(asked):
    _, program, _ = asked["ensemble"]
    lines = runpy.run_path(str(program))["read_rows"]
    good = json.dumps({"text": 12, "other": True}).encode()
    for line, told in NO_ROWS.items():
        rows = lines([b"\xef\xbb\xbf" + good, line], ["text", "other"])
        assert next(rows) == (1, {"text": "12", "other": "true"})
        with pytest.raises(ValueError) as error:  # noqa: PT011
            next(rows)
        assert str(error.value).startswith(told)
    assert list(lines([b"\n", good], ["text"])) == [(2, {"text": "12"})]


def test_a_program_ends_with_one_line(asked):
    _, program, said = asked["ensemble"]
    command = [sys.executable, "-I", str(program)]
    rows = json.dumps(ROWS[0]).encode() + b"\n\xe9"
    done = subprocess.run(command, input=rows, capture_output=True)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].startswith("line 2: not JSON (")
    assert b"Traceback" not in done.stderr
    assert json.loads(done.stdout)["label"] == said[0]["label"]
    done = subprocess.run([*command, "--model", "no/where/x"], capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stderr.splitlines()[-1].startswith("no/where/x cannot be loaded (")


def test_a_program_tests_itself(tmp_path, monkeypatch, capsys):
    task = reviews_in(tmp_path, 2)
    path = prompts_in(tmp_path, {"template": IT_WAS, "verbalizer": ONE})
    program = tmp_path / "program.py"
    words = ("--task", task, "--model", saved("bert"))
    done = run("export", path, "--to", "python", "-o", program, *words)
    assert f"next: python {program} --selftest" in done.output
    monkeypatch.setattr(sys, "argv", ["program.py", "--selftest"])
    for status, found, wrong in ((0, "", ""), (1, "': -", "': -9")):
        program.write_text(program.read_text().replace(found, wrong, 1))
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(program), run_name="__main__")
        worst = float(capsys.readouterr().out.split()[-1])
        assert (ended.value.code, worst > 1e-4) == (status, bool(status))


def test_a_program_would_not_read_with_another_tokenizer(tmp_path):
    shutil.copytree(saved("bert"), tmp_path / "model")
    config = tmp_path / "model" / "tokenizer_config.json"
    named = json.loads(config.read_text()) | {"tokenizer_class": "RobertaTokenizer"}
    config.write_text(json.dumps(named))
    model = load_model(str(tmp_path / "model"), device="cpu")
    with pytest.raises(ExportError, match="PreTrainedTokenizerFast"):
        model_facts(model, 1)
