"""The training of soft prompts: the loss on train and the scores on dev, by trained step.

Checkpoints are read from prompts.json and, as it lacks those that dropped out of a race or were
only ranked, from the ledger beside it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from promptsearch.evaluation.report.trials import Scored
from promptsearch.prompt_file.prompts_json import PromptFile, SavedPrompt, section_of

Key = tuple[str, tuple[str, ...], int]  # the plan's step or the strategy, parents, run


@dataclass(frozen=True)
class TrainedPrompt:
    """A prompt of a training, after so many steps."""

    id: str
    template: str
    step: int
    loss: float | None  # mean over the steps since the checkpoint before; None at the start
    value: float | None  # the objective on all of dev; None: it dropped out of a race
    weight: float | None  # of a mixture's template


@dataclass(frozen=True)
class TrainingCurve:
    """The checkpoints of one training, by step, then in the order in which they were scored."""

    made_by: str  # the plan's step, or the strategy
    run: int  # from 0
    checkpoints: tuple[TrainedPrompt, ...]
    parameters: int | None = None  # numbers that are trained
    model_parameters: int | None = None

    @property
    def templates(self) -> tuple[str, ...]:
        """The templates that are trained together: several of a mixture."""
        return tuple(dict.fromkeys(each.template for each in self.checkpoints))

    @property
    def losses(self) -> tuple[tuple[int, float], ...]:
        """(step, loss) of each checkpoint but the start."""
        steps = {each.step: each.loss for each in self.checkpoints if each.loss is not None}
        return tuple(sorted(steps.items()))

    @property
    def share(self) -> float | None:
        """Trained numbers over the model's."""
        if not self.parameters or not self.model_parameters:
            return None
        return self.parameters / self.model_parameters

    def scored(self, template: str | None = None) -> tuple[TrainedPrompt, ...]:
        """Return the checkpoints with a value: of one template, or of all."""
        return tuple(
            each
            for each in self.checkpoints
            if each.value is not None and template in (None, each.template)
        )


def training_curves(file: PromptFile, rows: Sequence[Scored], metric: str) -> list[TrainingCurve]:
    """Return the curve of each training that led to prompts of the file, in the order of runs."""
    known = {
        **_of_ledger(rows, metric),
        **{saved.id: pair for saved in file.prompts for pair in _of_file(saved, metric)},
    }
    numbers = _numbers_of_parameters(file.prompts)
    pairs = sorted(known.values(), key=lambda pair: (pair[0], pair[1].step))
    curves = []
    for key, of_training in groupby(pairs, key=lambda pair: pair[0]):
        made_by, _, run = key
        checkpoints = tuple(checkpoint for _, checkpoint in of_training)
        curves.append(TrainingCurve(made_by, run, checkpoints, *numbers.get(key, (None, None))))
    return curves


def _of_ledger(rows: Iterable[Scored], metric: str) -> dict[str, tuple[Key, TrainedPrompt]]:
    """Return the checkpoints by id; a complete score on dev counts more than one of a race."""
    known: dict[str, tuple[Key, TrainedPrompt]] = {}
    for row in rows:
        if row.split != "dev":
            continue
        source = {"strategy": row.strategy, "parents": list(row.parents), "evidence": row.evidence}
        value = row.scores.get(metric) if row.complete else None
        pair = _checkpoint(row.id, row.template, source, value)
        if pair is not None and (pair[1].value is not None or row.id not in known):
            known[row.id] = pair
    return known


def _of_file(saved: SavedPrompt, metric: str) -> Iterator[tuple[Key, TrainedPrompt]]:
    value = section_of(section_of(saved.row, "scores"), "dev").get(metric)
    template = saved.prompt.template.described
    pair = _checkpoint(saved.id, template, section_of(saved.row, "source"), value)
    if pair is not None:
        yield pair


def _checkpoint(
    name: str, template: str, source: Mapping[str, Any], value: object
) -> tuple[Key, TrainedPrompt] | None:
    """Return a prompt as a checkpoint, with its training; None if its evidence tells of none."""
    evidence = section_of(source, "evidence")
    match evidence.get("run"), evidence.get("trained_steps"):
        case int(run), int(step):
            loss, weight = _number(evidence.get("loss")), _number(evidence.get("weight"))
            checkpoint = TrainedPrompt(name, template, step, loss, _number(value), weight)
            return _key(source, evidence, run), checkpoint
    return None


def _key(source: Mapping[str, Any], evidence: Mapping[str, Any], run: int) -> Key:
    parents = source.get("parents")
    made_by = str(evidence.get("step") or source.get("strategy") or "soft")
    return made_by, tuple(map(str, parents)) if isinstance(parents, list) else (), run


def _numbers_of_parameters(
    prompts: Iterable[SavedPrompt],
) -> dict[Key, tuple[int | None, int | None]]:
    """Return how many numbers each training moved, and how many the model has."""
    numbers: dict[Key, tuple[int | None, int | None]] = {}
    for saved in prompts:
        source = section_of(saved.row, "source")
        evidence = section_of(source, "evidence")
        match evidence.get("run"), evidence.get("parameters"):
            case int(run), int(trained):
                whole = evidence.get("model_parameters")
                key = _key(source, evidence, run)
                numbers[key] = (trained, whole if isinstance(whole, int) else None)
    return numbers


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]
