"""What to expect of a search's winner on new rows, from rows that had no part in choosing it.

The winner on dev was chosen for its luck too: the best of some hundred prompts on 32 rows may score
0.84 there and 0.66 elsewhere. Here each row of dev is answered by the winner of a run that did not
see it (`engine.folds`), and the mean over all rows is told: cross-validation of the whole search
(Stone 1974; Varma and Simon 2006, on the bias of doing it for the last choice alone).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from promptsearch.data import TaskKind
from promptsearch.engine.folds import FoldRun
from promptsearch.engine.trial import Expectation, Trial, ranked
from promptsearch.metrics import METRIC, interval_metric
from promptsearch.metrics.intervals import inflation, paired, student, wilson
from promptsearch.metrics.metric import has_texts
from promptsearch.metrics.multi_label_predictions import decided_as
from promptsearch.metrics.predictions import Floats, Predictions
from promptsearch.prompt import Prompt, Source
from promptsearch.scoring.combination import LEARNED, Rule, together

MANUAL = Source().strategy
Recall = Callable[[Prompt], Predictions]  # of all rows of dev


@dataclass(frozen=True)
class EnsembleRule:
    """Members of an ensemble (the best, at most so many of one step) and how they go together."""

    rule: Rule
    top: int
    per_step: int | None = None


def members_of(best_first: Sequence[Trial], top: int, per_step: int | None) -> list[Trial]:
    """Return the trials whose prompts are the members of an ensemble."""
    steps = [step_of(trial.prompt) for trial in best_first]
    return [best_first[index] for index in member_indices(steps, top, per_step)]


def member_indices(steps: Sequence[object], top: int, per_step: int | None) -> list[int]:
    """Return which are the members, of prompts that come best first and have these steps.

    Prompts of one step are often near copies of each other, and err together: with `per_step`,
    others take their places, but none that is no better than the manual prompt.
    """
    if per_step is None:
        return list(range(len(steps)))[:top]
    counts: dict[object, int] = {}
    members: list[int] = []
    for index, step in enumerate(steps):
        if step == MANUAL and members:
            break
        counts[step] = counts.get(step, 0) + 1
        if counts[step] <= per_step:
            members.append(index)
        if step == MANUAL:
            break  # the best is the one to beat: it stands alone
    return members[:top]


def step_of(prompt: Prompt) -> object:
    """Return the step of the plan that proposed the prompt, or the strategy."""
    return prompt.source.evidence.get("step", prompt.source.strategy)


def expectation_of(
    folds: Sequence[FoldRun],
    objective: str,
    kind: TaskKind,
    recall: Recall,
    ensemble: EnsembleRule | None,
) -> Expectation | None:
    """Return what to expect of the winners; None without folds, or where a run tried nothing."""
    if not folds or not all(fold.trials for fold in folds):
        return None
    order = [ranked(fold.trials, objective) for fold in folds]
    starts = [fold.trials[0] for fold in folds]  # every run begins with the manual prompt
    manual = _answers([_recalled(start, recall) for start in starts], folds)
    best = _answers([_recalled(trials[0], recall) for trials in order], folds)
    expected = _expected(best, manual, kind)
    together = [] if ensemble is None else [_ensemble(t, ensemble, recall) for t in order]
    known = [predictions for predictions in together if predictions is not None]
    if len(known) < len(folds):
        return Expectation(expected, None, len(folds))
    answers = _answers(known, folds)
    gain = _difference(answers, best, kind)
    return Expectation(expected, _expected(answers, manual, kind), len(folds), gain)


def _recalled(trial: Trial, recall: Recall) -> Predictions:
    """Return what a trial predicts, decided by what the rows that scored it have learned."""
    return decided_as(recall(trial.prompt), trial.scores)


def _ensemble(trials: Sequence[Trial], how: EnsembleRule, recall: Recall) -> Predictions | None:
    """Return what the ensemble says; None where its weights are learned, or labels are many."""
    members = [recall(trial.prompt) for trial in members_of(trials, how.top, how.per_step)]
    if how.rule in LEARNED or any(member.log_probs is None for member in members):
        return None
    return together(members, how.rule)


def _answers(winners: Sequence[Predictions], folds: Sequence[FoldRun]) -> list[Predictions]:
    """Return what each fold's winner says of the rows that its run did not see."""
    return [winner.on_rows(fold.rows) for winner, fold in zip(winners, folds, strict=True)]


def _expected(
    answers: Sequence[Predictions], manual: Sequence[Predictions], kind: TaskKind
) -> Mapping[str, object]:
    """Return the scores of answers to the folds, and their differences to the manual prompt's."""
    scores: dict[str, object] = {"n": sum(len(answer.targets) for answer in answers)}
    for key, values in _values(answers, kind).items():
        if np.isin(values, (0.0, 1.0)).all():
            rows = len(values) / inflation(len(answers))
            interval = wilson(float(values.mean()) * rows, rows)
        else:
            interval = student(values, inflation(len(answers)))
        scores |= _with_interval(key, values, interval)
    return {**scores, "vs_manual": _difference(answers, manual, kind)}


def _difference(
    ours: Sequence[Predictions], theirs: Sequence[Predictions], kind: TaskKind
) -> Mapping[str, object]:
    """Return the mean paired differences of answers to the folds, with their intervals."""
    scores: dict[str, object] = {"n": sum(len(answer.targets) for answer in ours)}
    others = _values(theirs, kind)
    for key, values in _values(ours, kind).items():
        difference = values - others[key]
        scores |= _with_interval(key, difference, paired(difference, inflation(len(ours))))
    return scores


def _with_interval(key: str, values: Floats, interval: tuple[float, float]) -> dict[str, object]:
    """Return the mean and its interval; too few rows have none."""
    mean: dict[str, object] = {key: float(values.mean())}
    return {**mean, f"{key}_ci95": list(interval)} if np.isfinite(interval).all() else mean


def _values(answers: Sequence[Predictions], kind: TaskKind) -> Mapping[str, Floats]:
    """Return (row,) values by metric; log-likelihood is of rows with a right answer to give."""
    covered = np.concatenate([answer.rank > 0 for answer in answers])
    values = {}
    for key in ("log_likelihood", interval_metric(kind)):
        if METRIC[key].needs_texts and not all(map(has_texts, answers)):
            continue  # what ranked was log-likelihood
        if (metric := METRIC[key].per_example) is None:
            continue  # a correlation is no mean over rows
        values[key] = np.concatenate([metric(answer) for answer in answers])
    values["log_likelihood"] = values["log_likelihood"][covered]
    return {key: each for key, each in values.items() if len(each)}
