"""Propose, score, keep the best: the loop around every search.

A strategy decides what to try; the engine owns the ledger, the budget and the answer. Whatever was
scored is kept, so a search cut short still yields the best prompt so far.
"""

from collections.abc import Callable

from promptsearch.engine.budget import ModelCall
from promptsearch.engine.finetune import FinetuneStage, Tuner, reserve_forwards
from promptsearch.engine.ledger import Ledger
from promptsearch.engine.progress import Limits, OnProgress, Progress
from promptsearch.engine.race import Race
from promptsearch.engine.rescore import rescore_finalists
from promptsearch.engine.strategy import Score, Searcher, Task
from promptsearch.engine.trial import On, Result, Spent, Trial, ranked
from promptsearch.engine.trial_scorer import TrialScorer
from promptsearch.errors import BudgetSpent, RunError
from promptsearch.scoring.split_scorer import SplitScorer

__all__ = [
    "ModelCall", "Limits", "On", "Progress", "Result", "Score", "Searcher", "Spent", "Task", "Trial",
    "ranked", "search_prompts",
]  # fmt: skip


def search_prompts(
    searcher: Searcher,
    task: Task,
    judge: SplitScorer,
    *,
    objective: str = "log_likelihood",
    limits: Limits = Limits(),
    ledger: Ledger | None = None,
    on_progress: OnProgress | None = None,
    ranking: Callable[[], SplitScorer] | None = None,
    race: int | None = None,
    tuner: Tuner | None = None,
) -> Result:
    """Run `searcher` from the task's prompt, within `limits`, keeping trials in `ledger`.

    Where `ranking` makes a faster judge, `judge` scores the finalists again. `race` is the seed of
    a race over dev's examples (see `racing`). With a `tuner`, finalists are ranked by what copies
    of the model that were tuned to them make of dev. Ctrl-C ends the search as a spent budget does:
    the result holds what was scored until then. Before the first trial there is nothing to hold,
    and KeyboardInterrupt passes through.
    """
    ledger = ledger or Ledger()
    searching = reserve_forwards(limits, tuner, task.prompt, ledger.rows) if tuner else limits
    book = TrialScorer(task.prompt, judge, objective, searching, ledger, on_progress, ranking)
    contest = None if race is None else Race(book, judge.count("dev"), race)
    book.contest = contest.run if contest else None
    stage = FinetuneStage(book, tuner) if tuner else None
    searched = _stopping(book, lambda: _searched(searcher, task, book))
    report = contest.report() if contest else None
    settled, tuned = _stopping(book, lambda: rescore_finalists(book)), "finished"
    if stage and settled == "finished" and searched != "interrupted":
        tuned = _stopping(book, lambda: stage.run(limits))
    stopped = next((end for end in (tuned, searched, settled) if end != "finished"), "finished")
    trials, spent = tuple(book.trials.values()), book.budget.spent
    about = stage.report if stage else None
    return Result(trials, objective, spent, stopped, report, settled == "finished", about)


def _searched(searcher: Searcher, task: Task, book: TrialScorer) -> None:
    book([task.prompt])
    searcher.search(task, book)


def _stopping(book: TrialScorer, work: Callable[[], None]) -> str:
    """Do the work and say why it ended; `RunError` where the limits allow no trial at all."""
    try:
        work()
    except BudgetSpent as spent:
        if not book.trials:
            raise RunError(
                f"the limit on {spent.reason} is too small to score even the manual prompt on dev; "
                "raise it"
            ) from None
        return spent.reason
    except KeyboardInterrupt:
        if not book.trials:
            raise
        return "interrupted"
    return "finished"
