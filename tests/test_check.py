"""`check`: each finding where there is cause for it, and silence where there is none."""

import json
from dataclasses import replace

import numpy as np
import pytest
from commanding import run
from tiny import saved, tiny

from promptsearch.data import load_task
from promptsearch.evaluation.checks import findings
from promptsearch.evaluation.ties import many_ties
from promptsearch.metrics.predictions import Predictions
from promptsearch.prompt_file.prompts_json import readable_prompts

ROWS = "text,label\na great film,good\nthe plot is bad,bad\na dull actor,bad\nso good,good\n"
TASK = """name = "reviews"
kind = "classification"
train = "train.csv"
dev = "dev.csv"
label = "label"
template = TEMPLATE
[answers]
bad = BAD
good = GOOD
"""
PROMPT = {"template": "{text} so [Z]", "verbalizer": {"bad": ["bad"], "good": ["good"]}}
LONG = "a film " * 60


def found(
    tmp_path, kind="gpt2", template="{text} It was [Z]", bad=("bad",), good=("good",), **more
):
    (tmp_path / "train.csv").write_text(more.get("train", ROWS))
    (tmp_path / "dev.csv").write_text(more.get("dev", ROWS.replace("a ", "the ")))
    values = {"TEMPLATE": template, "BAD": list(bad), "GOOD": list(good)}
    text = TASK
    for name, value in values.items():
        text = text.replace(name, json.dumps(value))
    (tmp_path / "task.toml").write_text(text)
    file = None
    if "prompts" in more:
        document = {"format": "promptsearch/1", "prompts": more["prompts"], **more.get("file", {})}
        (tmp_path / "p.json").write_text(json.dumps(document))
        file, _ = readable_prompts(tmp_path / "p.json")
    return findings(load_task(tmp_path / "task.toml"), tiny(kind)[0], file)


def prompts(*changes):
    return [{**PROMPT, **change} for change in changes]


CASES = {
    "alike": ("error", "alike: nothing", {"kind": "bert", "bad": ["Good"]}),
    "shared": (
        "warning",
        "stands for bad and good",
        {"bad": ["bad", "so"], "good": ["good", "so"]},
    ),
    "twice": ("warning", "count twice", {"bad": ["bad", "bad"]}),
    "prefix": ("warning", "begin alike", {"bad": ["good film"]}),
    "many": ("warning", "more than 3 tokens", {"good": ["zyxwvu"]}),
    "unknown": ("error", "unknown tokens", {"kind": "bert", "good": ["\u4e00"]}),
    "several": ("warning", "answers of 2 tokens each", {"bad": ["bad bad"], "good": ["good good"]}),
    "numbers": ("warning", "the answers are numbers (0, 1)", {"bad": ["0"], "good": ["1"]}),
    "spaces in answers": ("warning", "a space begins", {"good": [" good"]}),
    "imbalance": ("warning", "accuracy rewards", {"train": ROWS + "x,bad\n" * 30}),
    "rare": ("warning", "one example each", {"train": "text,label\nx,bad\ny,bad\nz,good\n"}),
    "conflict": (
        "warning",
        "train 0 (good) and train 4 (bad)",
        {"train": ROWS + "a great film,bad\n"},
    ),
    "cut": ("warning", "longer than the", {"train": ROWS + f"{LONG},bad\n"}),
    "too long": ("error", "the template alone", {"template": f"{{text}} {LONG} [Z]"}),
    "touching": ("note", "touches '{text}'", {"template": "{text}[Z]"}),
    "two spaces": ("warning", "more than one space", {"template": "{text}  [Z]"}),
    "space at the end": ("warning", "a space ends", {"template": "{text} [Z] "}),
    "tail": ("note", "stands after the slot", {"template": "{text} [Z]."}),
    "equal ids": ("error", "have the id a", {"prompts": prompts({"id": "a"}, {"id": "a"})}),
    "no member": (
        "error",
        "none of the prompts",
        {
            "prompts": prompts({}),
            "file": {"ensemble": {"rule": "uniform", "members": [{"id": "p7", "weight": 1}]}},
        },
    ),
    "prior": (
        "error",
        "the prior is of",
        {"prompts": prompts({"prior": {"x": 1.0}}), "file": {"scoring": {"calibration": "batch"}}},
    ),
    "data": (
        "warning",
        "other data",
        {"prompts": prompts({}), "file": {"task": {"data": {"dev": {"sha256": "00"}}}}},
    ),
    "model": (
        "warning",
        "the weights of",
        {"prompts": prompts({}), "file": {"model": {"sha256": "1"}}},
    ),
    "order": (
        "warning",
        "labels stand in the order",
        {"prompts": prompts({"verbalizer": {"good": ["good"], "bad": ["bad"]}})},
    ),
    "field": ("error", "uses {txt}", {"prompts": prompts({}, {"template": "{txt} [Z]"})}),
    "label": (
        "error",
        "answers the labels",
        {"prompts": prompts({"verbalizer": {"bad": ["bad"]}})},
    ),
}


def many_labels(tmp_path, labels, rows):
    """The findings about `rows` rows of `labels` labels in turn, half of them in dev."""
    text = "".join(f"text {n},fact-{n % labels}\n" for n in range(rows))
    (tmp_path / "train.csv").write_text(f"text,label\n{text}")
    answers = "".join(f'fact-{n} = ["good {n}"]\n' for n in range(labels))
    task = (
        TASK.replace("TEMPLATE", '"{text} It was [Z]"')
        .replace('dev = "dev.csv"\n', "")
        .split("[answers]")[0]
    )
    (tmp_path / "task.toml").write_text(f"{task}[answers]\n{answers}")
    return findings(load_task(tmp_path / "task.toml"), tiny("gpt2")[0])


def test_hundreds_of_labels_are_cut_and_said_to_be_no_labels(tmp_path):
    some = many_labels(tmp_path, 500, 500)
    assert max(len(f.message) for f in some) < 800
    assert any("fact-19: " in f.message and ", +480 more;" in f.message for f in some)
    (told,) = [f.message for f in some if "not labels" in f.message]
    assert "500 labels in 500 rows" in told
    assert 'kind = "facts"' in told


def test_many_labels_with_rows_enough_are_labels(tmp_path):
    assert not any("not labels" in f.message for f in many_labels(tmp_path, 50, 200))


@pytest.mark.parametrize("case", CASES)
def test_a_cause_is_told_and_its_absence_is_not(tmp_path, case):
    level, words, change = CASES[case]
    assert any(f.level == level and words in f.message for f in found(tmp_path, **change))
    kind = change.get("kind", "gpt2")
    assert not any(words in f.message for f in found(tmp_path, kind=kind, prompts=prompts({})))


def test_a_column_that_the_template_does_not_read_hides_no_leakage(tmp_path):
    wide = [f"{n},{row}" for n, row in enumerate(ROWS.splitlines()[1:], 100)]
    tables = {
        "train": "\n".join(["id,text,label", *wide, "1,a great film,bad", ""]),
        "dev": "\n".join(["id,text,label", f"2,{ROWS.splitlines()[1]}", ""]),
    }
    messages = [f.message for f in found(tmp_path, **tables)]
    assert "train and dev share 1 inputs: leakage (compared: text)" in messages
    assert any(m.startswith("1 inputs have different labels") for m in messages)


def test_a_prompt_that_reads_less_than_the_manual_one_has_its_equal_rows(tmp_path):
    pairs = "text,title,label\na film,x,good\na film,y,bad\nso,z,good\nno,w,bad\n"
    some = found(
        tmp_path,
        template="{text} {title} It was [Z]",
        train=pairs,
        dev=pairs.replace("a ", "the "),
        prompts=prompts({"template": "{title} [Z]"}, {}),
    )
    torn = [f for f in some if "different labels in different rows" in f.message]
    assert [f.prompts for f in torn] == [("p1",)]


def test_a_manual_prompt_below_the_majority_is_told(tmp_path):
    """The same answers the other way round: one of the two is below always the frequent label."""
    rows = "text,label\n" + "the film was so,good\n" * 12 + "the film was so,bad\n"
    words = "below that of always 'good', 0.923"
    messages = [
        " ".join(f.message for f in found(tmp_path, bad=bad, good=good, train=rows, dev=rows))
        for bad, good in ((("bad",), ("good",)), (("good",), ("bad",)))
    ]
    assert sum(words in message for message in messages) == 1


def test_many_ties_are_told_with_the_label_that_wins_them():
    log_probs = np.log([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1]])
    three = np.zeros(3, dtype=np.int64)
    predictions = Predictions(("b", "a"), (("b",),) * 3, three, three, three, log_probs)
    assert predictions.ties == 2
    assert "2 of 3 examples tie" in many_ties(predictions)
    assert "in the order b, a is" in many_ties(predictions)
    assert many_ties(replace(predictions, log_probs=log_probs[2:].repeat(3, axis=0))) == ""


def test_findings_name_the_prompts_they_are_about(tmp_path):
    some = found(
        tmp_path, prompts=prompts({}, {"template": "{text}[Z]"}, {"template": "{text}[Z]"})
    )
    (touching,) = [f for f in some if "touches" in f.message]
    assert touching.prompts == ("p1", "p2")


@pytest.mark.parametrize("command", ["evaluate", "search"])
def test_evaluate_and_search_say_that_answers_read_the_same(tmp_path, command):
    found(tmp_path, kind="bert", bad=["Good"])
    task, model = tmp_path / "task.toml", saved("bert")
    words = ["paraphrase", "--method", "edits", "--budget", 1, "-o", tmp_path / "run"]
    if command == "evaluate":
        prompts = [{"template": "{text} [Z]", "verbalizer": {"bad": ["Good"], "good": ["good"]}}]
        document = {"format": "promptsearch/1", "prompts": prompts}
        (tmp_path / "p.json").write_text(json.dumps(document))
        words = ["evaluate", tmp_path / "p.json", "--split", "dev"]
    done = run(*words, "--task", task, "--model", model, "-q")
    assert "error: the model reads 'Good' (bad) and 'good' alike" in done.stderr
