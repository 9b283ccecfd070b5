"""Commands run in this process, on a small labelled task."""

from click.testing import CliRunner
from tiny import saved

from promptsearch.cli import cli

TASK = """name = "reviews"
kind = "classification"
train = "train.csv"
test = "train.csv"
template = "{text} It was [Z]."
label = "label"
[answers]
bad = "terrible"
good = "great"
"""
TEXTS = [("a great film", "good"), ("a terrible plot", "bad"), ("a dull actor", "bad")]


def reviews_in(folder, times):
    """The task's file; its table holds each text so many times."""
    rows = [f"{text},{label}" for text, label in TEXTS * times]
    (folder / "train.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    (folder / "reviews.toml").write_text(TASK)
    return folder / "reviews.toml"


def edits_in(folder):
    """The prompts.json of a small search in the neighbourhood of the task's prompt."""
    task = reviews_in(folder, 4)
    words = ["--task", task, "-o", folder / "run", "-m", saved("bert"), "--budget", 8, "-q"]
    run("paraphrase", "--method", "edits", *words)
    return folder / "run" / "prompts.json"


def run(*words, status=0):
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done
