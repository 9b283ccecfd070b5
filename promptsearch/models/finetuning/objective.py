"""What a copy of a model learns, and its losses with gradients for every family."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel, Plan, ScoringRequest, Scoring
from promptsearch.models.batching.batch_plan import PlanBlock, BatchPlan
from promptsearch.models.families.causal import CausalModel
from promptsearch.models.families.masked import MaskedModel
from promptsearch.models.families.seq2seq import Seq2SeqModel
from promptsearch.models.forward.score import ForwardRecipe, scored, scores_of
from promptsearch.models.gradients.token_gradients import Loss
from promptsearch.models.gradients.white_box import GradientModel
from promptsearch.prompt import Answer, Filled


@dataclass(frozen=True)
class FinetuneObjective:
    """Texts, what all of them are asked, and what is lost on each."""

    texts: Sequence[Filled]
    answers: Sequence[Answer]
    scoring: Scoring
    loss: Loss

    def plan(self, model: LanguageModel) -> Plan:
        """Each text once, as it passes when it is learned from."""
        return self._work(with_plain_backend(model), range(len(self.texts)))

    def losses(self, learner: GradientModel, rows: Sequence[int]) -> Tensor:
        """(row,) of these texts, in any order, with gradients of the learner's weights."""
        work = self._work(learner, rows)
        procedure, whole = learner.procedure(work), _whole(work)
        losses = []
        for block in work.blocks:
            block_scores = scored(block.items, _scores(block, procedure, whole).cpu())
            losses.append(self.loss([rows[i] for i in block_scores.rows], block_scores.log_probs))
        return torch.cat(losses)

    def _work(self, learner: GradientModel, rows: Sequence[int]) -> BatchPlan:
        question = ScoringRequest([self.texts[row] for row in rows], self.answers)
        return learner.plan_all([question], self.scoring)


def with_plain_backend(model: LanguageModel) -> GradientModel:
    """The model, passing sequences as transformers has it: dropout and gradients of weights work.

    `ModelError` for a model that is not ours.
    """
    openable_model = openable(model)
    shape = replace(openable_model.machine.batch_limits, packed=False, shared=False)
    return openable_model.over(
        replace(
            openable_model.machine,
            fast=None,
            batch_limits=shape,
            make_fast=None,
            gradient_backend=None,
        )
    )


def openable(model: LanguageModel) -> GradientModel:
    """The model with what is inside; `ModelError` for one that is not ours."""
    if isinstance(model, MaskedModel | CausalModel | Seq2SeqModel):
        return model
    raise ModelError(f"a {type(model).__name__} cannot be tuned; use a model of load_model")


def _whole(work: BatchPlan) -> bool:
    """Whether all sequences pass as one batch."""
    return sum(len(block.batches) for block in work.blocks) == 1


def _scores(block: PlanBlock, procedure: ForwardRecipe, whole: bool) -> Tensor:
    """(item, answer); of several batches none keeps its activations: they are made once more.

    The second time with the same dropout.
    """
    passes = procedure.prepare(block.items)
    if whole:
        return scores_of(block.batches[0], block, procedure.assemble, passes)
    here = block.items[0].completions.completions[0].tokens  # by its device random numbers are kept
    parts = [
        checkpoint(_there, here, batch, block, procedure.assemble, passes, use_reentrant=False)
        for batch in block.batches
    ]
    return torch.stack(parts).sum(0)


def _there(_here: Tensor, *arguments: Any) -> Tensor:
    """`scores_of`, with a tensor of the device among what is given."""
    return scores_of(*arguments)
