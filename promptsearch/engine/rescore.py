"""The best of a search that ranked in a faster dtype, scored again exactly."""

from promptsearch.engine.trial import ranked
from promptsearch.engine.trial_scorer import TrialScorer


def rescore_finalists(book: TrialScorer) -> None:
    """Score the manual prompt and the finalists exactly; their trials take these scores.

    The limit on time does not end this: a search is worth nothing without it.
    """
    book.use_exact_scorer()
    best = ranked(book.trials.values(), book.objective)[: book.finalists]
    manual = next(iter(book.trials.values()))
    finalists = list(dict.fromkeys(t.prompt for t in (manual, *best) if not t.exact))
    requests = [(f"exact {book.key(p, 'dev', None)}", p) for p in finalists]
    for _, trial in book.measured(requests, "dev", None):
        book.trials[book.key(trial.prompt, "dev", None)] = trial
