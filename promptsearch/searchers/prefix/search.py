"""Deep prompts: keys and values before the text at every layer, trained on the loss on train.

Li and Liang (2021), "Prefix-Tuning: Optimizing Continuous Prompts for Generation",
https://arxiv.org/abs/2101.00190. Liu et al. (2022), "P-Tuning v2: Prompt Tuning Can Be Comparable
to Fine-tuning Universally Across Scales and Tasks", https://arxiv.org/abs/2110.07602: a linear
layer reads the model in place of answer words.

Every `check_every` steps the prefix and the head are scored on dev as a prompt like any other, the
first time before the first step: a prefix has no neutral values, and random ones cost something; of
a causal model's words, that is what the words score. Checkpoints lie in the run's directory, and
each segment of steps is an entry of the ledger: a run that was killed goes on to the same bytes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np

from promptsearch.data import KINDS, Example
from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import ModelError, RunError, TaskError
from promptsearch.models import LanguageModel
from promptsearch.models.training.config import PrefixEncoder, SoftTrainingConfig
from promptsearch.prompt import Prompt, Source, Template, Verbalizer
from promptsearch.searchers.common.example_loss import LossName
from promptsearch.searchers.common.saved_prompts import saved_prompts
from promptsearch.searchers.common.start_files import StartPromptsFile
from promptsearch.searchers.prefix.layers import check_layers
from promptsearch.searchers.prefix.multitask import fingerprint_of, tasks_beside, together
from promptsearch.searchers.prefix.recipes import RECIPES, USUAL, PrefixRecipe
from promptsearch.searchers.prefix.start import (
    DeepStart,
    HeadName,
    PrefixStartName,
    fields_only,
)
from promptsearch.searchers.prefix.tags_objective import tags_objective
from promptsearch.searchers.prefix.trainer import trainer_of
from promptsearch.searchers.soft.controls import (
    Control,
    check_control,
    controlled,
    controlled_spec,
    controlled_tags,
)
from promptsearch.searchers.soft.course import Course, checkpoint_folder
from promptsearch.searchers.soft.objective import LossChoice, examples_of, prompt_objective
from promptsearch.searchers.soft.training_options import (
    check_training_options,
    chosen_value,
    training_config,
)

if TYPE_CHECKING:
    from promptsearch.models.training.continuous_trainer import (
        ContinuousTrainer,
        PromptObjective,
    )

START = Source("prefix", (), {"start": True})  # of the prompt of `from`
LONGEST = 512  # positions of a prefix


@dataclass(frozen=True)
class PrefixSearch:
    """Train keys and values that stand before the text at every layer; the model stays as it is.

    Li and Liang (2021), prefix tuning; Liu et al. (2022), P-tuning v2. Checkpoints are scored on
    dev.
    """

    kinds: ClassVar[Collection[str]] = KINDS  # of tasks
    adaptive: ClassVar[bool] = False  # no prompt depends on what others score on dev
    finetunes: ClassVar[bool] = False  # copies are tuned by transformers' own attention

    template: Annotated[str, "The template that the prefix stands before.  [the task's]"] = ""
    prompts: Annotated[
        str,
        "Begin with this file's first prompt: its template, its answers, its prefix if any.",
        StartPromptsFile(),
    ] = ""
    recipe: Annotated[
        PrefixRecipe | None, "A paper's settings, where no option gives others (docs/prefix.md)."
    ] = None
    length: Annotated[
        int | None, "Positions of the prefix, but for --start words; 0: a head alone.  [20]"
    ] = None
    layers: Annotated[str | None, "Layers that have it: all, 9-12, 7, last:8, first:2.  [all]"] = (
        None
    )
    start: Annotated[
        PrefixStartName | None,
        "What it starts as: random numbers, or the keys and values of words: those that a causal "
        "model's template begins with, which is exact, else all of the template's.  [random]",
    ] = None
    encoder: Annotated[
        PrefixEncoder | None,
        "A network that makes the prefix while it is trained, fitted to the start.  [none]",
    ] = None
    middle: Annotated[int | None, "Width of the mlp encoder.  [512]"] = None
    head: Annotated[
        HeadName | None,
        "A linear layer in place of answer words: it reads the first token (cls, masked models), "
        "the state at which an answer is read (mask), or each word of a task of tags (token).  "
        "[none]",
    ] = None
    loss: Annotated[
        LossChoice | None,
        "label: log p(right label), as the objective has it; vocabulary: log p(right answer) among "
        "all words.  [label]",
    ] = None
    lr: Annotated[
        float | None, "Learning rate of AdamW at its height.  [1e-2; with an encoder 1e-3]"
    ] = None
    warmup: Annotated[float | None, "Share of the steps in which it rises.  [0.1]"] = None
    steps: Annotated[int | None, "Steps of a training.  [400]"] = None
    epochs: Annotated[int | None, "Or rounds through train.  [none: --steps]"] = None
    batch: Annotated[int | None, "Training examples a step.  [16]"] = None
    decay: Annotated[float | None, "Decay of AdamW.  [0]"] = None
    dropout: Annotated[
        float | None, "Share of the keys and values that each step of the training drops.  [0]"
    ] = None
    check_every: Annotated[
        int | None, "Steps between two checkpoints, each a prompt on dev.  [an eighth of all]"
    ] = None
    runs: Annotated[int, "Trainings, each with a seed of its own."] = 1
    multitask: Annotated[
        tuple[str, ...],
        "Learn the prefix on this task too, a file or a name, with a head or answers of its own; "
        "then go on for the task at hand. May be repeated.",
    ] = ()
    control: Annotated[
        Control,
        "To see what a score is worth: train on wrong labels, or with a model of random weights, "
        "which knows nothing.",
    ] = "none"

    def __post_init__(self) -> None:
        check_training_options(self, ("epochs", "check_every", "runs", "middle"))
        if not 0 <= (length := self._value("length")) <= LONGEST:
            raise RunError(f"--length {length} is no prefix; give 1 to {LONGEST}, or 0")
        if not length and self.multitask:
            raise RunError("--length 0 is no prefix that `multitask` could share; give a length")
        if not length and self._value("head") == "none":
            raise RunError("--length 0 trains nothing; give a `head`, or a length")
        if self.start == "words" and self.length:
            raise RunError("`length`: a prefix of words has as many positions; leave it out")
        if self.head not in (None, "none") and self.loss == "vocabulary":
            raise RunError("`loss` vocabulary reads words, and a `head` has labels; leave one out")
        check_layers(self._value("layers"))
        self._config(1)

    def variant(self, spec: str) -> str:
        """Return the spec of the model to load: with random weights, if they are the control."""
        return controlled_spec(self.control, spec)

    def search(self, task: Task, score: Score) -> None:
        """Train, and score checkpoints on dev; the best of them, or the start, wins."""
        if (model := task.model) is None:
            raise ModelError("a prefix needs a model")
        check_control(self.control, model.info.spec)
        self._check_kind(task)
        prompt, start = self._prompt(task), "p0"
        if self.prompts:
            start = score([replace(prompt, source=START)])[0].id
        task = replace(task, prompt=self._answered(task, prompt))
        with checkpoint_folder(task) as folder:
            for number in range(self.runs):
                self._run(task, model, folder, number, start, score)

    def _check_kind(self, task: Task) -> None:
        """Raise TaskError if a head does not suit the kind of task."""
        reads_words = self._value("head") == "token"
        if task.kind.tags_words != reads_words and not (self.prompts and not self._has_head):
            raise TaskError(
                f"the task {task.name!r} tags words: give `head` token"
                if task.kind.tags_words
                else f"`head` token tags words, and the task {task.name!r} is of {task.kind}"
            )

    def _run(
        self, task: Task, model: LanguageModel, folder: Path, number: int, start: str, score: Score
    ) -> None:
        """Train once: on all tasks together if there are several, then on this one."""
        if self.multitask:
            first = replace(self._course(task, model, folder, number, self.multitask), start=start)
            trials = first.run(score)
            first.report(trials, self.runs)
            task, start = replace(task, prompt=trials[-1].prompt), trials[-1].id
        course = replace(self._course(task, model, folder, number), start=start)
        course.report(course.run(score), self.runs)

    def _prompt(self, task: Task) -> Prompt:
        """Return the prompt to begin with: that of `from`, or the task's in the template."""
        if self.prompts:
            return saved_prompts(self.prompts, task)[0]
        if not self.template or self._has_head:
            return task.prompt  # a template for a head may have no slot: see `_read_by_head`
        return task.prompt.with_template(Template.parse(self.template), task.prompt.source)

    @property
    def _has_head(self) -> bool:
        return bool(self._value("head") != "none")

    def _answered(self, task: Task, prompt: Prompt) -> Prompt:
        """Return the prompt with the answers that are trained: with a head, the labels alone."""
        if not self._has_head or prompt.template.head is not None or task.kind.tags_words:
            return prompt
        if not task.kind.has_labels:
            raise TaskError(
                f"a `head` has a label for each class, and a task of {task.kind} has none; use "
                "answers"
            )
        if task.kind.label_sets:
            raise TaskError("a `head` gives a row one label, and this task several; use answers")
        slot = prompt.template.slots[0]
        labels = {label: label for label in prompt.verbalizer.labels}
        return replace(prompt, verbalizer=Verbalizer.of(labels, (slot,)))

    def _course(
        self,
        task: Task,
        model: LanguageModel,
        folder: Path,
        number: int,
        multitask: Sequence[str] = (),
    ) -> Course:
        """Return one training: its start, its examples, its seed; on more tasks beside this one."""
        seed = int(np.random.SeedSequence([task.seed, number]).generate_state(1)[0])
        template = self._started(task, model, seed)
        task = replace(task, prompt=task.prompt.with_template(template, task.prompt.source))
        facts: dict[str, object] = {"control": self.control} if self.control != "none" else {}
        tasks, data = [task], ""
        if multitask:
            others = tasks_beside(task, multitask)
            tasks += [self._beside(each, template, model, seed) for each in others]
            data = fingerprint_of([each.train for each in others])
            facts["multitask"] = [each.name for each in tasks]
        training, config = self._training(tasks, model, seed)
        numbered = number + self.runs * bool(multitask)
        rest = self.check_every, folder, numbered, facts
        return Course(task, training, config, *rest, strategy="prefix", data=data)

    def _beside(self, task: Task, template: Template, model: LanguageModel, seed: int) -> Task:
        """Return another task behind the same prefix, with answers or a head of its own."""
        self._check_kind(task)
        task = replace(task, prompt=self._answered(task, task.prompt))
        read = replace(self, template="", prompts="")._read_by_head(task, model, seed)
        alike = replace(read, prefix=template.prefix)
        return replace(task, prompt=task.prompt.with_template(alike, task.prompt.source))

    def _training(
        self, tasks: Sequence[Task], model: LanguageModel, seed: int
    ) -> "tuple[ContinuousTrainer, SoftTrainingConfig]":
        """Return the trainer of one prefix on the examples of all tasks, and its settings."""
        objective = together([self._objective(task, model) for task in tasks])
        config = self._config(objective.count)
        encoder = self._value("encoder"), self._value("middle")
        templates = [task.prompt.template for task in tasks]
        return trainer_of(model, templates, objective, config, encoder, seed), config

    def _objective(self, task: Task, model: LanguageModel) -> "PromptObjective":
        """Return what a task's template is trained on."""
        template = task.prompt.template
        if task.kind.tags_words:
            return tags_objective(task, template, controlled_tags(self.control, task))
        loss, examples = self._examples(task, model)
        return prompt_objective(task, model, template, examples, loss)

    def _examples(self, task: Task, model: LanguageModel) -> tuple[LossName, Sequence[Example]]:
        """Return the loss, and the examples that are learned from."""
        loss, examples = examples_of(task, model, self._value("loss"))
        return loss, controlled(self.control, examples, task.seed)

    def _started(self, task: Task, model: LanguageModel, seed: int) -> Template:
        """Return the template with the prefix and the head that the training starts from."""
        template = task.prompt.template
        names = ("length", "layers", "start")
        idle = [name for name in names if getattr(self, name)]
        if self.prompts and template.prefix is not None and idle:
            raise RunError(f"`{idle[0]}`: the prompt of `from` has its prefix; leave it out")
        return self._start.of(self._read_by_head(task, model, seed), model, seed)

    @property
    def _start(self) -> DeepStart:
        return DeepStart(*(self._value(name) for name in ("length", "layers", "start", "head")))

    def _read_by_head(self, task: Task, model: LanguageModel, seed: int) -> Template:
        """Return the template with its first head, if it has one: it may then have no slot."""
        template = task.prompt.template
        if not self._has_head or template.head is not None:
            return template
        head = self._start.first_head(len(task.prompt.verbalizer), model, seed)
        if self.template:
            return Template.parse(self.template, head=head)
        published = self.recipe == "ptuning-v2" and not self.prompts
        if head and (head.reads == "token" or (published and head.reads == "cls")):
            return Template(fields_only(template.fields), head=head)
        return replace(template, head=head)

    def _config(self, examples: int) -> SoftTrainingConfig:
        """Return the settings of the training, for so many examples."""
        names = ("steps", "batch", "warmup", "decay", "dropout")
        lr = self._value("lr")
        if lr is None:
            lr = 1e-2 if self._value("encoder") == "none" else 1e-3
        values = {**{name: self._value(name) for name in names}, "lr": lr}
        rounds = self._value("epochs") if self.steps is None else None
        return training_config(values, rounds, examples)

    def _value(self, name: str) -> Any:
        """Return what an option says, else the recipe, else what is usual."""
        return chosen_value(self, name, RECIPES, USUAL)
