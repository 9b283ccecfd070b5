"""The vectors of templates while they are trained."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from promptsearch.errors import ModelError
from promptsearch.models.batching.batch_plan import BatchPlan
from promptsearch.models.training.config import Encoder
from promptsearch.models.training.continuous_prompt import Outputs
from promptsearch.models.training.encoders import DirectVectors, encoder_of
from promptsearch.prompt import Filled, Soft, Template, Vectors

VECTORS = "vectors"  # (vector, hidden) of all parts, one after another


class SoftVectors:
    """The soft parts of one template, or of several at once.

    Parts of several templates have different names, unless they share their vectors.
    """

    def __init__(
        self,
        templates: Sequence[Template],
        encoder: Encoder = "none",
        model_dropout: float = 0.0,
    ) -> None:
        self.templates, self.model_dropout = tuple(templates), model_dropout
        parts = (part for template in self.templates for part in template.soft)
        self.parts = list({part.name: part for part in parts}.values())
        self._encoder = encoder

    def __str__(self) -> str:
        return f"{sum(part.length for part in self.parts)} vectors"

    def network(self, seed: int) -> DirectVectors:
        """Return the encoder before the first step."""
        start = [part.vectors.rows for part in self.parts if part.vectors is not None]
        rows = torch.cat([torch.tensor(part_rows) for part_rows in start])
        return encoder_of(self._encoder, rows, seed)

    def outputs(self, network: Any, step: int | None = None) -> Outputs:
        """Return the vectors (vector, hidden)."""
        return {VECTORS: network()}

    def placed(self, plan: BatchPlan, outputs: Outputs) -> BatchPlan:
        """Return the plan with these vectors, which are in our order, in its table."""
        assert plan.soft is not None, "the templates have soft tokens"
        of_part = {part.name: of_part for part, of_part in self._by_part(outputs[VECTORS])}
        rows = torch.cat([of_part[name] for name in plan.soft.names])
        return replace(plan, soft=replace(plan.soft, rows=rows))

    def trained(self, outputs: Outputs) -> tuple[Template, ...]:
        """Return the templates with these vectors."""
        vectors = self.vectors(outputs)
        return tuple(template.with_vectors(vectors) for template in self.templates)

    def vectors(self, outputs: Outputs) -> Mapping[str, Vectors]:
        """Return the vectors of each name."""
        return {
            part.name: Vectors.of(rows.detach().cpu().numpy(), part.vectors.model)
            for part, rows in self._by_part(outputs[VECTORS])
            if part.vectors is not None
        }

    def check_gradients(self, gradients: Outputs, texts: Sequence[Filled]) -> None:
        """Raise ModelError for a vector that the loss does not depend on: it would never move.

        Of several templates, those are meant whose vectors these texts have.
        """
        names = {part.name for text in texts for part in text if isinstance(part, Soft)}
        for part, of_part in self._by_part(gradients[VECTORS]):
            if part.name in names and not of_part.abs().sum(1).all():
                raise ModelError(
                    f"{part.notation} gets no gradient: the model does not read it before it "
                    "answers; put it elsewhere"
                )

    def _by_part(self, rows: Tensor) -> Iterator[tuple[Soft, Tensor]]:
        """Yield each soft part with its rows (vector, hidden) of all."""
        return zip(self.parts, rows.split([part.length for part in self.parts]), strict=True)
