"""The multiple-choice stage over the rows of several tasks: a model directory that reads options.

Xu et al. (2022), UniMC, https://arxiv.org/abs/2210.08590. What the model was trained on lies beside
its weights, so that whoever scores with it can tell a task that it has not seen from one that it
has.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from promptsearch.data import Example, TaskDefinition
from promptsearch.errors import RunError, TaskError
from promptsearch.files.write import write_atomic
from promptsearch.models import LanguageModel
from promptsearch.models.training.choice_config import ChoiceTuningConfig
from promptsearch.prompt.options_prompt import option_texts, question_of
from promptsearch.runs.model_card import CARD, Card, TrainedTask, card_text

if TYPE_CHECKING:
    from promptsearch.models.training.choice_trainer import ChoiceText

CHECKPOINT = "checkpoint.safetensors"
CHECKPOINTS = 8  # of a training, by default


@dataclass(frozen=True)
class ChoiceStage:
    """The tasks of a stage, and how the model is trained on them."""

    trained: tuple[TaskDefinition, ...]
    held_out: tuple[TaskDefinition, ...]
    config: ChoiceTuningConfig
    rows: int  # of each task, at most
    max_tokens: int | None  # of a row; None: what the model reads
    seed: int
    command: str | None = None

    def __post_init__(self) -> None:
        for definition in self.trained:
            _check_one_right(definition)
        words = {_words(definition) for definition in self.trained}
        if len(words) > 1:
            pairs = " and ".join(f"{yes}/{no}" for yes, no in sorted(words))
            raise TaskError(
                f"the tasks answer their options with {pairs}; give all of them the same `yes` and "
                "`no`"
            )

    def examples(self, definition: TaskDefinition) -> list[Example]:
        """Return the rows of a task that are trained on: all of train, or as many as allowed."""
        every = definition.train.examples
        if len(every) <= self.rows:
            return list(every)
        digest = sha256(definition.train.sha256.encode()).digest()
        draw = np.random.default_rng([self.seed, int.from_bytes(digest[:4], "little")])
        return [every[i] for i in sorted(draw.permutation(len(every))[: self.rows].tolist())]

    def texts(self) -> "list[ChoiceText]":
        """Return the rows of all tasks, task after task."""
        from promptsearch.models.training.choice_trainer import ChoiceText

        rows = []
        for definition in self.trained:
            template, labels = definition.prompt.template, definition.prompt.verbalizer.labels
            for example in self.examples(definition):
                right = labels.index(example.targets[0])
                rows.append(ChoiceText(template.fill(example.inputs), right))
        return rows

    @property
    def words(self) -> tuple[str, str]:
        """What says yes and no to an option."""
        return _words(self.trained[0])

    def card(self, model: LanguageModel) -> Card:
        """Return what is told of the trained model."""
        return Card(
            start=model.info.described,
            trained=tuple(
                TrainedTask.of(each, len(self.examples(each)), option_texts(each.prompt),
                               question_of(each.prompt.template))
                for each in self.trained
            ),
            held_out=tuple(each.family for each in self.held_out),
            options={
                **asdict(self.config),
                "rows": self.rows,
                "max_tokens": self.max_tokens,
                "seed": self.seed,
                "yes": self.words[0],
                "no": self.words[1],
            },
            command=self.command,
            versions={name: version(name) for name in ("promptsearch", "torch", "transformers")},
        )  # fmt: skip


def _check_one_right(definition: TaskDefinition) -> None:
    """Raise TaskError unless one of the same options is right in each row of a task."""
    if definition.kind.label_sets:
        raise TaskError(
            f"{definition.name}: it has several labels at once, and the stage learns which one "
            "option is right; leave it out"
        )
    if definition.prompt.template.takes_choices:
        raise TaskError(
            f"{definition.name}: its rows have choices of their own, and the stage learns from "
            "tasks with the same options in all rows; leave it out"
        )


def _words(definition: TaskDefinition) -> tuple[str, str]:
    verbalizer = definition.prompt.verbalizer
    assert verbalizer.no is not None, "prompts with options have a `no`"
    return verbalizer.yes_word, verbalizer.no


def run_stage(
    stage: ChoiceStage,
    model: LanguageModel,
    folder: Path,
    every: int | None,
    on_step: Callable[[int, int, float], None],
    log: Callable[[str], None] = lambda line: None,
) -> Card:
    """Train, or go on from a checkpoint in the folder, and write the model there.

    `every`: steps between checkpoints; None: an eighth of all. `on_step` hears the steps that are
    done, all of them, and the loss. Raises RunError if the folder's checkpoint is of another stage.
    """
    from promptsearch.models.training.checkpoint import LastCheckpoint
    from promptsearch.models.training.choice_trainer import ChoiceTrainer

    trainer = ChoiceTrainer(model, *stage.words, stage.config, stage.seed)
    if too_long := trainer.read(stage.texts(), stage.max_tokens):
        log(f"{too_long:,} rows are left out: their options alone are too long")
    card = stage.card(model)
    checkpoint = LastCheckpoint(folder / CHECKPOINT, _digest(card))
    on_step(checkpoint.step(), trainer.steps, float("nan"))
    trained = trainer.run(
        checkpoint,
        every or max(1, -(-trainer.steps // CHECKPOINTS)),
        lambda done, loss: on_step(done, trainer.steps, loss),
    )
    trained.write(folder)
    write_atomic(folder / "README.md", card_text(card))
    write_atomic(folder / CARD, card.text)  # last: with it, the model is whole
    checkpoint.file.unlink(missing_ok=True)
    return card


def _digest(card: Card) -> str:
    """Return the digest of all that the weights depend on."""
    return sha256(json.dumps(card.inputs, sort_keys=True).encode()).hexdigest()


def by_family(
    definitions: Sequence[TaskDefinition], held_out: Sequence[str]
) -> tuple[tuple[TaskDefinition, ...], tuple[TaskDefinition, ...]]:
    """Return the tasks that are trained on, and those whose family or name is held out.

    Raises RunError at a name that is none, or if nothing is left to train on.
    """
    names = [each.name for each in definitions]
    if twice := [name for name in names if names.count(name) > 1]:
        raise RunError(f"the task {twice[0]!r} is given twice; give it once")
    known = {name for each in definitions for name in (each.name, each.family)}
    if unknown := [name for name in held_out if name not in known]:
        raise RunError(
            f"`hold_out` {unknown[0]!r} is no task or family; there are {', '.join(sorted(known))}"
        )
    out = tuple(each for each in definitions if {each.name, each.family} & set(held_out))
    trained = tuple(each for each in definitions if each not in out)
    if not trained:
        raise RunError("every task is held out, so there is nothing to train on; leave one in")
    return trained, out
