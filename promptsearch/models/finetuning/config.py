"""The settings of fine-tuning: plain numbers, so that options and settings need no model."""

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec

from promptsearch.errors import ModelError, RunError
from promptsearch.files.packages import install_command

ACCELERATE = (1, 6)  # with older ones, transformers' Trainer fails on its way
LEAST = 2  # finalists: the manual prompt and another one


@dataclass(frozen=True)
class FinetuneConfig:
    """Fine-tuning of a copy for each finalist (Gao, Fisch and Chen 2021, LM-BFF)."""

    top: int = 10  # finalists, the manual prompt among them; all 100 in the paper
    steps: int = 100  # 1000 in the paper
    batch: int = 8  # training examples a step; 2, 4 or 8 in the paper
    lr: float = 1e-5  # of AdamW at the start; 1e-5 to 5e-5 in the paper

    def __post_init__(self) -> None:
        for name, least in (("top", LEAST), ("steps", 1), ("batch", 1)):
            if (value := getattr(self, name)) < least:
                raise RunError(f"`finetune_{name}` {value} is too small; use {least} or more")
        if not 0 < self.lr <= 1:
            raise RunError(
                f"`finetune_lr` {self.lr:g} is no learning rate; use one in (0, 1], like 1e-5"
            )

    @property
    def course(self) -> str:
        """The settings that change a tuned score; the count of finalists does not."""
        return f"{self.steps} steps of {self.batch} at {self.lr:g}"

    def texts(self, train: int) -> int:
        """Return how many texts are learned from, repeats counted, of `train` texts in rounds.

        The last batch of a round holds the remainder.
        """
        batch = min(self.batch, train)
        rounds, more = divmod(self.steps, -(-train // batch))
        return rounds * train + more * batch


def check_installed() -> None:
    """Raise ModelError if transformers' Trainer lacks a package."""
    if find_spec("accelerate") is None:
        raise ModelError(f"`rank_by` finetune needs a package: {install_command('finetune')}")
    installed = version("accelerate")
    if tuple(map(int, installed.split(".")[:2])) < ACCELERATE:
        raise ModelError(
            f"`rank_by` finetune needs a newer accelerate than {installed}: "
            f"{install_command('finetune')}"
        )
