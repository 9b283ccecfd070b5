"""`reproduce`: what has changed since a search is named."""

import json
import shutil

import pytest
import torch
from click.testing import CliRunner
from commanding import reviews_in, run
from safetensors.torch import load_file, save_file
from tiny import saved

from promptsearch.cli import cli


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(saved("bert"), folder / "model")
    task = reviews_in(folder, 3)
    for name in ("dev", "test"):
        (folder / f"{name}.csv").write_text((folder / "train.csv").read_text())
    changed(task, 'test = "train.csv"', 'dev = "dev.csv"\ntest = "test.csv"')
    words = ("--model", folder / "model", "-o", folder / "run", "--budget", 4, "-q")
    run("answers", "prune", "--task", task, "--candidates", 3, *words)
    return folder


def changed(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def heavier(folder):
    """One weight of the model is another one."""
    path = folder / "model" / "model.safetensors"
    weights = load_file(path)
    next(weights[name] for name in weights if "word_embeddings" in name)[7, 3] += 0.5
    save_file(weights, path, {"format": "pt"})


def in_order(folder):
    path = folder / "train.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *sorted(rows)]) + "\n")


def relabelled(folder):
    for name in ("train", "dev", "test"):
        path = folder / f"{name}.csv"
        path.write_text(path.read_text().replace(",good", ",fine"))
    changed(folder / "reviews.toml", "good =", "fine =")


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
    "dev row": (lambda f: changed(f / "dev.csv", "dull", "bad"), "data: dev has changed"),
    "test row": (lambda f: changed(f / "test.csv", "dull", "bad"), "data: test has changed"),
    "order of rows": (in_order, "data: train has changed"),
    "label": (relabelled, "task: answers.fine was None"),
    "weight": (heavier, "model: sha256 was"),
    "tokenizer file": (
        lambda f: changed(
            f / "model" / "tokenizer.json", '"lowercase": true', '"lowercase": false'
        ),
        "model: tokenizer_sha256 was",
    ),
    "configuration": (
        lambda f: changed(f / "model" / "config.json", '"layer_norm_eps": ', '"layer_norm_eps": 1'),
        "model: config_sha256 was",
    ),
    "row added": (lambda f: changed(f / "train.csv", "a dull", "so,bad\na dull"), "data: train"),
    "template": (lambda f: changed(f / "reviews.toml", "It was", "It is"), "task: template was"),
    "answers": (lambda f: changed(f / "reviews.toml", '"great"', '"good"'), "task: answers.good"),
    "python": (edited(["versions"], "python", "2.7"), "versions: python was 2.7"),
    "torch": (edited(["versions"], "torch", "0.1"), "versions: torch was 0.1"),
    "transformers": (edited(["versions"], "transformers", "4.9"), "versions: transformers was 4.9"),
    "option": (edited(["search", "options"], "candidates", 2), "options: candidates is 2"),
    "seed": (edited(["search"], "seed", 5), "search: seed is 5"),
    "objective": (edited(["search"], "objective", "accuracy"), "search: objective is"),
    "budget": (edited(["search"], "budget", 9), "search: budget is 9"),
    "multi-token": (edited(["scoring"], "multi_token", "independent"), "scoring: multi_token is"),
    "answer score": (edited(["scoring"], "answer_score", "max"), "scoring: answer_score is"),
    "length norm": (edited(["scoring"], "length_norm", "char"), "scoring: length_norm is"),
    "dtype": (edited(["model"], "dtype", "bfloat16"), "model: dtype is 'bfloat16'"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_named(made, change):
    do, words = CHANGES[change]
    kept = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    try:
        do(made)
        assert words in again(made)
    finally:
        for path, data in kept.items():
            path.write_bytes(data)


def test_another_corpus_is_named(tmp_path):
    task, corpus = reviews_in(tmp_path, 3), tmp_path / "corpus.txt"
    corpus.write_text("It was a great film.\nThat is a terrible plot.\n" * 20)
    words = ("--model", saved("bert"), "-o", tmp_path / "run", "--budget", 4, "-q")
    run("mine", "--task", task, "--corpus", corpus, *words)
    assert "data" not in again(tmp_path)
    corpus.write_text(corpus.read_text() + "Nothing new.\n")
    assert "data: corpus has changed" in again(tmp_path)


def test_many_differences_are_counted(made):
    path = made / "run" / "prompts.json"
    kept, document = path.read_text(), json.loads(path.read_text())
    for row in document["prompts"]:
        row["scores"]["dev"] |= {"log_likelihood": -7.0, "accuracy": 0.123, "mrr": 0.123}
    path.write_text(json.dumps(document))
    said = again(made)
    path.write_text(kept)
    first = document["prompts"][0]
    assert f"scores: log_likelihood of {first['id']} {first['template']!r} was -7, now -" in said
    moved = len(document["prompts"]) * 3
    assert f"and {moved - 10} more (--json lists them)\n{moved} differences" in said


def test_an_option_of_loading_is_named_and_else_the_run_s_own_is_taken(made):
    assert "model: dtype was float32, now bfloat16" in again(made, "--dtype", "bfloat16")
    kept = (made / "run" / "prompts.json").read_text()
    edited(["model"], "dtype", "bfloat16")(made)
    assert "model: dtype was" not in again(made)
    (made / "run" / "prompts.json").write_text(kept)


def again(folder, *words):
    given = ["reproduce", str(folder / "run" / "prompts.json"), "-q", *words]
    return CliRunner().invoke(cli, given).output


def test_threads_and_batches_are_no_difference(made):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        done = run("reproduce", made / "run" / "prompts.json", "-q", "--batch-tokens", 64)
    finally:
        torch.set_num_threads(threads)
    assert "note: versions: threads" in done.stdout
    assert "reproduced" in done.stdout


def taken_out(folder, section, key):
    """The file without a key of a section, of its first prompt where that is named `prompts`."""
    path = folder / "run" / "prompts.json"
    document = json.loads(path.read_text())
    part = document
    for name in section:
        part = part[name]
    del part[key]
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("section", [("prompts", 0), ("prompts", 0, "scores")])
def test_scores_that_were_taken_out_are_a_difference(made, tmp_path, section):
    """A row may do without scores, so the file is read; its prompts are not called the same."""
    shutil.copytree(made, tmp_path / "made")
    taken_out(tmp_path / "made", section, {2: "scores", 3: "dev"}[len(section)])
    task = ["--task", tmp_path / "made" / "reviews.toml"]
    done = run("reproduce", tmp_path / "made" / "run" / "prompts.json", *task, status=1)
    assert "scores: log_likelihood of p" in done.output
    assert "was none, now -" in done.output
    assert "1 differences" in done.output


@pytest.mark.parametrize("key", ["scoring", "versions"])
def test_a_section_that_was_taken_out_is_told_key_by_key(made, tmp_path, key):
    shutil.copytree(made, tmp_path / "made")
    taken_out(tmp_path / "made", (), key)
    task = ["--task", tmp_path / "made" / "reviews.toml"]
    said = run("reproduce", tmp_path / "made" / "run" / "prompts.json", *task).output
    assert f"{key}: " in said
    assert "was None, now" in said
