"""CONTRIBUTING's promise: a strategy is one folder and one line, its command included."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner
from tiny import saved

from promptsearch.cli import all_commands, cli
from promptsearch.commands.strategies import strategy_commands
from promptsearch.searchers import SEARCHERS

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S)
CODE, LINE, *_ = (dedent(f"   {block.lstrip()}") for block in BLOCKS)
TEMPLATE = "The capital of {subject} is [Z] ."  # of the task `capitals`
WIDE = {**os.environ, "COLUMNS": "160"}  # no help text is broken
PLAN = '[[step]]\nstrategy = "shout"\nmarks = 2\n'


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the package, with the example's folder and its line in SEARCHERS."""
    root = tmp_path_factory.mktemp("tree")
    package = root / "promptsearch"
    package.mkdir()
    for path in (ROOT / "promptsearch").iterdir():
        if path.name != "searchers":
            (package / path.name).symlink_to(path)
    searchers = package / "searchers"
    shutil.copytree(ROOT / "promptsearch" / "searchers", searchers)
    (searchers / "shout").mkdir()
    (searchers / "shout" / "search.py").write_text(CODE)
    registry = searchers / "strategies.py"
    text, last = registry.read_text(), '        "search": '
    assert text.count(last) == 1
    registry.write_text(text.replace(last, f"        {LINE.strip()}\n{last}"))
    return root


def run(tree, *words):
    command = [sys.executable, "-m", "promptsearch", *map(str, words)]
    done = subprocess.run(command, cwd=tree, env=WIDE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def searched(tree, *words):
    """The file of a search that is run by the command line."""
    run(tree, *words, "--task", "capitals", "--model", saved("bert"), "--overwrite", "-o", "run")
    return json.loads((tree / "run" / "prompts.json").read_text())


def test_the_new_strategy_is_a_command_among_the_others(tree):
    lines = run(tree, "--help").splitlines()
    names = [words[1] for line in lines if len(words := line.split()) > 1]
    assert names.index("answers") < names.index("shout") < names.index("search")
    assert any("Search how loud a template should be." in line for line in lines)


def test_its_fields_are_options_beside_those_of_every_search(tree):
    help_text = run(tree, "shout", "--help")
    assert "The manual template is tried with one exclamation mark more" in help_text
    assert re.search(r"--marks\s+INTEGER\s+Exclamation marks, at most\.", help_text)
    assert re.search(r"default: 3\b", help_text)
    assert {"--task", "--model", "--budget", "--resume"} <= set(help_text.split())


def test_its_command_searches_and_is_reproduced(tree):
    document = searched(tree, "shout", "--marks", 2)
    assert document["search"]["strategy"] == "shout"
    assert document["search"]["options"] == {"marks": 2}
    templates = {row["template"] for row in document["prompts"]}
    assert templates == {TEMPLATE, f"{TEMPLATE}!", f"{TEMPLATE}!!"}
    assert "reproduced: same prompts" in run(tree, "reproduce", "run/prompts.json")


def test_a_plan_may_have_it_as_a_step(tree):
    (tree / "plan.toml").write_text(PLAN)
    document = searched(tree, "search", "plan.toml")
    steps = [row["source"]["evidence"].get("step") for row in document["prompts"]]
    assert steps.count("1 shout") == 2


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The example in a package of a stranger's."""
    (tmp_path / "shouting").mkdir()
    (tmp_path / "shouting" / "__init__.py").write_text('"""Louder and louder."""\n')
    (tmp_path / "shouting" / "search.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("shouting", "shouting.search"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("name", "words"), [("shout", ()), ("answers-shout", ("answers",))])
def test_a_strangers_package_may_be_named_too(package, monkeypatch, name, words):
    monkeypatch.setitem(SEARCHERS, name, "shouting.search:ShoutSearch")
    listing = CliRunner().invoke(cli, [*words, "--help"]).output
    assert re.search(r"shout\s+Louder and louder\.", listing)
    assert "shouting.search" not in sys.modules  # the listing does not need it
    assert "--marks" in CliRunner().invoke(cli, [*words, "shout", "--help"]).output
    assert SEARCHERS.name_of(SEARCHERS[name]) == name


def test_no_strategy_has_the_name_of_another_command(monkeypatch):
    strategies = strategy_commands()
    monkeypatch.setattr("promptsearch.cli.strategy_commands", dict)
    assert not strategies.keys() & all_commands().keys()


def test_listing_the_strategies_imports_none():
    code = (
        "import sys; from promptsearch.searchers import SEARCHERS\n"
        "names = [SEARCHERS.summary(name) for name in SEARCHERS if name in SEARCHERS]\n"
        "print(len(names), 'numpy' in sys.modules, [m for m in sys.modules if m[-7:] == '.search'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(SEARCHERS)} False []\n"
