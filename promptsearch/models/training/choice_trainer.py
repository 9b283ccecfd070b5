"""The multiple-choice stage: one training on many tasks, after which a model reads options.

Xu et al. (2022), UniMC, https://arxiv.org/abs/2210.08590. All weights of a copy move by AdamW; the
rate rises for a moment and falls to 0 in a straight line, by the steps that there are (the
release's falls by `epochs * rows`, which forgets the batch, so that it hardly falls).
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel
from promptsearch.models.finetuning.float32_copy import float32_copy, wrapped_copy
from promptsearch.models.finetuning.objective import with_plain_backend
from promptsearch.models.forward.backends import padded
from promptsearch.models.forward.body_and_head import OutputHead
from promptsearch.models.forward.option_forward import option_inputs, option_tokens
from promptsearch.models.frozen_model import FrozenModel, frozen_model
from promptsearch.models.tokenization.encode import encode, line_of
from promptsearch.models.tokenization.option_texts import with_separators
from promptsearch.models.training.checkpoint import LastCheckpoint, restore
from promptsearch.models.training.choice_config import ChoiceTuningConfig
from promptsearch.models.training.choice_rows import (
    ChoiceRow,
    MaskedRow,
    choice_loss,
    masked_row,
)
from promptsearch.models.training.model_trainer import TrainedModel
from promptsearch.prompt import Filled, Input

NOT_DECAYED = ("bias", "LayerNorm", "layer_norm", "norm.weight")


@dataclass(frozen=True)
class ChoiceText:
    """One row of a task: its filled prompt with options, and which is right, from 0."""

    text: Filled
    right: int


class ChoiceTrainer:
    """A copy of a masked model while it learns to read options."""

    def __init__(
        self, model: LanguageModel, yes: str, no: str, config: ChoiceTuningConfig, seed: int
    ) -> None:
        self._copy = float32_copy(model)
        self._learner = with_plain_backend(wrapped_copy(self._copy, model))
        self._tokens = option_tokens(self._learner.runtime.for_options)
        self._yes, self._no = (one_token(self._learner, word) for word in (yes, no))
        self._config, self._seed = config, seed
        self._rows: list[ChoiceRow] = []

    def read(self, texts: Sequence[ChoiceText], max_tokens: int | None = None) -> int:
        """Take the rows to train on; return how many have options longer than `max_tokens`.

        These are left out: texts are cut, options never. Raises ModelError if no row remains.
        """
        runtime = self._learner.runtime
        limit = min(runtime.limit, max_tokens or runtime.limit)
        filled = [with_separators(each.text, self._tokens.separator) for each in texts]
        lines = [line_of(_without_inputs(text), [self._tokens.mask]) for text in filled]
        fits = [len(ids) < limit for ids in runtime.tokens.encode(lines)]
        if not any(fits):
            raise ModelError(f"no row's options fit into {limit:,} tokens; give more `max_tokens`")
        fitting = [text for text, is_short in zip(filled, fits, strict=True) if is_short]
        encoded = encode(fitting, runtime.tokens, [self._tokens.mask], lambda _: limit)
        right = (each.right for each, is_short in zip(texts, fits, strict=True) if is_short)
        self._rows = [
            ChoiceRow(tuple(text.ids), self._tokens.layout(text.ids), option)
            for text, option in zip(encoded, right, strict=True)
        ]
        return len(texts) - len(fitting)

    @property
    def steps(self) -> int:
        """The number of steps of all epochs."""
        return self._config.epochs * -(-len(self._rows) // self._config.batch)

    @property
    def tokens(self) -> int:
        """The tokens of all rows."""
        return sum(len(row.ids) for row in self._rows)

    def run(
        self, checkpoint: LastCheckpoint, every: int, on_step: Callable[[int, float], None]
    ) -> TrainedModel:
        """Train from a checkpoint on, if it is there; another follows after every so many steps.

        `on_step` hears the number of steps that are done, and the loss before the last of them.
        Raises ModelError if the loss is no number; RunError if the checkpoint cannot be read.
        """
        self._copy.requires_grad_(True)
        optimizer = self._optimizer()
        if start := checkpoint.step():
            restore(checkpoint.file, self._copy, optimizer)
        losses = []
        for step in range(start, self.steps):
            losses.append(self._step(optimizer, step))
            if (step + 1) % every == 0 and step + 1 < self.steps:
                checkpoint.write(step + 1, self._copy, optimizer)
            on_step(step + 1, losses[-1])
        self._copy.requires_grad_(False).eval()
        tokenizer = self._learner.runtime.tokenizer
        count = sum(each.numel() for each in self._copy.parameters())
        return TrainedModel(self._copy, tokenizer, {}, losses, count)

    def _optimizer(self) -> torch.optim.Optimizer:
        named = list(self._copy.named_parameters())
        plain = [p for name, p in named if any(part in name for part in NOT_DECAYED)]
        decayed = [p for name, p in named if not any(part in name for part in NOT_DECAYED)]
        groups = [
            {"params": decayed, "weight_decay": self._config.decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self._config.lr, foreach=False)

    def _step(self, optimizer: torch.optim.Optimizer, step: int) -> float:
        """Move all weights once; return the loss of the rows before that."""
        for group in optimizer.param_groups:
            group["lr"] = self._config.lr * self._config.rate_share(step, self.steps)
        rows = self._batch(step)
        with torch.random.fork_rng():
            torch.manual_seed(self._seed + step)
            self._copy.train()
            with torch.autocast(
                self._copy.device.type, torch.bfloat16, enabled=self._config.autocast
            ):
                logits = logits_of(self._outputs, self._copy, rows)
            loss = choice_loss(logits, rows, self._yes, self._no, self._config.losses)
            self._copy.eval()
        if not bool(loss.isfinite()):
            raise ModelError(f"step {step + 1}: the loss is no number; try a smaller `lr`")
        optimizer.zero_grad()
        loss.backward()
        for weight in self._copy.parameters():
            if weight.grad is None:  # such as a pooler's, which says no words
                weight.grad = torch.zeros_like(weight)
        nn.utils.clip_grad_norm_(self._copy.parameters(), self._config.clip)
        optimizer.step()
        return float(loss.detach())

    def _batch(self, step: int) -> list[MaskedRow]:
        """Return the rows of a step; an epoch's last batch holds what is left."""
        epoch, number = divmod(step, -(-len(self._rows) // self._config.batch))
        order = list(range(len(self._rows)))
        random.Random(f"{self._seed} {epoch}").shuffle(order)
        chosen = order[number * self._config.batch : (number + 1) * self._config.batch]
        if "mlm" not in self._config.losses:
            return [MaskedRow(self._rows[i], self._rows[i].ids) for i in chosen]
        vocabulary = self._learner.runtime.batch_limits.vocabulary
        return [
            masked_row(
                self._rows[i],
                self._tokens.mask,
                vocabulary,
                np.random.default_rng([self._seed, epoch, i]),
            )
            for i in chosen
        ]

    @property
    def _outputs(self) -> OutputHead:
        outputs: OutputHead = self._learner.runtime.plain.outputs
        return outputs


def _without_inputs(text: Filled) -> Filled:
    return tuple(part for part in text if not isinstance(part, Input))


def logits_of(outputs: OutputHead, model: Any, rows: Sequence[MaskedRow]) -> Tensor:
    """Return (position, word) at the rows' positions, in float32, with gradients if recorded."""
    ids, _ = padded([row.ids for row in rows], model.device)
    states = outputs.states(option_inputs(ids, [row.row.layout for row in rows], model))
    lines = [line for line, row in enumerate(rows) for _ in row.positions]
    columns = [column for row in rows for column in row.positions]
    return outputs.logits(states[lines, columns])


def one_token(learner: FrozenModel[Any], word: str) -> int:
    """Return the token of an answer to an option. Raises ModelError if it is not one."""
    (ids,) = learner.runtime.tokens.encode([(word,)], special=False)
    if len(ids) != 1:
        raise ModelError(
            f"{word!r} is {len(ids)} tokens of {learner.info.spec!r}; give `yes` and `no` as words "
            "of one token"
        )
    return ids[0]


def with_option_form(model: LanguageModel, blocks: bool, restart: bool) -> LanguageModel:
    """Return the model with options that see one another, or positions that do not restart.

    For ablations: see `OptionTokens`.
    """
    frozen = frozen_model(model)
    runtime = replace(frozen.runtime, option_form=(blocks, restart))
    return replace(frozen, runtime=runtime)
