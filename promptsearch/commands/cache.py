"""`promptsearch cache`: the contents of the score cache, and its emptying."""

from pathlib import Path

import rich_click as click

from promptsearch.commands.shared.console import print_json, print_table
from promptsearch.commands.shared.options import json_option
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.errors import RunError
from promptsearch.scoring.cache_store import CacheInfo, ScoreCache, ScorerInfo

COUNTS = ("prompts", "scores", "bytes", "damaged")


def _cache_directory(ctx: click.Context, param: click.Parameter, value: Path | None) -> ScoreCache:
    if value is None:
        raise RunError("which score cache? Give --cache DIR, or set PROMPTSEARCH_CACHE")
    return ScoreCache(value)


cache_option = click.option(
    "--cache",
    "cache",
    type=click.Path(path_type=Path),
    envvar="PROMPTSEARCH_CACHE",
    show_envvar=True,
    callback=_cache_directory,
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
    cache_info = cache.info()
    if as_json:
        print_json(_document(cache_info))
        return
    foreign = (
        f" · {cache_info.foreign:,} files that are not the cache's" if cache_info.foreign else ""
    )
    echo(f"{cache_info.directory}: {_size(cache_info)}{foreign}")
    if cache_info.scorers:
        print_table([*COUNTS, "scorer", "what it is"], [_row(each) for each in cache_info.scorers])
    if damaged := cache_info.total("damaged"):
        echo(f"{damaged:,} files are damaged in part: what is lost will be scored again")


@command.command("clear")
@cache_option
def clear(cache: ScoreCache) -> None:
    """Remove all scores from the cache; files that are not the cache's stay."""
    removed = cache.clear()
    stay = f"; {removed.foreign:,} files that are not the cache's stay" if removed.foreign else ""
    echo(f"{removed.directory}: removed {_size(removed)}{stay}")


def _size(cache_info: CacheInfo) -> str:
    """Return `120 prompts · 24,000 scores · 1.2 MB`."""
    return (
        f"{cache_info.total('prompts'):,} prompts · {cache_info.total('scores'):,} scores · "
        f"{cache_info.total('bytes') / 2**20:,.1f} MB"
    )


def _row(scorer: ScorerInfo) -> list[str]:
    what = ", ".join(f"{name} {value}" for name, value in scorer.description.items())
    return [*(f"{getattr(scorer, count):,}" for count in COUNTS), scorer.scorer[:12], what]


def _document(cache_info: CacheInfo) -> dict[str, object]:
    return {
        "directory": str(cache_info.directory),
        **{count: cache_info.total(count) for count in COUNTS},
        "foreign": cache_info.foreign,
        "scorers": [
            {
                "scorer": each.scorer,
                "description": dict(each.description),
                **{count: getattr(each, count) for count in COUNTS},
            }
            for each in cache_info.scorers
        ],
    }
