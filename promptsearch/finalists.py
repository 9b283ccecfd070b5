"""The best of a search that ranked in a faster dtype, scored again exactly."""

from dataclasses import replace

from promptsearch.judging import Judge
from promptsearch.scorebook import Scorebook
from promptsearch.trial import ranked

FINALISTS = 20  # scored again, the manual prompt beside them


def settle(book: Scorebook, exact: Judge) -> None:
    """Score the manual prompt and the finalists with `exact`; their trials take these scores.

    The limit on time does not end this: a search is worth nothing without it.
    """
    best = ranked(book.trials.values(), book.objective)[:FINALISTS]
    manual = next(iter(book.trials.values()))
    finalists = list(dict.fromkeys(trial.prompt for trial in (manual, *best)))
    keys = {f"exact {book.key(p, 'dev', None)}": book.key(p, "dev", None) for p in finalists}
    book.judge, book.exact, book.reserve = exact, True, 0
    book.limits = replace(book.limits, seconds=None)
    for own, trial in book.measured(list(zip(keys, finalists, strict=True)), "dev", None).items():
        book.trials[keys[own]] = trial
