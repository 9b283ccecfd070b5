"""The settings of the multiple-choice stage: plain numbers, so that options need no model."""

from dataclasses import dataclass
from typing import Literal

from promptsearch.errors import RunError

ChoiceLoss = Literal["op", "omlm", "mlm"]
LOSSES: tuple[ChoiceLoss, ...] = ("op", "omlm", "mlm")


@dataclass(frozen=True)
class ChoiceTuningConfig:
    """Xu et al. (2022), UniMC, and its release's defaults, but for the clipping of gradients."""

    losses: tuple[ChoiceLoss, ...] = LOSSES
    epochs: int = 1
    batch: int = 16  # rows a step
    lr: float = 2e-5  # of AdamW at its height: the release's README; 1e-5 in its code
    warmup: float = 0.01  # share of the steps; 0.06 in its script for CLUE
    decay: float = 0.1  # of weights, not of biases and norms
    autocast: bool = False  # in bfloat16 where torch has it: faster on GPUs and newer CPUs
    clip: float = 1.0  # length of the gradient; 0.25 in its script for CLUE

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            if (value := getattr(self, name)) < 1:
                raise RunError(f"`{name}` {value} is too small; use 1 or more")
        if not 0 < self.lr <= 1:
            raise RunError(f"`lr` {self.lr:g} is no learning rate; use one in (0, 1], like 2e-5")
        if not 0 <= self.warmup < 1:
            raise RunError(f"`warmup` {self.warmup:g} is no share; use one in [0, 1)")
        if unknown := [name for name in self.losses if name not in LOSSES]:
            raise RunError(f"`losses` {unknown[0]!r} is none; use {', '.join(LOSSES)}")
        if not set(self.losses) & {"op", "omlm"}:
            raise RunError("`losses` mlm alone learns nothing about options; add op or omlm")

    def rate_share(self, step: int, steps: int) -> float:
        """Return the share of the rate at a step, from 0: up in a straight line, then down to 0."""
        rise = max(1, round(self.warmup * steps))
        if step < rise:
            return (step + 1) / rise
        return (steps - step) / max(1, steps - rise)
