"""`promptsearch reproduce`: a search run again, and its differences."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import rich_click as click

from promptsearch.commands.shared.console import Console, print_json
from promptsearch.commands.shared.options import json_option, loading_options, quiet_option
from promptsearch.commands.shared.run_search import loading_from
from promptsearch.commands.shared.saved_prompts import task_of
from promptsearch.commands.shared.saved_search import searcher_of, settings_of
from promptsearch.commands.shared.terminal_text import echo, in_one_line
from promptsearch.data.tasks.task_changes import task_changes
from promptsearch.engine.ledger import LEDGER, identity_in
from promptsearch.metrics import objective_in
from promptsearch.prompt_file.load_model import model_for, spec_of
from promptsearch.prompt_file.prompts_json import (
    PromptFile,
    SavedPrompt,
    read_prompts,
    section_of,
)
from promptsearch.runs.run import Output, search
from promptsearch.runs.tuned_model import TUNED_FROM

SHOWN = 10  # differences of prompts and scores
TOLERANCE = 1e-4  # of a score in float32, whatever the batches


@click.command("reproduce")
@click.argument("prompts", type=click.Path(path_type=Path))
@click.option("--task", "-t", metavar="TASK", help="Where the task file has moved to.")
@loading_options
@json_option
@quiet_option
def command(prompts: Path, **options: Any) -> None:
    """Run the search that made PROMPTS again and say what differs: data, model, versions, scores.

    The exit status is 1 where the prompts or their scores differ.
    """
    console, file = Console(options["quiet"]), read_prompts(prompts)
    again = _again(file, options, console)
    about = [*_about(file, again), *_edited(file)]
    scores = [*_scores(file, again)]
    if options["as_json"]:
        print_json({"differs": about, "prompts": scores, "reproduced": not scores})
    else:
        for line in [*about, *scores[:SHOWN]]:
            echo(in_one_line(line))
        if len(scores) > SHOWN:
            echo(f"and {len(scores) - SHOWN} more (--json lists them)")
        verdict = (
            f"{len(scores)} differences" if scores else "reproduced: same prompts, same scores"
        )
        echo(f"{verdict} ({len(file.prompts)} prompts, within {TOLERANCE:g})")
    if scores:
        raise SystemExit(1)


def _again(file: PromptFile, chosen: dict[str, Any], console: Console) -> PromptFile:
    file, task, searcher = _before_tuning(file), file.section("task"), searcher_of(file)
    definition = task_of(file, chosen["task"])
    corpus = tuple(Path(name) for name in cast(list[str], task.get("corpus") or []))
    definition = replace(definition, corpus=corpus or definition.corpus)
    options = {**loading_from(chosen, definition.kind), "dtype": _dtype(file, chosen["dtype"])}
    model = model_for(file, definition.chat, spec_of(file), **options)
    with TemporaryDirectory() as scratch:
        output = Output(
            Path(scratch), log=console.say, on_progress=console.progress, on_step=console.step
        )
        search(searcher, definition, model, settings_of(file), output)
        return read_prompts(Path(scratch) / "prompts.json")


def _before_tuning(file: PromptFile) -> PromptFile:
    """Return the file with the model that its search began with, if it was trained there."""
    match file.section("search").get(TUNED_FROM):
        case {"model": Mapping() as model}:
            return replace(file, document={**file.document, "model": model})
    return file


def _dtype(file: PromptFile, option: str) -> object:
    """Return the option, or the run's dtype; "auto" is float32 if the run has none."""
    before = file.section("model").get("dtype")
    return before if option == "auto" and before in ("bfloat16", "float16") else option


def _about(old: PromptFile, new: PromptFile) -> Iterator[str]:
    """Yield changes of everything that the scores depend on."""
    old_task, new_task = old.section("task"), new.section("task")
    old_data, new_data = section_of(old_task, "data"), section_of(new_task, "data")
    for split in {**old_data, **new_data}:
        before, after = old_data.get(split) or {}, new_data.get(split) or {}
        if (was := before.get("sha256")) != (now := after.get("sha256")):
            yield f"data: {split} has changed (sha256 {str(was)[:12]}, now {str(now)[:12]})"
        elif "examples_sha256" in before and before["examples_sha256"] != after["examples_sha256"]:
            yield f"data: the files of {split} are the same, but are read as other examples"
    for section in ("model", "scoring", "versions"):
        for key, now in new.section(section).items():
            if key == "spec" and TUNED_FROM in new.section("search"):
                continue  # the directory that the trained model was written to
            if (before := old.section(section).get(key)) != now:
                note = "note: " if (section, key) == ("versions", "threads") else ""
                yield f"{note}{section}: {key} was {before}, now {now}"
    definitions = section_of(old_task, "definition"), section_of(new_task, "definition")
    for change in task_changes(*definitions):
        yield f"task: {change}"


def _edited(file: PromptFile) -> Iterator[str]:
    """Yield contradictions of the file to the ledger beside it."""
    search_section = file.section("search")
    if search_section.get("stopped_because") == "budget":
        budget, scored = (
            search_section.get("budget"),
            section_of(search_section, "spent").get("prompts"),
        )
        if budget != scored:
            yield f"search: budget is {budget}, but it stopped at {scored} prompts"
    known = identity_in(file.path.with_name(LEDGER))
    for key in known.keys() & {"strategy", "objective", "seed"}:
        if known[key] != search_section.get(key):
            yield f"search: {key} is {search_section.get(key)!r}, in {LEDGER} {known[key]!r}"
    for section, name in (("search", "options"), ("scoring", ""), ("model", "")):
        saved_section = file.section(section)
        now = cast(Mapping[str, Any], saved_section.get(name)) if name else saved_section
        was = cast(Mapping[str, Any], known.get(name or section) or {})
        for key in was.keys() & now.keys():
            if was[key] != now[key]:
                yield f"{name or section}: {key} is {now[key]!r}, in {LEDGER} {was[key]!r}"


def _scores(file: PromptFile, again: PromptFile) -> Iterator[str]:
    """Yield prompts that only one of the runs has, and scores that moved or are gone."""
    objective = objective_in(again.section("search"))
    before, after = (
        {_key(saved.row): saved for saved in prompt_file.prompts} for prompt_file in (file, again)
    )
    for key, saved in before.items():
        if key not in after:
            yield f"prompts: {_named(saved)} was not found again"
            continue
        now, saved_scores = _dev(after[key].row), _dev(saved.row)
        if objective not in saved_scores:  # its scores were taken out
            yield f"scores: {objective} of {_named(saved)} was none, now {_short(now[objective])}"
        for metric, was in saved_scores.items():
            if isinstance(was, float) and not _near(was, now_value := now.get(metric)):
                change = f"was {_short(was)}, now {_short(now_value)}"
                yield f"scores: {metric} of {_named(saved)} {change}"
    for key, saved in after.items():
        if key not in before:
            yield f"prompts: {saved.prompt.template.described} is new"


def _key(row: Any) -> str:
    """Return what tells a prompt from others: a training's checkpoints have one template."""
    evidence = section_of(section_of(row, "source"), "evidence")
    training = [evidence.get(key) for key in ("run", "trained_steps")]
    return f"{row['template']} {row.get('verbalizer', '')} {training}"


def _named(saved: SavedPrompt) -> str:
    return f"{saved.id} {saved.prompt.template.described!r}"


def _short(score: object) -> str:
    return f"{score:.6g}" if isinstance(score, float) else "none"


def _near(was: float, now: object) -> bool:
    return isinstance(now, float) and abs(was - now) <= TOLERANCE


def _dev(row: Mapping[str, Any]) -> Mapping[str, object]:
    """Return a prompt's scores on dev, with those of the tuned copy."""
    scores, tuned = (section_of(section_of(row, name), "dev") for name in ("scores", "finetuned"))
    return {**scores, **{f"tuned {name}": value for name, value in tuned.items()}}
