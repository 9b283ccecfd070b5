"""Seconds for scoring rows with options: packed segments beside padded 4-D masks, in turn.

    python benchmarks/option_forward.py --data ../shared/data [--rounds 5] [--rows 96]

The built-in model, one thread; a third of the rows each of SST-2, AG News and IMDB (at most 128
tokens), under two to four options and a question. `packed` is what the library does: every option
a segment of one row that sees what it may see, no padding. `padded, sorted` is transformers' own
forward on batches of rows of like lengths, with an additive mask (sequence, 1, query, key);
`padded, in order` the same in batches of 16 as the rows come, as UniMC's release reads them (it
pads every batch to 512 tokens at that). Medians over rounds; the ratio has the interval of a
bootstrap over rounds. Exit status 1: the scores differ by more than 1e-3.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from promptsearch import Template, load_model
from promptsearch.metrics.intervals import bootstrap
from promptsearch.models import Scoring
from promptsearch.models.finetuning.objective import with_plain_backend
from promptsearch.models.frozen_model import frozen_model
from promptsearch.prompt import Filled

LENGTH, BATCH = 128, 16
SENTIMENT = "[O1]it's great[O2]it's terrible[SEP]What is the sentiment of the review?[SEP]{text}"
TOPIC = (
    "[O1]world[O2]sports[O3]business[O4]science and technology"
    "[SEP]What is the topic of the news?[SEP]{text}"
)


def texts_of(data: Path, rows: int) -> list[Filled]:
    """Return filled prompts of unlike lengths, shuffled."""
    home = data / "classification"
    sst = (home / "lmbff/SST-2/test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    news = json.loads((home / "agnews/test1000.json").read_text(encoding="utf-8"))
    imdb = sorted((home / "imdb").glob("*.json"))[0]
    reviews = json.loads(imdb.read_text(encoding="utf-8"))
    each = rows // 3
    short = [(SENTIMENT, line.rsplit("\t", 1)[0]) for line in sst[:each]]
    middle = [(TOPIC, str(row.get("ori") or row.get("text"))) for row in [*news.values()][:each]]
    long = [
        (SENTIMENT, str(row.get("ori") or row.get("text"))) for row in [*reviews.values()][:each]
    ]
    rows_of_all = [*short, *middle, *long]
    order = np.random.default_rng(0).permutation(len(rows_of_all))
    return [Template.parse(rows_of_all[i][0]).fill({"text": rows_of_all[i][1]}) for i in order]


def answers_of(texts: Sequence[Filled]) -> list[Any]:
    return [((f"O{number}", "yes"),) for number in range(1, 5)]


def scores(model: Any, texts: Sequence[Filled]) -> torch.Tensor:
    """(text, option) of texts that are planned together, those of a template at a time."""
    values = torch.zeros(len(texts), 4)
    by_options: dict[int, list[int]] = {}
    for row, text in enumerate(texts):
        count = sum(type(part).__name__ == "Option" for part in text)
        by_options.setdefault(count, []).append(row)
    for count, rows in by_options.items():
        answers = [((f"O{number}", "yes"),) for number in range(1, count + 1)]
        for block in model.run(model.plan([texts[row] for row in rows], answers, Scoring())):
            values[[rows[row] for row in block.rows], :count] = block.log_probs
    return values


def interval(ratios: "np.ndarray") -> tuple[float, float]:
    (low, high), _ = bootstrap(lambda rows: float(np.median(ratios[rows])), len(ratios))
    return low, high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=96)
    given = parser.parse_args()
    torch.set_num_threads(1)
    frozen = frozen_model(load_model("builtin", device="cpu"))
    info = replace(frozen.info, max_tokens=LENGTH)
    packed = replace(frozen, runtime=replace(frozen.runtime, info=info))
    padded = with_plain_backend(packed)
    texts = texts_of(given.data, given.rows)

    def in_order() -> torch.Tensor:
        parts = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
        one_batch = replace(padded.runtime.batch_limits, budget=BATCH * LENGTH)
        model = replace(padded, runtime=replace(padded.runtime, batch_limits=one_batch))
        return torch.cat([scores(model, part) for part in parts])

    ways: dict[str, Callable[[], torch.Tensor]] = {
        "packed": lambda: scores(packed, texts),
        "padded, sorted": lambda: scores(padded, texts),
        "padded, in order": in_order,
    }
    values = {name: way() for name, way in ways.items()}  # and warms up
    worst = max(float((value - values["packed"]).abs().max()) for value in values.values())
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, way in ways.items():
            began = time.process_time()
            way()
            seconds[name].append(time.process_time() - began)
    print(f"{given.rows} rows, scores differ by {worst:.1e}, CPU seconds, one thread\n")
    print("| way | median seconds | times packed |\n|---|---|---|")
    base = np.array(seconds["packed"])
    for name, each in seconds.items():
        ratios = np.array(each) / base
        low, high = interval(ratios)
        print(
            f"| {name} | {np.median(each):.2f} | {np.median(ratios):.2f} [{low:.2f}, {high:.2f}] |"
        )
    sys.exit(int(worst > 1e-3))


if __name__ == "__main__":
    main()
