"""Output of the commands: messages on standard error, results on standard output."""

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import rich_click as click

from promptsearch.commands.shared.option_names import in_command
from promptsearch.commands.shared.terminal_text import (
    cut_to_terminal,
    echo,
    in_one_line,
    json_text,
    width,
)
from promptsearch.engine.progress import Progress
from promptsearch.evaluation.checks.finding import Finding
from promptsearch.evaluation.report.number_format import count as counted
from promptsearch.evaluation.report.number_format import duration
from promptsearch.prompt.verbalizer import answer_text
from promptsearch.prompt_file.prompts_json import template_text
from promptsearch.scoring.chunked_scorer import ScoringProgress

MANY = 20  # prompts on train below which no plan is printed
FIRST_ANSWERS = 3  # of each label, shown in tables


class Console:
    """Output of one command's messages; silent if it is quiet."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._planned = 0
        self._screened = 0  # pending prompts on train in the last plan
        self._last = 0.0
        self._step_began = 0.0
        self._tty = sys.stderr.isatty()

    def say(self, line: str) -> None:
        """Print a line on standard error."""
        if not self._quiet:
            self._clear()
            echo(in_command(line), err=True)

    def warn(self, findings: Iterable[Finding]) -> None:
        """Print findings on standard error as `check` prints them, quiet or not."""
        for finding in findings:
            self._clear()
            echo(in_command(f"{finding.level}: {finding.message}"), err=True)

    def progress(self, now: Progress) -> None:
        """Print the plan when it has grown, and the progress line from time to time."""
        if self._is_news(now):
            self.say(plan(now))
        self.passing(progress_line(now), now.done == now.total and now.pending.on == "dev")

    def step(self, what: str, done: int, total: int) -> None:
        """Print how far a strategy's own work is: `drafts: 3 of 12 · about 2 min left`."""
        if not done:
            self._step_began = time.monotonic()
        seconds = (time.monotonic() - self._step_began) * (total / done - 1) if done else None
        left = "" if not seconds else f" · about {duration(seconds)} left"
        self.passing(f"{what}: {done:,} of {total:,}{left}", done == total)

    def scoring(self, now: ScoringProgress) -> None:
        """Print how far the scoring of a split is."""
        left = f"about {duration(now.seconds_left)} left" if now.done < now.total else "scored"
        prompts = counted(now.prompts, "prompt")
        line = f"{now.done:,} of {now.total:,} examples, {prompts} · {left}"
        self.passing(line, now.done == now.total)

    def passing(self, line: str, is_last: bool = False) -> None:
        """Print a line that the next one replaces, from time to time; always the last one."""
        if is_last or time.monotonic() - self._last > (0.1 if self._tty else 5):
            self._last = time.monotonic()
            self._show(line)

    def _is_news(self, now: Progress) -> bool:
        """Return whether more prompts are pending than the last plan had."""
        if now.pending.on == "train":
            before, self._screened = self._screened, now.pending.prompts
            return now.pending.prompts > max(before, MANY)
        more = now.total > max(1, self._planned) and now.done + 1 < now.total
        self._planned = now.total if more else self._planned
        return more

    def _show(self, line: str) -> None:
        if self._quiet:
            return
        self._clear()
        echo(line, err=True, nl=not self._tty)

    def _clear(self) -> None:
        if self._tty:
            click.echo("\r\x1b[K", err=True, nl=False)


def plan(now: Progress) -> str:
    """Return the pending work with its cost, estimated from the first prompts."""
    megabytes = now.peak_bytes / 2**20
    return (
        f"plan: {now.pending.prompts:,} prompts x "
        f"{now.pending.examples:,} {now.pending.on} examples · "
        f"{now.forwards_left:,.0f} forward passes · {now.tokens_left:,.0f} tokens · "
        f"at most {megabytes:,.0f} MB beside the weights · about {duration(now.seconds_left)}"
    )


def progress_line(now: Progress) -> str:
    """Return `120/200 prompts · best -0.38 (manual -0.52) · 4 min left`."""
    best, manual = (number(trial.scores.get("log_likelihood")) for trial in (now.best, now.manual))
    parts = [f"{now.done}/{now.total} prompts", f"best {best} (manual {manual})"]
    if now.pending.prompts:
        on_train = f"{now.pending.prompts} more on train, " if now.pending.on == "train" else ""
        parts.append(f"{on_train}{duration(now.seconds_left)} left")
    return " · ".join(parts)


def number(value: object) -> str:
    """Return three decimals; a dash if there is no number."""
    return f"{value:.3f}" if isinstance(value, float) else "-"


def difference(gain: Mapping[str, Any]) -> str:
    """Return `+0.091 [+0.041, +0.149]`: a `delta` with its `ci95`."""
    low, high = gain["ci95"]
    return f"{gain['delta']:+.3f} [{low:+.3f}, {high:+.3f}]"


def print_json(document: object) -> None:
    """Print a document on standard output, as JSON without NaN."""
    click.echo(json_text(document))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns on standard output; all but the last are aligned to the right.

    A line a row: line ends in cells are written out, and a terminal cuts the last column.
    """
    lines = [[in_one_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]
    before = sum(widths[:-1]) + 2 * (len(widths) - 1)
    for *cells, last in lines:
        padded = [
            " " * (wide - width(cell)) + cell for cell, wide in zip(cells, widths, strict=False)
        ]
        echo("  ".join([*padded, cut_to_terminal(last, before)]).rstrip())


def prompt_cells(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the templates of rows of prompts.json, with their answers if these differ."""
    answers = [row.get("verbalizer") for row in rows if row.get("template")]
    if all(cell == answers[0] for cell in answers):
        return list(map(template_text, rows))
    return [f"{template_text(row)} · {answers_text(row.get('verbalizer') or {})}" for row in rows]


def answers_text(verbalizer: Mapping[str, Any]) -> str:
    """Return `terrible | great, good +8`: the first answers of each label."""
    return " | ".join(_first_answers(answers) for answers in verbalizer.values())


def _first_answers(answers: Sequence[Any]) -> str:
    answers = [answers] if isinstance(answers, str) else answers
    texts = [answer_text(answer) for answer in answers]
    more = f" +{len(texts) - FIRST_ANSWERS}" if len(texts) > FIRST_ANSWERS else ""
    return ", ".join(texts[:FIRST_ANSWERS]) + more
