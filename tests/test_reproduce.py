"""`reproduce`: what has changed since a search is named."""

import json
import shutil

import pytest
import torch
from click.testing import CliRunner
from commanding import reviews_in, run
from tiny import saved

from promptsearch.cli import cli


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(saved("bert"), folder / "model")
    task = reviews_in(folder, 3)
    words = ("--model", folder / "model", "-o", folder / "run", "--budget", 4, "-q")
    run("answers", "prune", "--task", task, "--candidates", 3, *words)
    return folder


def changed(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def edited(section, key, value):
    def change(folder):
        path = folder / "run" / "prompts.json"
        document = json.loads(path.read_text())
        place = document
        for name in section:
            place = place[name]
        place[key] = value
        path.write_text(json.dumps(document))

    return change


CHANGES = {
    "train row": (lambda f: changed(f / "train.csv", "dull", "bad"), "data: train has changed"),
    "row added": (lambda f: changed(f / "train.csv", "a dull", "so,bad\na dull"), "data: train"),
    "template": (lambda f: changed(f / "reviews.toml", "It was", "It is"), "task: template was"),
    "answers": (lambda f: changed(f / "reviews.toml", '"great"', '"good"'), "task: answers.good"),
    "python": (edited(["versions"], "python", "2.7"), "versions: python was 2.7"),
    "torch": (edited(["versions"], "torch", "0.1"), "versions: torch was 0.1"),
    "option": (edited(["search", "options"], "candidates", 2), "options: candidates is 2"),
    "seed": (edited(["search"], "seed", 5), "search: seed is 5"),
    "objective": (edited(["search"], "objective", "accuracy"), "search: objective is"),
    "budget": (edited(["search"], "budget", 9), "search: budget is 9"),
    "multi-token": (edited(["scoring"], "multi_token", "independent"), "scoring: multi_token is"),
    "answer score": (edited(["scoring"], "answer_score", "max"), "scoring: answer_score is"),
    "length norm": (edited(["scoring"], "length_norm", "char"), "scoring: length_norm is"),
    "dtype": (edited(["model"], "dtype", "bfloat16"), "model: dtype was bfloat16"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_named(made, change):
    do, words = CHANGES[change]
    kept = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    try:
        do(made)
        given = ["reproduce", str(made / "run" / "prompts.json"), "-q"]
        assert words in CliRunner().invoke(cli, given).output
    finally:
        for path, data in kept.items():
            path.write_bytes(data)


def test_threads_and_batches_are_no_difference(made):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        done = run("reproduce", made / "run" / "prompts.json", "-q", "--batch-tokens", 64)
    finally:
        torch.set_num_threads(threads)
    assert "note: versions: threads" in done.stdout
    assert "reproduced" in done.stdout
