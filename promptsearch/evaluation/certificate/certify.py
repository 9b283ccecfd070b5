"""The sections of a gain certificate: is the gain over the manual prompt real?"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from promptsearch.data import Dataset
from promptsearch.evaluation.certificate.baselines import Learners, learned, of_prompts
from promptsearch.evaluation.certificate.comparison import Comparison, Design
from promptsearch.evaluation.certificate.crossfit import cross_fit
from promptsearch.evaluation.certificate.null_models import shuffled_labels
from promptsearch.evaluation.certificate.paired import Interval, paired_interval
from promptsearch.evaluation.certificate.score_matrix import ScoreMatrix
from promptsearch.evaluation.certificate.verdict import verdict_of
from promptsearch.evaluation.report.number_format import count
from promptsearch.metrics.intervals import bootstrap, inflation
from promptsearch.metrics.predictions import Floats
from promptsearch.scoring import PromptScorer

Section = dict[str, object]
Rival = Mapping[str, Any]  # a section with `score`, `delta` and `ci95`
MOST_LABELS = "what is said of each label is not kept of so many"


def values_of_winners(comparison: Comparison, design: Design) -> Floats:
    """Return (repeat, row): the values that winners give to rows that did not choose them."""
    return np.stack(
        [comparison.matrix.value(design.metric, winners) for winners in comparison.fit.chosen]
    )


def gain_section(comparison: Comparison, design: Design) -> Section:
    """Return the gain over the manual prompt, and the verdict on it."""
    ours, theirs = values_of_winners(comparison, design), comparison.manual.alone(design.metric)
    gain = paired_interval(ours - theirs, inflation(design.folds))
    verdict = verdict_of(gain, len(theirs))
    return {
        "winner": float(ours.mean()),
        "manual": float(theirs.mean()),
        **_interval_section(gain),
        "verdict": verdict.ruling,
        "more_rows": verdict.more_rows,
    }


def in_sample_section(comparison: Comparison, design: Design) -> Section | None:
    """Return the gain of the winner of all rows on them: the number that is usually reported."""
    if comparison.repeated:
        return None
    rows = np.arange(len(comparison.strata))
    winner = comparison.matrix.choice(design.objective)(rows)
    differences = comparison.matrix.alone(design.metric, winner) - comparison.manual.alone(
        design.metric
    )
    ci95, _ = bootstrap(lambda drawn: float(differences[drawn].mean()), len(rows))
    prompt = comparison.prompts[winner]
    has_candidates = comparison.definition.kind.has_candidates
    answers = {} if has_candidates else {"verbalizer": prompt.plain_answers}
    best = {"template": prompt.template.described, **answers}
    return {"best": best, "delta": float(differences.mean()), "ci95": list(ci95)}


def ties_section(comparison: Comparison, design: Design) -> Section | None:
    """Return how many prompts share the top on all rows, and how the folds' choices scatter."""
    if comparison.repeated:
        return None
    rows = np.arange(len(comparison.strata))
    every = [
        comparison.matrix.score(design.metric, prompt, rows)
        for prompt in range(len(comparison.prompts))
    ]
    scores = np.array(every)
    _, counts = np.unique(comparison.fit.winners, return_counts=True)
    return {
        "at_top": int((scores >= scores.max() - 1e-9).sum()),
        "winners": len(counts),
        "most_often": float(counts.max() / counts.sum()),
    }


def draws_section(comparison: Comparison, design: Design) -> Section | None:
    """Return the gains on all other rows where a few rows of each label choose."""
    if not comparison.draws:
        return None
    ours, theirs, metric = comparison.matrix, comparison.manual, design.metric
    gains = [
        ours.score(metric, draw.winner, draw.rest) - theirs.score(metric, 0, draw.rest)
        for draw in comparison.draws
    ]
    low, high = np.percentile(gains, [5, 95])
    return {
        "shots": design.shots,
        "draws": len(gains),
        "delta": float(np.mean(gains)),
        "from": float(low),  # 5% of the draws are below
        "to": float(high),  # 5% are above
        "gained": float((np.array(gains) > 0).mean()),
    }


def permutation_section(comparison: Comparison, design: Design, times: int) -> Section | str:
    """Return the permutation test, or the reason why there is none."""
    if comparison.repeated:
        return "each shuffle would take a search anew"
    if not comparison.definition.kind.has_answer_set:
        return "there are no labels to shuffle"
    if comparison.matrix.gold is not None and comparison.definition.has_choices:
        return "rows have choices of their own, which a shuffled label may not be among"
    if comparison.matrix.log_probs is None:
        if comparison.definition.kind.has_sentences:
            return "rows are sentences, whose tags are not exchanged one by one"
        if comparison.matrix.counts is not None:
            return "rows have several labels at once, of which no two are exchanged alone"
        return "there are no labels to shuffle" if comparison.matrix.gold is None else MOST_LABELS
    return asdict(shuffled_labels(comparison, design, times))


def random_section(
    comparison: Comparison, design: Design, random: ScoreMatrix, prompts: int
) -> Section:
    """Return the winner against the winner among random prompts, chosen in the same way."""
    fit = cross_fit(
        random.choice(design.objective),
        comparison.strata,
        folds=design.folds,
        repeats=len(comparison.fit.chosen),
        seed=design.seed,
    )
    theirs = np.stack([random.value(design.metric, winners) for winners in fit.chosen])
    return {
        "prompts": prompts,
        **_against(values_of_winners(comparison, design), theirs, design.folds),
    }


def baselines_section(
    comparison: Comparison, design: Design, scorer: PromptScorer, beside: Dataset
) -> Section:
    """Return the winner against the baselines; `beside` are training rows in no fold."""
    definition, ours = comparison.definition, values_of_winners(comparison, design)
    prompts = of_prompts(definition, comparison.examples, scorer, design.metric)
    about = (design.metric, beside, design.folds, design.seed)
    others = learned(Learners(definition, comparison.examples, comparison.strata, *about))
    values = {**prompts.values, **others.values}
    section: Section = {
        name: _against(ours, baseline, design.folds) for name, baseline in values.items()
    }
    return {**section, "left_out": {**prompts.left_out, **others.left_out}}


def better_section(random: Rival | None, baselines: Rival) -> list[Section]:
    """Return the rivals, apart from the manual prompt, that score more than the winner, best first.

    Each is compared with the winner of its folds, as `delta` is.
    """
    rivals = {name: row for name, row in baselines.items() if name != "left_out"}
    if random is not None:
        rivals[f"the best of {count(random['prompts'], 'random prompt')}"] = random
    ahead = [{"name": name, **row} for name, row in rivals.items() if row["delta"] < 0]
    return sorted(ahead, key=lambda row: -row["score"])


def _against(ours: Floats, theirs: Floats, folds: int) -> Section:
    """Return the difference of values (repeat, row) from the same folds.

    A baseline that needs no folds has one repeat for all. Of one with fewer repeats than the
    winners the error is told by these; the difference is that of the two scores.
    """
    shown, all_of_ours = float(theirs.mean()), float(ours.mean())
    if len(theirs) > 1:
        ours, theirs = ours[: len(theirs)], theirs[: len(ours)]
    gain = paired_interval(ours - theirs, inflation(folds))
    moved = all_of_ours - shown - gain.mean
    about = replace(gain, mean=gain.mean + moved, low=gain.low + moved, high=gain.high + moved)
    return {"score": shown, **_interval_section(about)}


def _interval_section(gain: Interval) -> Section:
    return {"delta": gain.mean, "ci95": [gain.low, gain.high]}
