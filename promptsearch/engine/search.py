"""Propose, score, keep the best: the phases that every search goes through.

A strategy decides what to try; the engine owns the ledger, the budget and the answer. Each phase
takes the trials so far and returns them with its own. Whatever was scored is kept, so a search cut
short still yields the best prompt so far.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from promptsearch.engine.budget import Budget, ModelCall
from promptsearch.engine.exploration import Exploration
from promptsearch.engine.finetune_phase import FinetuneStage, Tuner, reserve_forwards
from promptsearch.engine.ledger import Ledger
from promptsearch.engine.progress import Limits, OnProgress, Progress
from promptsearch.engine.race import Race
from promptsearch.engine.strategy import Score, Searcher, Task
from promptsearch.engine.trial import On, Result, Spent, Trial, ranked
from promptsearch.engine.trial_scorer import FINALISTS, TrialScorer
from promptsearch.errors import BudgetSpent, RunError
from promptsearch.scoring.split_scorer import SplitScorer

__all__ = [
    "Limits",
    "ModelCall",
    "On",
    "Progress",
    "Result",
    "Score",
    "Searcher",
    "Spent",
    "Task",
    "Trial",
    "ranked",
    "search_prompts",
]  # fmt: skip

FINISHED = "finished"


class Phase(NamedTuple):
    """Trials by key, in the order first asked for, and why the phase ended."""

    trials: Mapping[str, Trial]
    stopped: str


def search_prompts(
    searcher: Searcher,
    task: Task,
    scorer: SplitScorer,
    *,
    objective: str = "log_likelihood",
    limits: Limits = Limits(),
    ledger: Ledger | None = None,
    on_progress: OnProgress | None = None,
    fast: Callable[[], SplitScorer] | None = None,
    race: int | None = None,
    tuner: Tuner | None = None,
) -> Result:
    """Run `searcher` from the task's prompt, within `limits`, keeping trials in `ledger`.

    If `fast` makes a faster scorer, it ranks the prompts of a search that has many, and `scorer`
    scores the finalists again. `race` is the seed of a race over dev's examples (see `Race`). With
    a `tuner`, finalists are ranked by the dev scores of model copies that were tuned to them.
    Ctrl-C ends the search as a spent budget does: the result holds what was scored until then.
    Before the first trial there is nothing to hold, and KeyboardInterrupt passes through.
    """
    ledger = ledger or Ledger()
    exploring = reserve_forwards(limits, tuner, task.prompt, ledger.rows) if tuner else limits
    top = max(FINALISTS, tuner.config.top) if tuner else FINALISTS
    trial_scorer = TrialScorer.open(
        task.prompt, scorer, objective, Budget(exploring), ledger, top, on_progress
    )
    contest = None if race is None else Race(scorer.count("dev"), race)
    explored = _explore(searcher, task, Exploration(trial_scorer, fast, contest))
    report = contest.report(explored.trials, trial_scorer) if contest else None
    exact = trial_scorer.exactly()
    rescored = _collect(explored.trials, lambda trials: rescore_finalists(exact, trials))
    last, tuned, stage = exact, Phase(rescored.trials, FINISHED), None
    if tuner:
        last = exact.within(limits)
        stage = FinetuneStage(last, tuner)
        if rescored.stopped == FINISHED and explored.stopped != "interrupted":
            tuned = _collect(rescored.trials, stage.run)
    return Result(
        trials=tuple(tuned.trials.values()),
        objective=objective,
        spent=last.budget.spent,
        stopped_because=_first_reason(tuned, explored, rescored),
        race=report,
        exact=rescored.stopped == FINISHED,
        tuned=stage.report if stage else None,
    )


def rescore_finalists(
    scorer: TrialScorer, trials: Mapping[str, Trial]
) -> Iterator[tuple[str, Trial]]:
    """Yield exact trials of the manual prompt and of the finalists that a faster scorer ranked.

    Time does not end this phase: a search is worth nothing without it.
    """
    best = ranked(trials.values(), scorer.objective)[: scorer.finalists]
    manual = next(iter(trials.values()))
    finalists = list(dict.fromkeys(t.prompt for t in (manual, *best) if not t.exact))
    requests = [(f"exact {scorer.key(p, 'dev', None)}", p) for p in finalists]
    for _, trial in scorer.measure(requests, "dev", None, trials):
        yield scorer.key(trial.prompt, "dev", None), trial


def _explore(searcher: Searcher, task: Task, exploration: Exploration) -> Phase:
    """Let the strategy propose prompts, the task's own prompt first."""

    def explore() -> None:
        exploration([task.prompt])
        searcher.search(task, exploration)

    return Phase(exploration.trials, _reason_to_stop(explore, exploration.trials))


def _collect(
    trials: Mapping[str, Trial],
    phase: Callable[[Mapping[str, Trial]], Iterator[tuple[str, Trial]]],
) -> Phase:
    """Return the trials with those that the phase replaces, as far as it came."""
    collected = dict(trials)

    def collect() -> None:
        for key, trial in phase(collected):
            collected[key] = trial

    return Phase(collected, _reason_to_stop(collect, collected))


def _reason_to_stop(work: Callable[[], None], trials: Mapping[str, Trial]) -> str:
    """Do the work and say why it ended.

    Raises RunError if the limits allow no trial at all.
    """
    try:
        work()
    except BudgetSpent as spent:
        if not trials:
            raise RunError(
                f"the limit on {spent.reason} is too small to score even the manual prompt on dev; "
                "raise it"
            ) from None
        return spent.reason
    except KeyboardInterrupt:
        if not trials:
            raise
        return "interrupted"
    return FINISHED


def _first_reason(*phases: Phase) -> str:
    """Return why the first of the phases stopped that did not finish."""
    return next((phase.stopped for phase in phases if phase.stopped != FINISHED), FINISHED)
