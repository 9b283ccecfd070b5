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
from collections.abc import Sequence
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
from promptsearch.data import FACTS
from promptsearch.engine.strategy import Task
from promptsearch.models import Options
from promptsearch.models.loading.build import wrap
from promptsearch.models.loading.random_models import GPT2, Parts, Size, random_parts
from promptsearch.models.training.config import SoftTrainingConfig
from promptsearch.models.training.continuous_prompt import ContinuousPrompt
from promptsearch.models.training.continuous_trainer import ContinuousTrainer
from promptsearch.models.training.soft_vectors import SoftVectors
from promptsearch.prompt import Vectors
from promptsearch.searchers.soft.objective import prompt_objective

SMALL = Size(layers=2, hidden=128, heads=2, feed_forward=512, vocabulary=50_257, positions=1024)
BATCH, COUNT = 16, 64  # examples a step, and in all
WORDS = ("great", "terrible")


class Work:
    """What both train on: a model, examples, rates; and vectors in front."""

    text = "{text} it was [Z]"
    lr, usual = 3e-3, 10  # the rate at its height, and how many vectors

    def __init__(self, parts: Parts, vectors: int, steps: int) -> None:
        self.parts, self.steps = parts, range(steps)
        parts.tokenizer.backend_tokenizer.post_processor = None  # no token stands before vectors
        self.port = wrap(parts.model, parts.tokenizer, parts.info, Options(chat="off"))
        texts = sentences(COUNT)
        self.examples = [Example(str(i), {"text": t}, WORDS[i % 2]) for i, t in enumerate(texts)]
        self.config = SoftTrainingConfig(steps=100, batch=BATCH, lr=self.lr)
        self.template, self.start = self.first(vectors)
        prompt = Prompt(self.template, Verbalizer.of({word: word for word in WORDS}))
        self.task = Task("steps", FACTS, prompt, self.examples, model=self.port)

    def first(self, count: int) -> tuple[Template, Any]:
        """Return the template with its first values, and these as peft has them."""
        rows = np.random.default_rng(0).standard_normal((count, self.parts.model.config.n_embd))
        start = (rows * 0.02).astype(np.float32)
        vectors = {"S": Vectors.of(start, self.parts.info.sha256)}
        return Template.parse(f"[S:{count}] {self.text}").with_vectors(vectors), start

    def trainer(self) -> ContinuousTrainer:
        """Return our trainer of the template's values."""
        objective = prompt_objective(self.task, self.port, self.template, self.examples, "gold")
        return ContinuousTrainer(self.port, self.prompt(), objective, self.config, 0)

    def prompt(self) -> ContinuousPrompt:
        return SoftVectors([self.template])

    def values(self, template: Template) -> Any:
        """Return a trained template's values as peft has them."""
        trained = template.soft[0].vectors
        assert trained is not None
        return trained.rows

    def peft(self) -> tuple[Any, Any]:
        """Return peft's model and the parameter that it trains."""
        config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=len(self.start))
        model: Any = get_peft_model(self.parts.model, config).eval()
        return model, model.prompt_encoder["default"].embedding.weight


def ours(race: Race, work: Work, _round: int) -> float:
    """Train by the packed backward pass; return its seconds."""
    with TemporaryDirectory() as folder:
        file, began = Path(folder) / "vectors.safetensors", perf_counter()
        trainer = work.trainer()
        trainer.run(None, Path(folder) / "checkpoint.safetensors", file, work.steps)
        seconds = perf_counter() - began
        (template,) = trainer.templates(file)
    gap = float(np.abs(work.values(template) - by_peft(work)[0]).max())
    race.check("largest difference of the values after the steps", f"{gap:.1e}", gap < 1e-4)
    return seconds


def theirs(_race: Race, work: Work, _round: int) -> float:
    """Train by peft; return its seconds."""
    return by_peft(work)[1]


def by_peft(work: Work) -> tuple[Any, float]:
    """Return the values after the steps and the seconds of these."""
    trainer, tokens = work.trainer(), work.port.runtime.tokens  # type: ignore[attr-defined]
    model, values = work.peft()
    with torch.no_grad():
        values.copy_(torch.tensor(work.start))
    optimizer = torch.optim.AdamW([values], weight_decay=0.0, foreach=False)
    lines = [
        tokens.encode_continuation([(f" {e.inputs['text']} it was {e.targets[0]}",)])[0]
        for e in work.examples
    ]
    began = perf_counter()
    for step in work.steps:
        loss = peft_loss(model, [lines[row] for row in trainer.rows(step)])
        optimizer.param_groups[0]["lr"] = work.config.rate(step)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([values], work.config.clip)
        optimizer.step()
    seconds = perf_counter() - began
    trained = values.detach().numpy().copy()
    return trained, seconds


def peft_loss(model: Any, batch: Sequence[Sequence[int]]) -> torch.Tensor:
    """Return the mean loss of the last tokens of lines, padded to the longest."""
    longest = max(map(len, batch))
    ids = torch.tensor([[*line, *[0] * (longest - len(line))] for line in batch])
    mask = torch.tensor([[1] * len(line) + [0] * (longest - len(line)) for line in batch])
    logits = model(input_ids=ids, attention_mask=mask).logits[:, -longest:]
    ends, numbers = mask.sum(1) - 1, torch.arange(len(batch))
    return cross_entropy(logits[numbers, ends - 1], ids[numbers, ends])


def main(kind: type[Work] = Work, described: str = __doc__) -> None:
    parser = argparse.ArgumentParser(description=described.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--vectors", type=int, default=kind.usual)
    parser.add_argument("--shape", choices=("base", "small"), default="base")
    given = parser.parse_args()
    work = kind(
        random_parts("causal", GPT2 if given.shape == "base" else SMALL), given.vectors, given.steps
    )
    race = Race(f"{given.steps} steps, {given.shape}", 2)
    race.ways = {"peft": partial(theirs, race, work), "ours": partial(ours, race, work)}
    print(machine(torch.device("cpu")), *race.run(given.rounds).lines(), sep="\n")
    sys.exit(not race.same_work)


if __name__ == "__main__":
    main()
