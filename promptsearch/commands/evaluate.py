"""`promptsearch evaluate`: what prompts are worth on a split that selected nothing."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.arranging import arrange, calibrated, crew_of
from promptsearch.commands.console import (
    Console,
    difference,
    number,
    print_json,
    print_table,
    prompt_cells,
)
from promptsearch.commands.options import (
    computing_options,
    json_option,
    loading_options,
    quiet_option,
    saved_model_option,
    saved_task_option,
)
from promptsearch.commands.running import SHOWN, computing, loading_from
from promptsearch.corpora import TaskDefinition, TaskFrame, load_task
from promptsearch.ensembling import read_ensemble
from promptsearch.errors import TaskError
from promptsearch.evaluation import Evaluation, evaluate
from promptsearch.exports.native import PromptFile, read_prompts
from promptsearch.metrics import objective_in
from promptsearch.models import LanguageModel
from promptsearch.runs import with_words
from promptsearch.saved.choice import scoring_from
from promptsearch.saved.model import is_own, model_for, spec_of
from promptsearch.scoring import PromptScorer, Scorer
from promptsearch.scoring.calibrating import Calibration
from promptsearch.storage import check_new, write_atomic


@click.command("evaluate")
@click.argument("prompts", type=click.Path(path_type=Path))
@saved_task_option
@click.option(
    "--split", type=click.Choice(["test", "dev", "train"]), default="test", show_default=True
)
@click.option("--top", type=click.IntRange(min=1), default=1, show_default=True, metavar="K")
@saved_model_option
@click.option(
    "--examples-out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.jsonl",
    help="What was predicted for each example.",
)
@click.option("--overwrite", is_flag=True, help="Replace that file.")
@loading_options
@computing_options
@json_option
@quiet_option
def command(prompts: Path, **given: Any) -> None:
    """Score the first K prompts of PROMPTS, in the file's order, beside the baselines.

    The difference to the manual prompt is paired: the same examples under both.
    """
    console, file = Console(given["quiet"]), read_prompts(prompts)
    definition = task_of(file, given["task"])
    if given["examples_out"]:
        check_new(given["examples_out"], given["overwrite"], prompts)
    split = split_of(definition, given["split"])
    model = found_with(file, definition, given, console)
    definition = with_words(definition, model)
    with scoring_as(file, definition, model, given, console) as (scorer, judge):
        saved, ensemble = file.prompts[: given["top"]], read_ensemble(file, definition)
        evaluation = evaluate(saved, definition, scorer, split, judge, ensemble)
    if given["examples_out"]:
        rows = (json.dumps(row, ensure_ascii=False) + "\n" for row in evaluation.examples())
        write_atomic(given["examples_out"], "".join(rows))
    document = evaluation.document(compared(file, definition))
    if given["as_json"]:
        print_json(document)
    else:
        _print(evaluation, document, scoring_from(file).calibration)
        if given["split"] != "test" and file.was_searched:
            click.echo(f"{given['split']} chose these prompts: expect less on new examples")
        if file.section("search").get("rank_by") == "finetune":
            click.echo("of the frozen model: the copies that ranked these prompts were not kept")


def task_of(file: PromptFile, given: str | None) -> TaskDefinition:
    """The task that was given, or the one the prompts were found for."""
    if given is not None:
        return load_task(given)
    saved = file.section("task").get("file")
    if not isinstance(saved, str):
        raise TaskError(f"{file.path}: does not say which task it is for; add --task")
    if not Path(saved).exists():
        raise TaskError(
            f"{file.path}: its task file {saved} is not there any more; say with --task where it is"
        )
    return load_task(saved)


def split_of(definition: TaskDefinition, name: str) -> Any:
    """A split of the definition by its name; the test file is read only here."""
    return definition.test() if name == "test" else getattr(definition, name)


def found_with(
    file: PromptFile,
    definition: TaskDefinition | TaskFrame,
    given: Mapping[str, Any],
    console: Console,
) -> LanguageModel:
    """The model the prompts were found with; another one only where `--model` asks for it."""
    model = model_for(file, definition.chat, given["model"], **loading_from(given))
    if not is_own(file, model):
        before = spec_of(file)
        console.say(f"transfer: prompts found with {before}, scored with {model.info.spec}")
    return model


@contextmanager
def scoring_as(
    file: PromptFile,
    definition: TaskDefinition,
    model: LanguageModel,
    given: Mapping[str, Any],
    console: Console,
) -> Iterator[tuple[Scorer, PromptScorer]]:
    """The model's scorer as the file says, and the same cached, spread and calibrated."""
    with arranged_as(file, definition.kind, model, given, console) as (own, arranged):
        yield own, calibrated(arranged, own, scoring_from(file), definition)


@contextmanager
def arranged_as(
    file: PromptFile,
    kind: str,
    model: LanguageModel,
    given: Mapping[str, Any],
    console: Console,
) -> Iterator[tuple[Scorer, PromptScorer]]:
    """The same before calibration, of a kind of task."""
    settings = replace(scoring_from(file), **computing(given))
    own = Scorer(model, settings.scoring(kind), settings.answer_score, kind == "facts")
    with crew_of(settings, model).open(console.say) as pool:
        yield own, arrange(own, settings, pool, console.say)


def compared(file: PromptFile, definition: TaskDefinition) -> str:
    """The metric that `vs_manual` is about: the objective, or what log-likelihood stands for."""
    metric = objective_in(file.section("search"))
    if metric != "log_likelihood":
        return metric
    return "p@1" if definition.kind == "facts" else "accuracy"


def _print(evaluation: Evaluation, document: Any, how: Calibration) -> None:
    definition, split = evaluation.definition, evaluation.split
    taken = "" if how == "none" else f" · {how} calibration"
    click.echo(f"{definition.name} · {split.name} · {len(split.examples)} examples{taken}")
    reliable = ("ece",) if definition.kind == "classification" else ()
    positive = ("micro_f1",) if definition.negative_label is not None else ()
    metrics = (*SHOWN[definition.kind], *positive, *reliable)
    baselines = [
        {"id": name, "template": "", "told": f"always {row.get('label')!r}", **row}
        for name, row in document["baselines"].items()
    ]
    rows = []
    every = [*document["prompts"], *_together(document), *baselines]
    for row, prompt in zip(every, prompt_cells(every), strict=True):
        scores = row["scores"][split.name]
        shown = [number(scores.get(metric)) for metric in metrics]
        low, high = scores["ci95"]
        what = prompt if row["template"] else row["told"]
        rows.append([*shown, f"[{low:.3f}, {high:.3f}]", _gain(scores), row["id"], what])
    print_table([*metrics, f"ci95 of {metrics[1]}", "vs manual [ci95]", "id", "prompt"], rows)
    if ensemble := document.get("ensemble"):
        first = document["prompts"][0]["id"]
        click.echo(f"ensemble - {first}: {_gain(ensemble['scores'][split.name], 'vs_best')}")
    coverage = document["prompts"][0]["scores"][split.name].get("coverage")
    if coverage is not None:
        click.echo(f"coverage {coverage:.3f}: the share of examples with a right candidate")


def _together(document: Any) -> list[Any]:
    """The row of the ensemble, where there is one."""
    if not (ensemble := document.get("ensemble")):
        return []
    told = f"{ensemble['rule']} of {', '.join(m['id'] for m in ensemble['members'])}"
    return [{"id": "ensemble", "template": "", "told": told, **ensemble}]


def _gain(scores: Any, rival: str = "vs_manual") -> str:
    if not (gain := scores.get(rival)):
        return "-"
    return f"{gain['metric']} {difference(gain)}"
