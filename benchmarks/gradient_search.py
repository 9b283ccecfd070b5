"""Gradient-searched triggers against the manual prompt and against random triggers, on test.

    python benchmarks/gradient_search.py --data ../shared/data --out docs/gradient_search.json

SST-2 and TREC in LM-BFF's 16-shot splits (one split a seed), and five LAMA relations (train and dev
as in lama_mining.py; one search seed a seed), with the built-in model, 3 seeds. Each search may
spend the same number of forwards. `random` spends them on random triggers of the same length in the
same places, from the same tokens, and keeps the best on dev; `blind` is the same search with random
candidates instead of the gradient's; `release` is the gradient search with AutoPrompt's loss,
comparison and tokens. Prints the tables of docs/results.md.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from lama_mining import Relation, rows_of

from promptsearch import GradientSearch, Scorer, Settings, load_model, load_task, search
from promptsearch.engine import Score, Task
from promptsearch.intervals import bootstrap
from promptsearch.metrics import Judgement
from promptsearch.models import LanguageModel
from promptsearch.prompt import Prompt, Source

SEEDS = (13, 21, 42)  # LM-BFF's first splits
RELATIONS = ("P19", "P36", "P103", "P106", "P176")
EXAMPLES = 32  # a draw, as many as one of AutoPrompt's batches
CLIMBS = 100  # as many as the forwards allow
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


class RandomTriggers(GradientSearch):
    """Random triggers in the same places, from the same tokens: what dev alone would choose."""

    def search(self, task: Task, score: Score) -> None:
        """Until the limits end it."""
        assert task.model is not None
        laboratory, start = self.prepared(task, score)
        able, rng = np.flatnonzero(laboratory.usable), np.random.default_rng(task.seed)
        while True:
            drawn = (tuple(rng.choice(able, len(start)).tolist()) for _ in range(64))
            texts = filter(None, map(laboratory.speller.template, drawn))
            score([task.prompt.with_template(text, Source("random")) for text in texts])


METHODS: dict[str, Callable[[], GradientSearch]] = {
    "gradient": lambda: GradientSearch(restarts=CLIMBS, iterations=100, examples=EXAMPLES),
    "blind": lambda: GradientSearch(
        step="random", restarts=CLIMBS, iterations=100, examples=EXAMPLES
    ),
    "random": RandomTriggers,
    "release": lambda: GradientSearch(
        restarts=CLIMBS, iterations=100, examples=EXAMPLES,
        loss="gold", compare="accuracy", whole_words=False,
    ),
}  # fmt: skip


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


def tasks(data: Path, folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Names, and the task file of each seed."""
    for name, text in (("SST-2", SST2), ("TREC", TREC)):
        yield name, [write(folder / f"{name}-{s}.toml", text, data, s) for s in SEEDS]
    for row in rows_of(data / "factual/relations.jsonl"):
        if row["relation"] in RELATIONS:
            own = folder / row["relation"]
            own.mkdir()
            template = row["template"].replace("[X]", "{subject}").replace("[Y]", "[Z]")
            path = Relation(row["relation"], template, data).write_task(own)
            yield row["relation"], [path] * len(SEEDS)


def write(path: Path, text: str, data: Path, seed: int) -> Path:
    path.write_text(text.format(data / "classification/lmbff", seed), encoding="utf-8")
    return path


def trials(
    path: Path, seed: int, methods: Sequence[str], forwards: int, model: LanguageModel
) -> dict[str, Trial]:
    """Of each method, and of the manual prompt."""
    definition = load_task(path)
    settings = Settings(budget=None, max_forwards=forwards, seed=seed)
    scorer = Scorer(model, settings.scoring(definition.kind), facts=definition.kind == "facts")
    test = definition.test().examples

    def judged(prompt: Prompt, dev: float, spent: tuple[int, int, float]) -> Trial:
        judgement: Judgement = scorer.judge([prompt], test)[0]
        known = judgement.log_right[judgement.rank > 0]
        hits = judgement.hits.tolist()
        return Trial(str(prompt.template), dev, *spent, float(known.mean()), hits)

    manual = judged(definition.prompt, float("nan"), (1, 0, 0.0))
    found = {"manual": manual}
    for name in methods:
        began = time.perf_counter()
        result = search(METHODS[name](), definition, model, settings)
        seconds = time.perf_counter() - began
        dev = float(result.best.scores["log_likelihood"])  # type: ignore[arg-type]
        spent = (result.spent.prompts, result.spent.forwards, seconds)
        found[name] = judged(result.best.prompt, dev, spent)
        print(path.stem, seed, name, f"{seconds:.0f} s", found[name].template, file=sys.stderr)
    return found


def row(name: str, seeds: Sequence[dict[str, Trial]]) -> str:
    """A line of the table: means over seeds; intervals of paired differences over examples."""
    hits = {m: np.mean([own[m].hits for own in seeds], axis=0) for m in seeds[0]}
    means = " | ".join(f"{hits[method].mean():.3f}" for method in hits)
    rivals = " | ".join(difference(hits["gradient"], hits[m]) for m in hits if m != "gradient")
    return f"| {name} | {len(hits['manual'])} | {means} | {rivals} |"


def difference(ours: "np.ndarray", theirs: "np.ndarray") -> str:
    gain = ours - theirs
    (low, high), _ = bootstrap(lambda rows: float(gain[rows].mean()), len(gain))
    return f"{gain.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="default: all")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("docs/gradient_search.json"))
    parser.add_argument("--forwards", type=int, default=4_000, help="of one search")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS)[:3])
    given = parser.parse_args()
    model, rows, saved = load_model("builtin"), [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name, paths in tasks(given.data.resolve(), Path(folder)):
            if given.names and name not in given.names:
                continue
            pairs = zip(paths, SEEDS, strict=True)
            ask = partial(trials, methods=given.methods, forwards=given.forwards, model=model)
            seeds = [ask(path, seed) for path, seed in pairs]
            rows.append(row(name, seeds))
            saved[name] = [{m: vars(trial) for m, trial in own.items()} for own in seeds]
            given.out.write_text(json.dumps(saved) + "\n")
    rivals = ["manual", *(method for method in given.methods if method != "gradient")]
    columns = ["manual", *given.methods, *(f"gradient - {rival}" for rival in rivals)]
    print(f"| task | n | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 2)}")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
