"""What searches come to on test: the tasks of these benchmarks, and paired differences.

SST-2, TREC, SNLI, Subj, MR, SST-5, MRPC and AG News in 16-shot splits (one a seed; LM-BFF's, where
it has them), and LAMA relations (train and dev as in lama_mining.py; one search seed a seed).
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lama_mining import Relation, rows_of

from promptsearch import Example, Scorer, Searcher, Settings, load_task, search
from promptsearch.metrics.intervals import bootstrap
from promptsearch.metrics.predictions import Predictions
from promptsearch.models import LanguageModel
from promptsearch.prompt import Prompt

SEEDS = (13, 21, 42)  # LM-BFF's first splits
RELATIONS = ("P19", "P36", "P103", "P106", "P176")
SST2 = """name = "SST-2"
kind = "classification"
train = "{0}/SST-2/16-{1}/train.tsv"
dev = "{0}/SST-2/16-{1}/dev.tsv"
test = "{0}/SST-2/test.tsv"
inputs = ["sentence"]
label = "label"
template = "{{sentence}} It was [Z]."
answers = {{ 0 = ["terrible"], 1 = ["great"] }}
"""
TREC = """name = "TREC"
kind = "classification"
train = "{0}/trec/16-{1}/train.csv"
dev = "{0}/trec/16-{1}/dev.csv"
test = "{0}/trec/test.csv"
header = false
columns = ["label", "text"]
label = "label"
template = "[Z]: {{text}}"
[answers]
0 = ["Description"]
1 = ["Entity"]
2 = ["Expression"]
3 = ["Human"]
4 = ["Location"]
5 = ["Number"]
"""
SNLI = """name = "SNLI"
kind = "classification"
train = "{0}/SNLI-{1}-train.jsonl"
dev = "{0}/SNLI-{1}-dev.jsonl"
test = "{0}/SNLI-test.jsonl"
label = "label"
template = "{{text_a}} ? [Z] , {{text_b}}"
[answers]
entailment = ["Yes"]
neutral = ["Maybe"]
contradiction = ["No"]
"""
SUBJ = """name = "Subj"
kind = "classification"
train = "{0}/subj/16-{1}/train.csv"
dev = "{0}/subj/16-{1}/dev.csv"
test = "{0}/subj/test.csv"
header = false
columns = ["label", "text"]
label = "label"
template = "{{text}} This is [Z]."
answers = {{ 0 = ["subjective"], 1 = ["objective"] }}
"""
AG_NEWS = """name = "AG-News"
kind = "classification"
train = "{0}/../agnews/16-{1}/train.tsv"
dev = "{0}/../agnews/16-{1}/dev.tsv"
test = "{0}/../agnews/test1000.json"
label = "label"
template = "[Z] News: {{text}}"
[rename]
ori = "text"
[answers]
0 = ["World"]
1 = ["Sports"]
2 = ["Business"]
3 = ["Technology"]
"""
REVIEWS = """name = "{2}"
kind = "classification"
train = "{0}/{2}/16-{1}/train.csv"
dev = "{0}/{2}/16-{1}/dev.csv"
test = "{0}/{2}/test.csv"
header = false
columns = ["label", "text"]
label = "label"
template = "{{text}} It was [Z]."
[answers]
"""
MR = REVIEWS.replace("{2}", "mr") + '0 = ["terrible"]\n1 = ["great"]\n'
SST5 = REVIEWS.replace("{2}", "sst-5") + "".join(
    f'{n} = ["{word}"]\n' for n, word in enumerate(("terrible", "bad", "okay", "good", "great"))
)
MRPC = """name = "MRPC"
kind = "classification"
train = "{0}/MRPC/16-{1}/train.tsv"
dev = "{0}/MRPC/16-{1}/dev.tsv"
test = "{0}/MRPC/test.tsv"
inputs = ["text_a", "text_b"]
label = "Quality"
template = "{{text_a}} [Z] , {{text_b}}"
[rename]
"#1 String" = "text_a"
"#2 String" = "text_b"
[answers]
0 = ["No"]
1 = ["Yes"]
"""
LABELLED = {"SST-2": SST2, "TREC": TREC, "SNLI": SNLI, "Subj": SUBJ, "AG-News": AG_NEWS}
LABELLED |= {"MR": MR, "SST-5": SST5, "MRPC": MRPC}
Methods = Mapping[str, Callable[[], Searcher]]


@dataclass(frozen=True)
class Trial:
    """What one search came to on test: for each example, whether the first choice is right."""

    template: str
    dev: float  # log-likelihood
    prompts: int
    forwards: int
    seconds: float
    log_likelihood: float
    hits: list[bool]


def tasks(data: Path, folder: Path, names: Sequence[str]) -> Iterator[tuple[str, list[Path]]]:
    """Names, and the task file of each seed."""
    for name in (name for name in LABELLED if name in names):
        home = data / "classification/lmbff"
        if name == "SNLI":
            home = snli(home / name, folder)
        yield name, [write(folder / f"{name}-{s}.toml", LABELLED[name], home, s) for s in SEEDS]
    for row in rows_of(data / "factual/relations.jsonl"):
        if row["relation"] in names:
            own = folder / row["relation"]
            own.mkdir()
            template = row["template"].replace("[X]", "{subject}").replace("[Y]", "[Z]")
            path = Relation(row["relation"], template, data).write_task(own)
            yield row["relation"], [path] * len(SEEDS)


def labelled_task(task: str, seed: int, home: Path, folder: Path) -> Path:
    """Write the file of a labelled task and split to the folder; `home` has LM-BFF's data."""
    source = snli(home / task, folder) if task == "SNLI" else home
    return write(folder / f"{task}-{seed}.toml", LABELLED[task], source, seed)


def some(examples: Sequence[Example], rows: int) -> list[Example]:
    """Return so many of the examples, at most: the same ones for every seed, in their order."""
    order = np.random.default_rng(0).permutation(len(examples))[:rows]
    return [examples[row] for row in sorted(order.tolist())]


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add the options of where the data lies and the results go, and of the tables alone."""
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true", help="print the tables and end")


def write(path: Path, text: str, home: Path, seed: int) -> Path:
    path.write_text(text.format(home, seed), encoding="utf-8")
    return path


def snli(home: Path, folder: Path) -> Path:
    """Its files as JSON lines: rows of the tables differ in length, as some have more judges."""
    for draw in sorted(home.glob("16-*")):
        for split in ("train", "dev"):
            _, *lines = (draw / f"{split}.tsv").read_text(encoding="utf-8").splitlines()
            cells = [line.split("\t") for line in lines]
            rows = [{"text_a": c[7], "text_b": c[8], "label": c[-1]} for c in cells]
            write_rows(folder / f"SNLI-{draw.name.removeprefix('16-')}-{split}.jsonl", rows)
    test = json.loads((home / "eval_sample.json").read_text(encoding="utf-8"))
    write_rows(folder / "SNLI-test.jsonl", test.values())
    return folder


def write_rows(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def trials(
    path: Path, seed: int, methods: Methods, settings: Settings, model: LanguageModel
) -> dict[str, Trial]:
    """Of each method, and of the manual prompt."""
    definition = load_task(path)
    scorer = Scorer(model, settings.scoring(definition.kind), facts=definition.kind.merges_alike)
    test = definition.test().examples

    def judged(prompt: Prompt, dev: float, spent: tuple[int, int, float]) -> Trial:
        judgement: Predictions = scorer.judge([prompt], test)[0]
        known = judgement.log_right[judgement.rank > 0]
        hits = judgement.hits.tolist()
        return Trial(str(prompt.template), dev, *spent, float(known.mean()), hits)

    manual = judged(definition.prompt, float("nan"), (1, 0, 0.0))
    found = {"manual": manual}
    for name, make in methods.items():
        began = time.perf_counter()
        result = search(make(), definition, model, settings)
        seconds = time.perf_counter() - began
        dev = float(result.best.scores["log_likelihood"])  # type: ignore[arg-type]
        spent = (result.spent.prompts, result.spent.forwards, seconds)
        found[name] = judged(result.best.prompt, dev, spent)
        print(path.stem, seed, name, f"{seconds:.0f} s", found[name].template, file=sys.stderr)
    return found


def row(name: str, seeds: Sequence[dict[str, Trial]], ours: str) -> str:
    """A line of the table: means over seeds; intervals of paired differences over examples."""
    hits = {m: np.mean([own[m].hits for own in seeds], axis=0) for m in seeds[0]}
    means = " | ".join(f"{hits[method].mean():.3f}" for method in hits)
    rivals = " | ".join(difference(hits[ours], hits[m]) for m in hits if m != ours)
    return f"| {name} | {len(hits['manual'])} | {means} | {rivals} |"


def head(methods: Methods, ours: str) -> str:
    """The table's first two lines."""
    columns = ["manual", *methods]
    columns += [f"{ours} - {rival}" for rival in columns if rival != ours]
    return f"| task | n | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 2)}"


def difference(ours: "np.ndarray", theirs: "np.ndarray") -> str:
    gain = ours - theirs
    (low, high), _ = bootstrap(lambda rows: float(gain[rows].mean()), len(gain))
    return f"{gain.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
