"""Controls of a training: what a score is worth that the model's knowledge has no part in.

Zhong, Friedman and Chen (2021), https://arxiv.org/abs/2104.05240, section 4: a prompt that is
trained with a model of random weights learns what the training examples alone teach.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from promptsearch.data import Example
from promptsearch.engine.strategy import Task
from promptsearch.errors import ModelError, TaskError
from promptsearch.models.loading.files import RANDOM

Control = Literal["none", "shuffled-labels", "random-model"]


def controlled_spec(control: Control, spec: str) -> str:
    """Return the spec of the model to load: with random weights, if they are the control."""
    is_random = control == "random-model" and not spec.startswith(RANDOM)
    return RANDOM + spec if is_random else spec


def check_control(control: Control, spec: str) -> None:
    """Raise ModelError if a model has its trained weights where random ones are the control."""
    if controlled_spec(control, spec) != spec:
        raise ModelError(
            f"`control` random-model: {spec!r} has its trained weights; load {RANDOM + spec!r}"
        )


def controlled(control: Control, examples: Sequence[Example], seed: int) -> Sequence[Example]:
    """Return the examples to train on: with wrong labels, if those are the control."""
    return shuffled(examples, seed) if control == "shuffled-labels" else examples


def shuffled(examples: Sequence[Example], seed: int) -> list[Example]:
    """Return the examples with each other's right answers: only their shares can be learned."""
    if len({example.target for example in examples}) < 2:
        raise TaskError("all training examples have one label, so that shuffling changes nothing")
    order = np.random.default_rng([seed, 22]).permutation(len(examples))
    return [
        replace(example, target=examples[donor].target)
        for example, donor in zip(examples, order, strict=True)
    ]


def controlled_tags(control: Control, task: Task) -> Sequence[Example]:
    """Return the sentences to train on: with their own tags in another order, if asked for."""
    if control != "shuffled-labels":
        return task.train
    rng = np.random.default_rng([task.seed, 22])
    return [
        replace(each, tags=tuple(each.tags[i] for i in rng.permutation(len(each.tags)).tolist()))
        for each in task.train
    ]
