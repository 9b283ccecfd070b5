"""`check` on tagged sentences: broken spans and what strict scoring makes of them."""

import json

import pytest
from commanding import run
from tiny import tiny

from promptsearch.data import KINDS, load_task
from promptsearch.evaluation.checks import findings

GOOD = "Ann B-PER\nsings O\n\nRome B-LOC\nis O\nold O\n\n"


def found(folder, train=GOOD, dev=GOOD.replace("sings", "eats").replace("old", "big"), keys=""):
    (folder / "train.conll").write_text(train)
    (folder / "dev.conll").write_text(dev)
    (folder / "task.toml").write_text(
        f'kind = "tags"\ntrain = "train.conll"\ndev = "dev.conll"\n{keys}\n'
    )
    return findings(load_task(folder / "task.toml", KINDS), tiny("bert")[0])


def messages(level, *args, **more):
    return [finding.message for finding in found(*args, **more) if finding.level == level]


def test_whole_spans_are_no_finding(tmp_path):
    assert messages("error", tmp_path) == []
    assert messages("warning", tmp_path) == [
        "dev has 2 examples: below 32 the choice is mostly noise"
    ]
    sizes = "train: 2 sentences, 5 words; PER: 1, LOC: 1; always O: accuracy 0.600, F1 0"
    assert sizes in messages("note", tmp_path)


BROKEN = {
    "after O": ("the O\nAnn I-PER\n", 9, "'Ann': I-PER after O"),
    "after another type": ("Rome B-LOC\nAnn I-PER\n", 9, "'Ann': I-PER after B-LOC"),
    "at the start": ("Ann I-PER\nLee I-PER\n", 8, "'Ann': I-PER at the start of a sentence"),
}


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_a_broken_span_is_counted_and_located(tmp_path, case):
    lines, line, breach = BROKEN[case]
    (message,) = [m for m in messages("warning", tmp_path, train=GOOD + lines) if "break" in m]
    place = f"{tmp_path / 'train.conll'}, line {line}"
    assert message.startswith(f"train: 1 spans break IOB2, first {place}, {breach}: strict scoring")
    assert message.endswith("neither as gold nor as predicted, conlleval's does; correct them")


def test_spans_that_are_mostly_broken_are_an_error_and_iob1(tmp_path):
    train = GOOD.replace("B-", "I-")
    (message,) = messages("error", tmp_path, train=train)
    assert message.startswith("train: 2 spans break IOB2")
    assert message.endswith('write scheme = "IOB1" in the task file')
    assert messages("error", tmp_path, train=train, keys='scheme = "IOB1"') == []


def test_in_iobes_a_span_must_end(tmp_path):
    train = "Ann B-PER\nLee I-PER\nsings O\nRome S-LOC\n\nAnn S-PER\n"
    warnings = messages("warning", tmp_path, train=train, dev=train, keys='scheme = "IOBES"')
    (message,) = [m for m in warnings if m.startswith("train: 1 spans break IOBES")]
    assert "line 2, 'Lee': I-PER before O" in message


def test_broken_rows_are_located_where_dev_is_a_part_of_train(tmp_path):
    rows = [{"tokens": ["a", "b"], "tags": ["B-X", "I-X"]}] * 3
    rows += [{"tokens": ["c", "d"], "tags": ["O", "I-X"]}]
    (tmp_path / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "task.toml").write_text('kind = "tags"\ntrain = "train.jsonl"\n')
    found_now = findings(load_task(tmp_path / "task.toml", KINDS))
    broken = [finding.message for finding in found_now if "break" in finding.message]
    assert len(broken) == 1
    assert "train.jsonl, line 4, 'd': I-X after O" in broken[0]


def test_types_that_a_split_lacks_are_named(tmp_path):
    dev = "Ann B-PER\nin O\nParis B-GPE\n"
    warnings = messages("warning", tmp_path, dev=dev)
    assert any(m.startswith("dev has spans of GPE (1), train none") for m in warnings)
    assert "dev: no span of LOC, which train has" in warnings


def test_leakage_and_two_readings_are_named(tmp_path):
    warnings = messages("warning", tmp_path, dev=GOOD.replace("Rome B-LOC", "Rome B-PER"))
    assert "train and dev share 2 inputs: leakage" in warnings
    assert any(
        "1 sentences have different tags in different rows: train 1 and dev 1" in m
        for m in warnings
    )


def test_sentences_that_are_cut_are_counted(tmp_path):
    train = GOOD + "a O\n" * 200
    assert any("longer than the" in m for m in messages("warning", tmp_path, train=train))


def test_the_command_checks_a_task_of_tags(tmp_path):
    found(tmp_path, train=GOOD + "the O\nAnn I-PER\n")
    done = run("check", "--task", tmp_path / "task.toml")
    assert "warning: train: 1 spans break IOB2" in done.output
    found(tmp_path, train=GOOD.replace("B-", "I-"))
    assert "task: 1 errors" in run("check", "--task", tmp_path / "task.toml", status=1).output
