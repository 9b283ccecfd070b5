"""The results as a JSON document, and as tables of text."""

from collections.abc import Iterator, Sequence

from promptsearch.bench.machine import Hardware
from promptsearch.bench.published_loops import PUBLISHED
from promptsearch.bench.rounds import Ratio
from promptsearch.bench.scaling import Growth
from promptsearch.bench.suite import (
    BenchSettings,
    Ceiling,
    ContenderResult,
    ModelResult,
    WorkloadResult,
)

Cells = list[str]
MB = 1e6
STEADY = 0.85  # of the better ceiling, for the other one
EXPLAINED = (
    "of ceiling: what must be computed without padding, a second, as a share of the ceiling\n"
    "error: the largest difference of a log-probability from float32 without padding, in nats"
)


def document(
    here: Hardware,
    settings: BenchSettings,
    results: Sequence[ModelResult],
    scaling: Sequence[Growth],
) -> dict[str, object]:
    """Return all results; seconds are a text's, speeds GFLOP/s, errors in nats."""
    return {
        "format": "promptsearch-bench",
        "version": 1,
        "machine": vars(here) | {"bfloat16": vars(here.bfloat16)},
        "settings": vars(settings),
        "models": [_result(result) for result in results],
        "scaling": [_growth(growth) for growth in scaling],
    }


def _result(result: ModelResult) -> dict[str, object]:
    return {
        "name": result.name,
        "family": result.family,
        "parameters": result.parameters,
        "without": without(result.family),
        "ceilings": [vars(ceiling) for ceiling in result.ceilings],
        "loops": _table(result.loops, result.ceilings),
        "reuse": [_table(table, ()) for table in result.reuse],
    }


def _table(table: WorkloadResult, ceilings: Sequence[Ceiling]) -> dict[str, object]:
    return {
        "name": table.name,
        "goal": table.goal,
        "texts": table.texts,
        "tokens_a_text": table.tokens,
        "rows": [_row(row, ceilings) for row in table.rows],
    }


def _row(row: ContenderResult, ceilings: Sequence[Ceiling]) -> dict[str, object]:
    timing = row.timing
    return {
        "name": timing.contender.name,
        "dtype": timing.contender.dtype,
        "texts": timing.texts,
        "seconds": list(timing.seconds),
        "texts_a_second": 1 / timing.median,
        "error": timing.error,
        "of_ceiling": of_ceiling(row, ceilings),
        "ours_faster": {dtype: vars(times) for dtype, times in row.ours_faster},
    }


def _growth(growth: Growth) -> dict[str, object]:
    return {
        **vars(growth.extent),
        "seconds": growth.seconds,
        "milliseconds_a_text": growth.milliseconds_a_text,
        "peak_bytes": growth.peak_bytes,
        "planned_bytes": growth.planned_bytes,
    }


def of_ceiling(row: ContenderResult, ceilings: Sequence[Ceiling]) -> float | None:
    """Return the share of the ceiling in the row's precision, in [0, 1]; None if not measured."""
    top = [each.best for each in ceilings if each.dtype == row.timing.contender.dtype]
    return row.rate / top[0] if top else None


def without(family: str) -> list[str]:
    """Return the published loops that have nothing to re-create for this family."""
    return [each.name for each in PUBLISHED if family not in each.families]


def headings(result: ModelResult) -> Iterator[str]:
    """Yield the lines above the tables of a model."""
    table = result.loops
    yield (
        f"{result.name} · {result.family} · {result.parameters / 1e6:,.0f} M parameters · "
        f"{table.texts} texts a round of {table.tokens:.1f} tokens"
    )
    if absent := without(result.family):
        yield f"without {', '.join(absent)}, whose projects have no {result.family} models"
    for each in result.ceilings:
        steady = min(each.before, each.after) > STEADY * each.best
        busy = "" if steady else "; the machine was busy: do not quote these numbers"
        measured = f"{each.before:,.0f} GFLOP/s before, {each.after:,.0f} after"
        yield f"ceiling, {each.dtype}: {measured}{busy}"


def cells(table: WorkloadResult, ceilings: Sequence[Ceiling]) -> tuple[Cells, list[Cells]]:
    """Return header and rows of one workload's table."""
    dtypes = [dtype for dtype, _ in table.rows[0].ours_faster]
    faster = [f"ours {dtype} is faster by" for dtype in dtypes]
    share = ["of ceiling"] if ceilings else []
    header = ["texts", "texts/s", *share, "error", *faster, "loop"]
    return header, [_cells(row, ceilings) for row in table.rows]


def _cells(row: ContenderResult, ceilings: Sequence[Ceiling]) -> Cells:
    timing, share = row.timing, of_ceiling(row, ceilings)
    return [
        f"{timing.texts}",
        f"{1 / timing.median:,.1f}",
        *([] if share is None else [f"{share:.2f}"]),
        f"{timing.error:.0e}",
        *(times(each) for _, each in row.ours_faster),
        timing.contender.key,
    ]


def times(ratio: Ratio) -> str:
    """Return `5.4x [5.1, 5.9]`: the median of the rounds, the smallest and the largest."""
    return f"{ratio.median:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}]"


def growth_cells(scaling: Sequence[Growth]) -> tuple[Cells, list[Cells]]:
    """Return header and rows of the scaling table."""
    header = ["prompts", "examples", "answers", "seconds", "ms a text", "peak MB", "planned MB"]
    return header, [
        [
            *(f"{count:,}" for count in vars(growth.extent).values()),
            f"{growth.seconds:.2f}",
            f"{growth.milliseconds_a_text:.2f}",
            "-" if growth.peak_bytes is None else f"{growth.peak_bytes / MB:,.0f}",
            f"{growth.planned_bytes / MB:,.0f}",
        ]
        for growth in scaling
    ]
