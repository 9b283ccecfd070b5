"""The published settings of deep prompts, as values of `PrefixSearch`'s fields.

Prefix tuning (Li and Liang 2021) as its release runs on E2E; P-tuning v2 (Liu et al. 2022), whose
release has a setting for each data set: here one in the middle of them. docs/prefix.md says where
we differ.
"""

from collections.abc import Mapping
from typing import Literal

PrefixRecipe = Literal["prefix-tuning", "ptuning-v2"]

RECIPES: Mapping[PrefixRecipe, Mapping[str, object]] = {
    "prefix-tuning": {
        "length": 10,
        "encoder": "mlp",
        "middle": 512,
        "loss": "vocabulary",
        "lr": 5e-5,
        "warmup": 0.0,
        "epochs": 5,
        "batch": 10,
    },
    "ptuning-v2": {
        "length": 20,
        "head": "cls",
        "lr": 1e-2,
        "warmup": 0.0,
        "epochs": 60,
        "batch": 32,
        "dropout": 0.1,
    },
}

USUAL: Mapping[str, object] = {
    "length": 20,
    "layers": "all",
    "start": "random",
    "encoder": "none",
    "middle": 512,
    "head": "none",
    "loss": "label",
    "steps": 400,
    "batch": 16,
    "warmup": 0.1,
    "decay": 0.0,
    "dropout": 0.0,
}
