"""`promptsearch search`: plans read, checked, shown and written; runs resumed and reproduced."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from tiny import saved

from promptsearch.cli import cli
from promptsearch.data import CLASSIFICATION, FACTS
from promptsearch.errors import PromptSearchError
from promptsearch.prompt_file.schema import SCHEMA
from promptsearch.searchers import SEARCHERS, JointSearch
from promptsearch.searchers.joint.default_plan import LEAST, default_steps
from promptsearch.searchers.joint.plan_file import plan_as_toml, plan_summary, read_plan

PLAN = """
rounds = 2
[[step]]
strategy = "paraphrase"
method = ["edits"]
screen = 2
width = 4
rounds = 1
budget = 6
[[step]]
strategy = "answers-prune"
candidates = 4
from = 2
budget = 4
[[step]]
strategy = "cross"
templates = 2
answers = 2
"""
TASK = """
name = "toy"
kind = "classification"
train = "train.tsv"
dev = "train.tsv"
label = "label"
template = "{text} It was [Z]."
[answers]
negative = ["bad"]
positive = ["good"]
"""
TEXTS = {"positive": ["a great film", "great fun"], "negative": ["a bad film", "bad taste"]}


@pytest.fixture
def task(tmp_path):
    rows = [f"{text}\t{label}\n" for label, texts in TEXTS.items() for text in texts]
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + "".join(rows))
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "task.toml").write_text(TASK)
    return tmp_path / "task.toml"


def run(*words, status=0):
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done


def searched(task, *options, status=0, out="run"):
    where = ("--task", task, "-o", task.parent / out, "--model", saved("bert"))
    return run("search", task.parent / "plan.toml", *where, "--budget", 24, *options, status=status)


def document_of(task, out="run"):
    return json.loads((task.parent / out / "prompts.json").read_text())


def without_times(document):
    document["search"]["spent"].pop("seconds")
    document["search"].pop("command")
    return document


def test_a_plan_leaves_a_valid_file_that_is_reproduced(task):
    done = searched(task)
    document = document_of(task)
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    said = "plan: 1 paraphrase 6 prompts | 2 answers-prune 4 | 3 cross 2 | 4 paraphrase 6"
    assert said in done.stderr
    assert document["search"]["strategy"] == "search"
    assert document["search"]["options"]["rounds"] == 2
    assert document["search"]["options"]["steps"][1]["from"] == 2
    assert document["search"]["spent"]["prompts"] <= 24
    steps = [row["source"]["evidence"].get("step") for row in document["prompts"]]
    assert (steps.count("1 paraphrase"), steps.count("2 answers-prune")) == (4, 4)
    done = run("reproduce", task.parent / "run" / "prompts.json", "-q")
    assert "reproduced: same prompts, same scores" in done.stdout


def test_a_run_that_a_limit_cut_short_is_reproduced(task):
    """Its steps had shares of the whole budget, not of what it came to."""
    steps = PLAN.replace("width = 4", "width = 40").replace("budget = 6", "")
    task.write_text(TASK.replace("It was", "It really was such a film , and so"))
    (task.parent / "plan.toml").write_text(steps.replace("rounds = 2", ""))
    searched(task, "-q")
    limit = document_of(task)["search"]["spent"]["forwards"] - 8
    searched(task, "-q", "--max-forwards", limit, out="short")
    search = document_of(task, "short")["search"]
    assert search["stopped_because"] == "max-forwards"
    assert search["options"]["budget"] is None
    assert 10 < search["spent"]["prompts"] < 24  # and the first step had 10 of 24
    done = run("reproduce", task.parent / "short" / "prompts.json", "-q")
    assert "reproduced: same prompts, same scores" in done.stdout


def test_a_run_cut_anywhere_resumes_to_the_same_file(task):
    searched(task, "-q")
    whole = without_times(document_of(task))
    ledger = task.parent / "run" / "trials.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    for rows in (1, len(lines) // 2, len(lines) - 1):
        ledger.write_bytes(b"".join(lines[:rows]))
        searched(task, "-q", "--resume")
        assert without_times(document_of(task)) == whole


def test_a_race_is_run_over_all_steps(task):
    rows = (task.parent / "train.tsv").read_text().splitlines(keepends=True)
    (task.parent / "train.tsv").write_text("".join([rows[0], *rows[1:] * 18]))  # 72: two rungs
    searched(task, "-q", "--race")
    document = document_of(task)
    assert document["search"]["race"]["dropped"] > 0
    done = run("reproduce", task.parent / "run" / "prompts.json", "-q")
    assert "reproduced: same prompts, same scores" in done.stdout


def test_another_plan_does_not_go_on_with_the_run(task):
    searched(task, "-q")
    plan = task.parent / "plan.toml"
    plan.write_text(PLAN.replace("rounds = 2", "rounds = 3"))
    assert "another options" in searched(task, "--resume", status=1).stderr


def test_what_is_shown_by_a_dry_run_is_a_plan(task):
    shown = run("search", "--task", task, "--dry-run").stdout
    plan = task.parent / "saved.toml"
    plan.write_text(shown)
    assert read_plan(plan) == JointSearch.by_default(CLASSIFICATION, False, 199)
    assert run("search", plan, "--task", task, "--dry-run").stdout == shown
    assert not (task.parent / "runs").exists()


def test_strings_lists_and_numbers_survive_being_written(tmp_path):
    steps = (
        {"strategy": "lm-score", "template": ['say "é\\n" [Z]', "{x} \t[Z]"], "exponent": 0.5},
        {"strategy": "gradient", "leaks": True, "candidates": 3, "fluency": 1},
    )
    search = JointSearch(steps, 3, ensemble={"rule": "uniform", "top": 2})
    (tmp_path / "plan.toml").write_text(plan_as_toml(search))
    assert read_plan(tmp_path / "plan.toml") == search


BAD = {
    "not TOML": ("rounds = 2", "rounds =", "not a plan in TOML"),
    "an unknown key": ("rounds = 2", "round = 2", "round: there is no such key"),
    "no rounds": ("rounds = 2", "rounds = 0", "rounds: it must be a whole number of 1 or more"),
    "odd skip": ("rounds = 2", 'skip = "no"', "skip: it must be true or false, not 'no'"),
    "steps that are none": (PLAN, "step = 3", "step: it must be one table or more"),
    "no step": (PLAN, "rounds = 1", "step: it must be one table or more"),
    "an unknown strategy": ('"cross"', '"crss"', "step 3: strategy: there is no 'crss' (did you"),
    "no strategy": ('strategy = "cross"', "", "step 3: strategy: there is no None"),
    "a plan in a plan": ('"cross"', '"search"', "step 3: strategy: there is no 'search'"),
    "an unknown field": ("width", "widht", "step 1 (paraphrase): widht: there is no such key"),
    "a wrong type": ("width = 4", 'width = "4"', "width: it must be a whole number, not '4'"),
    "a wrong list": ('["edits"]', '"edits"', "method: it must be a list, each of its values one"),
    "a wrong choice": ('["edits"]', '["edit"]', "'edits', 'translate', 'rewrite', not ['edit']"),
    "a wrong value": ("width = 4", "width = 0", "step 1 (paraphrase): --width 0 is too small"),
    "an odd budget": ("budget = 6", "budget = 1.5", "step 1 (paraphrase): budget: it must be"),
    "true as a number": ("budget = 6", "budget = true", "budget: it must be a whole number"),
    "a cross from": ("templates = 2", "from = 2", "step 3 (cross): from: there is no such key"),
    "a cross of none": ("templates = 2", "templates = 0", "step 3 (cross): --templates 0 is too"),
    "an odd ensemble": ("rounds = 2", "ensemble = 2", "ensemble: it must be a table"),
    "no finite gain": (
        "rounds = 2",
        'rounds = 2\n[[step]]\nstrategy = "paraphrase"\nleast_gain = inf',
        "least_gain: it must be a number of 0 or more",
    ),
    "no rule": ("rounds = 2", "ensemble = {top = 2}", "ensemble: rule: it is missing"),
    "no top": ("rounds = 2", 'ensemble = {rule = "mean"}', "ensemble: top: it is missing"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_plan_is_one_line_that_names_file_and_step(task, case):
    old, new, said = BAD[case]
    plan = task.parent / "plan.toml"
    plan.write_text(PLAN.replace(old, new, 1))
    done = searched(task, status=1)
    (line,) = done.stderr.strip().splitlines()
    assert "plan.toml: " in line
    assert said in line
    assert not (task.parent / "run").exists()


def test_a_missing_plan_is_said(task):
    (task.parent / "plan.toml").unlink()
    assert "there is no file" in searched(task, status=1).stderr


def test_answers_of_facts_are_said_before_the_model_loads(tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text('[[step]]\nstrategy = "answers-prune"\n')
    done = run("search", plan, "--task", "capitals", "--model", "builtin", status=1)
    assert f"{plan}: step 1 (answers-prune): capitals: the candidates of facts" in done.stderr


def test_a_step_that_fails_leaves_what_was_scored(task):
    plan = task.parent / "plan.toml"
    steps = PLAN.replace("rounds = 2", "", 1).split("[[step]]")[:3]
    plan.write_text("[[step]]".join([*steps, '\nstrategy = "lm-score"\n']))
    done = searched(task, status=1)
    document = document_of(task)
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    assert done.stderr.strip().splitlines()[-1].startswith("promptsearch: step 3 lm-score: ")
    assert len(document["prompts"]) == 9  # the manual one, 4 and 4
    assert document["search"]["stopped_because"].startswith("step 3 lm-score: ")


KINDS = [(CLASSIFICATION, True), (CLASSIFICATION, False), (FACTS, True), (FACTS, False)]


@pytest.mark.parametrize(("kind", "corpus"), KINDS)
@pytest.mark.parametrize("budget", [1, 5, 10, 20, 40, 100, 199, 1000])
def test_the_default_plan_suits_the_task_and_the_budget(kind, corpus, budget):
    search = JointSearch.by_default(kind, corpus, budget)
    names = [step.strategy for step in search.all_steps]
    budgets = [step.budget for step in search.all_steps]
    assert search.skip
    assert ("mine" in names) <= corpus
    assert not (kind == FACTS and any(n == "cross" or n.startswith("answers") for n in names))
    assert budgets[-1] is None  # takes what is left
    assert all(own >= LEAST for own in budgets[:-1])
    assert budget - sum(budgets[:-1]) >= min(budget, LEAST)


def test_large_budgets_have_every_strategy_in_order():
    names = [step["strategy"] for step in default_steps(CLASSIFICATION, True, 400)]
    assert names[0] == "answers-prune"  # answers are cheapest and gain most
    assert names[-4:] == ["mine", "paraphrase", "generate", "cross"]
    trained = {"soft", "prefix", "mixture", "project"}
    assert set(SEARCHERS) - trained - {"lm-score", "gradient", "search"} <= set(names)
    facts = [step["strategy"] for step in default_steps(FACTS, True, 400)]
    assert facts == ["mine", "paraphrase", "generate", "paraphrase"]


def test_small_budgets_leave_steps_out():
    sizes = [len(default_steps(CLASSIFICATION, True, budget)) for budget in (5, 20, 60, 400)]
    assert sizes == sorted(set(sizes))
    assert sizes[0] == 1


def test_the_plan_in_a_line_adds_up_to_the_budget():
    search = JointSearch.by_default(CLASSIFICATION, True, 199)
    line = plan_summary(search.all_steps, 199)
    numbers = [int(word) for part in line.split(" | ") for word in part.split()[2:3]]
    assert sum(numbers) == 199
    assert line.startswith(f"1 answers-prune {numbers[0]} prompts | 2 answers-likelihood-ratio ")


def test_without_a_budget_the_plan_has_no_numbers():
    assert plan_summary(
        JointSearch(({"strategy": "mine"}, {"strategy": "cross"})).all_steps, None
    ) == ("1 mine | 2 cross")


def test_plans_in_python_are_checked_too():
    with pytest.raises(PromptSearchError, match="step 1: strategy"):
        JointSearch(({"strategy": "nothing"},))
    with pytest.raises(PromptSearchError, match="rounds"):
        replace(JointSearch(), rounds=0)


def test_a_plan_ends_in_its_ensemble(task, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN + '[ensemble]\nrule = "vote"\ntop = 3\n')
    folder = tmp_path / "run"
    words = ["search", str(plan), "--task", str(task), "-m", saved("bert"), "-q"]
    done = run(*words, "--budget", "12", "-o", str(folder))
    assert "ensemble: vote of 3" in done.output
    ensemble = json.loads((folder / "prompts.json").read_text())["ensemble"]
    assert [member["weight"] for member in ensemble["members"]] == [1.0, 1.0, 1.0]
    plan.write_text(PLAN + '[ensemble]\nrule = "best"\ntop = 3\n')
    done = run(*words, "-o", str(tmp_path / "other"), status=1)
    assert "there is no rule 'best'" in done.output
    assert not (tmp_path / "other").exists()
