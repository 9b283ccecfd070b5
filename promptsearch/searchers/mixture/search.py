"""A mixture of soft prompts: the vectors of several templates and their weights, trained by EM.

Qin and Eisner (2021), "Learning How to Ask: Querying LMs with Mixtures of Soft Prompts",
https://arxiv.org/abs/2104.06599. A bank of templates (mined, paraphrased, searched) answers
together, p(y | x) = sum_t p(t) p(y | x, t). Each template's words become vectors that start as
their own; a text is learned from by the templates that explain its answer best.

Ours: vectors of the input alone move (the paper's "shallow" prompts); weights take a step of
expectation maximisation at each checkpoint, not at each epoch.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import Annotated, ClassVar

import numpy as np

from promptsearch.engine.strategy import Score, Task
from promptsearch.engine.trial import Trial
from promptsearch.errors import ModelError, PromptError, RunError, TaskError
from promptsearch.models import LanguageModel
from promptsearch.models.training.config import SoftTrainingConfig
from promptsearch.prompt import Part, Soft, Template, Verbalizer
from promptsearch.searchers.common.example_loss import ExampleLoss
from promptsearch.searchers.common.start_files import TemplateFiles
from promptsearch.searchers.mixture.objective import Mixture
from promptsearch.searchers.soft.course import Course, checkpoint_folder
from promptsearch.searchers.soft.objective import LossChoice, examples_of
from promptsearch.searchers.soft.start import SoftStart


@dataclass(frozen=True)
class MixtureSearch:
    """Train soft prompts of several templates together, and what each of them weighs.

    The templates' words become vectors; p(y | x) is the mean of the templates' probabilities by
    their weights. Qin and Eisner (2021).
    """

    adaptive: ClassVar[bool] = False  # no prompt depends on what others score on dev

    templates: Annotated[
        tuple[str, ...], "Templates of the mixture, two or more.",
        TemplateFiles(),
    ] = ()  # fmt: skip
    top: Annotated[int, "Of all these, the first so many."] = 5
    loss: Annotated[
        LossChoice,
        "label: log p(right label), as the objective has it; vocabulary: the paper's, log p(right "
        "answer) among all words.",
    ] = "label"
    lr: Annotated[float, "Learning rate of AdamW at its height; 1e-3 in the paper."] = 3e-3
    warmup: Annotated[float, "Share of the steps in which it rises."] = 0.1
    steps: Annotated[int, "Steps of the training."] = 400
    batch: Annotated[int, "Pairs of a template and a training example a step."] = 32
    check_every: Annotated[
        int | None,
        "Steps between two checkpoints, where weights are computed anew and each template is a "
        "prompt on dev.  [an eighth of all]",
    ] = None

    def __post_init__(self) -> None:
        for name in ("top", "check_every"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise RunError(f"`{name}` {value} is too small; give 1 or more")
        self._config()

    def search(self, task: Task, score: Score) -> None:
        """Train, and score the templates of each checkpoint."""
        if task.model is None:
            raise ModelError("soft prompts need a model")
        with checkpoint_folder(task) as folder:
            mixture = self._mixture(task, task.model)
            from promptsearch.models.training.continuous_trainer import (
                ContinuousTrainer,
                PromptObjective,
            )
            from promptsearch.models.training.soft_vectors import SoftVectors

            objective = PromptObjective(mixture.pairs, mixture.requests, task.scoring)
            config, templates = self._config(), mixture.templates
            prompt, model = SoftVectors(templates), task.model
            training = ContinuousTrainer(model, prompt, objective, config, task.seed)
            course = Course(
                task,
                training,
                config,
                self.check_every,
                folder,
                0,
                {},
                mixture=mixture,
                strategy="mixture",
            )
            self._report(task, course.run(score)[-len(templates) :], mixture, course.size)

    def _mixture(self, task: Task, model: LanguageModel) -> Mixture:
        """Return the templates with their first vectors, and the examples they are trained on."""
        if task.kind.label_sets:
            raise TaskError(
                f"{task.name}: a mixture is a mean of label probabilities, and several labels at "
                "once have none together; train one template with `promptsearch soft`"
            )
        loss, examples = examples_of(task, model, self.loss)
        notations = list(dict.fromkeys(self.templates))[: self.top]
        if len(notations) < 2:
            raise PromptError(
                f"a mixture is of two templates or more, and there are {len(notations)}; give them "
                "by `from` FILE, or by `templates`"
            )
        templates = [Template.parse(each) for each in notations]
        soft = soft_templates(model, templates, task.prompt.verbalizer, task.seed)
        return Mixture(model, ExampleLoss(task, model, examples, loss), soft, task.scoring)

    def _config(self) -> SoftTrainingConfig:
        return SoftTrainingConfig(self.steps, self.batch, self.lr, self.warmup)

    def _report(self, task: Task, last: Sequence[Trial], mixture: Mixture, size: str) -> None:
        """Say what was trained, and what each template weighs in the end."""
        weights, count = mixture.weights, len(last)
        entropy = -sum(weight * np.log(weight) for weight in weights if weight > 0)
        shares = ", ".join(
            f"{trial.id} {weight:.2f}" for trial, weight in zip(last, weights, strict=True)
        )
        task.log(
            f"{size}; weights {shares}: spread as over {exp(entropy):.1f} equal prompts of {count}"
        )
        if task.workspace is not None:
            file = shlex.quote(str(task.workspace / "prompts.json"))
            command = f"promptsearch ensemble {file} --rule mixture"
            task.log(f"to answer with them together: {command}")


def soft_templates(
    model: LanguageModel, templates: Sequence[Template], verbalizer: Verbalizer, seed: int
) -> list[Template]:
    """Return the templates with vectors in place of words, started as these; all named apart.

    Raises PromptError if a template has no words, or vectors already.
    """
    start, soft, count = SoftStart("words", 1, "words"), [], 0
    for template in templates:
        if template.soft:
            raise PromptError(
                f"the template {template.notation!r} has vectors; a mixture begins with words"
            )
        soft.append(renamed(start.of(template, verbalizer, model, seed), count))
        count += len(soft[-1].soft)
    return soft


def renamed(template: Template, first: int) -> Template:
    """Return the template with its soft parts named S{first + 1}, S{first + 2}, ..."""
    numbers = {part.name: first + i for i, part in enumerate(template.soft, 1)}

    def part_of(part: Part) -> Part:
        return replace(part, name=f"S{numbers[part.name]}") if isinstance(part, Soft) else part

    return Template(tuple(map(part_of, template.parts)))
