"""`promptsearch evaluate`: scores of prompts on a split."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.console import (
    Console,
    difference,
    number,
    print_json,
    print_table,
    prompt_cells,
)
from promptsearch.commands.shared.options import (
    computing_options,
    json_option,
    loading_options,
    quiet_option,
    saved_model_option,
    saved_task_option,
)
from promptsearch.commands.shared.output_checks import check_output
from promptsearch.commands.shared.run_search import INTERRUPTED, resuming_command
from promptsearch.commands.shared.saved_prompts import (
    compared,
    model_of_prompts,
    scorers,
    split_of,
    task_of,
)
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.data import Split, TaskDefinition
from promptsearch.evaluation.checks.answers import worthless_answers
from promptsearch.evaluation.evaluate import Evaluation, compared_prompts, evaluate
from promptsearch.evaluation.report.number_format import count
from promptsearch.evaluation.ties import many_ties
from promptsearch.files.write import write_lines
from promptsearch.metrics import suits, table_metrics
from promptsearch.prediction.ensemble_file import read_ensemble
from promptsearch.prediction.selection import scoring_from
from promptsearch.prompt_file.prompts_json import PromptFile, SavedPrompt, read_prompts
from promptsearch.runs.run import with_vocabulary_candidates
from promptsearch.scoring import PromptScorer
from promptsearch.scoring.cache_store import ScoreCache
from promptsearch.scoring.calibration import Calibration


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
@click.option(
    "--resume", is_flag=True, help="Go on with the scores of an evaluation that was stopped."
)
@loading_options
@computing_options
@json_option
@quiet_option
def command(prompts: Path, **options: Any) -> None:
    """Score the first K prompts of PROMPTS, in the file's order, beside the baselines.

    The difference to the manual prompt is paired: the same examples under both.
    """
    console, file = Console(options["quiet"]), read_prompts(prompts)
    definition = task_of(file, options["task"])
    if options["examples_out"]:
        check_output(options["examples_out"], options, file=file, definition=definition)
    split = split_of(definition, options["split"])
    model = model_of_prompts(file, definition, options, console)
    definition = with_vocabulary_candidates(definition, model)
    saved, ensemble = file.prompts[: options["top"]], read_ensemble(file, definition)
    verbalizers = [prompt.prompt.verbalizer for prompt in saved]
    console.warn(worthless_answers(verbalizers, model, definition.kind == "facts"))
    with (
        _unfinished_scores(file, options, console) as cache,
        scorers(file, definition, model, {**options, "cache": cache}, console) as (scorer, judge),
    ):
        console.say(_plan(saved, definition, split, judge))
        evaluation = evaluate(saved, definition, scorer, split, judge, ensemble)
    document = evaluation.document(compared(file, definition))
    if options["as_json"]:
        print_json(document)
    else:
        _print(evaluation, document, scoring_from(file).calibration)
        if options["split"] != "test" and file.was_searched:
            echo(f"{options['split']} chose these prompts: expect less on new examples")
        if file.section("search").get("rank_by") == "finetune":
            echo("of the frozen model: the copies that ranked these prompts were not kept")
    if options["examples_out"]:  # last: what was computed is printed even if the disk is full
        rows = (json.dumps(row, ensure_ascii=False) + "\n" for row in evaluation.examples())
        write_lines(options["examples_out"], rows)


def _plan(
    saved: Sequence[SavedPrompt], definition: TaskDefinition, split: Split, scorer: PromptScorer
) -> str:
    """Return what will be scored: the prompts, the manual one beside them, and the forwards."""
    cost = scorer.cost(compared_prompts(saved, definition), split.examples)
    return (
        f"{count(len(saved), 'prompt')} and the manual one x {len(split.examples):,} {split.name} "
        f"examples · {cost.forwards:,} forwards"
    )


@contextmanager
def _unfinished_scores(
    file: PromptFile, options: Mapping[str, Any], console: Console
) -> Iterator[Path | None]:
    """The folder that holds the scores so far: that of `--cache`, or one beside PROMPTS.

    The latter is there only while an evaluation is not at its end. None where nothing may be
    written.
    """
    folder = options["cache"] or file.path.with_name(f"{file.path.name}.{options['split']}-scores")
    if options["cache"] is None and not os.access(folder.parent, os.W_OK):
        yield None
        return
    if options["cache"] is None and not options["resume"]:
        _remove(folder)
    try:
        yield folder
    except KeyboardInterrupt:
        console.say(f"interrupted; go on with: {resuming_command()}")
        raise SystemExit(INTERRUPTED) from None
    if options["cache"] is None:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder of scores, and no other folder."""
    if ScoreCache(folder).is_there:
        shutil.rmtree(folder)


def _print(evaluation: Evaluation, document: Any, how: Calibration) -> None:
    definition, split = evaluation.definition, evaluation.split
    taken = "" if how == "none" else f" · {how} calibration"
    echo(f"{definition.name} · {split.name} · {len(split.examples)} examples{taken}")
    reliable = ("ece",) if suits("ece", definition.kind) else ()
    positive = ("micro_f1",) if definition.negative_label is not None else ()
    metrics = (*table_metrics(definition.kind), *positive, *reliable)
    baselines = [
        {"id": name, "template": "", "told": f"always {row.get('label')!r}", **row}
        for name, row in document["baselines"].items()
    ]
    rows = []
    every = [*document["prompts"], *_ensemble_rows(document), *baselines]
    for row, prompt in zip(every, prompt_cells(every), strict=True):
        scores = row["scores"][split.name]
        cells = [number(scores.get(metric)) for metric in metrics]
        low, high = scores["ci95"]
        what = prompt if row["template"] else row["told"]
        rows.append([*cells, f"[{low:.3f}, {high:.3f}]", _gain(scores), row["id"], what])
    print_table([*metrics, f"ci95 of {metrics[1]}", "vs manual [ci95]", "id", "prompt"], rows)
    if ensemble := document.get("ensemble"):
        first = document["prompts"][0]["id"]
        echo(f"ensemble - {first}: {_gain(ensemble['scores'][split.name], 'vs_best')}")
    if remark := many_ties(evaluation.predictions[0]):
        echo(f"{document['prompts'][0]['id']}: {remark}")
    coverage = document["prompts"][0]["scores"][split.name].get("coverage")
    if coverage is not None:
        echo(f"coverage {coverage:.3f}: the share of examples with a right candidate")


def _ensemble_rows(document: Any) -> list[Any]:
    """Return the row of the ensemble, if there is one."""
    if not (ensemble := document.get("ensemble")):
        return []
    summary = f"{ensemble['rule']} of {', '.join(m['id'] for m in ensemble['members'])}"
    return [{"id": "ensemble", "template": "", "told": summary, **ensemble}]


def _gain(scores: Any, rival: str = "vs_manual") -> str:
    if not (gain := scores.get(rival)):
        return "-"
    return f"{gain['metric']} {difference(gain)}"
