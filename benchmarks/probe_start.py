"""Where a linear probe starts: do its words depend on the seed?

    python benchmarks/probe_start.py SST-2 TREC

LM-BFF's first 16-shot split, the built-in model, `answers probe`'s defaults (Adam, 3e-4, 50 epochs,
batches of 32). From zeros, as here, and from torch's random layer, as in AutoPrompt's release: the
share of a label's top 50 words that two of four seeds have in common, and the training accuracy.
"""

import argparse
import tempfile
from itertools import combinations
from pathlib import Path

import torch
from on_test import tasks
from torch import Tensor, nn

from promptsearch import load_model, load_task
from promptsearch.searchers.answers.probe.linear_probe import Fit, LinearProbe, fitted, top_words

TOP, SEEDS = 50, range(4)


def random_start(states: Tensor, gold: list[int], labels: int, seed: int) -> LinearProbe:
    """The release's way."""
    torch.manual_seed(seed)
    layer = nn.Linear(states.shape[1], labels)
    adam = torch.optim.Adam(layer.parameters(), lr=3e-4)
    for _ in range(50):
        for rows in torch.randperm(len(states)).split(32):
            adam.zero_grad()
            nn.functional.cross_entropy(layer(states[rows]), torch.tensor(gold)[rows]).backward()
            adam.step()
    return LinearProbe(layer.weight.detach(), layer.bias.detach())


def shared(probes: list[LinearProbe], rows: Tensor) -> float:
    """The mean share of a label's top words that two probes have in common, in [0, 1]."""
    tops = [list(map(set, top_words(probe.log_odds(rows).T, TOP, repeat=True))) for probe in probes]
    pairs = [
        (a, b) for one, other in combinations(tops, 2) for a, b in zip(one, other, strict=True)
    ]
    return sum(len(a & b) for a, b in pairs) / (TOP * len(pairs))


def right(probes: list[LinearProbe], states: Tensor, gold: list[int]) -> float:
    found = [(probe.log_odds(states).argmax(1) == gold).mean() for probe in probes]
    return float(sum(found) / len(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", help="of tasks")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    given = parser.parse_args()
    model = load_model("builtin")
    words, box = [word for word in model.vocabulary_words() if len(word) > 1], model.white_box
    rows = box.output_rows(words)
    with tempfile.TemporaryDirectory() as folder:
        for name, (path, *_) in tasks(given.data.resolve(), Path(folder), given.names):
            task = load_task(path)
            train, template = task.train.examples, task.prompt.template
            texts = [template.fill(example.inputs) for example in train]
            states = box.states(box.plan_states(texts, ((template.slots[0], words[0]),)))
            gold, count = [task.labels.index(e.targets[0]) for e in train], len(task.labels)
            ways = {
                "zeros": [fitted(states, gold, count, Fit(3e-4, 50, 32, s)) for s in SEEDS],
                "random": [random_start(states, gold, count, s) for s in SEEDS],
            }
            for way, probes in ways.items():
                both = f"{shared(probes, rows):.3f} | {right(probes, states, gold):.3f}"
                print(f"| {name} | {way} | {both} |")


if __name__ == "__main__":
    main()
