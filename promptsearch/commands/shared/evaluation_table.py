"""The scores of evaluated prompts, as rows of tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from promptsearch.commands.shared.console import difference, number, print_table, prompt_cells
from promptsearch.commands.shared.manual_row import with_manual
from promptsearch.commands.shared.table_formats import FORMATS, Cell
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.data import Split, TaskDefinition
from promptsearch.metrics import METRICS, interval_metric, suits, table_metrics
from promptsearch.prediction.ensemble_text import summed_remark
from promptsearch.prompt_file.prompts_json import Json
from promptsearch.scoring.calibration import Calibration


@dataclass(frozen=True)
class EvaluatedFile:
    """Evaluation of the prompts of one file; it does not hold their model."""

    path: Path
    definition: TaskDefinition
    split: Split
    calibration: Calibration
    document: Any  # `Evaluation.document`
    remarks: tuple[str, ...]
    examples: Iterator[Json]  # `Evaluation.examples`

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics of its table, the first ones as in all tables."""
        positive = ("micro_f1",) if self.definition.negative_label is not None else ()
        reliable = ("ece",) if suits("ece", self.definition.kind) else ()
        return (*table_metrics(self.definition.kind), *positive, *reliable)

    @property
    def title(self) -> str:
        taken = "" if self.calibration == "none" else f" · {self.calibration} calibration"
        count = len(self.split.examples)
        return f"{self.definition.name} · {self.split.name} · {count} examples{taken}"


@dataclass(frozen=True)
class TableRow:
    """Prompt, ensemble or baseline with its scores; `gain` is against the manual prompt."""

    id: str
    prompt: str
    scores: Mapping[str, Any]

    @property
    def gain(self) -> Mapping[str, Any] | None:
        return self.scores.get("vs_manual")


def table_rows(file: EvaluatedFile) -> list[TableRow]:
    """Return the prompts in the order of their file, the ensemble, the baselines."""
    document = file.document
    baselines = {name: {**row, "id": name} for name, row in document["baselines"].items()}
    prompts, manual = with_manual(document["prompts"], baselines.pop("manual"))
    ensemble = [{"id": "ensemble", **row} for row in _ensembles(document)]
    rows = [*prompts, *ensemble, *manual, *baselines.values()]
    texts = zip(rows, prompt_cells(rows), strict=True)
    return [_table_row(row, text, file.split.name) for row, text in texts]


def _table_row(row: Mapping[str, Any], prompt: str, split: str) -> TableRow:
    scores = row["scores"][split]
    if row.get("is_manual"):  # no gain over itself
        scores = {key: value for key, value in scores.items() if key != "vs_manual"}
    return TableRow(row["id"], prompt if row.get("template") else _instead(row), scores)


def _ensembles(document: Any) -> list[Any]:
    return [document["ensemble"]] if document.get("ensemble") else []


def _instead(row: Mapping[str, Any]) -> str:
    """Return what stands in the place of a template."""
    if "members" in row:
        members = ", ".join(member["id"] for member in row["members"])
        return f"{row['rule']} of {members}{summed_remark(row, '; ')}"
    if "classifier" in row:
        return f"{row['classifier']}, which learned from train"
    return f"always {row.get('label')!r}"


def print_evaluation(file: EvaluatedFile, title: str) -> None:
    """Print the table of one file for a terminal, and the remarks on it."""
    echo(title)
    rows = []
    for row in table_rows(file):
        cells = [number(row.scores.get(metric)) for metric in file.metrics]
        interval = _interval(row.scores, file)
        rows.append([*cells, interval, gain_text(row.gain), row.id, row.prompt])
    header = [*file.metrics, f"ci95 of {file.metrics[1]}", "vs manual [ci95]", "id", "prompt"]
    print_table(header, rows)
    for remark in file.remarks:
        echo(remark)


def _interval(scores: Mapping[str, Any], file: EvaluatedFile) -> str:
    """Return the interval of the first metric after log-likelihood, a dash if there is none."""
    metric = file.metrics[1]
    known = scores.get("ci95") if interval_metric(file.definition.kind) == metric else None
    match scores.get(f"{metric}_ci95", known):
        case [low, high]:
            return f"[{low:.3f}, {high:.3f}]"
    return "-"


def gain_text(gain: Mapping[str, Any] | None) -> str:
    """Return `p@1 +0.091 [+0.041, +0.149]`, a dash if there is none."""
    return f"{gain['metric']} {difference(gain)}" if gain else "-"


def formatted_evaluations(files: Sequence[EvaluatedFile], form: str) -> str:
    """Return one table over all files, in one of `FORMATS`."""
    shared = {metric for file in files for metric in file.metrics}
    metrics = [metric.key for metric in METRICS if metric.key in shared]
    pairs = [(file, row) for file in files for row in table_rows(file)]
    compared = list(dict.fromkeys(row.gain["metric"] for _, row in pairs if row.gain))
    gains = [(f"{metric}_vs_manual", f"{metric}_vs_manual_ci95") for metric in compared]
    header = ["file", "task", "split", "n", "id", *metrics, "ci95", *chain(*gains), "prompt"]
    return FORMATS[form](header, [_cells(*pair, metrics, compared) for pair in pairs])


def _cells(
    file: EvaluatedFile, row: TableRow, metrics: Sequence[str], compared: Sequence[str]
) -> list[Cell]:
    about: list[Cell] = [str(file.path), file.definition.name, file.split.name, row.scores["n"]]
    scores = [row.scores.get(metric) for metric in metrics]
    gains = chain.from_iterable(_gain_cells(row.gain, metric) for metric in compared)
    interval = tuple(row.scores["ci95"]) if "ci95" in row.scores else None
    return [*about, row.id, *scores, interval, *gains, row.prompt]


def _gain_cells(gain: Mapping[str, Any] | None, metric: str) -> tuple[Cell, Cell]:
    if gain is None or gain["metric"] != metric:
        return None, None
    return gain["delta"], tuple(gain["ci95"])
