"""The fine-tuning objective: differentiable losses for every model family."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from promptsearch.models import LanguageModel, Plan, Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan, PlanBlock
from promptsearch.models.forward.score import ForwardRecipe, scored_texts, scores_of
from promptsearch.models.frozen_model import FrozenModel, frozen_model
from promptsearch.models.gradients.backward import Loss
from promptsearch.prompt import Answer, Filled


@dataclass(frozen=True)
class FinetuneObjective:
    """Training texts, their shared answers, and the loss per text."""

    texts: Sequence[Filled]
    answers: Sequence[Answer]
    scoring: Scoring
    loss: Loss

    def plan(self, model: LanguageModel) -> Plan:
        """Plan one forward pass of each text with the plain backend."""
        return self._plan(with_plain_backend(model), range(len(self.texts)))

    def losses(self, learner: FrozenModel[Any], rows: Sequence[int]) -> Tensor:
        """Return (row,) losses of these texts, in any order, with gradients of the weights."""
        plan = self._plan(learner, rows)
        plan.check_trainable()
        recipe, one_batch = learner.recipe(plan), _is_one_batch(plan)
        losses = []
        for block in plan.blocks:
            block_scores = scored_texts(block.items, _scores(block, recipe, one_batch).cpu())
            losses.append(self.loss([rows[i] for i in block_scores.rows], block_scores.log_probs))
        return torch.cat(losses)

    def _plan(self, learner: FrozenModel[Any], rows: Sequence[int]) -> BatchPlan:
        request = ScoringRequest([self.texts[row] for row in rows], self.answers)
        return learner.plan_all([request], self.scoring)


def with_plain_backend(model: LanguageModel) -> FrozenModel[Any]:
    """Return the model on transformers' own forward, which has dropout and gradients of weights.

    Raise ModelError if `load_model` did not make it.
    """
    frozen = frozen_model(model)
    runtime = replace(
        frozen.runtime,
        fast=None,
        batch_limits=replace(frozen.runtime.batch_limits, packed=False, shares_prefixes=False),
        make_fast=None,
        gradient_backend=None,
    )
    return replace(frozen, runtime=runtime)


def _is_one_batch(plan: BatchPlan) -> bool:
    """Return True if all sequences pass as one batch."""
    return sum(len(block.batches) for block in plan.blocks) == 1


def _scores(block: PlanBlock, recipe: ForwardRecipe, one_batch: bool) -> Tensor:
    """Return (item, answer); several batches keep no activations, but pass once more backward.

    The second pass has the same dropout.
    """
    backend = recipe.prepare(block)
    if one_batch:
        return scores_of(block.batches[0], block, recipe.assemble, backend)
    here = block.items[0].completions.completions[0].tokens  # by its device random numbers are kept
    parts = [
        checkpoint(
            _scores_of_batch, here, batch, block, recipe.assemble, backend, use_reentrant=False
        )
        for batch in block.batches
    ]
    return torch.stack(parts).sum(0)


def _scores_of_batch(_here: Tensor, *arguments: Any) -> Tensor:
    """Call `scores_of`; `_here`, a tensor on the device, tells checkpoint which device it is."""
    return scores_of(*arguments)
