"""The gain certificate: is the gain over the manual prompt a gain?"""

from dataclasses import asdict

import numpy as np

from promptsearch.data import Dataset
from promptsearch.evaluation.certificate.baselines import Learners, learned, of_prompts
from promptsearch.evaluation.certificate.comparison import Comparison, Design
from promptsearch.evaluation.certificate.crossfit import cross_fit
from promptsearch.evaluation.certificate.null_models import shuffled_labels
from promptsearch.evaluation.certificate.paired import Interval, inflation, paired_interval
from promptsearch.evaluation.certificate.score_matrix import ScoreMatrix
from promptsearch.evaluation.certificate.verdict import verdict_of
from promptsearch.metrics.intervals import bootstrap
from promptsearch.metrics.predictions import Floats
from promptsearch.scoring import PromptScorer

Section = dict[str, object]
MOST_LABELS = "what is said of each label is not kept of so many"


def values_of_winners(contest: Comparison, design: Design) -> Floats:
    """(repeat, row): what the winners give the rows that did not choose them."""
    return np.stack([contest.sheet.value(design.metric, winners) for winners in contest.fit.chosen])


def gain_section(contest: Comparison, design: Design) -> Section:
    """Return the gain over the manual prompt, and the verdict on it."""
    ours, theirs = values_of_winners(contest, design), contest.manual.alone(design.metric)
    gain = paired_interval(ours - theirs, inflation(design.folds))
    verdict = verdict_of(gain, len(theirs))
    return {
        "winner": float(ours.mean()),
        "manual": float(theirs.mean()),
        **_interval_section(gain),
        "verdict": verdict.ruling,
        "more_rows": verdict.more_rows,
    }


def in_sample_section(contest: Comparison, design: Design) -> Section | None:
    """What the winner of all rows seems to gain on them: the number that is usually reported."""
    if contest.repeated:
        return None
    rows = np.arange(len(contest.strata))
    winner = contest.sheet.choice(design.objective)(rows)
    differences = contest.sheet.alone(design.metric, winner) - contest.manual.alone(design.metric)
    ci95, _ = bootstrap(lambda drawn: float(differences[drawn].mean()), len(rows))
    prompt = contest.prompts[winner]
    kind = contest.definition.kind
    answers = {} if kind == "facts" else {"verbalizer": prompt.verbalizer.plain()}
    best = {"template": str(prompt.template), **answers}
    return {"best": best, "delta": float(differences.mean()), "ci95": list(ci95)}


def ties_section(contest: Comparison, design: Design) -> Section | None:
    """Return how many prompts share the top on all rows, and how the folds' choices scatter."""
    if contest.repeated:
        return None
    rows = np.arange(len(contest.strata))
    every = [
        contest.sheet.score(design.metric, prompt, rows) for prompt in range(len(contest.prompts))
    ]
    scores = np.array(every)
    _, counts = np.unique(contest.fit.winners, return_counts=True)
    return {
        "at_top": int((scores >= scores.max() - 1e-9).sum()),
        "winners": len(counts),
        "most_often": float(counts.max() / counts.sum()),
    }


def draws_section(contest: Comparison, design: Design) -> Section | None:
    """Gains where a few rows of each label choose, on all the others."""
    if not contest.draws:
        return None
    ours, theirs, metric = contest.sheet, contest.manual, design.metric
    gains = [
        ours.score(metric, draw.winner, draw.rest) - theirs.score(metric, 0, draw.rest)
        for draw in contest.draws
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


def permutation_section(contest: Comparison, design: Design, times: int) -> Section | str:
    """Return the permutation test, or why there is none."""
    if contest.repeated:
        return "each shuffle would take a search anew"
    if contest.sheet.log_probs is None:
        return "facts have no labels to shuffle" if contest.sheet.gold is None else MOST_LABELS
    return asdict(shuffled_labels(contest, design, times))


def random_section(
    contest: Comparison, design: Design, random: ScoreMatrix, prompts: int
) -> Section:
    """Return the winner against the winner among random prompts, chosen in the same way."""
    fit = cross_fit(
        random.choice(design.objective),
        contest.strata,
        folds=design.folds,
        repeats=len(contest.fit.chosen),
        seed=design.seed,
    )
    theirs = np.stack([random.value(design.metric, winners) for winners in fit.chosen])
    return {
        "prompts": prompts,
        **_against(values_of_winners(contest, design), theirs, design.folds),
    }


def baselines_section(
    contest: Comparison, design: Design, scorer: PromptScorer, beside: Dataset
) -> Section:
    """The winner against what any prompt has to beat; `beside` are training rows in no fold."""
    definition, ours = contest.definition, values_of_winners(contest, design)
    prompts = of_prompts(definition, contest.examples, scorer, design.metric)
    about = (design.metric, beside, design.folds, design.seed)
    others = learned(Learners(definition, contest.examples, contest.strata, *about))
    values = {**prompts.values, **others.values}
    section: Section = {
        name: _against(ours, baseline, design.folds) for name, baseline in values.items()
    }
    return {**section, "left_out": {**prompts.left_out, **others.left_out}}


def _against(ours: Floats, theirs: Floats, folds: int) -> Section:
    """Return both (repeat, row), of the same folds; what needs no folds has one repeat for all."""
    if len(theirs) > 1:
        ours, theirs = ours[: len(theirs)], theirs[: len(ours)]
    return {
        "score": float(theirs.mean()),
        **_interval_section(paired_interval(ours - theirs, inflation(folds))),
    }


def _interval_section(gain: Interval) -> Section:
    return {"delta": gain.mean, "ci95": [gain.low, gain.high]}
