"""`promptsearch score-pclue`: the score of the benchmark pCLUE."""

from collections.abc import Sequence
from pathlib import Path

import rich_click as click

from promptsearch.commands.shared.console import print_json, print_table
from promptsearch.commands.shared.options import json_option
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.formats.pclue.predictions import predicted_rows
from promptsearch.metrics.pclue_score import (
    ANAPHORA,
    CLASSIFY,
    GENERATE,
    MRC,
    NLI,
    QUIRKS,
    PclueScore,
    score_pclue,
)


@click.command("score-pclue")
@click.argument(
    "files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE..."
)
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help='JSON lines {"target": TEXT}, one for each row of the FILEs, in their order.  [default: '
    "the rows' own answer or prediction]",
)
@click.option(
    "--parity",
    is_flag=True,
    help="Compute what the benchmark's evaluate_pclue.py does, with its quirks, which are named.",
)
@json_option
def command(files: Sequence[Path], predictions: Path | None, parity: bool, as_json: bool) -> None:
    """Score predictions for pCLUE's rows as the benchmark does.

    FILEs are JSON lines with the rows' target and type: those that `promptsearch predict` wrote
    from imported rows, or the benchmark's own with --predictions. The score is the mean of four:
    exact match of classify with anaphora_resolution, exact match of nli, the mean of exact match
    and character F1 of mrc, ROUGE-L over characters of generate.
    """
    rows = predicted_rows(files, predictions)
    columns = [row.target for row in rows], [row.text for row in rows], [row.type for row in rows]
    score = score_pclue(*columns, parity=parity)
    if as_json:
        quirks = {"quirks": list(QUIRKS)} if parity else {}
        print_json({**score.described, "parity": parity, "missing": list(score.missing), **quirks})
    else:
        _print(score, parity)


def _print(score: PclueScore, parity: bool) -> None:
    print_table(["part", "metric", "rows", "value"], _table(score))
    if score.missing:
        echo(f"the score is the mean of what has rows; without {', '.join(score.missing)}")
    if parity:
        echo("as evaluate_pclue.py computes it, quirks included:")
        for quirk in QUIRKS:
            echo(f"- {quirk}")


def _table(score: PclueScore) -> list[list[str]]:
    classify = score.rows.get(CLASSIFY, 0) + score.rows.get(ANAPHORA, 0)
    mrc = str(score.rows.get(MRC, 0))
    lines = [
        ("classify, anaphora_resolution", "exact match", str(classify), score.classify),
        (NLI, "exact match", str(score.rows.get(NLI, 0)), score.nli),
        (MRC, "exact match", mrc, score.mrc_exact_match),
        (MRC, "character F1", mrc, score.mrc_f1),
        (GENERATE, "ROUGE-L of characters", str(score.rows.get(GENERATE, 0)), score.generate),
        ("score", "mean of the four", str(sum(score.rows.values())), score.score),
    ]
    return [[*words, "" if value is None else f"{value:.4f}"] for *words, value in lines]
