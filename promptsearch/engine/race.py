"""A race run on a search's books: rungs stand in the ledger, and a resumed run replays them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from promptsearch.engine.race_statistics import (
    RaceReport,
    eliminated,
    race_order,
    report,
    checkpoints,
)
from promptsearch.engine.trial import Trial, ranked
from promptsearch.engine.trial_scorer import Keyed, TrialScorer
from promptsearch.metrics.predictions import Floats
from promptsearch.prompt import Prompt


@dataclass
class Race:
    """Scores prompts on dev until they are plainly worse than the best so far (see `racing`).

    A prompt that drops out stays as an incomplete trial. F1 is raced by accuracy, which it has an
    example's share of.
    """

    scorer: TrialScorer
    count: int  # examples of dev
    seed: int
    _lengths: dict[str, int] = field(default_factory=dict)  # examples scored, by contender's key
    _dropped: list[Floats] = field(default_factory=list)

    @property
    def order(self) -> list[int]:
        """The order in which examples come up."""
        return race_order(self.count, self.seed)

    def run(self, prompts: Keyed) -> None:
        """Make a trial of each: complete, or as far as it came."""
        racing = dict(prompts)
        if self.scorer.trials:  # the manual prompt is the mark, and is never dropped
            for rung in checkpoints(self.count):
                racing = self._rung(racing, rung) if racing else racing
        contenders = bool(self.scorer.trials)
        remaining = list(racing.items())
        for key, trial in self.scorer.measured(remaining, "dev", None, self.scorer.objective):
            self.scorer.trials[key] = trial
            if contenders:
                self._lengths[key] = self.count

    def _rung(self, racing: Mapping[str, Prompt], rung: int) -> dict[str, Prompt]:
        """Those that go on; the trials of the others are kept."""
        rows = self.order[:rung]
        keys = {self.scorer.key(prompt, "dev", rows): key for key, prompt in racing.items()}
        requests = [(rung_key, racing[key]) for rung_key, key in keys.items()]
        trials = dict(self.scorer.measured(requests, "dev", rows, self.scorer.objective))
        values = [self.scorer.values[rung_key] for rung_key in keys]
        out = set(eliminated(values, self._best(rows), self.count))
        for index, (rung_key, key) in enumerate(keys.items()):
            if index in out:
                self.scorer.trials[key] = trials[rung_key]
                self._lengths[key] = rung
                self._dropped.append(values[index])
        return {key: p for i, (key, p) in enumerate(racing.items()) if i not in out}

    def _best(self, rows: list[int]) -> Floats:
        return self._values_of(ranked(self.scorer.trials.values(), self.scorer.objective)[0])[rows]

    def _values_of(self, trial: Trial) -> Floats:
        return self.scorer.values[self.scorer.key(trial.prompt, "dev", None)]

    def report(self) -> RaceReport:
        """What was spared, and the bound on what that may have cost."""
        winner = ranked(self.scorer.trials.values(), self.scorer.objective)[0]
        return report(self._lengths, self._dropped, self._values_of(winner), self.order)
