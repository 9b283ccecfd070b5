"""The frame of every search command: directories, the model, printed results."""

import json
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from promptsearch.commands.shared.console import (
    Console,
    number,
    print_json,
    print_table,
    prompt_cells,
)
from promptsearch.commands.shared.expected_scores import (
    answering,
    expected_cells,
    expected_header,
    expected_lines,
)
from promptsearch.commands.shared.finetune_options import about_scores, tuned_cells, tuned_header
from promptsearch.commands.shared.interruption import INTERRUPTED
from promptsearch.commands.shared.manual_row import with_manual
from promptsearch.commands.shared.output_checks import check_run_directory
from promptsearch.commands.shared.terminal_text import command_line, echo
from promptsearch.data import KINDS, TaskDefinition, TaskKind, TaskSchema
from promptsearch.engine.strategy import Searcher
from promptsearch.errors import RunError
from promptsearch.evaluation.checks.answers import worthless_answers
from promptsearch.evaluation.checks.data import unseen_labels
from promptsearch.evaluation.checks.row_choices import unanswerable_rows
from promptsearch.files.write import folder_name
from promptsearch.metrics import table_metrics
from promptsearch.models import LanguageModel
from promptsearch.models.finetuning.config import check_installed
from promptsearch.prediction.ensemble_text import summed_remark
from promptsearch.runs.directory import numbered_run_directory, run_directory
from promptsearch.runs.run import Output, search_locked
from promptsearch.runs.settings import Settings
from promptsearch.runs.tuned_model import TUNED_FROM

TRAININGS = ("soft", "prefix", "mixture")  # strategies whose prompts are checkpoints
_WHY = {"mine": " (no template was mined: give more text with --corpus)"}
After = Callable[[Path, LanguageModel], None]
MODEL_OPTIONS = (
    *("family", "device", "dtype", "chat", "device_map", "batch_tokens", "trust_remote_code"),
    *("seq2seq_form", "newline"),
)


def settings_from(options: Mapping[str, Any]) -> Settings:
    """Return the settings from a search command's options."""
    names = Settings.__dataclass_fields__
    settings = Settings(**{name: options[name] for name in names if name in options})
    if settings.tuning is not None:
        check_installed()  # now, not after the search
    return settings


def computing(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of where scores are computed."""
    return {name: options[name] for name in ("workers", "backend", "cluster", "cache")}


def loaded(
    spec: str, options: Mapping[str, Any], definition: TaskDefinition | TaskSchema
) -> LanguageModel:
    """Return the model of a command's options, with the task's chat settings."""
    from promptsearch.models.loading.load import load_for

    return load_for(definition.chat, spec, **loading_from(options, definition.kind))


def loading_from(options: Mapping[str, Any], kind: TaskKind) -> dict[str, Any]:
    """Return the options that are arguments of `load_model`.

    An encoder-decoder writes texts plainly, unless the options say otherwise.
    """
    loading = {name: options[name] for name in MODEL_OPTIONS if name in options}
    if kind.free_texts and loading.get("seq2seq_form", "auto") == "auto":
        loading["seq2seq_form"] = "plain"
    return loading


def output_directory(
    options: Mapping[str, Any], definition: TaskDefinition, strategy: str, resumable: bool = True
) -> AbstractContextManager[Path]:
    """Return the directory of `--output`, or `runs/<task>-<strategy>-<n>` with the first free n.

    It is locked while in use. A command that is not `resumable` offers no `--resume`.
    """
    if (directory := options["output"]) is None:
        return numbered_run_directory(Path("runs") / f"{folder_name(definition.name)}-{strategy}")
    check_run_directory(directory, options, definition)
    anew = options.get("resume", False), options["overwrite"]
    return run_directory(directory, resume=anew[0], overwrite=anew[1], resumable=resumable)


def this_command() -> str:
    """Return the running command line."""
    return shlex.join(["promptsearch", *sys.argv[1:]])


def resuming_command(directory: Path | None = None) -> str:
    """Return the command line that resumes this run, with its directory."""
    words = [word for word in sys.argv[1:] if word not in ("--resume", "--overwrite")]
    if directory is not None and not {"-o", "--output"} & set(words):
        words += ["-o", str(directory)]
    return shlex.join(["promptsearch", *words, "--resume"])


def described(definition: TaskDefinition) -> str:
    """Return `capitals · facts · train 120, dev 60 · 231 candidates`."""
    sizes = f"train {len(definition.train.examples)}, dev {len(definition.dev.examples)}"
    answers = definition.prompt.verbalizer
    what = definition.kind.answers_noun
    if not definition.kind.free_texts:
        what = f"{len(answers):,} {what}"
    if definition.needs_vocabulary:
        what = "the model's words as candidates"
    parted = " (dev is a part of train)" if definition.dev_from_train else ""
    return f"{definition.name} · {definition.kind} · {sizes}{parted} · {what}"


def search_into(
    directory: Path,
    searcher: Searcher,
    definition: TaskDefinition,
    options: Mapping[str, Any],
    settings: Settings,
    console: Console,
    after: After | None = None,
) -> None:
    """Search in a run directory that is locked already, and print the results.

    `after` is called before printing, unless the search was interrupted or failed.
    """
    model = loaded(options["model"], options, definition)
    kind = definition.kind
    if not definition.needs_vocabulary and kind.scores_answers:
        verbalizers = [definition.prompt.verbalizer]
        console.warn(worthless_answers(verbalizers, model, kind.merges_alike))
    console.warn(unanswerable_rows(definition, [definition.train, definition.dev]))
    if kind.has_labels and not kind.tags_words:
        console.warn(unseen_labels(definition, [definition.train, definition.dev]))
    if model.info.chat is not None:
        filled = definition.prompt.template.fill(definition.train.examples[0].inputs)
        console.say(f"the chat template renders the manual prompt as:\n{model.rendered(filled)}")
    output = Output(
        directory,
        command=this_command(),
        log=console.say,
        on_progress=console.progress,
        on_step=console.step,
    )
    result = search_locked(directory, searcher, definition, model, settings, output)
    failed = result.stopped_because.startswith("step ")
    if after is not None and result.stopped_because != "interrupted" and not failed:
        after(directory, model)
    document = json.loads((directory / "prompts.json").read_text(encoding="utf-8"))
    print_best(document, directory, options["as_json"])
    if result.stopped_because == "interrupted":
        console.say(f"interrupted; go on with: {resuming_command(directory)}")
        raise SystemExit(INTERRUPTED)
    if result.stopped_because in ("time", "max-forwards"):
        limit = f"--{result.stopped_because}"
        console.say(f"stopped by {limit}; raise it to go on: {resuming_command(directory)}")
    if failed:
        raise RunError(f"{result.stopped_because} ({directory} holds what was scored until then)")


def print_best(document: Mapping[str, Any], directory: Path, as_json: bool) -> None:
    """Print the best prompts of a run and the manual one, with scores on dev."""
    if as_json:
        print_json(document)
        return
    kind, search = KINDS[document["task"]["kind"]], document["search"]
    best_rows, manual = with_manual(document["prompts"][:5], document["baselines"]["manual"])
    printed_rows = [*best_rows, *manual]
    metrics = measured(table_metrics(kind), printed_rows)
    ensemble = document["ensemble"]
    cells = [*prompt_cells(printed_rows)]
    if ensemble:
        printed_rows, cells = [{"id": "ensemble", **ensemble}, *printed_rows], ["", *cells]
    rows = [
        [
            *expected_cells(document, row),
            *tuned_cells(search, row),
            *dev_cells(row, metrics),
            row["id"],
            prompt,
        ]
        for row, prompt in zip(printed_rows, cells, strict=True)
    ]
    echo(about_scores(search))
    print_table([*expected_header(document), *tuned_header(search), *metrics, "id", "prompt"], rows)
    for line in expected_lines(document):
        echo(line)
    best = document["prompts"][0]
    if (nats := best["source"]["evidence"].get("fluency")) is not None:
        echo(f"fluency of {best['id']}: {nats:.2f} nats a word")
    echo(f"wrote {directory / 'prompts.json'} ({len(document['prompts'])} prompts)")
    if ensemble:
        taken = answering(document)
        rule = f"{ensemble['rule']} of {len(ensemble['members'])}{summed_remark(ensemble, '; ')}"
        echo(f"ensemble: {rule}{taken}")
    for line in _without_gain(document):
        echo(line)
    echo(f"what they are worth: {_next_command(document, directory)}")


def _without_gain(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield that a search gave back only the manual prompt, and what to try."""
    manual, search = document["baselines"]["manual"], document["search"]
    best = document["prompts"][0]
    if TUNED_FROM in search:
        yield _before_tuning(search[TUNED_FROM], table_metrics(KINDS[document["task"]["kind"]]))
        return
    if any(best.get(key) != manual.get(key) for key in ("template", "verbalizer", "soft")):
        return
    others = len(document["prompts"]) - 1
    if others:
        yield f"none of the {others:,} other prompts is better on dev than the manual one"
    else:
        yield (
            f"nothing new: {search['strategy']} made no prompt beside the manual one"
            f"{_WHY.get(search['strategy'], '')}"
        )
    if search["strategy"] in TRAININGS:
        yield "to try: more --steps, another --lr, or another --objective to choose by"
        return
    yield "to try: a larger --budget, another strategy, or all in turn: promptsearch search"


def _before_tuning(before: Mapping[str, Any], metrics: Sequence[str]) -> str:
    """Return what the manual prompt scored with the model that was not trained yet."""
    scores = before["scores"]["dev"]
    values = ", ".join(f"{name} {scores[name]:.3f}" for name in metrics if name in scores)
    return f"before training, with {before['model']['spec']!r}, manual had {values}"


def _next_command(document: Mapping[str, Any], directory: Path) -> str:
    """Return the command that scores them: on test, if there is one."""
    file, task = directory / "prompts.json", _task_word() or document["task"]["name"]
    if "test" in document["task"]["data"]:
        return command_line("evaluate", file, "--task", task, "--split", "test")
    return command_line("certify", file, "--task", task)


def measured(metrics: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the metrics that a row has on dev: a search measures no texts that it never wrote."""
    scores = [(row.get("scores") or {}).get("dev") or {} for row in rows]
    known = [metric for metric in metrics if any(metric in each for each in scores)]
    return known or list(metrics)


def dev_cells(row: Mapping[str, Any], metrics: Sequence[str]) -> list[str]:
    """Return the cells of a row's scores on dev."""
    scores = (row.get("scores") or {}).get("dev") or {}
    return [number(scores.get(metric)) for metric in metrics]


def _task_word() -> str | None:
    """Return the task as the user named it on the command line; None if there are several."""
    words, tasks = sys.argv[1:], []
    for word, following in zip(words, [*words, ""][1:], strict=True):
        if word in ("-t", "--task"):
            tasks.append(following)
        elif word.startswith("--task="):
            tasks.append(word.removeprefix("--task="))
    return tasks[0] if len(tasks) == 1 and tasks[0] else None
