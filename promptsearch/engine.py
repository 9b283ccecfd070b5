"""Propose, score, keep the best: the loop around every search.

A strategy decides what to try; the engine owns the ledger, the budget and the answer. Whatever was
scored is kept, so a search cut short still yields the best prompt so far.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from promptsearch.contest import Contest
from promptsearch.corpora.sentences import Reading
from promptsearch.data import Dataset
from promptsearch.errors import BudgetSpent, RunError
from promptsearch.finalists import settle
from promptsearch.finetuning import Stage, Tuner, leaving_room
from promptsearch.judging import Judge
from promptsearch.ledger import Ledger
from promptsearch.models import LanguageModel, Scoring
from promptsearch.parallel import Crew
from promptsearch.progress import Limits, OnProgress, Progress
from promptsearch.prompt import Prompt
from promptsearch.scorebook import Scorebook
from promptsearch.scoring import AnswerScore
from promptsearch.spending import Chore
from promptsearch.trial import On, Result, Spent, Trial, ranked

__all__ = [
    "Chore", "Limits", "On", "Progress", "Result", "Score", "Searcher", "Spent", "Task", "Trial",
    "ranked", "search_prompts",
]  # fmt: skip


def silent(line: str) -> None:
    """Where a search's messages go when nobody listens."""


@dataclass(frozen=True)
class Task:
    """All a strategy may see. The dev and test examples are not in it: only the judge sees them."""

    name: str
    kind: Literal["classification", "facts"]
    prompt: Prompt  # where the search starts: the manual baseline
    train: Dataset
    inputs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    language: str = "en"
    corpus: tuple[Path, ...] = ()
    reading: Reading = Reading()  # of the corpus: its text column, its encoding
    model: LanguageModel | None = None
    workspace: Path | None = None  # the run's directory, where a strategy may keep its checkpoints
    crew: Crew = Crew()  # the processes that may help
    seed: int = 0  # of everything that is random
    objective: str = "log_likelihood"  # what the judge ranks by: a key of `Scores`
    scoring: Scoring = Scoring()  # of answers, and below of labels
    answer_score: AnswerScore = "sum"
    log: Callable[[str], None] = silent


class Score(Protocol):
    """Given to the strategy by the engine. Asking again is free."""

    def __call__(
        self, prompts: Iterable[Prompt], *, on: On = "dev", rows: Sequence[int] | None = None
    ) -> list[Trial]:
        """One trial a prompt, in order; `rows` picks examples of the split (default: all).

        A distinct prompt on dev costs one unit of budget; train trials cost forwards only.
        """
        ...

    def once(self, name: str, prepare: Callable[[], Chore]) -> object:
        """What a chore gives, done once: a resumed run reads it from the ledger.

        For a strategy's own passes through the model, which no prompt stands for: their forwards
        count, and the search ends where the limits have no room for them.
        """
        ...

    @property
    def left(self) -> int | None:
        """Distinct prompts on dev that the budget has room for; None: as many as there are."""
        ...


class Searcher(Protocol):
    """A strategy: a frozen dataclass whose fields are the paper's hyper-parameters."""

    def search(self, task: Task, score: Score) -> None:
        """Call `score` with candidate prompts as often as the algorithm likes."""
        ...


def search_prompts(
    searcher: Searcher,
    task: Task,
    judge: Judge,
    *,
    objective: str = "log_likelihood",
    limits: Limits = Limits(),
    ledger: Ledger | None = None,
    on_progress: OnProgress | None = None,
    ranking: Callable[[], Judge] | None = None,
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
    searching = leaving_room(limits, tuner, task.prompt, ledger.rows) if tuner else limits
    book = Scorebook(task.prompt, judge, objective, searching, ledger, on_progress, ranking)
    contest = None if race is None else Contest(book, judge.count("dev"), race)
    book.contest = contest.run if contest else None
    stage = Stage(book, tuner) if tuner else None
    searched = _stopping(book, lambda: _searched(searcher, task, book))
    report = contest.report() if contest else None
    settled, tuned = _stopping(book, lambda: settle(book)), "finished"
    if stage and settled == "finished" and searched != "interrupted":
        tuned = _stopping(book, lambda: stage.run(limits))
    stopped = next((end for end in (tuned, searched, settled) if end != "finished"), "finished")
    trials, spent = tuple(book.trials.values()), book.purse.spent
    about = stage.report if stage else None
    return Result(trials, objective, spent, stopped, report, settled == "finished", about)


def _searched(searcher: Searcher, task: Task, book: Scorebook) -> None:
    book([task.prompt])
    searcher.search(task, book)


def _stopping(book: Scorebook, work: Callable[[], None]) -> str:
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
