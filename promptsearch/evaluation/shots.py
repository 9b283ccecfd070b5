"""What a score is worth as zero-shot: which rows of the task chose the prompt or trained the model.

Zero-shot means that none did: neither the prompt nor the model was chosen or trained by a row of
the task.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from promptsearch.data import TaskDefinition
from promptsearch.models import LanguageModel
from promptsearch.prompt_file.prompts_json import Json, PromptFile
from promptsearch.runs.model_card import Card, read_card

Shots = Literal["zero-shot", "few-shot", "unknown"]
Seen = Literal["rows", "family", ""]


@dataclass(frozen=True)
class ShotSetting:
    """Which rows had a part in a score."""

    shots: Shots
    chosen_by: int  # rows of train and dev that chose the prompt; 0 for one that was written
    model_seen: Seen  # what of the task the model was trained on
    trained_on: tuple[str, ...]  # families, of a model that was trained on several tasks
    by_threshold: bool = False  # whether these rows set a threshold, and chose nothing else

    @property
    def row(self) -> Json:
        """The setting as JSON."""
        row = asdict(self)
        return row if self.by_threshold else {k: v for k, v in row.items() if k != "by_threshold"}

    @property
    def remark(self) -> str | None:
        """The setting in a line; None where there is nothing to say beyond the search's scores."""
        if self.model_seen == "rows":
            return "not zero-shot: the model was trained on rows of this task (tune_choices.json)"
        trained = f"; the model was trained on {', '.join(self.trained_on)}"
        end = trained if self.trained_on else ""
        if self.model_seen == "family":
            end += ": its family among them, under other rows"
        if self.shots == "zero-shot":
            return f"zero-shot: no row of this task chose the prompt or trained the model{end}"
        if self.shots == "few-shot" and (self.trained_on or self.by_threshold):
            what = "set the threshold" if self.by_threshold else "chose the prompt"
            return f"few-shot: {self.chosen_by:,} rows of this task {what}{end}"
        return None


def shot_setting(file: PromptFile, definition: TaskDefinition, model: LanguageModel) -> ShotSetting:
    """Return the setting of scores of a file's prompts on a task with a model."""
    card = read_card(Path(model.options.spec))
    seen: Seen = (card.seen(definition) if card else None) or ""
    chosen = _rows(file) if file.was_searched else 0
    if not chosen and definition.threshold == "dev":
        chosen = len(definition.dev.examples)
    shots: Shots = "few-shot" if chosen or seen == "rows" else "zero-shot"
    if not file.was_searched and "import" in file.document:
        shots = "unknown"  # whoever published the prompts may have chosen them on such rows
    by_threshold = bool(chosen) and not file.was_searched
    return ShotSetting(shots, chosen, seen, _families(card), by_threshold)


def _rows(file: PromptFile) -> int:
    data = file.section("task").get("data")
    splits = data if isinstance(data, dict) else {}
    sizes = (splits.get(name, {}).get("n", 0) for name in ("train", "dev"))
    return sum(size for size in sizes if isinstance(size, int)) or 1


def _families(card: Card | None) -> tuple[str, ...]:
    return () if card is None else tuple(dict.fromkeys(each.family for each in card.trained))
