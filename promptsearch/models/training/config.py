"""The settings of trainings: plain numbers, so that options need no model."""

from dataclasses import dataclass
from typing import Literal

from promptsearch.errors import RunError

Encoder = Literal["none", "lstm", "mlp"]
PrefixEncoder = Literal["none", "mlp"]
Trained = Literal["prompt", "lm", "both"]  # survey: fixed-LM, fixed-prompt, prompt + LM tuning


@dataclass(frozen=True)
class SoftTrainingConfig:
    """How the vectors of a template are trained, and the model's weights where they move too."""

    steps: int = 400
    batch: int = 16  # training examples a step
    lr: float = 3e-3  # of AdamW, at its height
    warmup: float = 0.1  # share of the steps; then it falls to 0 in a straight line
    decay: float = 0.0  # of AdamW
    dropout: float = 0.0  # in the model, while it trains vectors
    encoder: Encoder = "none"  # makes the vectors while they are trained (P-tuning v1)
    clip: float = 1.0  # longest gradient
    lm_lr: float = 1e-5  # of the model's weights, where they move; it rises and falls like `lr`

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            if (value := getattr(self, name)) < 1:
                raise RunError(f"--{name} {value} is too small; give 1 or more")
        for option, usual in (("lr", "3e-3"), ("lm_lr", "1e-5")):
            if not 0 < (value := getattr(self, option)) <= 10:
                raise RunError(
                    f"--{option.replace('_', '-')} {value:g} is no learning rate; give one in (0, "
                    f"10], like {usual}"
                )
        for name in ("warmup", "dropout"):
            if not 0 <= (value := getattr(self, name)) < 1:
                raise RunError(f"--{name} {value:g} is no share; give one in [0, 1)")
        if not self.decay >= 0:
            raise RunError(f"--decay {self.decay:g} is none; give 0 or more")

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, the first being 0: up, then down to 0."""
        return self.lr * self.rate_share(step)

    def rate_share(self, step: int) -> float:
        """Return the share of its height that a step's learning rate has."""
        warm = self.warmup * self.steps
        rising = (step + 1) / warm if warm else 1.0
        return min(1.0, rising, (self.steps - step) / max(self.steps - warm, 1.0))
