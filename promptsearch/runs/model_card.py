"""What a model of the multiple-choice stage was trained on: a file beside its weights."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from promptsearch.data import TaskDefinition
from promptsearch.errors import DataError

CARD = "tune_choices.json"
FORMAT = "promptsearch-choices/1"


@dataclass(frozen=True)
class TrainedTask:
    """A task that a model was trained on."""

    name: str
    family: str
    rows: int
    train_sha256: str
    question: str
    options: Mapping[str, str]  # label -> wording

    @classmethod
    def of(
        cls, definition: TaskDefinition, rows: int, options: Mapping[str, str], question: str
    ) -> "TrainedTask":
        about = definition.name, definition.family, rows, definition.train.sha256
        return cls(*about, question, options)


@dataclass(frozen=True)
class Card:
    """All that is told of a trained model."""

    start: Mapping[str, object]  # the model before, as `ModelInfo` has it
    trained: tuple[TrainedTask, ...]
    held_out: tuple[str, ...]  # families
    options: Mapping[str, object]  # of the training
    command: str | None
    versions: Mapping[str, str]

    @property
    def text(self) -> str:
        """The file."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=1) + "\n"

    @property
    def inputs(self) -> Mapping[str, object]:
        """What the weights depend on."""
        tasks = [asdict(each) for each in self.trained]
        return {"start": self.start.get("sha256"), "trained": tasks, "options": self.options}

    def seen(self, definition: TaskDefinition) -> Literal["rows", "family"] | None:
        """Return how the model knows a task: "rows", "family", or None if it does not."""
        if any(each.train_sha256 == definition.train.sha256 for each in self.trained):
            return "rows"
        names = {name for each in self.trained for name in (each.name, each.family)}
        return "family" if names & {definition.name, definition.family} else None


def read_card(directory: Path) -> Card | None:
    """Return the card of a model directory; None where there is none.

    Raises DataError if it cannot be read.
    """
    file = directory / CARD
    if not file.is_file():
        return None
    try:
        document: Any = json.loads(file.read_text(encoding="utf-8"))
        tasks = tuple(TrainedTask(**each) for each in document["trained"])
        names = ("start", "held_out", "options", "command", "versions")
        values = {name: document[name] for name in names}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError.at(file, None, f"cannot be read ({error}); train the model again") from None
    return Card(trained=tasks, **{**values, "held_out": tuple(values["held_out"])})


def card_text(card: Card) -> str:
    """Return the README of the model directory."""
    start = card.start.get("spec")
    lines = [
        "# A model that reads options",
        "",
        f"Trained from `{start}` (sha256 {str(card.start.get('sha256'))[:12]}) by promptsearch "
        f"{card.versions.get('promptsearch')}: the multiple-choice stage of UniMC (Xu et al. 2022, "
        "https://arxiv.org/abs/2210.08590).",
        "",
        "| task | family | rows | question | options |",
        "|---|---|---|---|---|",
        *(
            f"| {each.name} | {each.family} | {each.rows:,} | {each.question} | "
            f"{', '.join(each.options.values())} |"
            for each in card.trained
        ),
        "",
        f"Held out: {', '.join(card.held_out) or 'nothing'}.",
        "",
        f"    {card.command or 'promptsearch tune-choices ...'}",
        "",
        "Licences of the data apply to what was learned from them.",
        "",
    ]
    return "\n".join(lines)
