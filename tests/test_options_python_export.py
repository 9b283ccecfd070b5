"""Exported programs say of options, and of a yes or no for each label, what the scorer says."""

import ast
import json
import runpy
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
import torch
from commanding import reviews_in, run
from exporting import exported, prompts_in, rows
from test_export_python import DRIVER, FIELDS
from test_export_python import folder_of as tiny_folder
from test_export_python import model_of as tiny_model
from test_soft_python_export import ended, soft_template
from tiny import roberta, roberta_tokenizer, saved_parts

from promptsearch import Example, load_model
from promptsearch.data import CLASSIFICATION
from promptsearch.errors import ExportError
from promptsearch.formats.export import write_as
from promptsearch.prediction.selection import scoring_from
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.prompt_file.prompts_json import SOFT_FORMAT, read_prompts
from promptsearch.prompt_file.soft_file import SOFT, write_soft
from promptsearch.runs.scorer_setup import model_scorer
from promptsearch.scoring.calibration import CalibratedScorer, references_of
from promptsearch.scoring.combination import combine

GREAT = "[O1]it's great[O2]it's terrible[O3]it is neither of the two[SEP]"
ASKS = f"{GREAT}What is the sentiment?[SEP]{{text}}"
FILLED = "[O1]{other} is good[O2]{other} is bad[O3]no {other}[SEP]What is {other}?[SEP]{text}"
PAIR = f"{GREAT}{{text}}[SEP]{{other}}"
CLOZE = "{text} great: [Z1] bad:[Z2] neither ([Z3])."
LABELS = ("good", "bad", "neither")
LONG = {"text": "a great film with a terrible plot " * 200, "other": "film"}
ROWS = [{**row, "other": row["other"][:9]} for row in rows(FIELDS, 30)] + [LONG]


@dataclass(frozen=True)
class Case:
    """A file's prompts, how they are answered, and how they are asked."""

    kind: str
    templates: tuple = (ASKS,)
    words: tuple = ("great", "bad")  # what answers yes, and no
    scoring: dict = field(default_factory=dict)
    weights: tuple = ()
    rule: str = "uniform"


YES_NO = ("yes", "no")
LETTERS = ("a", "o")  # tokens of every tiny model
ODDS = {"options_score": "log-odds"}
CASES = {
    "builtin": Case("builtin", words=YES_NO),
    "builtin, log-odds": Case("builtin", (FILLED,), YES_NO, ODDS),
    "cut": Case("bert"),
    "cut, log-odds": Case("bert", scoring=ODDS),
    "a question with fields": Case("bert", (FILLED,)),
    "a pair": Case("bert", (PAIR,), scoring=ODDS),
    "vectors": Case("bert", (f"{GREAT}[S1:3] is it?[SEP]{{text}}",)),
    "several words": Case(
        "bert", words=(("great", "good"), "bad"), scoring={"answer_score": "max"}
    ),
    "by char": Case("bert", scoring={"length_norm": "char"}),
    "contextual": Case("bert", scoring={"calibration": "contextual"}),
    "pmi": Case("bert", scoring={"calibration": "pmi"}),
    "pmi, log-odds": Case("bert", scoring={"calibration": "pmi", **ODDS}),
    "roberta": Case("separated", (FILLED,), LETTERS),
    "shared albert": Case("tiny-albert", (FILLED,), LETTERS),
    "shared albert, log-odds": Case("tiny-albert", (ASKS,), LETTERS, ODDS),
    "shared bert": Case("tiny-bert", (PAIR,), YES_NO),
    "shared roberta": Case("tiny-roberta", (PAIR,), LETTERS),
    "shared roberta, log-odds": Case("tiny-roberta", (FILLED,), LETTERS, ODDS),
    "members": Case("bert", (ASKS, FILLED), weights=(0.7, 2.0), scoring=ODDS),
    "votes": Case("bert", (PAIR, ASKS, FILLED), weights=(1, 0.5, 0.5), rule="vote"),
    "options and cloze": Case(
        "bert", (CLOZE, ASKS), weights=(1, 0.5), rule="mean", scoring={"length_norm": "char"}
    ),
    "cloze": Case("bert", (CLOZE,)),
    "cloze of pieces": Case("bert", (CLOZE,), ("really good", "a wonderful evening")),
    "cloze by char": Case("roberta", (CLOZE,), scoring={"length_norm": "char"}),
    "cloze pmi": Case("bert", (CLOZE,), scoring={"calibration": "pmi"}),
    "cloze of gpt2": Case("gpt2", (CLOZE,), scoring={"length_norm": "token"}),
    "cloze of t5": Case("t5", (CLOZE,)),
}
SHARED = "tiny-"  # begins the names of models in ../shared


@cache
def folder_of(kind, shared):
    if kind.startswith(SHARED):
        return str(shared / "golden" / "dev" / "more" / kind)
    if kind == "separated":
        return roberta_folder()
    return kind if kind == "builtin" else tiny_folder(kind)


def roberta_folder():
    """A RoBERTa whose tokenizer knows its separator."""
    tokenizer = roberta_tokenizer()
    tokenizer.sep_token = tokenizer.eos_token
    torch.manual_seed(0)
    return saved_parts(roberta(tokenizer), tokenizer)


@cache
def model_of(kind, shared=None):
    if kind in ("bert", "roberta", "gpt2", "t5"):
        return tiny_model(kind)
    return load_model(folder_of(kind, shared), dtype="float32", device="cpu")


def verbalizer_of(template, words=YES_NO):
    """A yes for each label at its slot."""
    yes, no = words
    each = (yes,) if isinstance(yes, str) else yes
    pairs = zip(LABELS, template.slots, strict=True)
    return Verbalizer(tuple((label, tuple(((s, y),) for y in each)) for label, s in pairs), no)


def file_of(case, folder, shared=None):
    """The prompts.json of a case, with the priors that calibration finds."""
    folder.mkdir(exist_ok=True)
    model = model_of(case.kind, shared)
    prompts = {}
    for number, notation in enumerate(case.templates):
        template = soft_template(notation, model, "v") if "[S1" in notation else None
        template = template or Template.parse(notation)
        prompts[f"p{number}"] = Prompt(template, verbalizer_of(template, case.words))
    soft = write_soft(folder / SOFT, prompts)
    listed = [
        {
            "id": name,
            "template": prompt.template.notation,
            "verbalizer": prompt.plain_answers,
            "no": prompt.verbalizer.no,
            **soft.get(name, {}),
        }
        for name, prompt in prompts.items()
    ]
    document = {"model": {"spec": folder_of(case.kind, shared)}, "scoring": case.scoring}
    if soft:
        document["format"] = SOFT_FORMAT
    if case.weights:
        members = [{"id": f"p{i}", "weight": float(w)} for i, w in enumerate(case.weights)]
        document["ensemble"] = {"rule": case.rule, "members": members}
    path = prompts_in(folder, *listed, **document)
    if "calibration" in case.scoring:
        for row, saved in zip(listed, read_prompts(path).prompts, strict=True):
            row["prior"] = judge_of(case, path, shared).prior(saved.prompt)
        prompts_in(folder, *listed, **document)
    return path


def judge_of(case, path, shared=None):
    """Our scorer, calibrated as the case says."""
    settings = scoring_from(read_prompts(path))
    scorer = model_scorer(model_of(case.kind, shared), settings, CLASSIFICATION)
    if settings.calibration == "none":
        return scorer
    references = references_of(settings.calibration, FIELDS, [])
    return CalibratedScorer(scorer, scorer, settings.calibration, references)


def expected(case, path, shared=None):
    """(row, label): log p by the scorer."""
    prompts = [saved.prompt for saved in read_prompts(path).prompts]
    examples = [Example(str(i), row, ()) for i, row in enumerate(ROWS)]
    predictions = judge_of(case, path, shared).predict(prompts, examples).predictions
    log_probs = np.array([each.log_probs for each in predictions])
    return combine(log_probs, case.weights, case.rule) if case.weights else log_probs[0]


def program_of(case, folder, shared=None):
    """The prompts.json and its program."""
    path = file_of(case, folder, shared)
    request = exported(path, model_of(case.kind, shared), ensemble=bool(case.weights))
    write_as("python", request, folder / "program.py")
    return path, folder / "program.py"


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """For each case without ../shared its prompts.json, and its program."""
    top = tmp_path_factory.mktemp("programs")
    return {
        name: program_of(case, top / str(number))
        for number, (name, case) in enumerate(CASES.items())
        if not case.kind.startswith(SHARED)
    }


@pytest.fixture(scope="module")
def predictions(programs):
    """(row, label) log p by each program, in one process that cannot import promptsearch."""
    return log_probs_of(program for _, program in programs.values())


def log_probs_of(programs):
    command = [sys.executable, "-I", "-c", DRIVER, *map(str, programs)]
    done = subprocess.run(command, input=json.dumps(ROWS), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {
        path: [[each["log_probs"][label] for label in LABELS] for each in of_program]
        for path, of_program in json.loads(done.stdout).items()
    }


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if not c.kind.startswith(SHARED)])
def test_a_program_says_of_options_what_the_scorer_says(name, programs, predictions):
    path, program = programs[name]
    log_probs = predictions[str(program)]
    np.testing.assert_allclose(log_probs, expected(CASES[name], path), rtol=0, atol=1e-4)
    assert np.ptp(log_probs, axis=0).max() > 1e-3  # rows are told apart


def test_programs_of_reference_models_say_it_too(shared, tmp_path):
    names = [name for name, case in CASES.items() if case.kind.startswith(SHARED)]
    for name in names:
        if not (folder := shared / "golden" / "dev" / "more" / CASES[name].kind).is_dir():
            pytest.skip(f"needs {folder}")
    files = {name: program_of(CASES[name], tmp_path / name, shared) for name in names}
    log_probs = log_probs_of(program for _, program in files.values())
    for name, (path, program) in files.items():
        ours = expected(CASES[name], path, shared)
        np.testing.assert_allclose(log_probs[str(program)], ours, rtol=0, atol=1e-4, err_msg=name)


def test_the_score_of_options_is_another_with_a_no(programs, predictions):
    by_itself, against = (predictions[str(programs[n][1])] for n in ("cut", "cut, log-odds"))
    assert np.abs(np.subtract(by_itself, against)).max() > 0.1


def test_a_program_stands_alone_and_reads_options_only_if_it_has_some(programs):
    for name, (_, program) in programs.items():
        tree = ast.parse(program.read_text())
        imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        modules = {getattr(node, "module", None) or node.names[0].name for node in imports}
        roots = {module.split(".")[0] for module in modules}
        assert roots - sys.stdlib_module_names == {"torch", "transformers"}
        bound = [alias.name for node in imports for alias in node.names]
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert used.issuperset(bound), name
        bound += [n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        assert len(bound) == len(set(bound)), name
        has_options = any("[O1]" in template for template in CASES[name].templates)
        assert ("OptionsModel" in bound) == has_options, name


def test_an_exported_program_tests_itself_where_promptsearch_is_not(tmp_path):
    """And answers rows on its standard input as the scorer does."""
    task = reviews_in(tmp_path, 2)
    template = "[O1]it's great[O2]it's terrible[SEP]What is the sentiment?[SEP]{text}"
    answers = {"good": [{"O1": "yes"}], "bad": [{"O2": "yes"}]}
    path = prompts_in(tmp_path, {"template": template, "verbalizer": answers, "no": "no"})
    program = tmp_path / "program.py"
    done = run("export", path, "--to", "python", "-o", program, "-t", task, "-m", "builtin")
    assert f"next: python {program} --selftest" in done.output
    start = f"import runpy, sys; sys.modules['promptsearch'] = None; sys.argv = {[str(program)]} + "
    run_it = start + "sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    words = {"env": {"HF_HUB_OFFLINE": "1"}, "cwd": tmp_path, "capture_output": True, "text": True}
    command = [sys.executable, "-I", "-c", run_it]
    tested = subprocess.run([*command, "--selftest"], **words)
    assert tested.returncode == 0, tested.stderr
    assert float(tested.stdout.removeprefix("worst difference ")) <= 1e-4
    lines = "\n".join(json.dumps({"text": row["text"]}) for row in ROWS[-4:])
    said = [json.loads(line) for line in answered(command, lines, words)]
    prompt = read_prompts(path).prompts[0].prompt
    scorer = model_scorer(model_of("builtin"), scoring_from(read_prompts(path)), CLASSIFICATION)
    examples = [Example(str(i), row, ()) for i, row in enumerate(ROWS[-4:])]
    (ours,) = scorer.predict([prompt], examples).predictions
    log_probs = [[row["log_probs"][label] for label in prompt.verbalizer.labels] for row in said]
    np.testing.assert_allclose(log_probs, ours.log_probs, rtol=0, atol=1e-4)


def answered(command, lines, words):
    done = subprocess.run(command, input=lines, **words)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_network_gets_numbers_as_its_mask_for_booleans_are_wrong(programs):
    """Eager attention takes a boolean mask without a word, and adds 0 and 1."""
    program = runpy.run_path(str(programs["cut, log-odds"][1]))
    scorer = program["load"]()
    network, calls = scorer.__self__.network, []
    forward = network.forward

    def watched(ids, **inputs):
        calls.append((ids, inputs))
        return forward(ids, **inputs)

    network.forward = watched
    program["predict"]([ROWS[1]])
    ((ids, inputs),) = calls
    mask = inputs["attention_mask"]
    assert (mask.dtype, mask.shape) == (torch.float32, (1, 1, ids.shape[1], ids.shape[1]))
    assert set(mask.unique().tolist()) == {0.0, -1e4}
    logits = forward(ids, **inputs).logits
    network.set_attn_implementation("eager")
    assert torch.allclose(forward(ids, **inputs).logits, logits, atol=1e-4)
    wrong = forward(ids, **{**inputs, "attention_mask": mask == 0}).logits
    assert (wrong - logits).abs().max() > 1e-2


def test_a_roberta_counts_positions_from_its_padding(programs):
    program = runpy.run_path(str(programs["roberta"][1]))
    assert program["FIRST_POSITION"] == 2
    inputs = program["option_inputs"](9, [1, 3], 6)
    assert inputs["position_ids"].tolist() == [[2, 3, 4, 3, 4, 5, 6, 7, 8]]
    assert inputs["token_type_ids"].tolist() == [[0, 1, 1, 1, 1, 1, 1, 0, 0]]


def test_options_without_room_and_models_of_another_kind_are_one_line(programs, tmp_path):
    _, program = programs["a question with fields"]
    done = ended(program, lines=json.dumps({"text": "a", "other": "film " * 30}))
    assert "the template alone takes" in done.stderr.splitlines()[-1]
    done = ended(program, "--model", tiny_folder("roberta"))
    assert "its tokenizer has no [SEP]); give another --model" in done.stderr.splitlines()[-1]
    path = file_of(Case("builtin", words=("moving", "great")), tmp_path)
    write_as("python", exported(path, model_of("builtin")), tmp_path / "program.py")
    done = ended(tmp_path / "program.py", "--model", tiny_folder("bert"))
    assert "'moving' is no single token of it" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        (Case("gpt2"), "p0: .* options are read by masked models only"),
        (
            Case("bert", words=("really good", "bad")),
            "p0: 'really good', said to the options, is 2 tokens",
        ),
    ],
)
def test_what_no_program_can_say_is_refused_in_one_line(case, problem, tmp_path):
    path = file_of(case, tmp_path)
    with pytest.raises(ExportError, match=problem) as error:
        write_as("python", exported(path, model_of(case.kind)), tmp_path / "program.py")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "program.py").exists()
