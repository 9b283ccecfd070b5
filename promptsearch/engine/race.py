"""A race over dev's examples: prompts that are plainly worse than the best drop out early.

Checkpoints stand in the ledger, and a resumed run replays them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from promptsearch.engine.race_statistics import (
    RaceReport,
    checkpoints,
    eliminated,
    race_order,
    report,
)
from promptsearch.engine.trial import Trial, ranked
from promptsearch.engine.trial_scorer import Keyed, TrialScorer
from promptsearch.metrics import per_example
from promptsearch.metrics.predictions import Floats
from promptsearch.prompt import Prompt
from promptsearch.scoring.split_scorer import Rows


@dataclass
class Race:
    """Scores prompts on more and more examples until they are eliminated (`race_statistics`).

    An eliminated prompt stays as an incomplete trial. F1 is raced by accuracy, because an example
    has a share of accuracy and none of F1.
    """

    count: int  # examples of dev
    seed: int
    _lengths: dict[str, int] = field(default_factory=dict)  # examples scored, by contender's key
    _eliminated: list[Floats] = field(default_factory=list)

    @property
    def order(self) -> list[int]:
        """The order in which examples come up."""
        return race_order(self.count, self.seed)

    def run(
        self, requests: Keyed, scorer: TrialScorer, trials: Mapping[str, Trial]
    ) -> Iterator[tuple[str, Trial]]:
        """Yield a trial of each request: complete, or as far as it came.

        The best of `trials` is the mark. The first request of a search, the manual prompt, has no
        mark and is never eliminated.
        """
        racing, contenders = dict(requests), bool(trials)
        for checkpoint in checkpoints(self.count) if contenders else ():
            if racing:
                best = self._best(scorer, trials)[self.order[:checkpoint]]
                out = dict(self._eliminate(racing, checkpoint, best, scorer, trials))
                yield from out.items()
                racing = {key: prompt for key, prompt in racing.items() if key not in out}
        complete = scorer.measure(list(racing.items()), "dev", None, trials)
        for key, trial in complete:
            yield key, trial
            if contenders:
                self._lengths[key] = self.count

    def _eliminate(
        self,
        racing: Mapping[str, Prompt],
        checkpoint: int,
        best: Floats,
        scorer: TrialScorer,
        trials: Mapping[str, Trial],
    ) -> Iterator[tuple[str, Trial]]:
        """Score all on the first examples, and yield the trials of those that drop out."""
        rows = self.order[:checkpoint]
        keys = {scorer.key(prompt, "dev", rows): key for key, prompt in racing.items()}
        requests = [(partial_key, racing[key]) for partial_key, key in keys.items()]
        partial = dict(scorer.measure(requests, "dev", rows, trials))
        values = [_values(scorer, partial_key, prompt, rows) for partial_key, prompt in requests]
        out = set(eliminated(values, best, self.count))
        for index, (partial_key, key) in enumerate(keys.items()):
            if index in out:
                self._lengths[key] = checkpoint
                self._eliminated.append(values[index])
                yield key, partial[partial_key]

    def report(self, trials: Mapping[str, Trial], scorer: TrialScorer) -> RaceReport:
        """Return what was spared, and the bound on what that may have cost."""
        return report(self._lengths, self._eliminated, self._best(scorer, trials), self.order)

    @staticmethod
    def _best(scorer: TrialScorer, trials: Mapping[str, Trial]) -> Floats:
        """(example,): the objective's values of the best trial."""
        winner = ranked(trials.values(), scorer.objective)[0]
        return _values(scorer, scorer.key(winner.prompt, "dev", None), winner.prompt, None)


def _values(scorer: TrialScorer, key: str, prompt: Prompt, rows: Rows) -> Floats:
    """Return (example,): the objective's values of a trial."""
    return per_example(scorer.predictions(key, prompt, "dev", rows), scorer.objective)
