"""What every strategy owes its user, checked on all of SEARCHERS."""

from dataclasses import fields, is_dataclass, replace

import pytest
from judges import ShorterIsBetter, capitals, reviews
from tiny import saved

from promptsearch.cli import cli
from promptsearch.data import Example
from promptsearch.engine import Limits, search_prompts
from promptsearch.searchers import SEARCHERS, DecomposeSearch

SMALL = {  # keeps a strategy quick
    "paraphrase": {"rounds": 1, "fills": 3, "width": 30, "screen": 1},
    "mine": {"min_count": 1, "dependency": "off"},
    "mixture": {"templates": ("{subject} has [Z] .", "[Z] is of {subject} ."), "steps": 6},
    "generate": {"words": 2, "beam": 6},
    "gradient": {"iterations": 4, "triggers": 2, "start": "great film"},
    "answers-prune": {"candidates": 5},
    "answers-decompose": {"template": ("{text} [Z]", "[Z] : {text}")},
    "answers-likelihood-ratio": {"per_label": 3},
    "answers-paraphrase": {"pool": 3, "keep": 2},
    "answers-probe": {"top": 4},
    "search": {
        "rounds": 2,
        "steps": (
            {"strategy": "mine", "min_count": 1, "dependency": "off"},
            {"strategy": "paraphrase", "from": 2, "rounds": 1, "fills": 3, "width": 9, "screen": 1},
        ),
    },
    "soft": {"steps": 6, "check_every": 2},
    "prefix": {"length": 4, "steps": 6, "check_every": 2},
    "lm-score": {"lm": saved("gpt2"), "template": ("[Z] , {subject} .", "{subject} has [Z] .")},
}
NAMES = [name for name in SEARCHERS if name != "project"]  # which starts from vectors alone
every_searcher = pytest.mark.parametrize(
    "searcher", [SEARCHERS[name](**SMALL.get(name, {})) for name in NAMES], ids=NAMES
)


@pytest.fixture
def task(tmp_path, searcher):
    return reviews() if is_for_answers(searcher) else capitals(tmp_path)


def is_for_answers(searcher):
    """Whether it keeps the template and searches the answers, which facts do not have."""
    return {cls: name for name, cls in SEARCHERS.items()}[type(searcher)].startswith("answers")


def run(searcher, task, **options):
    return search_prompts(searcher, task, ShorterIsBetter(), **options)


@every_searcher
def test_hyper_parameters_are_documented_fields_with_defaults(searcher):
    assert is_dataclass(searcher)
    assert searcher.__doc__
    assert type(searcher)() == type(searcher)(
        **{field.name: field.default for field in fields(searcher)}
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name != "search"])
def test_its_command_has_an_option_for_each_field(name):
    command, words = cli, name.split("-", 1) if is_for_answers(SEARCHERS[name]()) else [name]
    for word in words:
        command = command.loaded(word)
    flags = [flag for option in command.params for flag in (*option.opts, *option.secondary_opts)]
    assert len(flags) == len(set(flags))
    helps = {option.name: option.help for option in command.params}
    assert all(helps[field.name] for field in fields(SEARCHERS[name]))


@every_searcher
def test_finds_something_no_worse_than_the_start(searcher, task):
    result = run(searcher, task)
    assert len(result.trials) > 1
    assert result.best.scores["log_likelihood"] >= result.manual.scores["log_likelihood"]


@every_searcher
def test_same_seed_same_trials(searcher, task):
    assert run(searcher, task).trials == run(searcher, task).trials


@every_searcher
def test_stops_at_the_budget(searcher, task):
    result = run(searcher, task, limits=Limits(prompts=2))
    assert sum(trial.split == "dev" for trial in result.trials) == 2
    assert result.stopped_because == "budget"


@every_searcher
def test_fields_slots_and_labels_survive(searcher, task):
    for trial in run(searcher, task).trials:
        template = trial.prompt.template
        assert (template.fields, template.slots) == (task.inputs, ("Z",))
        assert trial.prompt.verbalizer.labels == task.prompt.verbalizer.labels


@every_searcher
def test_one_half_of_the_prompt_is_searched(searcher, task):
    if isinstance(searcher, DecomposeSearch):
        return  # it needs as many slots as its rules have words
    for trial in run(searcher, task).trials:
        if is_for_answers(searcher):
            assert trial.prompt.template == task.prompt.template
        else:
            assert trial.prompt.verbalizer == task.prompt.verbalizer


@every_searcher
def test_every_prompt_says_where_it_came_from(searcher, task):
    names = {cls: name for name, cls in SEARCHERS.items()}
    steps = [step.strategy for step in getattr(searcher, "all_steps", ())]
    for trial in run(searcher, task).trials[1:]:
        assert trial.prompt.source.strategy in (steps or [names[type(searcher)]])


@every_searcher
def test_data_that_looks_like_notation_stays_text(searcher, task):
    first = task.train[0]
    odd = [Example("odd", dict.fromkeys(first.inputs, "[Z] {x}"), first.targets), *task.train]
    run(searcher, replace(task, train=odd))
