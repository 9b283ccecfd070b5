"""Training of soft prompts: the vectors of templates move, the model's weights stay as they are.

Zhong, Friedman and Chen (2021), "Factual Probing Is [MASK]: Learning vs. Learning to Recall"
(OptiPrompt), https://arxiv.org/abs/2104.05240; Liu et al. (2021), "GPT Understands, Too" (P-tuning
v1), https://arxiv.org/abs/2103.10385; Lester, Al-Rfou and Constant (2021), "The Power of Scale for
Parameter-Efficient Prompt Tuning", https://arxiv.org/abs/2104.08691.

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
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from promptsearch.errors import ModelError, RunError
from promptsearch.files.write import write_bytes
from promptsearch.models import LanguageModel, Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan
from promptsearch.models.batching.soft_table import SoftTable
from promptsearch.models.finetuning.objective import with_plain_backend
from promptsearch.models.frozen_model import FrozenModel, frozen_model
from promptsearch.models.gradients.backward import Backward, Loss, LossGradients, loss_gradients
from promptsearch.models.training.config import SoftTrainingConfig
from promptsearch.models.training.encoders import DirectVectors, encoder_of
from promptsearch.prompt import Soft, Template, Vectors

STEP, MODEL = "step", "model_sha256"  # keys of the files' metadata
VECTORS = "vectors"  # the tensor of the other file


@dataclass(frozen=True)
class SoftObjective:
    """The examples that vectors are trained on, and their loss.

    `requests` gives the texts of some examples, in a template with its first vectors, and their
    loss (row,) from the log p of their answers. Of several templates an example counts for each.
    """

    count: int
    requests: Callable[[Sequence[int]], tuple[Sequence[ScoringRequest], Loss]]
    scoring: Scoring


@dataclass(frozen=True)
class Segment:
    """Some steps of a training: the two files that were written after them."""

    step: int  # after which they stand
    loss: float  # mean of the examples that the steps saw
    vectors_sha256: str
    checkpoint_sha256: str


class SoftTrainer:
    """The vectors of one template while they are trained, or of several at once.

    Parts of several templates have different names, unless they share their vectors.
    """

    def __init__(
        self,
        model: LanguageModel,
        templates: Sequence[Template],
        objective: SoftObjective,
        config: SoftTrainingConfig,
        seed: int,
    ) -> None:
        self._model = _trainable(frozen_model(model), config.dropout)
        self.templates = tuple(templates)
        parts = (part for template in self.templates for part in template.soft)
        self.parts = list({part.name: part for part in parts}.values())
        self._objective = objective
        self._config, self._seed = config, seed

    @cached_property
    def parameters(self) -> int:
        """The numbers that are trained, those of an encoder too."""
        return sum(each.numel() for each in self.encoder().parameters())

    def plan(self, step: int) -> BatchPlan:
        """Return the plan of a step's texts."""
        requests, _ = self._objective.requests(self.rows(step))
        return self._model.plan_all(requests, self._objective.scoring)

    def rows(self, step: int) -> list[int]:
        """Return the examples of a step; an epoch's last batch holds what is left."""
        count, batch = self._objective.count, self._config.batch
        epoch, number = divmod(step, -(-count // batch))
        order = list(range(count))
        random.Random(f"{self._seed} {epoch}").shuffle(order)
        return order[number * batch : (number + 1) * batch]

    def run(self, before: Path | None, after: Path, vectors: Path, steps: range) -> Segment:
        """Train these steps from a checkpoint, or from the start; write the next one, and vectors.

        The checkpoint has all that the next step depends on; the vectors alone are the prompt.
        Raises ModelError if the loss is no number or a vector gets no gradient; RunError if the
        checkpoint is missing or damaged.
        """
        encoder = self.encoder()
        optimizer = torch.optim.AdamW(
            encoder.parameters(), weight_decay=self._config.decay, foreach=False
        )
        if before is not None:
            _restore(before, encoder, optimizer)
        total = examples = 0.0
        for step in steps:
            for group in optimizer.param_groups:
                group["lr"] = self._config.rate(step)
            rows = self.rows(step)
            total += self._step(encoder, optimizer, rows, step) * len(rows)
            examples += len(rows)
        metadata = {STEP: json.dumps(steps.stop), MODEL: self._model.info.sha256}
        rows_data = save({VECTORS: encoder().detach().clone().contiguous()}, metadata)
        state = save(_state(encoder, optimizer), metadata)
        write_bytes(vectors, rows_data)
        write_bytes(after, state)
        digests = (sha256(data).hexdigest() for data in (rows_data, state))
        return Segment(steps.stop, total / examples, *digests)

    def start(self) -> dict[str, Vectors]:
        """Return the vectors of each name before the first step."""
        return self.vectors_of(self.encoder()().detach())

    def vectors(self, file: Path) -> dict[str, Vectors]:
        """Return the vectors of each name in a file that `run` wrote."""
        with _opened(file) as stored:
            return self.vectors_of(stored.get_tensor(VECTORS))

    def vectors_of(self, rows: Tensor) -> dict[str, Vectors]:
        """Return the vectors of each name in rows (vector, hidden)."""
        sha = self._model.info.sha256
        return {
            part.name: Vectors.of(of_part.numpy(), sha) for part, of_part in self._by_part(rows)
        }

    def _by_part(self, rows: Tensor) -> Iterator[tuple[Soft, Tensor]]:
        """Yield each soft part with its rows (vector, hidden) of all."""
        return zip(self.parts, rows.split([part.length for part in self.parts]), strict=True)

    def encoder(self) -> DirectVectors:
        """Return the encoder before the first step."""
        start = [part.vectors.rows for part in self.parts if part.vectors is not None]
        rows = torch.cat([torch.tensor(part_rows) for part_rows in start])
        return encoder_of(self._config.encoder, rows, self._seed)

    def _step(
        self, encoder: DirectVectors, optimizer: torch.optim.Optimizer, rows: list[int], step: int
    ) -> float:
        """Move the vectors once; return the mean loss of the rows before that."""
        with torch.enable_grad():
            vectors = encoder()
        result = self.gradients(rows, vectors, step)
        if result.loss != result.loss or not result.leaves[0].isfinite().all():
            raise ModelError(
                f"step {step + 1}: the loss of the soft prompt is no number; try a smaller `lr`"
            )
        if step == 0:
            self.require_gradients(result.leaves[0], rows)
        optimizer.zero_grad()
        vectors.backward(result.leaves[0].to(vectors.device))
        nn.utils.clip_grad_norm_(encoder.parameters(), self._config.clip)
        optimizer.step()
        return result.loss

    def gradients(
        self,
        rows: Sequence[int],
        vectors: Tensor | None,
        step: int = 0,
        weights: Sequence[Tensor] = (),
    ) -> LossGradients:
        """Return the mean loss of examples and its gradients.

        They are for the vectors (vector, hidden), if the templates have some, then for those of the
        model's weights that are named.
        """
        requests, loss = self._objective.requests(rows)
        plan, leaves = self._model.plan_all(requests, self._objective.scoring), [*weights]
        table = plan.soft
        if vectors is not None:
            leaf = vectors.detach().to(self._model.runtime.device).requires_grad_()
            leaves.insert(0, leaf)
            table = self._table(plan, leaf)
        backward = Backward(
            *self._model.recipe(replace(plan, soft=table)),
            lambda numbers, log_probs: loss(numbers, log_probs) / len(rows),
            tuple(leaves),
        )
        with _dropout(self._model.runtime.model, self._config.dropout, self._seed + step):
            return loss_gradients(plan, backward)

    def _table(self, plan: BatchPlan, rows: Tensor) -> SoftTable:
        """Return the plan's table with these rows (vector, hidden), which are in our order."""
        assert plan.soft is not None, "the templates have soft tokens"
        of_part = {part.name: of_part for part, of_part in self._by_part(rows)}
        return replace(plan.soft, rows=torch.cat([of_part[name] for name in plan.soft.names]))

    def require_gradients(self, gradient: Tensor, rows: Sequence[int]) -> None:
        """Raise ModelError for a vector that the loss does not depend on: it would never move.

        Of several templates, those are meant whose vectors these examples have.
        """
        requests, _ = self._objective.requests(rows)
        texts = (text for request in requests for text in request.texts)
        names = {part.name for text in texts for part in text if isinstance(part, Soft)}
        for part, of_part in self._by_part(gradient):
            if part.name in names and not of_part.abs().sum(1).all():
                raise ModelError(
                    f"{part.notation} gets no gradient: the model does not read it before it "
                    "answers; put it elsewhere"
                )


def _state(encoder: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the parameters and the moments of AdamW."""
    tensors = {}
    for name, parameter in encoder.named_parameters():
        tensors[f"parameter.{name}"] = parameter.detach()
        moments = optimizer.state[parameter]
        tensors[f"mean.{name}"] = moments["exp_avg"]
        tensors[f"square.{name}"] = moments["exp_avg_sq"]
    return {name: tensor.clone().contiguous() for name, tensor in tensors.items()}


def _trainable(model: FrozenModel[Any], dropout: float) -> FrozenModel[Any]:
    """Return the model with backends that record gradients; dropout wants transformers' own."""
    if dropout:
        return with_plain_backend(model)
    return replace(model, runtime=model.runtime.with_gradients)


def _restore(file: Path, encoder: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put the parameters and moments of a checkpoint where they belong."""
    with _opened(file) as stored, torch.no_grad():
        step = float(json.loads(stored.metadata()[STEP]))
        for name, parameter in encoder.named_parameters():
            parameter.copy_(stored.get_tensor(f"parameter.{name}"))
            optimizer.state[parameter] = {
                "step": torch.tensor(step),
                "exp_avg": stored.get_tensor(f"mean.{name}"),
                "exp_avg_sq": stored.get_tensor(f"square.{name}"),
            }


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """Open a checkpoint. Raises RunError if it is missing or is none."""
    try:
        with safe_open(file, framework="pt") as stored:
            yield stored
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"{file}: the checkpoint cannot be read ({error}); start anew with `overwrite`"
        ) from None


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
