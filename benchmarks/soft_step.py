"""Seconds for a few steps of training a soft prompt: ours beside peft's prompt tuning, in turn.

    python benchmarks/soft_step.py [--rounds 3] [--steps 4] [--shape base|small]

A causal model with random weights at GPT-2's shape (base; small: two layers of 128), --vectors in
front, sentences of about 5 to 50 word pieces, 16 a step, and one word to predict at the end; both
have the same vectors, examples, rates and clipping. peft pads a batch to its longest text; AdamW
moves the vectors in both. Ours reads and writes its checkpoints within its time. Exit status 1: the
vectors after the steps differ.
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import torch
from in_turn import Race
from peft import PromptTuningConfig, get_peft_model
from torch.nn.functional import cross_entropy

from promptsearch import Example, Prompt, Template, Verbalizer
from promptsearch.bench.machine import machine
from promptsearch.bench.sentences import sentences
from promptsearch.engine.strategy import Task
from promptsearch.models import Options
from promptsearch.models.loading.build import wrap
from promptsearch.models.loading.random_models import GPT2, Parts, Size, random_parts
from promptsearch.models.training.config import SoftTrainingConfig
from promptsearch.models.training.continuous_trainer import ContinuousTrainer
from promptsearch.models.training.soft_vectors import SoftVectors
from promptsearch.prompt import Vectors
from promptsearch.searchers.soft.objective import prompt_objective

SMALL = Size(layers=2, hidden=128, heads=2, feed_forward=512, vocabulary=50_257, positions=1024)
BATCH, COUNT = 16, 64  # examples a step, and in all
WORDS = ("great", "terrible")


class Work:
    """What both train on."""

    def __init__(self, parts: Parts, vectors: int, steps: int) -> None:
        self.parts, self.steps = parts, range(steps)
        parts.tokenizer.backend_tokenizer.post_processor = None  # no token stands before vectors
        self.port = wrap(parts.model, parts.tokenizer, parts.info, Options(chat="off"))
        rows = np.random.default_rng(0).standard_normal((vectors, parts.model.config.n_embd)) * 0.02
        self.start = rows.astype(np.float32)
        template = Template.parse(f"[S:{vectors}] {{text}} it was [Z]")
        self.template = template.with_vectors({"S": Vectors.of(self.start, parts.info.sha256)})
        texts = sentences(COUNT)
        self.examples = [Example(str(i), {"text": t}, WORDS[i % 2]) for i, t in enumerate(texts)]
        self.config = SoftTrainingConfig(steps=100, batch=BATCH, lr=3e-3)
        prompt = Prompt(self.template, Verbalizer.of({word: word for word in WORDS}))
        self.task = Task("steps", "facts", prompt, self.examples, model=self.port)

    def trainer(self) -> ContinuousTrainer:
        objective = prompt_objective(self.task, self.port, self.template, self.examples, "gold")
        prompt = SoftVectors([self.template])
        return ContinuousTrainer(self.port, prompt, objective, self.config, 0)


def ours(race: Race, work: Work, _round: int) -> float:
    """Train by the packed backward pass; return its seconds."""
    with TemporaryDirectory() as folder:
        file, began = Path(folder) / "vectors.safetensors", perf_counter()
        trainer = work.trainer()
        trainer.run(None, Path(folder) / "checkpoint.safetensors", file, work.steps)
        seconds = perf_counter() - began
        (template,) = trainer.templates(file)
        trained = template.soft[0].vectors
        assert trained is not None
        vectors = trained.rows
    expected = peft_vectors(work)[0]
    gap = float(np.abs(vectors - expected).max())
    race.check("largest difference of the vectors after the steps", f"{gap:.1e}", gap < 1e-4)
    return seconds


def theirs(_race: Race, work: Work, _round: int) -> float:
    """Train by peft; return its seconds."""
    return peft_vectors(work)[1]


def peft_vectors(work: Work) -> tuple[Any, float]:
    """Return the vectors after the steps and the seconds of these."""
    trainer, tokens = work.trainer(), work.port.runtime.tokens  # type: ignore[attr-defined]
    count = len(work.start)
    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=count)
    model: Any = get_peft_model(work.parts.model, config).eval()
    vectors = model.prompt_encoder["default"].embedding.weight
    with torch.no_grad():
        vectors.copy_(torch.tensor(work.start))
    optimizer = torch.optim.AdamW([vectors], weight_decay=0.0, foreach=False)
    lines = [
        tokens.encode_continuation([(f" {e.inputs['text']} it was {e.targets[0]}",)])[0]
        for e in work.examples
    ]
    began = perf_counter()
    for step in work.steps:
        batch = [lines[row] for row in trainer.rows(step)]
        longest = max(map(len, batch))
        ids = torch.tensor([[*line, *[0] * (longest - len(line))] for line in batch])
        mask = torch.tensor([[1] * len(x) + [0] * (longest - len(x)) for x in batch])
        logits = model(input_ids=ids, attention_mask=mask).logits[:, count:]
        ends = mask.sum(1) - 1
        numbers = torch.arange(len(batch))
        loss = cross_entropy(logits[numbers, ends - 1], ids[numbers, ends])
        optimizer.param_groups[0]["lr"] = work.config.rate(step)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([vectors], work.config.clip)
        optimizer.step()
    seconds = perf_counter() - began
    trained = vectors.detach().numpy().copy()
    return trained, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--vectors", type=int, default=10)
    parser.add_argument("--shape", choices=("base", "small"), default="base")
    given = parser.parse_args()
    work = Work(
        random_parts("causal", GPT2 if given.shape == "base" else SMALL), given.vectors, given.steps
    )
    race = Race(f"{given.steps} steps, {given.shape}", 2)
    race.ways = {"peft": partial(theirs, race, work), "ours": partial(ours, race, work)}
    print(machine(torch.device("cpu")), *race.run(given.rounds).lines(), sep="\n")
    sys.exit(not race.same_work)


if __name__ == "__main__":
    main()
