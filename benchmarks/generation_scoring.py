"""Log-likelihoods of references where templates share an input: ours against plain transformers.

    python benchmarks/generation_scoring.py --data ../shared/data

--rows stories of AG News with their headlines (see generation.py), under 8 templates that begin
with the story: `{text} TL;DR: [Z]`, ... Plain transformers passes each story with its template and
headline once, in batches of like lengths (2,048 tokens, padding included), and reads log p of the
headline's tokens from the logits. Both in float32, the same model, in turns; the median of --rounds
ratios, with the least and the greatest, and the largest difference of two log-likelihoods.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from generation import task_in

from promptsearch import Prompt, Settings, Template, Verbalizer, load_model
from promptsearch.data import Dataset
from promptsearch.models.frozen_model import frozen_model
from promptsearch.runs.scorer_setup import model_scorer

WORDS = ("TL;DR:", "Headline:", "In short:", "Title:", "Summary:", "News:", "Topic:", "To sum up:")
TOKENS = 2048  # of a plain batch


@torch.inference_mode()
def plain(network: Any, tokenizer: Any, texts: Sequence[tuple[str, str]]) -> list[float]:
    """Return log p of each second text after the first one."""
    rows = []
    for number, (before, target) in enumerate(texts):
        ids = tokenizer(f"{before} {target}")["input_ids"]
        rows.append((len(ids), number, ids, len(tokenizer(before)["input_ids"])))
    rows.sort()
    values = [0.0] * len(texts)
    while rows:
        count = max(1, min(len(rows), TOKENS // rows[min(len(rows), TOKENS // rows[0][0]) - 1][0]))
        batch, rows = rows[:count], rows[count:]
        longest = max(length for length, *_ in batch)
        ids = torch.tensor([each + [0] * (longest - len(each)) for *_, each, _ in batch])
        logits = network(input_ids=ids, use_cache=False).logits.float().log_softmax(-1)
        for row, (length, number, _, start) in enumerate(batch):
            targets = ids[row, start:length]
            log_probs = logits[row, start - 1 : length - 1]
            values[number] = float(log_probs.gather(1, targets[:, None]).sum())
    return values


def ours(scorer: Any, prompts: Sequence[Prompt], examples: Dataset) -> list[float]:
    """Return the same, template after template."""
    return [float(v) for each in scorer.judge(prompts, examples) for v in each.log_right]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    given.train, given.dev, given.test = 2, given.rows, 2
    with TemporaryDirectory() as folder:
        task = task_in(Path(folder), "headlines", 0, given)
    model = load_model(given.model, chat="off", dtype="float32", device="cpu")
    runtime, examples = frozen_model(model).runtime, task.dev.examples
    prompts = [Prompt(Template.parse(f"{{text}} {words} [Z]"), Verbalizer.of_any_text())
               for words in WORDS]  # fmt: skip
    texts = [(f"{e.inputs['text']} {words}", e.targets[0]) for words in WORDS for e in examples]
    scorer = model_scorer(model, Settings(), task.kind)
    ratios, worst = [], 0.0
    for number in range(given.rounds + 1):
        began = time.perf_counter()
        mine = ours(scorer, prompts, examples)
        middle = time.perf_counter()
        theirs = plain(runtime.model, runtime.tokenizer, texts)
        end = time.perf_counter()
        worst = max(worst, float(np.abs(np.array(mine) - np.array(theirs)).max()))
        if number:  # the first round warms up
            ratios.append((end - middle) / (middle - began))
    print(
        f"{np.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}] times as fast as plain "
        f"transformers, {len(texts)} texts; log-likelihoods differ by {worst:.1e} at most"
    )


if __name__ == "__main__":
    main()
