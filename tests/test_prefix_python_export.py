"""Exported programs say of prefixes and heads what the scorer says, where promptsearch is not."""

import json
import runpy
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from exporting import exported, prompts_in, rows
from test_export_python import FIELDS, IT_WAS, MANY, ONE
from test_prefix_scoring import prefix_of
from test_prefix_search import prefix as trained
from test_soft_python_export import ended, folder_of, model_of, predictions_of, soft_template
from test_soft_search import run, task  # noqa: F401  # a fixture

from promptsearch import Example, Scorer, Scoring
from promptsearch.errors import ExportError
from promptsearch.formats.export import write_as
from promptsearch.models.forward.embedding_table import embedding_weight
from promptsearch.models.loading.files import MINI
from promptsearch.models.training.deep_prompt import first_head
from promptsearch.models.training.start_prefix import StartPrefix
from promptsearch.prompt import Head, Prompt, Template, Verbalizer
from promptsearch.prompt_file.prompts_json import SOFT_FORMAT, read_prompts
from promptsearch.prompt_file.soft_file import SOFT, write_soft
from promptsearch.scoring.calibration import CalibratedScorer, references_of
from promptsearch.scoring.combination import combine

ROWS = rows(FIELDS, 12)
LABELS = {"a": ["a"], "b": ["b"], "c": ["c"]}  # of heads


@dataclass(frozen=True)
class Deep:
    """A template with what stands before it, and reads it."""

    notation: str = IT_WAS
    length: int = 5
    layers: list | None = None
    words: str = ""  # of which the prefix has the keys and values
    head: str = ""
    answers: dict = field(default_factory=lambda: MANY)

    def template(self, model, seed):
        """The template with random numbers, of the size of the model's."""
        prefix = head = None
        if self.words:
            prefix = StartPrefix(model, lambda count: range(1, count + 1), 0).of_words(self.words)
        elif self.length:
            prefix = prefix_of(model, self.length, self.layers, seed)
        if self.head:
            hidden = embedding_weight(model.runtime.model).shape[1]
            first = first_head(hidden, len(self.answers), model.info.sha256, self.head, seed)
            bias = np.arange(first.labels, dtype=np.float32) / 3
            head = Head.of(20 * first.weight, bias, first.model, self.head)
        if "[S" not in self.notation:
            return Template.parse(self.notation, prefix, head)
        return replace(soft_template(self.notation, model, str(seed)), prefix=prefix, head=head)


@dataclass(frozen=True)
class Case:
    """A file's prompts, and how they are asked."""

    kind: str
    prompts: tuple = (Deep(),)
    scoring: dict = field(default_factory=dict)
    weights: tuple = ()
    rule: str = "uniform"
    tolerance: float = 1e-4  # more where hundreds of tokens behind the slot count


def head_of(**more):
    return Deep(answers=LABELS, **{"head": "mask", **more})


CAUSAL = Deep("{text} It was [Z]")
CASES = {
    "bert": Case("bert"),
    "bert at one layer": Case("bert", (Deep(layers=[2]),)),
    "roberta": Case("roberta"),
    "bert independent": Case("bert", scoring={"multi_token": "independent"}),
    "gpt2": Case("gpt2", (CAUSAL,), {"length_norm": "token"}),
    "gpt2 at one layer": Case("gpt2", (replace(CAUSAL, layers=[1]),)),
    "gpt2 first": Case("gpt2", (Deep("[Z] : {other}", answers=ONE),), tolerance=5e-4),
    "gpt2 of words": Case("gpt2", (Deep(" {text} is [Z]", words="The plot of"),)),
    "llama": Case("llama", (CAUSAL,)),
    "llama of words": Case("llama", (Deep(" {text} is [Z]", words="The plot of"),)),
    "chat": Case("chat", (CAUSAL,)),
    "t5": Case("t5", (Deep("{text} It was [Z] ."),)),
    "t5 at one layer": Case("t5", (Deep(layers=[2]),)),
    "contextual": Case("bert", scoring={"calibration": "contextual"}),
    "beside vectors": Case("bert", (Deep("[S1:2] {text} [S2] [Z]."),)),
    "members": Case(
        "roberta", (Deep(), Deep(length=3), Deep(length=0)), weights=(0.5, 1.0, 2.0), rule="vote"
    ),
    "t5 members": Case("t5", (Deep(length=0), Deep()), weights=(1.0, 1.0)),
    "head": Case("bert", (head_of(),)),
    "head on the first token": Case("bert", (head_of(notation="{text}", head="cls"),)),
    "head on cls of a slot": Case("roberta", (head_of(head="cls", length=0),)),
    "head of two inputs": Case("roberta", (head_of(notation="{text} {other}", head="cls"),)),
    "head of gpt2": Case("gpt2", (head_of(notation="{text} It was [Z]"),)),
    "head of words": Case("llama", (head_of(notation=" {text} [Z]", words="The plot of"),)),
    "head of t5": Case("t5", (head_of(notation="{text} It was [Z] ."),), {"length_norm": "char"}),
    "head and words": Case(
        "bert", (head_of(), Deep(answers={k: [k] for k in LABELS})), weights=(1.0, 1.0)
    ),
    "in the file": Case("builtin", (Deep(length=3),)),
    "beside the file": Case("builtin", (Deep(length=4),)),
}


def deep_file(folder, kind, prompts, **document):
    """A prompts.json with these prompts, and their numbers beside it."""
    model = model_of(kind)
    folder.mkdir(exist_ok=True)
    templates = {f"p{i}": deep.template(model, i) for i, deep in enumerate(prompts)}
    soft = write_soft(
        folder / SOFT,
        {
            name: Prompt(each, Verbalizer.of(deep.answers, (*each.slots, "Z")[:1]))
            for (name, each), deep in zip(templates.items(), prompts, strict=True)
        },
    )
    lines = [
        {"id": name, "template": each.notation, "verbalizer": deep.answers, **soft.get(name, {})}
        for (name, each), deep in zip(templates.items(), prompts, strict=True)
    ]
    section = {"spec": str(folder_of(kind)), "chat": model.info.chat}
    return prompts_in(folder, *lines, format=SOFT_FORMAT, model=section, **document)


def judge_of(case):
    """Our scorer, calibrated as the case says."""
    multi = case.scoring.get("multi_token", "left-to-right")
    scoring = Scoring(multi, case.scoring.get("length_norm", "none"))
    scorer = Scorer(model_of(case.kind), scoring, "sum")
    method = case.scoring.get("calibration")
    if method is None:
        return scorer
    return CalibratedScorer(scorer, scorer, method, references_of(method, FIELDS, []))


def file_of(case, folder):
    """The prompts.json of a case, with the priors that calibration finds."""
    document = {"scoring": case.scoring}
    if case.weights:
        members = [{"id": f"p{i}", "weight": float(w)} for i, w in enumerate(case.weights)]
        document["ensemble"] = {"rule": case.rule, "members": members}
    path = deep_file(folder, case.kind, case.prompts, **document)
    if "calibration" in case.scoring:
        written = json.loads(path.read_text())
        for row, each in zip(written["prompts"], read_prompts(path).prompts, strict=True):
            row["prior"] = judge_of(case).prior(each.prompt)
        path.write_text(json.dumps(written))
    return path


def expected(case, path):
    """(row, label): log p by the scorer."""
    prompts = [saved.prompt for saved in read_prompts(path).prompts]
    examples = [Example(str(i), row, ()) for i, row in enumerate(ROWS)]
    predictions = judge_of(case).predict(prompts, examples).predictions
    log_probs = np.array([each.log_probs for each in predictions])
    return combine(log_probs, case.weights, case.rule) if case.weights else log_probs[0]


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """For each case its prompts.json, its program, and what the program says."""
    top = tmp_path_factory.mktemp("programs")
    paths = {}
    for number, (name, case) in enumerate(CASES.items()):
        path = file_of(case, top / str(number))
        request = exported(path, model_of(case.kind), ensemble=bool(case.weights))
        away = top / f"{number} away"
        away.mkdir()
        write_as("python", request, away / "program.py")
        paths[name] = path, away / "program.py"
    log_probs = predictions_of([program for _, program in paths.values()], ROWS)
    return {
        name: (path, program, log_probs[str(program)]) for name, (path, program) in paths.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_a_program_says_what_the_scorer_says(name, programs):
    case = CASES[name]
    path, _, predictions = programs[name]
    log_probs = [list(each["log_probs"].values()) for each in predictions]
    np.testing.assert_allclose(log_probs, expected(case, path), rtol=0, atol=case.tolerance)
    assert np.ptp(log_probs, axis=0).max() > 1e-3  # rows are told apart


def test_numbers_are_in_the_program_up_to_64_kb_else_beside_it(programs):
    for name, beside in (("in the file", []), ("beside the file", ["program.vectors.safetensors"])):
        _, program, _ = programs[name]
        names = {each.name for each in program.parent.iterdir()} - {"__pycache__"}
        assert names == {"program.py", *beside}


def test_the_model_is_as_before_when_a_prefix_has_been_read(programs):
    program = runpy.run_path(str(programs["t5 members"][1]))
    network = program["load"]().__self__.network
    configs = [module.config for module in network.modules() if hasattr(module, "config")]
    before = [config._attn_implementation for config in configs]
    program["predict"](ROWS[:1])
    assert [config._attn_implementation for config in configs] == before
    assert not any("compute_bias" in vars(module) for module in network.modules())


def test_a_model_of_another_width_is_one_line(programs):
    line = json.dumps({"text": "a film", "other": "b"})
    for name, words in (("bert", "2 heads of 8 numbers"), ("head on cls of a slot", "reads 16")):
        done = ended(programs[name][1], "--model", str(MINI), lines=line)
        assert words in done.stderr.splitlines()[-1]
        assert "give the --model" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["bert", "llama"])
def test_a_transformers_that_does_not_ask_for_the_prefix_is_one_line(programs, name, monkeypatch):
    from transformers import AttentionInterface

    program = runpy.run_path(str(programs[name][1]))
    program["predict"](ROWS[:1])
    plain = AttentionInterface.get_interface(AttentionInterface(), "sdpa", None)
    monkeypatch.setitem(program["attend"].__globals__, "attend", plain)
    with pytest.raises(ValueError, match="but 0 layers of the model read one; give the --model"):
        program["predict"](ROWS[:1])


def test_a_program_without_its_numbers_ends_with_one_line(programs, tmp_path):
    shutil.copy(programs["beside the file"][1], tmp_path)
    done = ended(tmp_path / "program.py")
    assert "program.vectors.safetensors does not hold" in done.stderr.splitlines()[-1]


def test_what_cannot_be_exported_names_the_prompt(tmp_path):
    for number, (kind, foreign, problem) in enumerate(
        (("bert", "roberta", "p0: the prefix is of another model"), ("gpt2", "gpt2", "no room"))
    ):
        length = 100 if foreign == kind else 3
        path = deep_file(tmp_path / f"{number}", foreign, (Deep(length=length),))
        with pytest.raises(ExportError, match=problem) as error:
            write_as("python", exported(path, model_of(kind)), tmp_path / "program.py")
        assert "\n" not in str(error.value)
        assert not (tmp_path / "program.py").exists()


def test_a_head_keeps_its_labels_in_the_order_of_the_file(tmp_path):
    case = Case("bert", (head_of(),))
    path = file_of(case, tmp_path / "run")
    document = json.loads(path.read_text())
    document["task"] = {"labels": ["c", "a", "b"]}
    path.write_text(json.dumps(document))
    run("export", path, "--to", "python", "-o", tmp_path / "program.py")
    (log_probs,) = predictions_of([tmp_path / "program.py"], ROWS).values()
    expected_rows = [dict(zip("abc", row, strict=True)) for row in expected(case, path)]
    for found, row in zip(log_probs, expected_rows, strict=True):
        assert list(found["log_probs"]) == ["c", "a", "b"]
        assert found["log_probs"] == pytest.approx(row, abs=1e-4)


def test_a_tagger_is_refused(tmp_path):
    path = deep_file(tmp_path / "run", "bert", (head_of(notation="{text} [Z]"),))
    document = json.loads(path.read_text())
    document["prompts"][0]["soft"]["head"]["reads"] = "token"
    path.write_text(json.dumps(document))
    with pytest.raises(ExportError, match="its head tags words, which no format has"):
        write_as("python", exported(path, model_of("bert")), tmp_path / "program.py")


@pytest.mark.parametrize("head", ["none", "mask", "cls"])
@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_what_was_trained_is_exported_and_tests_itself(task, tmp_path, kind, head):  # noqa: F811
    if head == "cls" and kind != "bert":
        pytest.skip("the first token sees nothing of the text")
    trained(task, tmp_path / "run", "--head", head, kind=kind)
    program = tmp_path / "program.py"
    run("export", tmp_path / "run" / "prompts.json", "--to", "python", "-o", program)
    command = [sys.executable, "-I", str(program), "--selftest"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("worst difference ")
