"""Seconds for a few steps of training a prefix: ours beside peft's prefix tuning, in turn.

    python benchmarks/prefix_step.py [--rounds 3] [--steps 4] [--vectors 20] [--shape base|small]

As benchmarks/soft_step.py, whose model, examples and loop these are: keys and values of --vectors
positions at every layer of a causal model with random weights, in place of vectors in front. Both
have the same start, examples, rates and clipping, and AdamW moves the keys and values in both.
Exit status 1: these differ after the steps.
"""

from typing import Any

from peft import PrefixTuningConfig, get_peft_model
from soft_step import Work, main

from promptsearch import Template
from promptsearch.models.training.continuous_prompt import ContinuousPrompt
from promptsearch.models.training.deep_prompt import DeepPrompt
from promptsearch.models.training.start_prefix import StartPrefix


class DeepWork(Work):
    """The same work with a prefix."""

    lr, usual = 1e-2, 20

    def first(self, count: int) -> tuple[Template, Any]:
        start = StartPrefix(self.port, lambda layers: range(1, layers + 1), 0).random(count)
        # As the line of peft begins, whose keys and values stand before a space.
        template = Template(Template.parse(f" {self.text}").parts, start)
        return template, self.values(template)

    def prompt(self) -> ContinuousPrompt:
        return DeepPrompt([self.template], hidden=self.parts.model.config.n_embd)

    def values(self, template: Template) -> Any:
        assert template.prefix is not None
        rows = template.prefix.tensors["self"]  # (layer, key | value, head, position, size)
        return rows.transpose(3, 0, 1, 2, 4).reshape(template.prefix.length, -1)

    def peft(self) -> tuple[Any, Any]:
        config = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=len(self.start))
        model: Any = get_peft_model(self.parts.model, config).eval()
        return model, model.prompt_encoder["default"].embedding.weight


if __name__ == "__main__":
    main(DeepWork, __doc__)
