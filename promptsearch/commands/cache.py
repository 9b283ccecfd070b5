"""`promptsearch cache`: what the score cache holds, and emptying it."""

from pathlib import Path

import rich_click as click

from promptsearch.commands.shared.console import print_json, print_table
from promptsearch.commands.shared.options import json_option
from promptsearch.errors import RunError
from promptsearch.scoring.cache_store import CacheInfo, ScoreCache, ScorerInfo

COUNTS = ("prompts", "scores", "bytes", "damaged")


def _given(ctx: click.Context, param: click.Parameter, value: Path | None) -> ScoreCache:
    if value is None:
        raise RunError("which score cache? Give --cache DIR, or set PROMPTSEARCH_CACHE")
    return ScoreCache(value)


cache_option = click.option(
    "--cache",
    "cache",
    type=click.Path(path_type=Path),
    envvar="PROMPTSEARCH_CACHE",
    show_envvar=True,
    callback=_given,
    help="The cache's directory.",
    metavar="DIR",
)


@click.group("cache")
def command() -> None:
    """What the score cache of --cache DIR holds, and emptying it."""


@command.command("info")
@cache_option
@json_option
def info(cache: ScoreCache, as_json: bool) -> None:
    """List the scorers in the cache: what they are, how much is stored, how much is damaged."""
    found = cache.info()
    if as_json:
        print_json(_document(found))
        return
    foreign = f" · {found.foreign:,} files that are not the cache's" if found.foreign else ""
    click.echo(f"{found.directory}: {_size(found)}{foreign}")
    if found.scorers:
        print_table([*COUNTS, "scorer", "what it is"], [_row(each) for each in found.scorers])
    if damaged := found.total("damaged"):
        click.echo(f"{damaged:,} files are damaged in part: what is lost will be scored again")


@command.command("clear")
@cache_option
def clear(cache: ScoreCache) -> None:
    """Remove all scores from the cache; files that are not the cache's stay."""
    removed = cache.clear()
    stay = f"; {removed.foreign:,} files that are not the cache's stay" if removed.foreign else ""
    click.echo(f"{removed.directory}: removed {_size(removed)}{stay}")


def _size(found: CacheInfo) -> str:
    """`120 prompts · 24,000 scores · 1.2 MB`"""
    return (
        f"{found.total('prompts'):,} prompts · {found.total('scores'):,} scores · "
        f"{found.total('bytes') / 2**20:,.1f} MB"
    )


def _row(scorer: ScorerInfo) -> list[str]:
    what = ", ".join(f"{name} {value}" for name, value in scorer.description.items())
    return [*(f"{getattr(scorer, count):,}" for count in COUNTS), scorer.scorer[:12], what]


def _document(found: CacheInfo) -> dict[str, object]:
    return {
        "directory": str(found.directory),
        **{count: found.total(count) for count in COUNTS},
        "foreign": found.foreign,
        "scorers": [
            {
                "scorer": each.scorer,
                "description": dict(each.description),
                **{count: getattr(each, count) for count in COUNTS},
            }
            for each in found.scorers
        ],
    }
