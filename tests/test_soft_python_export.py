"""Exported programs say of soft prompts what the scorer says, where promptsearch is not."""

import json
import runpy
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
import pytest
from exporting import exported, prompts_in, rows
from test_export_python import DOUBLE, DRIVER, FIELDS, IT_WAS, MANY, NAMES, ONE
from test_export_python import folder_of as tiny_folder
from test_export_python import model_of as tiny_model
from test_soft_search import run, task  # noqa: F401  # a fixture
from test_soft_search import soft as trained

from promptsearch import Example, Scorer, Scoring, load_model
from promptsearch.errors import ExportError
from promptsearch.formats.export import write_as
from promptsearch.formats.python.vectors import INLINE
from promptsearch.models.forward.embedding_table import embedding_weight
from promptsearch.models.loading.files import MINI
from promptsearch.prompt import Prompt, Template, Vectors, Verbalizer
from promptsearch.prompt_file.prompts_json import SOFT_FORMAT, read_prompts
from promptsearch.prompt_file.soft_file import SOFT, write_soft
from promptsearch.scoring.calibration import CalibratedScorer, references_of
from promptsearch.scoring.combination import combine

ROWS = rows(FIELDS, 25)
TWO = "{text} is the [S1:2] [Z1] of New [Z2] [S2] , {other}"
CAUSAL_TWO = "[S2] {other} : {text} is the [S1:2] [Z1] of New [Z2] ."


@dataclass(frozen=True)
class Case:
    """A file's prompts, and how they are asked."""

    kind: str
    templates: tuple
    answers: dict = field(default_factory=lambda: MANY)
    scoring: dict = field(default_factory=dict)
    weights: tuple = ()
    rule: str = "uniform"
    candidates: tuple = ()


CASES = {
    "inside": Case("bert", ("{text} [S:3] [Z].",)),
    "in front and behind": Case("bert", ("[S1:2] {text} It was [Z] . [S2:3]",)),
    "around": Case("bert", ("[S1:5] {text} [S2:2][Z][S3], {other}",)),
    "shared": Case("bert", ("{text} [S] [Z] [S] , [S1:2] [S]",)),
    "behind an input": Case("bert", ("{text}[S:2] [Z] {other}[S1]",)),
    "alone": Case("roberta", ("[S:2] {text}[S1] [Z]!",)),
    "glued": Case("roberta", ("{text} ([S:2][Z]). {other} [S1],",)),
    "slots": Case("bert", (TWO,), DOUBLE),
    "independent": Case("bert", ("{text} [S:2] [Z]",), scoring={"multi_token": "independent"}),
    "facts": Case("roberta", ("{text} [S:3] [Z] .",), candidates=NAMES),
    "contextual": Case("bert", ("{text} [S:2] [Z].",), scoring={"calibration": "contextual"}),
    "hard and soft": Case(
        "bert", (IT_WAS, "{text} [S:2] [Z]", "{other} [S:2] [Z]"), weights=(0.7, 2.0, 1.0)
    ),
    "mean, calibrated": Case(
        "roberta",
        ("{text} [S:2] [Z]", IT_WAS),
        scoring={"calibration": "pmi"},
        weights=(1.0, 0.5),
        rule="mean",
    ),
    "gpt2": Case("gpt2", ("{text} [S1:3] [Z].",)),
    "gpt2 in front": Case("gpt2", ("[S:4] {text} It was [Z]",)),
    "gpt2 behind an input": Case("gpt2", ("{text}[S:2] [Z]",), scoring={"length_norm": "token"}),
    "gpt2 slots": Case("gpt2", (CAUSAL_TWO,), DOUBLE),
    "gpt2 hard and soft": Case("gpt2", ("{text} It was [Z]", "{text} [S:2] [Z]"), weights=(1, 1)),
    "llama": Case("llama", ("[S1:2] {text} ([S2], [Z]",)),
    "chat": Case("chat", ("[S1:2] {text} It was [S2:2] [Z]",)),
    "chat between vectors": Case("chat", ("[S1:2] {text}[S2:2][Z]",)),
    "chat behind white space": Case("chat", (" {text}  [S2:2] ({other}) [Z]",)),
    "t5": Case("t5", ("{text} [S:3] [Z].",)),
    "t5 around": Case("t5", ("[S1:2] {text}[S2] [Z][S3:2], {other}",), ONE),
    "t5 slots": Case("t5", (TWO,), DOUBLE, {"length_norm": "token"}),
    "t5 pmi": Case("t5", ("{text} [S] [Z] [S]",), scoring={"calibration": "pmi"}),
    "t5 hard and soft": Case(
        "t5", (IT_WAS, "{text} [S:2] [Z]"), weights=(1.0, 0.5), rule="vote", answers=ONE
    ),
    "in the file": Case("builtin", ("{text} [S:42] [Z].",)),
    "beside the file": Case("builtin", ("{text} [S:43] [Z].",)),
}


def folder_of(kind):
    return kind if kind == "builtin" else tiny_folder(kind)


def model_of(kind):
    if kind == "builtin":
        return load_model("builtin", dtype="float32", device="cpu")
    return tiny_model(kind)


def soft_template(notation, model, name):
    """A template whose vectors are drawn, of as wide a spread as the words of the model."""
    template = Template.parse(notation)
    weight = embedding_weight(model.runtime.model)
    rng = np.random.default_rng(crc32(f"{name} {notation}".encode()))
    return template.with_vectors(
        {
            part.name: Vectors.of(
                rng.normal(0, float(weight.std()), (part.length, weight.shape[1])),
                model.info.sha256,
            )
            for part in template.soft
        }
    )


def soft_file(folder, model, kind, templates, answers=MANY, **document):
    """A prompts.json with these prompts, and their vectors beside it."""
    folder.mkdir(exist_ok=True)
    form = {f"p{i}": soft_template(notation, model, str(i)) for i, notation in enumerate(templates)}
    anything = {
        name: Prompt(each, Verbalizer.of({"a": "b"}, each.slots[:1])) for name, each in form.items()
    }
    vectors = write_soft(folder / SOFT, anything)
    key = "verbalizer" if isinstance(answers, dict) else "candidates"
    prompts = [
        {"id": name, "template": each.notation, key: answers, **vectors.get(name, {})}
        for name, each in form.items()
    ]
    section = {"spec": folder_of(kind), "chat": model.info.chat}
    return prompts_in(folder, *prompts, format=SOFT_FORMAT, model=section, **document), prompts


def file_of(case, folder):
    """The prompts.json of a case, with the priors that calibration finds."""
    document = {"scoring": case.scoring}
    if case.weights:
        members = [{"id": f"p{i}", "weight": float(w)} for i, w in enumerate(case.weights)]
        document["ensemble"] = {"rule": case.rule, "members": members}
    path, prompts = soft_file(
        folder,
        model_of(case.kind),
        case.kind,
        case.templates,
        case.candidates or case.answers,
        **document,
    )
    if "calibration" in case.scoring:
        written = json.loads(path.read_text())
        for row, saved in zip(prompts, read_prompts(path).prompts, strict=True):
            row["prior"] = judge_of(case).prior(saved.prompt)
        path.write_text(json.dumps(written | {"prompts": prompts}))
    return path


def judge_of(case):
    """Our scorer, calibrated as the case says."""
    multi = case.scoring.get("multi_token", "independent" if case.candidates else "left-to-right")
    scoring = Scoring(multi, case.scoring.get("length_norm", "none"))
    scorer = Scorer(model_of(case.kind), scoring, "sum", bool(case.candidates))
    method = case.scoring.get("calibration")
    if method is None:
        return scorer
    return CalibratedScorer(scorer, scorer, method, references_of(method, FIELDS, []))


def expected(case, path):
    """(row, label): log p by the scorer."""
    prompts = [saved.prompt for saved in read_prompts(path).prompts]
    examples = [Example(str(i), row, ()) for i, row in enumerate(ROWS)]
    predictions = judge_of(case).predict(prompts, examples).predictions
    log_probs = np.array([each.log_probs for each in predictions])
    return combine(log_probs, case.weights, case.rule) if case.weights else log_probs[0]


def predictions_of(programs, rows=ROWS):
    """What programs say of the rows, by one process that cannot import promptsearch."""
    command = [sys.executable, "-I", "-c", DRIVER, *map(str, programs)]
    done = subprocess.run(command, input=json.dumps(rows), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """For each case its prompts.json, its program, and what the program says."""
    top = tmp_path_factory.mktemp("programs")
    paths = {}
    for number, (name, case) in enumerate(CASES.items()):
        path = file_of(case, top / str(number))
        request = exported(path, model_of(case.kind), ensemble=bool(case.weights))
        away = top / f"{number} away"  # nothing of promptsearch's own lies beside the program
        away.mkdir()
        write_as("python", request, away / "program.py")
        paths[name] = path, away / "program.py"
    log_probs = predictions_of([program for _, program in paths.values()])
    return {
        name: (path, program, log_probs[str(program)]) for name, (path, program) in paths.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_a_program_says_of_soft_prompts_what_the_scorer_says(name, programs):
    case = CASES[name]
    path, _, predictions = programs[name]
    log_probs = [list(each["log_probs"].values()) for each in predictions]
    np.testing.assert_allclose(log_probs, expected(case, path), rtol=0, atol=1e-4)
    assert np.ptp(log_probs, axis=0).max() > 1e-3  # rows are told apart


def test_vectors_are_in_the_program_up_to_64_kb_else_beside_it(programs):
    for name, beside in (("in the file", []), ("beside the file", ["program.vectors.safetensors"])):
        _, program, _ = programs[name]
        names = {each.name for each in program.parent.iterdir()} - {"__pycache__"}
        assert names == {"program.py", *beside}
    assert INLINE == 42 * 384 * 4 + 1024  # 43 vectors of the built-in model are more


def test_equal_names_share_their_vectors_and_members_do_not(programs):
    table = runpy.run_path(str(programs["shared"][1]))["load_vectors"]()["vectors"]
    assert table.shape == (3, 16)
    both = runpy.run_path(str(programs["hard and soft"][1]))["load_vectors"]()["vectors"]
    assert both.shape == (4, 16)


def test_a_soft_token_is_a_word_and_its_space_while_a_text_is_tokenized(programs):
    program = runpy.run_path(str(programs["shared"][1]))
    names = program["SoftPart"](0, 2).names
    for line, words in (
        (["", names, " film"], ["", "the the", " film"]),
        (["a", names, "", names], ["a", " the the", "", " the the"]),
        (["the film"], ["the film"]),
    ):
        assert program["in_words"](line) == words


def test_a_program_without_its_vectors_ends_with_one_line(programs, tmp_path):
    shutil.copy(programs["beside the file"][1], tmp_path)
    for content in (None, b"no vectors"):
        if content is not None:
            (tmp_path / "program.vectors.safetensors").write_bytes(content)
        done = ended(tmp_path / "program.py")
        assert "program.vectors.safetensors does not hold the program's vectors" in done.stderr
        assert done.stderr.splitlines()[-1].endswith("put the file that was exported with it there")


def test_a_model_of_another_width_is_one_line(programs):
    done = ended(programs["inside"][1], "--model", str(MINI))
    assert "the vectors have 16 numbers each" in done.stderr.splitlines()[-1]


def test_a_row_that_is_read_with_a_vector_as_one_word_is_one_line(tmp_path):
    path, _ = soft_file(tmp_path, model_of("bert"), "bert", ("[S]{text} [Z]",))
    write_as("python", exported(path, model_of("bert")), tmp_path / "program.py")
    lines = "\n".join(json.dumps({"text": text}) for text in (" film", "øl"))
    done = ended(tmp_path / "program.py", lines=lines)
    assert done.stdout.count("log_probs") == 1
    assert done.stderr.splitlines()[-1].startswith("line 2: a soft token stands right before")


def ended(program, *words, lines=""):
    """A program that ends with status 1 and without a traceback."""
    command = [sys.executable, "-I", str(program), *words]
    done = subprocess.run(command, input=lines, capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    return done


def test_what_cannot_be_exported_names_the_prompt(tmp_path):
    for number, (kind, foreign, notation, problem) in enumerate(
        (
            ("gpt2", "gpt2", "{text} [Z] [S]", "p0: .* put it before the slot"),
            ("bert", "roberta", "{text} [S] [Z]", "p0: the vectors of .* are of another model"),
            ("bert", "bert", "{text} [S]øl [Z]", "p0: .* put a space after"),
        )
    ):
        path, _ = soft_file(tmp_path / str(number), model_of(foreign), kind, (notation,))
        with pytest.raises(ExportError, match=problem) as error:
            write_as("python", exported(path, model_of(kind)), tmp_path / "program.py")
        assert "\n" not in str(error.value)
        assert not (tmp_path / "program.py").exists()
    with pytest.raises(ExportError, match=r"p0: .* are no words; use `to` python"):
        write_as("messages", exported(path, model_of(kind)), tmp_path / "messages.json")


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_trained_vectors_are_exported_and_test_themselves(task, tmp_path, kind):  # noqa: F811
    trained(task, tmp_path / "soft", kind=kind)
    program = tmp_path / "program.py"
    run("export", tmp_path / "soft" / "prompts.json", "--to", "python", "-o", program)
    command = [sys.executable, "-I", str(program), "--selftest"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("worst difference ")
