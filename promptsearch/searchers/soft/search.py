"""Soft prompts: vectors inside the template, trained by the gradient of the loss on train.

Zhong, Friedman and Chen (2021), "Factual Probing Is [MASK]: Learning vs. Learning to Recall"
(OptiPrompt), https://arxiv.org/abs/2104.05240: the template's words become vectors that start as
their own. Liu et al. (2021), "GPT Understands, Too" (P-tuning v1),
https://arxiv.org/abs/2103.10385: through an encoder, which is thrown away. Lester, Al-Rfou and
Constant (2021), "The Power of Scale for Parameter-Efficient Prompt Tuning",
https://arxiv.org/abs/2104.08691: in front of everything.

Every `check_every` steps the vectors are scored on dev as a prompt like any other, the first time
before the first step: from words, that is what the words score. Checkpoints lie in the run's
directory, and each segment of steps is an entry of the ledger: a run that was killed goes on to the
same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np

from promptsearch.data import Example
from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import ModelError, RunError
from promptsearch.models import LanguageModel
from promptsearch.models.training.config import Encoder, SoftTrainingConfig, Trained
from promptsearch.prompt import Source, Template
from promptsearch.searchers.common.example_loss import LossName
from promptsearch.searchers.common.saved_prompts import saved_prompts
from promptsearch.searchers.common.start_files import StartPromptsFile
from promptsearch.searchers.soft.controls import (
    Control,
    check_control,
    controlled,
    controlled_spec,
)
from promptsearch.searchers.soft.course import Course, checkpoint_folder
from promptsearch.searchers.soft.form import Layout
from promptsearch.searchers.soft.objective import LossChoice, examples_of, prompt_objective
from promptsearch.searchers.soft.recipes import RECIPES, USUAL, Recipe
from promptsearch.searchers.soft.start import SoftStart, Start
from promptsearch.searchers.soft.training_options import (
    check_training_options,
    chosen_value,
    training_config,
)
from promptsearch.searchers.soft.tuned_model import tuned_model, tuned_template

START = Source("soft", (), {"start": True})  # of the prompt of `from`


@dataclass(frozen=True)
class SoftSearch:
    """Train vectors that stand in the template; the model stays as it is.

    They start from the template's words, or elsewhere, and move down the gradient of the loss on
    the training examples; checkpoints are scored on dev.
    Zhong et al. (2021), OptiPrompt; Liu et al. (2021), P-tuning; Lester et al. (2021).
    """

    adaptive: ClassVar[bool] = False  # no prompt depends on what others score on dev

    template: Annotated[
        str,
        "With [S1:5] where five vectors named S1 shall stand; or without, see --places.  "
        "[the task's]",
    ] = ""
    prompts: Annotated[
        str,
        "Begin with this file's first prompt: its template, its answers, its vectors if any.",
        StartPromptsFile(),
    ] = ""
    recipe: Annotated[
        Recipe | None, "A paper's settings, where no option gives others (docs/soft.md)."
    ] = None
    places: Annotated[
        Layout | None,
        "Where vectors stand: words (in place of the template's), before, after, around (the "
        "inputs and slots), template (its [S]).  [words]",
    ] = None
    length: Annotated[int | None, "Vectors of a group, but for --places words.  [5]"] = None
    start: Annotated[
        Start | None,
        "What they start as: the template's words, words of the vocabulary, the labels' words, "
        "random numbers.  [words where words stood, else vocabulary]",
    ] = None
    encoder: Annotated[
        Encoder | None, "A network that makes the vectors while they are trained.  [none]"
    ] = None
    loss: Annotated[
        LossChoice | None,
        "label: log p(right label), as the objective has it; vocabulary: the papers', log p(right "
        "answer) among all words.  [label]",
    ] = None
    lr: Annotated[
        float | None, "Learning rate of AdamW at its height.  [3e-3; with an encoder 1e-4]"
    ] = None
    warmup: Annotated[float | None, "Share of the steps in which it rises.  [0.1]"] = None
    steps: Annotated[int | None, "Steps of a training.  [400]"] = None
    epochs: Annotated[int | None, "Or rounds through train.  [none: --steps]"] = None
    batch: Annotated[int | None, "Training examples a step.  [16]"] = None
    decay: Annotated[float | None, "Decay of AdamW.  [0]"] = None
    dropout: Annotated[float | None, "Dropout in the model while it trains.  [0]"] = None
    check_every: Annotated[
        int | None, "Steps between two checkpoints, each a prompt on dev.  [an eighth of all]"
    ] = None
    runs: Annotated[int, "Trainings, each with a seed of its own."] = 1
    train: Annotated[
        Trained,
        "prompt: the vectors, and the model stays as it is; lm: a copy of the model, and the "
        "template stays text; both. The copy as it is after the last step is written to the run's "
        "directory.",
    ] = "prompt"
    lm_lr: Annotated[float, "Learning rate of the model's weights, where they move."] = 1e-5
    control: Annotated[
        Control,
        "To see what a score is worth: train on wrong labels, or with a model of random weights, "
        "which knows nothing.",
    ] = "none"

    def __post_init__(self) -> None:
        check_training_options(self, ("length", "epochs", "check_every", "runs"))
        if self.train != "prompt" and self.runs > 1:
            raise RunError(f"`train` {self.train} writes one model; leave `runs` out")
        if self.train != "prompt" and self.check_every is not None:
            raise RunError(f"`train` {self.train} has no checkpoints; leave `check_every` out")
        self._config(1)

    def variant(self, spec: str) -> str:
        """Return the spec of the model to load: with random weights, if they are the control."""
        return controlled_spec(self.control, spec)

    def search(self, task: Task, score: Score) -> None:
        """Train, and score checkpoints on dev; the best of them, or the start, wins."""
        if (model := task.model) is None:
            raise ModelError("soft prompts need a model")
        check_control(self.control, model.info.spec)
        task, start = self._begun(task), "p0"
        task.prompt.template.check_shallow("`soft`")
        if self.prompts and not (self.tunes_model and task.prompt.template.soft):
            start = score([task.prompt])[0].id
        if self.tunes_model:
            self._score_tuned(task, score, start)
            return
        with checkpoint_folder(task) as folder:
            for number in range(self.runs):
                course = replace(self._course(task, model, folder, number), start=start)
                course.report(course.run(score), self.runs)

    def _begun(self, task: Task) -> Task:
        """Return the task with the prompt of `from` in place of its own."""
        if not self.prompts:
            return task
        return replace(task, prompt=replace(saved_prompts(self.prompts, task)[0], source=START))

    @property
    def tunes_model(self) -> bool:
        """True if a copy of the model is trained."""
        return self.train != "prompt"

    def tuned_model(self, task: Task) -> LanguageModel:
        """Return the trained copy, with the vectors trained beside it if `train` is both."""
        from promptsearch.models.finetuning.train import check_tunable
        from promptsearch.models.training.model_trainer import ModelTrainer

        if (model := task.model) is None:
            raise ModelError("there is no model to train")
        check_tunable(model)
        task = self._begun(task)
        loss, examples = self._examples(task, model)
        template = self._started(task, model, task.seed)
        objective = prompt_objective(task, model, template, examples, loss)
        config = self._config(len(examples))
        inputs = self, str(template), task.prompt.verbalizer, examples, task.scoring, task.seed
        return tuned_model(
            task,
            model,
            lambda: ModelTrainer(model, template, objective, config, task.seed),
            inputs,
        )

    def _score_tuned(self, task: Task, score: Score, start: str) -> None:
        """Score the prompt with the model that was trained under it."""
        assert task.model is not None
        template, record = tuned_template(task, self._started(task, task.model, task.seed))
        evidence = {"train": self.train, **{key: record[key] for key in ("loss", "parameters")}}
        source = Source("soft", (start,), {**evidence, **self._facts})
        score([task.prompt.with_template(template, source)])
        task.log(f"{record['parameters']:,} numbers trained; loss {record['loss']:.3f} at the end")

    @property
    def _facts(self) -> Mapping[str, object]:
        """More evidence of the prompts."""
        return {"control": self.control} if self.control != "none" else {}

    def _examples(self, task: Task, model: LanguageModel) -> tuple[LossName, Sequence[Example]]:
        """Return the loss, and the examples that are learned from."""
        loss, examples = examples_of(task, model, self._value("loss"))
        return loss, controlled(self.control, examples, task.seed)

    def _course(self, task: Task, model: LanguageModel, folder: Path, number: int) -> Course:
        """Return one training: its form, its examples, its seed."""
        loss, examples = self._examples(task, model)
        seed = int(np.random.SeedSequence([task.seed, number]).generate_state(1)[0])
        template = self._started(task, model, seed)
        config = self._config(len(examples))
        objective = prompt_objective(task, model, template, examples, loss)
        from promptsearch.models.training.continuous_trainer import ContinuousTrainer
        from promptsearch.models.training.soft_vectors import SoftVectors

        vectors = SoftVectors([template], config.encoder, config.dropout)
        training = ContinuousTrainer(model, vectors, objective, config, seed)
        return Course(task, training, config, self.check_every, folder, number, self._facts)

    def _started(self, task: Task, model: LanguageModel, seed: int) -> Template:
        """Return the template with the vectors that the training starts from; text for `lm`."""
        template = Template.parse(self.template) if self.template else task.prompt.template
        template.check_shallow("`soft`")
        if self.train == "lm":
            return template
        self._check_used(template)
        start = SoftStart(self._value("places"), self._value("length"), self._value("start"))
        return start.of(template, task.prompt.verbalizer, model, seed)

    def _check_used(self, template: Template) -> None:
        """Raise RunError for an option that this template leaves without a meaning."""
        idle: tuple[str, ...] = ()
        if template.soft:
            is_trained = template.soft[0].vectors is not None
            idle = ("places", "length", "start") if is_trained else ("places", "length")
            why = "has its vectors already" if is_trained else "says itself where vectors stand"
        elif self._value("places") == "words":
            idle, why = ("length",), "has as many vectors as its words have tokens"
        for name in idle:
            if getattr(self, name) not in (None, "template"):
                raise RunError(f"`{name}`: {template.notation!r} {why}; leave it out")

    def _config(self, examples: int) -> SoftTrainingConfig:
        """Return the settings of the training, for so many examples."""
        names = ("steps", "batch", "warmup", "decay", "dropout", "encoder")
        lr = self._value("lr")
        if lr is None:
            lr = 3e-3 if self._value("encoder") == "none" else 1e-4
        values = {**{name: self._value(name) for name in names}, "lr": lr, "lm_lr": self.lm_lr}
        rounds = self._value("epochs") if self.steps is None else None
        return training_config(values, rounds, examples)

    def _value(self, name: str) -> Any:
        """Return what an option says, else the recipe, else what is usual."""
        return chosen_value(self, name, RECIPES, USUAL)
