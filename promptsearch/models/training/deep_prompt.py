"""The prefix and the head of templates while they are trained.

Liu et al. (2022), "P-Tuning v2", https://arxiv.org/abs/2110.07602. Its release drops a tenth of the
keys and values of every example anew; here those of a step are dropped for all its examples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from promptsearch.errors import ModelError
from promptsearch.models.batching.batch_plan import BatchPlan
from promptsearch.models.batching.prefix_tensors import HeadTensors, PrefixTensors
from promptsearch.models.training.config import PrefixEncoder
from promptsearch.models.training.continuous_prompt import Outputs
from promptsearch.models.training.prefix_encoders import prefix_encoders
from promptsearch.prompt import Filled, Head, Prefix, Template

PREFIX, HEAD = "prefix.", "head."  # of the names of values
SPREAD = 0.02  # of a head's first weights, as P-tuning v2's release has them


class DeepPrompt:
    """One prefix of all templates, if they have one, and the head of each, if it has one."""

    model_dropout = 0.0

    def __init__(
        self,
        templates: Sequence[Template],
        encoder: PrefixEncoder = "none",
        *,
        hidden: int,
        middle: int = 512,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.templates = tuple(templates)
        self.heads = list(dict.fromkeys(t.head for t in self.templates if t.head is not None))
        prefixes = {t.prefix for t in self.templates if t.prefix is not None}
        assert len(prefixes) <= 1, "the templates have one prefix"
        self.prefix = next(iter(prefixes), None)
        self._encoder, self._hidden, self._middle = encoder, hidden, middle
        self._dropout, self._seed = dropout, seed

    def __str__(self) -> str:
        parts = []
        if self.prefix is not None:
            parts = [f"a prefix of {self.prefix.length} at {len(self.prefix.layers)} layers"]
        if self.heads:
            labels = " and ".join(str(head.labels) for head in self.heads)
            parts.append(f"a head of {labels} labels")
        return " and ".join(parts)

    def network(self, seed: int) -> nn.ModuleDict:
        """Return the encoders of the prefix and the heads, before the first step."""
        network = nn.ModuleDict()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if self.prefix is not None:
                start = {name: torch.tensor(a) for name, a in self.prefix.tensors.items()}
                network["prefix"] = prefix_encoders(
                    self._encoder, start, self._hidden, self._middle
                )
        for number, head in enumerate(self.heads):
            network[f"head{number}"] = _linear(head)
        return network

    def outputs(self, network: Any, step: int | None = None) -> Outputs:
        """Return keys and values by attention, and the weight and the bias of each head."""
        values: dict[str, Tensor] = {}
        if self.prefix is not None:
            for name, encoder in network["prefix"].items():
                values[PREFIX + name] = self._dropped(encoder(), step)
        for number in range(len(self.heads)):
            layer = network[f"head{number}"]
            values |= {f"{HEAD}{number}.weight": layer.weight, f"{HEAD}{number}.bias": layer.bias}
        return values

    def placed(self, plan: BatchPlan, outputs: Outputs) -> BatchPlan:
        """Return the plan with this prefix and these heads in place of the first ones."""
        prefixes = {}
        if (prefix := self.prefix) is not None:
            layers = {layer - 1: index for index, layer in enumerate(prefix.layers)}
            prefixes[prefix] = PrefixTensors(prefix.length, layers, self._by_attention(outputs))
        heads = {
            head: HeadTensors(*self._of_head(number, outputs))
            for number, head in enumerate(self.heads)
        }
        return replace(plan, prefixes=prefixes, heads=heads)

    def trained(self, outputs: Outputs) -> tuple[Template, ...]:
        """Return the templates with this prefix and these heads."""
        values = {name: each.detach().cpu().numpy() for name, each in outputs.items()}
        prefix = self._prefix(values)
        heads = {
            head: Head.of(*self._of_head(number, values), head.model, head.reads)
            for number, head in enumerate(self.heads)
        }
        return tuple(
            replace(template, prefix=prefix, head=template.head and heads[template.head])
            for template in self.templates
        )

    def check_gradients(self, gradients: Outputs, texts: Sequence[Filled]) -> None:
        """Raise ModelError if there are positions that the loss does not depend on.

        Of several heads, those are meant that read these texts.
        """
        reading = {part for text in texts for part in text if isinstance(part, Head)}
        idle = {f"{HEAD}{n}." for n, head in enumerate(self.heads) if head not in reading}
        for name, each in gradients.items():
            if name.startswith(tuple(idle)):
                continue
            by_position = each.abs().sum((0, 1, 2, 4)) if name.startswith(PREFIX) else each.abs()
            is_read = by_position.all() if name.startswith(PREFIX) else by_position.any()
            if not is_read:
                raise ModelError(f"{name} gets no gradient: the model does not read it")

    def _prefix(self, values: Mapping[str, np.ndarray[Any, Any]]) -> Prefix | None:
        if (first := self.prefix) is None:
            return None
        tensors = self._by_attention(values)
        return Prefix.of(tensors, first.model, first.layers, continues=first.continues)

    def _by_attention(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keys and values of each attention by its name."""
        names = () if self.prefix is None else self.prefix.tensors
        return {name: values[PREFIX + name] for name in names}

    @staticmethod
    def _of_head(number: int, values: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the weight and the bias of a head."""
        return values[f"{HEAD}{number}.weight"], values[f"{HEAD}{number}.bias"]

    def _dropped(self, values: Tensor, step: int | None) -> Tensor:
        """Return the values of a step, some of them zero; all as they are without a step."""
        if step is None or not self._dropout:
            return values
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed + step)
            return nn.functional.dropout(values, self._dropout)


def first_head(hidden: int, labels: int, model: str, reads: Any, seed: int) -> Head:
    """Return a head with small random weights and no bias."""
    random = np.random.default_rng([seed, 24])
    weight = random.normal(0, SPREAD, (labels, hidden)).astype(np.float32)
    return Head.of(weight, np.zeros(labels, np.float32), model, reads)


def _linear(head: Head) -> nn.Linear:
    layer = nn.Linear(head.weight.shape[1], head.labels)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(head.weight))
        layer.bias.copy_(torch.tensor(head.bias))
    return layer
