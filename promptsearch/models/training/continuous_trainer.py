"""Training of continuous prompts: their numbers move, the model's weights stay as they are.

Zhong, Friedman and Chen (2021), "Factual Probing Is [MASK]: Learning vs. Learning to Recall"
(OptiPrompt), https://arxiv.org/abs/2104.05240; Liu et al. (2021), "GPT Understands, Too" (P-tuning
v1), https://arxiv.org/abs/2103.10385; Lester, Al-Rfou and Constant (2021), "The Power of Scale for
Parameter-Efficient Prompt Tuning", https://arxiv.org/abs/2104.08691; Li and Liang (2021),
"Prefix-Tuning", https://arxiv.org/abs/2101.00190.

Ours: the gradient passes the same packed rows as scores do; vectors are no words of the output, so
they take no probability from those (OptiPrompt's release adds them to the softmax); a step after a
checkpoint is the step that would have followed without it, to the bit.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from promptsearch.errors import ModelError
from promptsearch.files.write import write_bytes
from promptsearch.models import LanguageModel, Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan
from promptsearch.models.finetuning.objective import with_plain_backend
from promptsearch.models.frozen_model import FrozenModel, frozen_model
from promptsearch.models.gradients.backward import Backward, Loss, LossGradients, loss_gradients
from promptsearch.models.training.checkpoint import MODEL, STEP, opened, restore, state_of
from promptsearch.models.training.config import SoftTrainingConfig
from promptsearch.models.training.continuous_prompt import ContinuousPrompt, Outputs
from promptsearch.prompt import Template


@dataclass(frozen=True)
class PromptObjective:
    """The examples that a prompt is trained on, and their loss.

    `requests` gives the texts of some examples, in a template with its first values, and their
    loss (row,) from the log p of their answers. Of several templates an example counts for each.
    """

    count: int
    requests: Callable[[Sequence[int]], tuple[Sequence[ScoringRequest], Loss]]
    scoring: Scoring
    # The examples of a step, from its number, their count and a seed; None: shuffled epochs.
    draw: Callable[[int, int, int], list[int]] | None = None


@dataclass(frozen=True)
class Segment:
    """Some steps of a training: the two files that were written after them."""

    step: int  # after which they stand
    loss: float  # mean of the examples that the steps saw
    vectors_sha256: str
    checkpoint_sha256: str


class ContinuousTrainer:
    """A continuous prompt while it is trained."""

    def __init__(
        self,
        model: LanguageModel,
        prompt: ContinuousPrompt,
        objective: PromptObjective,
        config: SoftTrainingConfig,
        seed: int,
    ) -> None:
        self._model = _trainable(frozen_model(model), prompt.model_dropout)
        self.prompt = prompt
        self._objective, self._config, self._seed = objective, config, seed

    @cached_property
    def parameters(self) -> int:
        """The numbers that are trained, those of an encoder too."""
        return sum(each.numel() for each in self.network().parameters())

    def network(self) -> nn.Module:
        """Return what makes the values, before the first step."""
        return self.prompt.network(self._seed)

    def plan(self, step: int) -> BatchPlan:
        """Return the plan of a step's texts."""
        requests, _ = self._objective.requests(self.rows(step))
        return self._model.plan_all(requests, self._objective.scoring)

    def rows(self, step: int) -> list[int]:
        """Return the examples of a step; an epoch's last batch holds what is left."""
        count, batch = self._objective.count, self._config.batch
        if self._objective.draw is not None:
            return self._objective.draw(step, batch, self._seed)
        epoch, number = divmod(step, -(-count // batch))
        order = list(range(count))
        random.Random(f"{self._seed} {epoch}").shuffle(order)
        return order[number * batch : (number + 1) * batch]

    def run(self, before: Path | None, after: Path, values: Path, steps: range) -> Segment:
        """Train these steps from a checkpoint, or from the start; write the next one, and values.

        The checkpoint has all that the next step depends on; the values alone are the prompt.
        Raises ModelError if the loss is no number or a value gets no gradient; RunError if the
        checkpoint is missing or damaged.
        """
        network = self.network()
        optimizer = torch.optim.AdamW(
            network.parameters(), weight_decay=self._config.decay, foreach=False
        )
        if before is not None:
            restore(before, network, optimizer)
        total = examples = 0.0
        for step in steps:
            for group in optimizer.param_groups:
                group["lr"] = self._config.rate(step)
            rows = self.rows(step)
            total += self._step(network, optimizer, rows, step) * len(rows)
            examples += len(rows)
        metadata = {STEP: json.dumps(steps.stop), MODEL: self._model.info.sha256}
        outputs = self.prompt.outputs(network)
        values_data = save(
            {name: each.detach().clone().contiguous() for name, each in outputs.items()}, metadata
        )
        state = save(state_of(network, optimizer), metadata)
        write_bytes(values, values_data)
        write_bytes(after, state)
        digests = (sha256(data).hexdigest() for data in (values_data, state))
        return Segment(steps.stop, total / examples, *digests)

    def start(self) -> tuple[Template, ...]:
        """Return the templates before the first step."""
        return self.prompt.trained(self.prompt.outputs(self.network()))

    def templates(self, file: Path) -> tuple[Template, ...]:
        """Return the templates with the values in a file that `run` wrote."""
        with opened(file) as stored:
            names = stored.keys()
            return self.prompt.trained({name: stored.get_tensor(name) for name in names})

    def _step(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, rows: list[int], step: int
    ) -> float:
        """Move the values once; return the mean loss of the rows before that."""
        with torch.enable_grad():
            outputs = self.prompt.outputs(network, step)
        result = self.gradients(rows, outputs, step)
        if result.loss != result.loss or not all(each.isfinite().all() for each in result.leaves):
            raise ModelError(
                f"step {step + 1}: the loss of the prompt is no number; try a smaller `lr`"
            )
        if step == 0:
            self.check_gradients(outputs, result.leaves, rows)
        optimizer.zero_grad()
        propagate(outputs, result.leaves)
        nn.utils.clip_grad_norm_(network.parameters(), self._config.clip)
        optimizer.step()
        return result.loss

    def gradients(
        self,
        rows: Sequence[int],
        outputs: Outputs,
        step: int = 0,
        weights: Sequence[Tensor] = (),
    ) -> LossGradients:
        """Return the mean loss of examples and its gradients.

        They are for the prompt's values, in their order, then for those of the model's weights that
        are named.
        """
        requests, loss = self._objective.requests(rows)
        plan, device = self._model.plan_all(requests, self._objective.scoring), self._device
        leaves = {name: each.detach().to(device).requires_grad_() for name, each in outputs.items()}
        placed = self.prompt.placed(plan, leaves) if leaves else plan
        backward = Backward(
            *self._model.recipe(placed),
            lambda numbers, log_probs: loss(numbers, log_probs) / len(rows),
            (*leaves.values(), *weights),
        )
        with _dropout(self._model.runtime.model, self.prompt.model_dropout, self._seed + step):
            return loss_gradients(plan, backward)

    def check_gradients(
        self, outputs: Outputs, gradients: Sequence[Tensor], rows: Sequence[int]
    ) -> None:
        """Raise ModelError for a value that the loss does not depend on: it would never move."""
        requests, _ = self._objective.requests(rows)
        texts = [text for request in requests for text in request.texts]
        self.prompt.check_gradients(dict(zip(outputs, gradients, strict=False)), texts)

    @property
    def _device(self) -> torch.device:
        return self._model.runtime.device


def propagate(outputs: Outputs, gradients: Sequence[Tensor]) -> None:
    """Carry gradients of values on to the parameters of the network that made them."""
    pairs = zip(outputs.values(), gradients, strict=False)
    tensors, their_gradients = zip(*((v, g.to(v.device)) for v, g in pairs), strict=True)
    torch.autograd.backward(tensors, their_gradients)


def _trainable(model: FrozenModel[Any], dropout: float) -> FrozenModel[Any]:
    """Return the model with backends that record gradients; dropout wants transformers' own."""
    if dropout:
        return with_plain_backend(model)
    return replace(model, runtime=model.runtime.with_gradients)


@contextmanager
def _dropout(model: Any, share: float, seed: int) -> Iterator[None]:
    """While open, the model drops this share of its activations, by its own random numbers."""
    if not share:
        yield
        return
    layers = [each for each in model.modules() if isinstance(each, nn.Dropout)]
    before = [layer.p for layer in layers]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            for layer in layers:
                layer.p = share
            model.train()
            yield
        finally:
            model.eval()
            for layer, rate in zip(layers, before, strict=True):
                layer.p = rate
