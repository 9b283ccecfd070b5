"""Strategies in a chain, alternately and jointly: budgets, folding, ancestry, resuming."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from judges import ShorterIsBetter, capitals, reviews
from tiny import saved

from promptsearch.data import CLASSIFICATION, FACTS, Example
from promptsearch.engine import Limits, ModelCall, search_prompts
from promptsearch.engine.ledger import Ledger
from promptsearch.engine.strategy import Task
from promptsearch.errors import RunError, TaskError
from promptsearch.metrics.predictions import Predictions
from promptsearch.models.loading.load import load_model
from promptsearch.prompt import Prompt, Source, Template, Verbalizer
from promptsearch.scoring import Cost, PredictionBatch
from promptsearch.searchers import SEARCHERS, JointSearch
from promptsearch.searchers.joint.cross import Cross
from promptsearch.searchers.joint.history import key_of

MANUAL = Prompt(Template.parse("start [Z]"), Verbalizer.of({"pos": "good", "neg": "bad"}))
TASK = Task("toy", CLASSIFICATION, MANUAL, (), labels=("pos", "neg"))
TOGETHER = {  # only both halves of the best prompt make it the best
    ("start", "good"): -9,
    ("near", "good"): -5,
    ("far", "good"): -6,
    ("near", "fine"): -4,
    ("far", "fine"): -1,
}


@dataclass(frozen=True)
class Words:
    """A strategy for templates: its words, one call for each."""

    words: tuple[str, ...] = ("near", "far")
    work: bool = False  # a chore of its own before

    def search(self, task, score):
        if self.work:
            score.once("work", lambda: ModelCall(Cost(1), lambda: 1))
        for word in self.words:
            template = Template.parse(f"{word} [Z]")
            score([task.prompt.with_template(template, Source("words", ("p0",), {"word": word}))])


@dataclass(frozen=True)
class Answers:
    """A strategy for the answers of `pos`; what it makes descends from what it made before."""

    words: tuple[str, ...] = ("fine",)

    def search(self, task, score):
        (start,) = score([task.prompt])
        parent = start.id
        for word in self.words:
            answers = Verbalizer.of({"pos": word, "neg": "bad"})
            source = Source("answers-toy", (parent,))
            (trial,) = score([replace(task.prompt, verbalizer=answers, source=source)])
            parent = trial.id


@dataclass(frozen=True)
class Broken:
    """Fails, after as many prompts."""

    after: int = 0

    def search(self, task, score):
        for number in range(self.after):
            template = Template.parse(f"{'b' * (number + 1)} [Z]")
            score([task.prompt.with_template(template, Source("broken"))])
        raise TaskError("toy: nothing to work with")


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    for name, cls in {"words": Words, "answers-toy": Answers, "broken": Broken}.items():
        monkeypatch.setitem(SEARCHERS, name, cls)


class Table:
    """A judge that knows what each template and answer come to together."""

    def __init__(self):
        self.scored = []

    def count(self, on):
        return 1000  # two prompts a chunk

    def cost(self, prompts, on, rows):
        return Cost(1000 * len(prompts))

    def predict(self, prompts, on, rows):
        self.scored += [key(prompt) for prompt in prompts]
        return PredictionBatch(tuple(prompts), self.cost(prompts, on, rows))

    def outcomes(self, prompt):
        return {}

    def scores(self, prompt):
        return {"log_likelihood": float(TOGETHER.get(key(prompt), -20)), "n": 1000}


def key(prompt):
    return str(prompt.template).removesuffix(" [Z]"), prompt.verbalizer["pos"][0][0][1]


def run(*steps, judge=None, task=TASK, limits=Limits(), ledger=None, **plan):
    search = JointSearch(tuple(steps), **plan)
    return search_prompts(search, task, judge or Table(), limits=limits, ledger=ledger)


WORDS, ANSWERS, CROSS = ({"strategy": name} for name in ("words", "answers-toy", "cross"))


def test_only_the_joint_search_finds_a_prompt_of_two_halves():
    assert key(run(WORDS).best.prompt) == ("near", "good")
    assert key(run(ANSWERS).best.prompt) == ("start", "good")
    assert key(run(WORDS, ANSWERS).best.prompt) == ("near", "fine")
    assert key(run(WORDS, ANSWERS, CROSS).best.prompt) == ("far", "fine")


def test_steps_that_take_turns_find_it_too():
    assert key(run(WORDS, ANSWERS, rounds=2).best.prompt) == ("far", "fine")


class NoisyTable(Table):
    """A judge whose rows differ, by as much as it is told, from prompt to prompt."""

    def __init__(self, noise):
        super().__init__()
        self.noise = noise

    def recalled(self, prompt, on, rows, outcomes):
        mean = self.scores(prompt)["log_likelihood"]
        rows = self.noise * np.random.default_rng(len(str(prompt))).standard_normal(1000)
        right = np.ones(1000, dtype=np.int64)
        return Predictions(("x",), (("x",),) * 1000, mean + rows - rows.mean(), right, right)


@pytest.mark.parametrize(("noise", "last"), [(1, "cross"), (100, "answers-toy")])
def test_a_step_that_gains_no_more_than_its_noise_is_the_last_one(noise, last):
    """Answers gain 1 here; of 1,000 rows 100 apart, the mean differs by some 4.5 as it happens."""
    said = []
    steps = [WORDS, ANSWERS | {"least_gain": 1.0}, CROSS]
    result = run(*steps, judge=NoisyTable(noise), task=replace(TASK, log=said.append))
    assert result.trials[-1].prompt.source.strategy == last
    assert result.stopped_because == "finished"
    assert any("the steps after it are left out" in line for line in said) == (last != "cross")


def test_a_step_without_prompts_of_its_own_is_not_the_last_one():
    again = {"strategy": "words", "words": ["near"], "least_gain": 1.0}
    assert key(run(WORDS, again, ANSWERS, CROSS, judge=NoisyTable(100)).best.prompt)[1] == "fine"


def test_a_step_starts_from_the_best_so_many():
    judge = Table()
    run(WORDS, {"strategy": "answers-toy", "from": 2}, judge=judge)
    assert judge.scored == [
        *(("start", "good"), ("near", "good"), ("far", "good")),
        *(("near", "fine"), ("far", "fine")),
    ]


def test_the_cross_tries_what_was_not_tried_best_ranks_first():
    trials = run(WORDS, ANSWERS).ranked
    pairs = [key(prompt) for prompt in Cross(2, 2).prompts(trials)]
    assert pairs == [("far", "fine")]
    wide = [key(prompt) for prompt in Cross(9, 9).prompts(trials)]
    assert wide == [("far", "fine"), ("start", "fine")]


def test_parents_are_the_true_ones_and_lead_to_the_manual_prompt():
    answers = {"strategy": "answers-toy", "words": ["fine", "nice"]}
    trials = run(WORDS, answers, CROSS, rounds=2).trials
    known = {trial.id: trial for trial in trials}
    by_key = {key(trial.prompt): trial for trial in trials}
    assert by_key["near", "good"].prompt.source.parents == ("p0",)
    assert by_key["near", "fine"].prompt.source.parents == (by_key["near", "good"].id,)
    assert by_key["near", "nice"].prompt.source.parents == (by_key["near", "fine"].id,)
    crossed = by_key["far", "fine"].prompt.source
    assert crossed.parents == (by_key["far", "good"].id, by_key["near", "fine"].id)
    assert crossed.evidence == {"step": "3 cross"}
    assert by_key["near", "good"].prompt.source.evidence == {"word": "near", "step": "1 words"}
    for trial in trials[1:]:
        while trial.id != "p0":
            trial = known[trial.prompt.source.parents[0]]


def test_the_manual_prompt_is_not_mistaken_for_the_start():
    """A strategy that finds the search's p0 and builds on it means p0, not its own start."""

    class Returning(Answers):
        def search(self, task, score):
            (manual,) = score([MANUAL])
            template = Template.parse("new [Z]")
            score([MANUAL.with_template(template, Source("answers-toy", (manual.id, "p0")))])

    SEARCHERS["answers-toy"] = Returning
    result = run(WORDS, ANSWERS)
    start = result.best
    assert key(start.prompt) == ("near", "good")
    assert result.trials[-1].prompt.source.parents == ("p0", start.id)


def test_the_first_source_of_a_prompt_stays():
    again = {"strategy": "words", "words": ["far"]}
    sources = {key(t.prompt): t.prompt.source for t in run(WORDS, again).trials}
    assert sources["far", "good"].evidence["step"] == "1 words"


@pytest.mark.parametrize("budget", range(1, 8))
def test_the_budget_is_kept_to_the_prompt(budget):
    judge = Table()
    words = {"strategy": "words", "words": ["a", "b", "c", "d"], "budget": 3}
    steps = (words, {"strategy": "answers-toy", "budget": 1}, CROSS)
    result = run(*steps, judge=judge, limits=Limits(prompts=budget))
    assert len(judge.scored) == len(result.trials) == result.spent.prompts == budget
    assert result.stopped_because == "budget"


def test_a_step_ends_at_its_own_budget_and_the_next_goes_on():
    judge = Table()
    many = {"strategy": "words", "words": ["a", "b", "c", "near"], "budget": 2}
    result = run(many, ANSWERS, judge=judge)
    assert judge.scored[:3] == [("start", "good"), ("a", "good"), ("b", "good")]
    assert judge.scored[3][1] == "fine"
    assert result.stopped_because == "finished"


def test_steps_without_a_budget_share_what_the_others_leave():
    judge, words = Table(), [f"w{n}" for n in range(20)]
    free = {"strategy": "words", "words": words}
    other = {"strategy": "words", "words": [f"v{n}" for n in range(20)]}
    last = {"strategy": "words", "words": [f"u{n}" for n in range(20)], "budget": 3}
    run(free, other, last, judge=judge, limits=Limits(prompts=14))  # 13 left: 5, 5, 3
    asked = [word[0] for word, _ in judge.scored[1:]]
    assert [asked.count(letter) for letter in "wvu"] == [5, 5, 3]


def test_starts_share_a_step_and_the_first_leaves_the_rest_to_the_others():
    judge = Table()
    answers = {"strategy": "answers-toy", "words": ["fine", "x", "y"], "from": 2, "budget": 5}
    run(WORDS, answers, judge=judge)
    asked = [template for template, _ in judge.scored[3:]]
    assert asked == ["near"] * 3 + ["far"] * 2


def test_a_limit_on_forwards_ends_the_search_not_the_step():
    result = run(WORDS, ANSWERS, limits=Limits(forwards=3000))
    assert result.stopped_because == "max-forwards"
    assert result.spent.prompts == 3


def prompt(notation):
    return Prompt(Template.parse(notation), MANUAL.verbalizer)


EXAMPLES = [Example("0", {"text": "a film"}, "pos")]


@pytest.mark.parametrize(
    ("model", "one", "other", "same"),
    [
        ("builtin", "{text} It was [Z].", "{text} it  was [Z] .", True),
        ("builtin", "{text} It was [Z].", "{text}\nIt was [Z].", True),
        ("builtin", "{text} It was [Z].", "{text} It was [Z]!", False),
        ("builtin", "{text} It was [Z]", "It was [Z] {text}", False),
        ("gpt2", "{text} It was [Z]", "{text} it was [Z]", False),
        ("gpt2", "{text} It was [Z]", "{text}  It was [Z]", False),
        ("gpt2", "{text} It was [Z]", "{text}\nIt was [Z]", False),
        ("gpt2", "{text} It was [Z]", "{text} It was [Z]", True),
    ],
)
def test_prompts_are_alike_where_the_model_reads_the_same_ids(model, one, other, same):
    loaded = load_model(model if model == "builtin" else saved(model))
    key = key_of(replace(TASK, model=loaded, train=EXAMPLES))
    first, second = (Prompt(Template.parse(n), MANUAL.verbalizer) for n in (one, other))
    assert (key(first) == key(second)) is same
    fine = Verbalizer.of({"pos": "fine", "neg": "bad"})
    assert key(first) != key(replace(first, verbalizer=fine))


def test_prompts_of_another_strategy_that_read_alike_are_not_scored_again(monkeypatch):
    seen = []

    class Others(Words):
        def search(self, task, score):
            for word in ("NEAR", "near ", "new", "NEW"):
                template = Template.parse(f"{word} [Z]")
                seen.extend(score([task.prompt.with_template(template, Source("others"))]))

    def spelling(prompt):
        return str(prompt.template).lower().split()

    monkeypatch.setitem(SEARCHERS, "others", Others)
    monkeypatch.setattr(
        "promptsearch.searchers.joint.search.key_of", lambda task: lambda p: (*spelling(p),)
    )
    judge, said = Table(), []
    task = replace(TASK, log=said.append)
    run(WORDS, {"strategy": "others"}, judge=judge, task=task)
    assert [word for word, _ in judge.scored] == ["start", "near", "far", "new", "NEW"]
    assert [str(trial.prompt.template) for trial in seen[:2]] == ["near [Z]"] * 2
    expected = "step 2 others: 2 prompts, 2 that read like earlier ones; best p1 log_likelihood -5"
    assert said[-1].startswith(expected)


STEPS = (
    {"strategy": "words", "words": ["a", "near", "far"], "work": True, "from": 2},
    {"strategy": "answers-toy", "words": ["fine", "nice"], "from": 2, "budget": 3},
    CROSS,
)


def trials(result):
    return [(t.id, key(t.prompt), t.prompt.source, t.scores) for t in result.trials]


@pytest.mark.parametrize("limits", [Limits(), Limits(prompts=9)])
def test_a_run_killed_at_any_row_resumes_to_the_same_trials(tmp_path, limits):
    whole, path = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    with Ledger({}, whole) as ledger:
        uninterrupted = run(*STEPS, ledger=ledger, limits=limits, rounds=2)
    lines = whole.read_bytes().splitlines(keepends=True)
    for rows in range(len(lines) + 1):
        path.write_bytes(b"".join(lines[:rows]))
        with Ledger({}, path) as ledger:
            resumed = run(*STEPS, ledger=ledger, limits=limits, rounds=2)
        assert trials(resumed) == trials(uninterrupted)
        assert path.read_bytes().count(b"\n") == len(lines)


def test_what_a_strategy_does_once_is_its_own_at_each_start():
    ledger = Ledger()
    run(*STEPS, ledger=ledger, rounds=2)
    work = [row["key"] for row in ledger.rows if str(row["key"]).startswith("work")]
    assert len(work) == 3  # in the first round there is one start, in the second there are two
    assert work[0] == "work 1 words p0 work"


def test_seeds_and_folders_differ_from_step_to_step(tmp_path, monkeypatch):
    seen = []

    class Looking(Words):
        def search(self, task, score):
            seen.append((task.seed, task.workspace))
            super().search(task, score)

    monkeypatch.setitem(SEARCHERS, "words", Looking)
    for seed in (0, 0, 1):
        run(WORDS, rounds=2, task=replace(TASK, workspace=tmp_path, seed=seed))
    assert seen[:2] == seen[2:4]
    assert len({seed for seed, _ in seen}) == 4
    assert [folder for _, folder in seen[:2]] == [
        tmp_path / "steps" / "1-words" / "p0",
        tmp_path / "steps" / "2-words" / "p1",
    ]


def test_a_step_that_fails_ends_a_written_plan_with_all_that_was_scored():
    result = run(WORDS, {"strategy": "broken", "after": 1}, ANSWERS)
    assert result.stopped_because == "step 2 broken: toy: nothing to work with"
    assert len(result.trials) == 4


def test_a_step_that_fails_is_left_out_where_the_plan_says_so():
    said = []
    broken = [{"strategy": "broken"}, {"strategy": "broken", "after": 1}]
    result = run(WORDS, *broken, ANSWERS, skip=True, task=replace(TASK, log=said.append))
    assert result.stopped_because == "finished"
    assert key(result.best.prompt) == ("near", "fine")
    assert "step 2 broken: left out: toy: nothing to work with" in said
    assert "step 3 broken: ended early: toy: nothing to work with" in said


def test_answers_of_facts_are_an_error_before_anything_is_scored():
    judge = Table()
    facts = replace(TASK, kind=FACTS)
    with pytest.raises(RunError, match=r"step 2 \(answers-toy\): toy: the candidates of facts"):
        run(WORDS, ANSWERS, judge=judge, task=facts)
    assert judge.scored == [("start", "good")]  # by the engine, before any strategy


def test_mining_facts_without_a_corpus_is_an_error_before_anything_is_scored():
    with pytest.raises(RunError, match=r"step 1 \(mine\): .*corpus"):
        run({"strategy": "mine"}, task=replace(TASK, kind=FACTS, corpus=()))


def test_real_strategies_take_turns():
    """Template strategies keep the answers of their start, and answer strategies its template."""
    plan = (
        {"strategy": "paraphrase", "rounds": 1, "fills": 2, "width": 4, "screen": 0},
        {"strategy": "gradient", "iterations": 2, "triggers": 1, "start": "great"},
        {"strategy": "answers-prune", "candidates": 4, "pairings": 4},
        {"strategy": "generate", "words": 1, "beam": 4},
        {"strategy": "lm-score", "lm": "", "top": 2},
        {"strategy": "cross"},
    )
    task = reviews()
    said = []
    one, other = (
        search_prompts(
            JointSearch(plan, 2, True), replace(task, log=said.append), ShorterIsBetter()
        )
        for _ in range(2)
    )
    assert one.trials == other.trials
    by_step = {}
    for trial in one.trials[1:]:
        by_step.setdefault(trial.prompt.source.evidence["step"], []).append(trial)
    assert {"1 paraphrase", "2 gradient", "3 answers-prune", "4 generate"} <= by_step.keys()
    assert any(t.prompt.verbalizer != task.prompt.verbalizer for t in by_step["3 answers-prune"])
    for trials_of_step in by_step.values():
        if (name := trials_of_step[0].prompt.source.strategy) not in ("cross", "answers-prune"):
            assert len({t.prompt.verbalizer for t in trials_of_step}) == 1, name
    assert any("step 5 lm-score: left out" in line for line in said)


def test_without_a_plan_the_task_has_one(tmp_path):
    said = []
    task = replace(capitals(tmp_path), log=said.append)
    result = search_prompts(JointSearch(), task, ShorterIsBetter(), limits=Limits(prompts=40))
    strategies = {trial.prompt.source.strategy for trial in result.trials}
    assert {"manual", "mine", "paraphrase", "generate"} <= strategies
    assert [line.split(":")[0] for line in said if line.startswith("step ")][:2] == [
        "step 1 mine",
        "step 2 paraphrase",
    ]
    assert result.spent.prompts <= 40
