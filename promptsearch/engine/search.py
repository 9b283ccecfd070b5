"""Propose, score, keep the best: the phases that every search goes through.

A strategy decides what to try; the engine owns the ledger, the budget and the answer. Each phase
takes the trials so far and returns them with its own. Whatever was scored is kept, so a search cut
short still yields the best prompt so far.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from promptsearch.engine.budget import Budget, ModelCall
from promptsearch.engine.expectation import (
    EnsembleRule,
    expectation_of,
    members_of,
)
from promptsearch.engine.exploration import Exploration
from promptsearch.engine.finetune_phase import FinetuneStage, Tuner, reserve_forwards
from promptsearch.engine.folds import (
    FoldRun,
    FoldScore,
    deal,
    folded_afterwards,
    runs_over,
    share_of_run,
)
from promptsearch.engine.ledger import Ledger
from promptsearch.engine.progress import Limits, OnProgress, Progress
from promptsearch.engine.race import Race
from promptsearch.engine.strategy import Score, Searcher, Task, silent
from promptsearch.engine.trial import Expectation, On, Result, Spent, Trial, ranked
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


@dataclass(frozen=True)
class SearchDesign:
    """How often the strategy runs, and what becomes of its best prompts.

    With `folds` it runs once for each fold of dev, which that run does not see. A strategy is
    `adaptive` if its prompts depend on the scores of others on dev; where it runs once, nothing
    can then be told of new rows.
    """

    folds: int = 1
    adaptive: bool = True
    ensemble: EnsembleRule | None = None
    budget: int | None = None  # that the runs share; None: the search's own


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
    design: SearchDesign = SearchDesign(),
) -> Result:
    """Run `searcher` from the task's prompt, within `limits`, keeping trials in `ledger`.

    If `fast` makes a faster scorer, it ranks the prompts of a search that has many, and `scorer`
    scores the finalists again. `race` is the seed of a race over dev's examples (see `Race`). With
    a `tuner`, finalists are ranked by the dev scores of model copies that were tuned to them.
    `design` says how often the strategy runs, and by which rule an ensemble of its best is made.
    Ctrl-C ends the search as a spent budget does: the result holds what was scored until then.
    Before the first trial there is nothing to hold, and KeyboardInterrupt passes through.
    """
    ledger = ledger or Ledger()
    exploring = reserve_forwards(limits, tuner, task.prompt, ledger.rows) if tuner else limits
    top = max(FINALISTS, tuner.config.top) if tuner else FINALISTS
    members = design.ensemble.top if design.ensemble else 0
    trial_scorer = TrialScorer.open(
        task.prompt, scorer, objective, Budget(exploring), ledger, top, on_progress, members
    )
    contest = None if race is None else Race(scorer.count("dev"), race)
    exploration = Exploration(trial_scorer, fast, contest, reads=task.reads)
    runs = _runs(exploration, design, task.seed)
    explored = _explore(searcher, task, exploration, runs, _shared_budget(exploration, design))
    report = contest.report(explored.trials, trial_scorer) if contest else None
    exact = trial_scorer.exactly()
    rescored = _collect(
        explored.trials, lambda trials: rescore_finalists(exact, trials, design.ensemble)
    )
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
        expected=_expectation(exploration, runs, design, task)
        if explored.stopped in (FINISHED, "budget")
        else None,
    )


def rescore_finalists(
    scorer: TrialScorer, trials: Mapping[str, Trial], ensemble: EnsembleRule | None = None
) -> Iterator[tuple[str, Trial]]:
    """Yield exact trials of the manual prompt and of the finalists that a faster scorer ranked.

    Time does not end this phase: a search is worth nothing without it.
    """
    best, manual = ranked(trials.values(), scorer.objective), next(iter(trials.values()))
    members = members_of(best, ensemble.top, ensemble.per_step) if ensemble else []
    chosen = (manual, *best[: scorer.finalists], *members)
    finalists = list(dict.fromkeys(t.prompt for t in chosen if not t.exact))
    requests = [(f"exact {scorer.key(p, 'dev', None)}", p) for p in finalists]
    for _, trial in scorer.measure(requests, "dev", None, trials):
        yield scorer.key(trial.prompt, "dev", None), trial


def _runs(exploration: Exploration, design: SearchDesign, seed: int) -> list[FoldScore]:
    """Return the scores of the strategy's runs; none where it runs once and sees all of dev."""
    if design.folds < 2:
        return []
    strata = exploration.scorer.scorer.strata("dev")
    budget = _shared_budget(exploration, design)
    number = runs_over(len(strata), design.folds, exploration.race is not None)
    if number == 1:
        return [FoldScore(exploration, (), budget)]
    share = share_of_run(budget, number)
    return [FoldScore(exploration, rows, share) for rows in deal(strata, seed, number)]


def _shared_budget(exploration: Exploration, design: SearchDesign) -> int | None:
    return design.budget or exploration.scorer.budget.limits.prompts


def _explore(
    searcher: Searcher,
    task: Task,
    exploration: Exploration,
    runs: Sequence[FoldScore],
    budget: int | None,
) -> Phase:
    """Let the strategy propose prompts, the task's own prompt first.

    Of the `budget` that runs share, each has a part that those before it cannot take.
    """

    def explore() -> None:
        exploration([task.prompt])
        if not runs:
            searcher.search(task, exploration)
        ended = False
        for number, run in enumerate(runs, 1):
            before = exploration.scorer.budget.spent.prompts
            if number > 1 and budget is not None:  # the first takes what it may
                run.fresh = max(0, -(-(budget - before) // (len(runs) - number + 1)))
            ended |= _run_ended(searcher, _told(task, number, len(runs)), run)
            if number > 1:
                new = exploration.scorer.budget.spent.prompts - before
                asked = f"{len(run.trials):,} prompts, {new:,} of them new"
                task.log(f"run {number} of {len(runs)}: {asked}")
        if ended:
            raise BudgetSpent("budget")

    return Phase(exploration.trials, _reason_to_stop(explore, exploration.trials))


def _run_ended(searcher: Searcher, task: Task, run: FoldScore) -> bool:
    """Run the strategy on one fold's score; return whether the run's share of the budget ended."""
    try:
        run([task.prompt])
        searcher.search(task, run)
    except BudgetSpent as spent:
        if spent.reason != "budget":
            raise
        return True
    return False


def _told(task: Task, number: int, runs: int) -> Task:
    """Return the task of one of several runs: the first tells its course, as the others would."""
    if number > 1:
        return replace(task, log=silent)
    name = f"run {number} of {runs}: " if runs > 1 else ""
    return replace(task, log=lambda line: task.log(f"{name}{line}"))


def _expectation(
    exploration: Exploration, runs: Sequence[FoldScore], design: SearchDesign, task: Task
) -> Expectation | None:
    """Return what to expect of the winners on new rows; None where every row had a part in them."""
    scorer = exploration.scorer
    if runs:
        folds = [FoldRun(tuple(run.out), tuple(run.trials.values())) for run in runs if run.out]
    elif design.adaptive or exploration.race:
        folds = []
    else:
        folds = folded_afterwards(exploration, scorer.scorer.strata("dev"), task.seed)

    recall = exploration.on_dev
    return expectation_of(folds, scorer.objective, task.kind, recall, design.ensemble)


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
