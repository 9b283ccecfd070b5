"""Fixed-prompt tuning of a copy of a model, with transformers' Trainer.

Gao, Fisch and Chen (2021), "Making Pre-trained Language Models Better Few-shot Learners" (LM-BFF),
https://arxiv.org/abs/2012.15723: the prompt stays as it is and all weights move, by the
cross-entropy of the labels' scores. Trainer's defaults are the release's: AdamW without decay of
weights, a rate that falls to 0 in a straight line, gradients clipped to length 1.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import Trainer, TrainingArguments

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel
from promptsearch.models.finetuning.config import FinetuneConfig
from promptsearch.models.finetuning.float32_copy import float32_copy, wrapped_copy
from promptsearch.models.finetuning.objective import FinetuneObjective, with_plain_backend
from promptsearch.models.frozen_model import FrozenModel, frozen_model, parameter_count
from promptsearch.models.loading.pretrained import quiet


def tuned(
    model: LanguageModel, objective: FinetuneObjective, config: FinetuneConfig, seed: int = 0
) -> LanguageModel | None:
    """Return a fine-tuned copy in float32; None if its weights are not finite.

    The model and the caller's random state are unchanged. Raise ModelError if memory runs out.
    """
    try:
        copy = _finetuned_copy(model, objective, config, seed)
    except torch.OutOfMemoryError:
        raise ModelError(
            "the copy that is tuned does not fit into the device's memory; use a smaller "
            "`finetune_batch`, or `device` cpu"
        ) from None
    finite = all(bool(weights.isfinite().all()) for weights in copy.parameters())
    return wrapped_copy(copy, model) if finite else None


def _finetuned_copy(
    model: LanguageModel, objective: FinetuneObjective, config: FinetuneConfig, seed: int
) -> Any:
    """Return a copy of the transformers model, fine-tuned."""
    copy = float32_copy(model)
    learner = with_plain_backend(wrapped_copy(copy, model))
    copy.requires_grad_(True)
    with _preserved_random_state(), quiet(), TemporaryDirectory() as scratch:
        PromptTrainer(learner, objective, _arguments(config, seed, scratch, copy.device)).train()
    return copy


def check_tunable(model: LanguageModel) -> None:
    """Raise ModelError if the model cannot be tuned on its devices."""
    options, device = model.options, frozen_model(model).runtime.device
    if options.device_map is not None:
        raise ModelError(
            f"a model is tuned on one device, not on those of `device_map` {options.device_map}; "
            "leave it out"
        )
    if device.type == "cuda" and device.index not in (None, 0):
        raise ModelError(
            f"a model is tuned on the first GPU, not on {device}; show it this one only: "
            f"CUDA_VISIBLE_DEVICES={device.index} and `device` cuda"
        )


def extra_bytes(model: LanguageModel) -> int:
    """Return the bytes of a float32 copy, its gradients and AdamW's two moments; no activations."""
    return 4 * 4 * parameter_count(model)


class PromptTrainer(Trainer):
    """A Trainer on rows of texts, whose loss is the objective's."""

    def __init__(
        self, learner: FrozenModel[Any], objective: FinetuneObjective, arguments: TrainingArguments
    ) -> None:
        rows = [{"row": row} for row in range(len(objective.texts))]
        super().__init__(learner.runtime.model, arguments, train_dataset=rows)
        self._learner, self._objective = learner, objective

    def compute_loss(self, model: Any, inputs: Any, *_args: Any, **_more: Any) -> Tensor:
        """Return the mean loss of the batch, on the device where Trainer adds it up."""
        losses = self._objective.losses(self._learner, inputs["row"].tolist())
        return losses.mean().to(self.args.device)

    def log(self, *_args: Any, **_more: Any) -> None:
        """Print nothing: the search reports progress."""


def _arguments(
    config: FinetuneConfig, seed: int, folder: str, device: torch.device
) -> TrainingArguments:
    """Return arguments for no files, no reports, no network and one device."""
    arguments = TrainingArguments(
        output_dir=folder,
        max_steps=config.steps,
        per_device_train_batch_size=config.batch,
        learning_rate=config.lr,
        optim="adamw_torch_fused",
        seed=seed % 2**32,  # numpy takes no other
        use_cpu=device.type == "cpu",
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # the copy is on one, however many there are
    return arguments


@contextmanager
def _preserved_random_state() -> Iterator[None]:
    """While open, seeds may be set; then all random states are restored."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
