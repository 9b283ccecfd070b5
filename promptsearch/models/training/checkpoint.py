"""Checkpoints of a training: all that its next step depends on, without pickle."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from promptsearch.errors import RunError
from promptsearch.files.write import write_bytes

STEP, MODEL, TRAINING = "step", "model_sha256", "training_sha256"  # keys of the files' metadata


def state_of(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the parameters and the moments of AdamW."""
    tensors = {}
    for name, parameter in network.named_parameters():
        tensors[f"parameter.{name}"] = parameter.detach()
        moments = optimizer.state[parameter]
        tensors[f"mean.{name}"] = moments["exp_avg"]
        tensors[f"square.{name}"] = moments["exp_avg_sq"]
    return {name: tensor.clone().contiguous() for name, tensor in tensors.items()}


def restore(file: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put the parameters and moments of a checkpoint where they belong."""
    with opened(file) as stored, torch.no_grad():
        step = float(json.loads(stored.metadata()[STEP]))
        for name, parameter in network.named_parameters():
            parameter.copy_(stored.get_tensor(f"parameter.{name}"))
            optimizer.state[parameter] = {
                "step": torch.tensor(step),
                "exp_avg": stored.get_tensor(f"mean.{name}"),
                "exp_avg_sq": stored.get_tensor(f"square.{name}"),
            }


@contextmanager
def opened(file: Path) -> Iterator[Any]:
    """Open a checkpoint. Raises RunError if it is missing or is none."""
    try:
        with safe_open(file, framework="pt") as stored:
            yield stored
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"{file}: the checkpoint cannot be read ({error}); start anew with `overwrite`"
        ) from None


@dataclass(frozen=True)
class LastCheckpoint:
    """The one checkpoint of a training, which each later one replaces."""

    file: Path
    training: str  # the digest of all that the training depends on

    def step(self) -> int:
        """Return the step to go on from: 0 without the file.

        Raises RunError if it cannot be read, or is of another training.
        """
        if not self.file.is_file():
            return 0
        with opened(self.file) as stored:
            metadata = stored.metadata() or {}
        if metadata.get(TRAINING) != self.training:
            raise RunError(
                f"{self.file}: is of a training with other tasks, rows, options or model; start "
                "anew with `overwrite`"
            )
        return int(metadata[STEP])

    def write(self, step: int, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Write the state after a step."""
        metadata = {STEP: json.dumps(step), TRAINING: self.training}
        write_bytes(self.file, save(state_of(network, optimizer), metadata))
