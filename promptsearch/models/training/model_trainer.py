"""Training of a model's own weights under a prompt, alone or together with the prompt's vectors.

Liu et al. (2021), "Pre-train, Prompt, and Predict", https://arxiv.org/abs/2107.13586, section 7.2:
fixed-prompt LM tuning and prompt + LM tuning, as P-tuning v1 on SuperGLUE and PTR. A copy of the
model moves, by AdamW with a rate of its own; the last weights are the result, nothing is chosen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel
from promptsearch.models.finetuning.float32_copy import float32_copy, wrapped_copy
from promptsearch.models.finetuning.objective import with_plain_backend
from promptsearch.models.frozen_model import frozen_model
from promptsearch.models.loading.pretrained import quiet
from promptsearch.models.training.config import SoftTrainingConfig
from promptsearch.models.training.continuous_trainer import (
    ContinuousTrainer,
    PromptObjective,
    propagate,
)
from promptsearch.models.training.soft_vectors import SoftVectors
from promptsearch.prompt import Template, Vectors


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained copy of a model, and the vectors that were trained with it."""

    model: Any  # of transformers
    tokenizer: Any
    vectors: dict[str, Vectors]  # by name; of the model before
    losses: Sequence[float]  # of each step, from before it
    parameters: int  # the numbers that were trained

    def save(self, folder: Path) -> None:
        """Write the model as a directory in the Hugging Face layout, in place of one there."""
        with quiet(), TemporaryDirectory(dir=folder.parent) as scratch:
            directory = Path(scratch) / folder.name
            self.model.save_pretrained(directory)
            self.tokenizer.save_pretrained(directory)
            _readable(directory)
            if folder.exists():
                folder.rename(Path(scratch) / "before")
            directory.rename(folder)

    def write(self, folder: Path) -> None:
        """Write the model's files into a folder that is there, each in place of one of its name."""
        with quiet(), TemporaryDirectory(dir=folder) as scratch:
            self.model.save_pretrained(scratch)
            self.tokenizer.save_pretrained(scratch)
            _readable(Path(scratch))
            for file in sorted(Path(scratch).iterdir()):
                file.replace(folder / file.name)


def _readable(folder: Path) -> None:
    """Give all files the mode of the configuration: safetensors writes for its user alone."""
    mode = (folder / "config.json").stat().st_mode
    for file in folder.iterdir():
        file.chmod(mode)


class ModelTrainer:
    """A copy of a model while its weights move; templates without vectors are text."""

    def __init__(
        self,
        model: LanguageModel,
        template: Template,
        objective: PromptObjective,
        config: SoftTrainingConfig,
        seed: int,
    ) -> None:
        self._copy = float32_copy(model)
        learner = with_plain_backend(wrapped_copy(self._copy, model))
        self._prompt = SoftVectors([template], config.encoder, config.dropout)
        self._trainer = ContinuousTrainer(learner, self._prompt, objective, config, seed)
        self._config, self._tokenizer = config, frozen_model(model).runtime.tokenizer

    def train(self, on_step: Callable[[int], None]) -> TrainedModel:
        """Train all steps; `on_step` hears the number of those that are done.

        Raises ModelError if the loss is no number, or a vector gets no gradient.
        """
        network = self._trainer.network() if self._prompt.parts else None
        weights = list(self._copy.requires_grad_(True).parameters())
        optimizer, losses = self._optimizer(weights, network), []
        for step in range(self._config.steps):
            share = self._config.rate_share(step)
            for group, rate in zip(optimizer.param_groups, self._rates, strict=False):
                group["lr"] = share * rate
            losses.append(self._step(weights, network, optimizer, step))
            on_step(step + 1)
        self._copy.requires_grad_(False).eval()
        vectors = {} if network is None else self._prompt.vectors(self._prompt.outputs(network))
        count = sum(each.numel() for group in optimizer.param_groups for each in group["params"])
        return TrainedModel(self._copy, self._tokenizer, dict(vectors), losses, count)

    @property
    def steps(self) -> int:
        """The number of steps."""
        return self._config.steps

    @property
    def _rates(self) -> tuple[float, float]:
        """The learning rates of the model and of the vectors, at their height."""
        return self._config.lm_lr, self._config.lr

    def _optimizer(
        self, weights: list[nn.Parameter], network: nn.Module | None
    ) -> torch.optim.Optimizer:
        groups = [{"params": weights}]
        if network is not None:
            groups.append({"params": list(network.parameters())})
        return torch.optim.AdamW(groups, weight_decay=self._config.decay, foreach=False)

    def _step(
        self,
        weights: list[nn.Parameter],
        network: nn.Module | None,
        optimizer: torch.optim.Optimizer,
        step: int,
    ) -> float:
        """Move all once; return the mean loss of the rows before that."""
        with torch.enable_grad():
            outputs = {} if network is None else self._prompt.outputs(network)
        rows = self._trainer.rows(step)
        result = self._trainer.gradients(rows, outputs, step, weights)
        _require_numbers(result.loss, result.leaves, step)
        optimizer.zero_grad()
        of_weights = result.leaves[len(outputs) :]
        if outputs:
            if step == 0:
                self._trainer.check_gradients(outputs, result.leaves, rows)
            propagate(outputs, result.leaves)
        for weight, gradient in zip(weights, of_weights, strict=True):
            weight.grad = gradient
        moving = [each for group in optimizer.param_groups for each in group["params"]]
        nn.utils.clip_grad_norm_(moving, self._config.clip)
        optimizer.step()
        return result.loss


def _require_numbers(loss: float, gradients: Sequence[Tensor], step: int) -> None:
    if loss != loss or not all(bool(each.isfinite().all()) for each in gradients):
        raise ModelError(
            f"step {step + 1}: the loss of the model is no number; try a smaller `lm_lr`"
        )
