"""Races: what drops out, what that spares, what it may cost; and how a search keeps book of one."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from promptsearch.data import CLASSIFICATION
from promptsearch.engine import Limits, search_prompts
from promptsearch.engine.ledger import Ledger
from promptsearch.engine.race_statistics import checkpoints, eliminated, regret
from promptsearch.engine.strategy import Task
from promptsearch.metrics import scores_of
from promptsearch.metrics.outcomes import predictions_of
from promptsearch.metrics.predictions import Predictions
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.scoring import Cost, PredictionBatch

COUNT = 300
ANSWERS = Verbalizer.of({"pos": "good", "neg": "bad"})


def prompt(text):
    return Prompt(Template.parse(f"{text} [Z]"), ANSWERS)


TASK = Task("toy", CLASSIFICATION, prompt("start"), ())


@dataclass
class Noisy:
    """Judges a prompt by the number it is called, plus noise that examples share in part."""

    seen: dict = field(default_factory=dict)
    noise: float = 0.3

    def count(self, on):
        return COUNT

    def cost(self, prompts, on, rows):
        return Cost(len(prompts) * (COUNT if rows is None else len(rows)))

    def predict(self, prompts, on, rows):
        chosen = np.arange(COUNT) if rows is None else np.array(rows)
        for one in prompts:
            self.seen[one] = max(self.seen.get(one, 0), len(chosen))
        results = tuple(self._judgement(one, chosen) for one in prompts)
        return PredictionBatch(results, self.cost(prompts, on, rows))

    def _judgement(self, one, rows):
        name = str(one.template).removesuffix(" [Z]")
        level = -1.0 if name == "start" else float(name)
        own = np.random.default_rng(int(1000 - 100 * level)).normal(0, self.noise, COUNT)
        values = np.minimum(level + own, 0)[rows]
        zeros = np.zeros(len(rows), dtype=np.int64)
        return Predictions(("pos", "neg"), (("pos",),) * len(rows), values, zeros, zeros + 1)

    def scores(self, judgement):
        return scores_of(judgement, CLASSIFICATION)

    def outcomes(self, judgement):
        return CLASSIFICATION.outcomes(judgement)

    def recalled(self, one, on, rows, outcomes):
        return predictions_of(outcomes, ("pos", "neg"), (("pos",),) * len(outcomes["log_right"]))


@dataclass(frozen=True)
class Names:
    names: tuple
    together: int = 100

    def search(self, task, score):
        for first in range(0, len(self.names), self.together):
            score([prompt(name) for name in self.names[first : first + self.together]])


NAMES = tuple(f"-{level:.2f}" for level in np.linspace(0.5, 2.5, 41))  # the first is the best


def test_rungs_start_at_32_and_double():
    assert checkpoints(32) == []
    assert checkpoints(33) == [32]
    assert checkpoints(300) == [32, 64, 128, 256]


def test_only_what_noise_does_not_explain_drops_out():
    leader = np.array([0.0, 1.0] * 16)
    assert eliminated([leader, leader - 1], None, 100) == [1]
    near = leader.copy()
    near[0] -= 1  # one example of 32 worse: noise
    assert eliminated([leader, near], None, 100) == []
    assert eliminated([near], leader, 100) == []
    assert eliminated([leader - 1], leader, 100) == [0]  # the best so far leads
    assert eliminated([leader], leader - 1, 100) == []


def test_the_regret_is_bounded_from_the_examples_seen():
    winner = np.zeros(100)
    order = list(reversed(range(100)))
    seen = np.array([-1.0, 1.0] * 16)
    z = 1.6448536  # one dropped prompt: 95% one-sided
    by_hand = z * seen.std(ddof=1) * np.sqrt((1 - 32 / 100) / 32)
    assert regret([seen], winner, order) == pytest.approx(by_hand, rel=1e-6)
    assert regret([seen - 10], winner, order) == 0
    assert regret([], winner, order) == 0
    assert regret([seen, seen], winner, order) > by_hand  # two chances to be wrong


def test_a_race_finds_the_winner_with_fewer_scores():
    judge, whole = Noisy(), Noisy()
    result = search_prompts(Names(NAMES), TASK, judge, race=0)
    assert result.best.prompt == search_prompts(Names(NAMES), TASK, whole).best.prompt
    assert result.best.prompt == prompt(NAMES[0])
    assert result.race.dropped > 20
    assert result.race.saved == pytest.approx(
        1 - sum(n for p, n in judge.seen.items() if p != TASK.prompt) / (len(NAMES) * COUNT)
    )
    assert result.spent.forwards < 0.7 * len(NAMES) * COUNT
    assert 0 <= result.race.regret < 0.2


def test_what_drops_out_is_kept_incomplete_and_never_wins():
    ledger = Ledger()
    result = search_prompts(Names(NAMES), TASK, Noisy(), race=0, ledger=ledger)
    dropped = [trial for trial in result.trials if not trial.complete]
    assert dropped
    assert {trial.n for trial in dropped} <= {32, 64, 128, 256}
    assert not {t.prompt for t in dropped} & {t.prompt for t in result.ranked}
    assert any(not row["complete"] for row in ledger.rows)
    assert len(result.trials) == len(NAMES) + 1


def test_a_prompt_costs_one_unit_of_budget_at_any_depth():
    result = search_prompts(Names(NAMES), TASK, Noisy(), race=0, limits=Limits(prompts=11))
    assert result.spent.prompts == len(result.trials) == 11
    assert result.stopped_because == "budget"


def test_prompts_asked_one_by_one_race_against_the_best_so_far():
    judge = Noisy()
    result = search_prompts(Names(NAMES, together=1), TASK, judge, race=0)
    assert result.best.prompt == prompt(NAMES[0])
    assert judge.seen[prompt(NAMES[-1])] == 32


def kept(trial):
    return trial.id, trial.prompt, trial.n, trial.complete, trial.scores["log_likelihood"]


def test_a_race_that_was_killed_goes_on_to_the_same_end(tmp_path):
    path = tmp_path / "trials.jsonl"
    with Ledger({}, path) as ledger:
        whole = search_prompts(Names(NAMES, 10), TASK, Noisy(), race=3, ledger=ledger)
    data = path.read_bytes()
    for size in range(0, len(data), len(data) // 40):
        path.write_bytes(data[:size])
        with Ledger({}, path) as ledger:
            resumed = search_prompts(Names(NAMES, 10), TASK, Noisy(), race=3, ledger=ledger)
        assert [kept(trial) for trial in resumed.trials] == [kept(trial) for trial in whole.trials]
        assert resumed.race == whole.race
    judge = Noisy()
    with Ledger({}, path) as ledger:
        search_prompts(Names(NAMES, 10), TASK, judge, race=3, ledger=ledger)
    assert not judge.seen


def test_few_examples_are_no_race(monkeypatch):
    monkeypatch.setattr("test_racing.COUNT", 32)
    result = search_prompts(Names(NAMES), TASK, Noisy(), race=0)
    assert result.race.dropped == result.race.saved == result.race.regret == 0
    assert all(trial.complete for trial in result.trials)
