"""The protocol of what a training moves: numbers of templates, and where passes read them."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor, nn

from promptsearch.models.batching.batch_plan import BatchPlan
from promptsearch.prompt import Filled, Template

Outputs = Mapping[str, Tensor]  # what is trained, by name


class ContinuousPrompt(Protocol):
    """The trained part of one template, or of several at once."""

    @property
    def templates(self) -> Sequence[Template]:
        """The templates with their first values."""
        ...

    @property
    def model_dropout(self) -> float:
        """The share of its activations that the model drops while the prompt is trained."""
        ...

    def network(self, seed: int) -> nn.Module:
        """Return what makes the values, before the first step: its parameters are trained."""
        ...

    def outputs(self, network: Any, step: int | None = None) -> Outputs:
        """Return the values that a network makes, in a step of a training or after all."""
        ...

    def placed(self, plan: BatchPlan, outputs: Outputs) -> BatchPlan:
        """Return a plan of the templates' texts that reads these values."""
        ...

    def trained(self, outputs: Outputs) -> tuple[Template, ...]:
        """Return the templates with these values."""
        ...

    def check_gradients(self, gradients: Outputs, texts: Sequence[Filled]) -> None:
        """Raise ModelError if the loss of these texts does not depend on a value they have."""
        ...
