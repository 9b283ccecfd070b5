"""The published settings of soft prompts, as values of `SoftSearch`'s fields.

OptiPrompt (Zhong et al. 2021) and P-tuning v1 (Liu et al. 2021) as their releases run on LAMA;
prompt tuning (Lester et al. 2021) without its rate, which is Adafactor's. docs/soft.md says where
we differ.
"""

from collections.abc import Mapping
from typing import Literal

Recipe = Literal["optiprompt", "ptuning-v1", "prompt-tuning"]

RECIPES: Mapping[Recipe, Mapping[str, object]] = {
    "optiprompt": {
        "places": "words",
        "loss": "vocabulary",
        "lr": 3e-3,
        "epochs": 10,
        "batch": 16,
        "dropout": 0.1,
    },
    "ptuning-v1": {
        "places": "around",
        "length": 3,
        "start": "random",
        "encoder": "lstm",
        "loss": "vocabulary",
        "lr": 1e-5,
        "warmup": 0.0,
        "decay": 5e-4,
        "epochs": 100,
        "batch": 8,
        "dropout": 0.1,
    },
    "prompt-tuning": {
        "places": "before",
        "length": 100,
        "start": "vocabulary",
        "loss": "vocabulary",
        "batch": 32,
        "warmup": 0.0,
        "decay": 1e-5,
        "steps": 30_000,
        "dropout": 0.1,
    },
}

USUAL: Mapping[str, object] = {
    "places": "words",
    "length": 5,
    "encoder": "none",
    "loss": "label",
    "steps": 400,
    "batch": 16,
    "warmup": 0.1,
    "decay": 0.0,
    "dropout": 0.0,
}
