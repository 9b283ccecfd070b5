"""The loop around every search: budget, ledger, resume, the best."""

import json
from dataclasses import dataclass

import pytest

from promptsearch.data import CLASSIFICATION
from promptsearch.engine import Limits, search_prompts
from promptsearch.engine.budget import Budget
from promptsearch.engine.ledger import Ledger, line_of, read_ledger, sum_of
from promptsearch.engine.strategy import Task
from promptsearch.engine.trial import Result, Trial
from promptsearch.errors import BudgetSpent, RunError
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.scoring import Cost, PredictionBatch

ANSWERS = Verbalizer.of({"pos": "good", "neg": "bad"})


def prompt(text):
    return Prompt(Template.parse(f"{text} [Z]"), ANSWERS)


TASK = Task("toy", CLASSIFICATION, prompt("start"), ())


@dataclass
class LongerIsBetter:
    """A judge without a model; a chunk holds two prompts (2048 texts over 1000 examples)."""

    scored: int = 0

    def count(self, on):
        return 1000

    def cost(self, prompts, on, rows):
        return Cost(1000 * len(prompts))

    def predict(self, prompts, on, rows):
        self.scored += len(prompts)
        return PredictionBatch(tuple(prompts), self.cost(prompts, on, rows))

    def outcomes(self, prompt):
        return {}

    def scores(self, prompt):
        length = len(str(prompt.template))
        return {"log_likelihood": -1 / length, "accuracy": 0.5, "n": 1000}


@dataclass(frozen=True)
class Words:
    """Proposes its words one call after another; dies after `dies_after` calls."""

    words: tuple[str, ...]
    together: int = 5
    dies_after: int = 99

    def search(self, task, score):
        for place in range(0, len(self.words), self.together):
            if place // self.together == self.dies_after:
                raise KeyboardInterrupt
            score([prompt(word) for word in self.words[place : place + self.together]])


WORDS = Words(tuple("a" * n for n in range(1, 13)))


def run(searcher, judge=None, **options):
    return search_prompts(searcher, TASK, judge or LongerIsBetter(), **options)


def test_the_best_is_the_highest_and_the_start_counts():
    result = run(WORDS)
    assert str(result.best.prompt.template) == "a" * 12 + " [Z]"
    assert result.manual.prompt == TASK.prompt
    assert result.stopped_because == "finished"


def test_asking_again_is_free():
    judge = LongerIsBetter()
    result = run(Words(("a", "b", "a", "start", "b")), judge)
    assert judge.scored == 3
    assert result.spent.prompts == 3


@pytest.mark.parametrize("budget", [1, 2, 5, 8])
def test_stops_at_the_budget(budget):
    result = run(WORDS, limits=Limits(prompts=budget))
    assert len(result.trials) == result.spent.prompts == budget
    assert result.stopped_because == "budget"


def test_what_was_scored_before_a_limit_counts():
    """All prompts in one call: the chunks before the limit are trials."""
    result = run(Words(WORDS.words, together=12), limits=Limits(forwards=7500))
    assert len(result.trials) == 7
    assert result.spent.forwards == 7000


def test_a_trial_on_chosen_rows_cannot_win():
    class Part:
        def search(self, task, score):
            (trial,) = score([prompt("a" * 50)], rows=[1, 2, 3])
            assert not trial.complete

    assert run(Part()).best.prompt == TASK.prompt


def test_stops_before_the_forwards_are_exceeded():
    result = run(WORDS, limits=Limits(forwards=4500))
    assert result.spent.forwards == 4000
    assert result.stopped_because == "max-forwards"


def test_limits_too_small_for_the_manual_prompt_are_an_error():
    with pytest.raises(RunError, match="too small to score even the manual prompt"):
        run(WORDS, limits=Limits(forwards=10))


def test_an_interrupted_search_keeps_what_it_scored():
    result = run(Words(WORDS.words, dies_after=1))
    assert result.stopped_because == "interrupted"
    assert len(result.trials) == 6


def test_ties_go_to_the_likelier_then_to_the_earlier():
    trials = [
        Trial(name, prompt(name), {"accuracy": 0.5, "log_likelihood": ll})
        for name, ll in [("first", -0.7), ("second", -0.6), ("third", -0.6)]
    ]
    assert Result(tuple(trials), "accuracy").best.id == "second"


def test_only_complete_dev_trials_can_win():
    good, better, best = (
        Trial("dev", prompt("x"), {"log_likelihood": -3.0}),
        Trial("train", prompt("y"), {"log_likelihood": -2.0}, split="train"),
        Trial("raced", prompt("z"), {"log_likelihood": -1.0}, complete=False),
    )
    assert Result((good, better, best)).best is good


def trials(result):
    return [(t.id, str(t.prompt.template), t.scores) for t in result.trials]


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


def test_a_run_killed_at_any_byte_resumes_to_the_same_trials(tmp_path):
    whole = tmp_path / "whole.jsonl"
    with Ledger({"run": 1}, whole) as ledger:
        uninterrupted = run(WORDS, ledger=ledger)
    data = whole.read_bytes()
    for size in range(0, len(data), 97):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(data[:size])
        with Ledger({"run": 1}, path) as ledger:
            resumed = run(WORDS, ledger=ledger)
        assert trials(resumed) == trials(uninterrupted)
        assert resumed.spent.forwards == uninterrupted.spent.forwards
        assert [json.loads(a)["chunk"] for a in path.read_text().splitlines()[1:]] == [
            json.loads(a)["chunk"] for a in whole.read_text().splitlines()[1:]
        ]


def test_a_resumed_run_scores_nothing_twice(tmp_path):
    path = tmp_path / "trials.jsonl"
    with Ledger({}, path) as ledger:
        run(WORDS, ledger=ledger)
    judge = LongerIsBetter()
    with Ledger({}, path) as ledger:
        run(WORDS, judge, ledger=ledger)
    assert judge.scored == 0


def test_a_resumed_run_may_have_a_larger_budget(tmp_path):
    path = tmp_path / "trials.jsonl"
    with Ledger({}, path) as ledger:
        run(WORDS, ledger=ledger, limits=Limits(prompts=4))
    with Ledger({}, path) as ledger:
        result = run(WORDS, ledger=ledger, limits=Limits(prompts=9))
    assert len(result.trials) == 9


def test_the_ledger_of_another_run_is_not_continued(tmp_path):
    path = tmp_path / "trials.jsonl"
    with Ledger({"model": "one", "seed": 0}, path):
        pass
    with (
        pytest.raises(RunError, match=r"another model \('one', now 'two'\)"),
        Ledger({"model": "two", "seed": 0}, path),
    ):
        pass


def test_an_edited_ledger_names_the_line(tmp_path):
    path = tmp_path / "trials.jsonl"
    with Ledger({}, path):
        pass
    path.write_text(path.read_text() + "not json\n")
    with pytest.raises(RunError, match="line 2: not a trial"), Ledger({}, path):
        pass


@pytest.mark.parametrize("name", ["key", "forwards", "seconds", "scores"])
def test_a_trial_that_lacks_something_names_the_line(name, tmp_path):
    path = tmp_path / "trials.jsonl"
    with Ledger({}, path) as ledger:
        run(WORDS, ledger=ledger, limits=Limits(prompts=1))
    *before, last = path.read_text().splitlines()
    row = {
        key: value for key, value in json.loads(last).items() if key not in (name, "after", "sum")
    }
    changed = line_of(row, sum_of(before[-1].encode())).decode()
    path.write_text("\n".join([*before, changed]))
    line = f"line {len(before) + 1}: not a trial .its {name} (is|are) None"
    with pytest.raises(RunError, match=line), Ledger({}, path) as ledger:
        run(WORDS, ledger=ledger)


def test_a_flipped_bit_is_never_taken_for_a_score(tmp_path):
    path = tmp_path / "trials.jsonl"
    with Ledger({"seed": 0}, path) as ledger:
        run(WORDS, ledger=ledger)
        rows = list(ledger.rows)
    whole = path.read_bytes()
    for at in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        line = whole[:at].count(b"\n") + 1
        with pytest.raises(RunError, match=rf"trials.jsonl, line {line}: not a trial"):
            read_ledger(path)
    path.write_bytes(whole)
    assert read_ledger(path) == rows


@pytest.mark.parametrize("order", [[0, 2, 3], [0, 1, 1, 2, 3], [0, 2, 1, 3], [1, 2, 3]])
def test_a_line_that_is_gone_or_moved_is_told(order, tmp_path):
    path = tmp_path / "trials.jsonl"
    with Ledger({}, path) as ledger:
        for key in "abc":
            ledger.append([{"key": f"work {key}", "made": 1}])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[number] for number in order))
    with pytest.raises(RunError, match="the line before it is gone, or another one"):
        read_ledger(path)
    path.write_bytes(b"".join(lines[:3]))
    with Ledger({}, path) as ledger:  # a killed run's: it goes on
        ledger.append([{"key": "work c", "made": 1}])
    assert path.read_bytes() == b"".join(lines)


def test_a_ledger_of_the_first_format_is_read_as_before(tmp_path):
    path = tmp_path / "trials.jsonl"
    row = {"key": "work a", "made": 1, "forwards": 1, "tokens": 1, "seconds": 0.5}
    header = {"format": "promptsearch-ledger/1", "identity": {"seed": 0}}
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, row)))
    with Ledger({"seed": 0, "examples": {"dev": "1"}}, path) as ledger:
        assert ledger.rows == [row]
        ledger.append([{**row, "key": "work b"}])
    assert [row["key"] for row in read_ledger(path)] == ["work a", "work b"]
    with pytest.raises(RunError, match="another seed"), Ledger({"seed": 1}, path):
        pass
    with pytest.raises(RunError, match="another race"), Ledger({"seed": 0, "race": True}, path):
        pass


def test_as_many_are_affordable_as_the_price_allows():
    """Ten prompts of one template pass the model together; the eleventh has another one."""
    budget = Budget(Limits(forwards=40))
    price = {n: 32 if n <= 10 else 64 for n in range(20)}.__getitem__
    assert budget.affordable(11, 0, price) == 10
    assert budget.affordable(10, 8, price) == 10
    with pytest.raises(BudgetSpent):
        budget.affordable(3, 9, price)
