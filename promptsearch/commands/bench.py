"""`promptsearch bench`: the scorer's speed here, beside that of published loops."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import rich_click as click

from promptsearch.commands.shared.console import Console, print_json, print_table
from promptsearch.commands.shared.options import json_option, quiet_option
from promptsearch.commands.shared.terminal_text import echo

if TYPE_CHECKING:
    from promptsearch.bench.machine import Hardware
    from promptsearch.bench.scaling import Growth
    from promptsearch.bench.suite import BenchSettings, ModelResult
    from promptsearch.models.loading.random_models import Parts

SHAPES = ["builtin", "bert-base", "gpt2", "t5-small"]
SCALED = "builtin"  # the model of the scaling table


@click.command("bench")
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    type=click.Choice([*SHAPES, "all"]),
    help="Random weights in a known shape, or the built-in model.  [default: all]",
)
@click.option("--model", "-m", "models", multiple=True, metavar="SPEC", help="Your own model.")
@click.option("--texts", type=click.IntRange(min=1), help="Of a round.  [default: 128]")
@click.option("--rounds", type=click.IntRange(min=1), help="Timed ones.  [default: 3]")
@click.option(
    "--quick", is_flag=True, help="Few texts, one round, the built-in model: whether it runs."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@json_option
@quiet_option
def command(
    shapes: tuple[str, ...],
    models: tuple[str, ...],
    texts: int | None,
    rounds: int | None,
    quick: bool,
    device: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure the scorer beside published loops and plain transformers, in one process.

    Texts go in, log-probabilities come out; rounds are interleaved. About 10 minutes on two cores.
    """
    from promptsearch.bench.machine import machine
    from promptsearch.bench.report import document
    from promptsearch.bench.suite import measured

    console, settings = Console(quiet), _settings(texts, rounds, quick)
    results, scaling, here = [], [], None
    if quick and not (shapes or models):
        shapes = (SCALED,)
    for name, parts in _subjects(shapes, models, device):
        here = here or machine(parts.model.device)
        results.append(measured(name, parts, settings, console.say))
        if not as_json:
            _print(here, settings, results[-1])
        scaling += _scaling(name, parts, settings, console, as_json)
    if as_json and here is not None:
        print_json(document(here, settings, results, scaling))


def _settings(texts: int | None, rounds: int | None, quick: bool) -> "BenchSettings":
    from promptsearch.bench.suite import QUICK, BenchSettings

    settings = QUICK if quick else BenchSettings()
    return replace(settings, texts=texts or settings.texts, rounds=rounds or settings.rounds)


def _subjects(
    shapes: tuple[str, ...], models: tuple[str, ...], device: str
) -> Iterator[tuple[str, "Parts"]]:
    """Yield the requested models, each built when its turn comes."""
    from promptsearch.bench.subjects import SHAPES as MAKERS
    from promptsearch.models.loading.random_models import load_parts

    every = "all" in shapes or not (shapes or models)
    for name in SHAPES if every else dict.fromkeys(shapes):
        yield name, MAKERS[name](device)
    for spec in models:
        yield spec, load_parts(spec, device)


def _print(here: "Hardware", settings: "BenchSettings", result: "ModelResult") -> None:
    from promptsearch.bench.report import EXPLAINED, cells, headings

    echo(str(here))
    echo("\n".join([*headings(result), f"{settings.rounds} rounds, medians [min, max]"]))
    print_table(*cells(result.loops, result.ceilings))
    echo(EXPLAINED)
    for table in result.reuse:
        goal = f" · goal {table.goal:g}x of plain, sorted" if table.goal else ""
        echo(f"\n{table.name} · {table.texts} texts{goal}")
        print_table(*cells(table, ()))
    echo("")


def _scaling(
    name: str, parts: "Parts", settings: "BenchSettings", console: Console, as_json: bool
) -> list["Growth"]:
    """Return the scorer's growth on one model; print it unless the output is JSON."""
    if name != SCALED:
        return []
    from promptsearch.bench.report import growth_cells
    from promptsearch.bench.scaling import growths

    console.say(f"{name}: scaling")
    grown = list(growths(parts, settings.grown, settings.rounds, console.say))
    if not as_json:
        echo("ours, by extent: cost linear in prompts x examples, memory flat")
        print_table(*growth_cells(grown))
        echo("")
    return grown
