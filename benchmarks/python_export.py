"""Programs of `export --to python` against the scorer, in an environment without promptsearch.

    python -m venv bare && bare/bin/pip install torch==2.13.0 transformers gguf accelerate
    python benchmarks/python_export.py --python bare/bin/python [--rows 1000] [--models builtin ...]

Each line is a model and a form of prompt, asked the test split of movie reviews (MR): rows whose
label differs, and the largest difference of a log-probability. `t5` is a small random model.
"""

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from promptsearch import PromptClassifier
from promptsearch.models.loading.random_models import Size, random_parts

RUN = """
import importlib.util, json, runpy, sys
assert importlib.util.find_spec("promptsearch") is None, "promptsearch is here"
print(json.dumps(runpy.run_path(sys.argv[1])["predict"](json.load(sys.stdin))))
"""
ONE = {"negative": ["terrible"], "positive": ["great"]}
MANY = {"negative": ["a waste of time", "dull"], "positive": ["really wonderful", "moving"]}
SLOTS = {
    "negative": [{"Z1": "terrible", "Z2": "waste of time"}],
    "positive": [{"Z1": "great", "Z2": "real joy"}],
}
FORMS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "one token": [{"template": "{text} It was [Z].", "verbalizer": ONE}],
    "several tokens": [{"template": "{text} In a word , [Z]", "verbalizer": MANY}],
    "two slots": [{"template": "{text} It was [Z1] , a [Z2] .", "verbalizer": SLOTS}],
    "ensemble": [
        {"template": "{text} It was [Z]", "verbalizer": ONE},
        {"template": "Review : {text} Verdict : [Z]", "verbalizer": MANY},
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", type=Path, required=True, help="of the bare environment")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--models", nargs="+", default=["builtin", "stories260k", "t5", "smollm2"])
    given = parser.parse_args()
    rows = list(sentences(given.shared / "data/classification/lmbff/mr/test.csv", given.rows))
    print("| model | prompt | rows | other labels | largest difference |\n|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for name in given.models:
            spec = spec_of(name, given.shared, Path(folder))
            for form, prompts in FORMS.items():
                if name != "smollm2" or form != "two slots":  # a chat has one reply
                    place = Path(folder) / f"{name} {form}"
                    place.mkdir()
                    path = file_in(place, spec, prompts, chat=name == "smollm2")
                    other, worst = compared(path, rows, given.python, len(prompts) > 1)
                    print(f"| {name} | {form} | {len(rows)} | {other} | {worst:.1e} |", flush=True)


def sentences(path: Path, count: int) -> Iterator[dict[str, str]]:
    """The first rows of the table."""
    with path.open(encoding="utf-8", newline="") as stream:
        for _, text in islice(csv.reader(stream), count):
            yield {"text": text}


def spec_of(name: str, shared: Path, folder: Path) -> str:
    """What --model would be; the encoder-decoder is made here."""
    if name == "stories260k":
        return str((shared / "models" / name).resolve())
    if name != "t5":
        return name
    parts = random_parts("seq2seq", Size(2, 64, 4, 128, vocabulary=30_720))
    parts.model.save_pretrained(folder / "t5")
    parts.tokenizer.save_pretrained(folder / "t5")
    return str(folder / "t5")


def file_in(folder: Path, spec: str, prompts: Sequence[Mapping[str, Any]], chat: bool) -> Path:
    """A prompts.json of these prompts, all of them members of its ensemble where there are more."""
    named = [{"id": f"p{i}", **prompt} for i, prompt in enumerate(prompts)]
    document: dict[str, Any] = {
        "format": "promptsearch/1",
        "model": {"spec": spec, "chat": {"answer_prefix": "It was"} if chat else None},
        "prompts": named,
    }
    if len(named) > 1:
        members = [{"id": one["id"], "weight": i + 1.0} for i, one in enumerate(named)]
        document["ensemble"] = {"rule": "uniform", "members": members}
    path = folder / "prompts.json"
    path.write_text(json.dumps(document))
    return path


def compared(
    path: Path, rows: Sequence[Mapping[str, str]], python: Path, ensemble: bool
) -> tuple[int, float]:
    """How many labels differ, and by how much a log-probability does at most."""
    program = path.with_name("program.py")
    words = ["export", str(path), "--to", "python", "-o", str(program), "-q"]
    more = ["--ensemble"] if ensemble else []
    subprocess.run(
        [sys.executable, "-m", "promptsearch", *words, *more], check=True, capture_output=True
    )
    done = subprocess.run(
        [python.absolute(), "-I", "-c", RUN, str(program)],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    said = json.loads(done.stdout)
    classifier = PromptClassifier(path)
    ours, labels = classifier.predict_proba(list(rows)), classifier.classes_
    theirs = np.array([[row["log_probs"][label] for label in labels] for row in said])
    other = sum(
        row["label"] != label for row, label in zip(said, predicted(ours, labels), strict=True)
    )
    return other, float(np.abs(np.log(ours) - theirs).max())


def predicted(ours: Any, labels: Any) -> Sequence[str]:
    return [str(labels[place]) for place in ours.argmax(1)]


if __name__ == "__main__":
    main()
