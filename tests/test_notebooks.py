"""The notebooks run: their code, cell after cell, in a process of its own. No Jupyter needed."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = Path(__file__).parents[1] / "docs" / "notebooks"
RUNNER = """
import ast, json, sys
names = {}
for number, code in enumerate(json.load(sys.stdin)):
    *body, last = ast.parse(code).body
    exec(compile(ast.Module(body, []), f"cell {number}", "exec"), names)
    # a cell shows its last expression
    exec(compile(ast.Interactive([last]), f"cell {number}", "single"), names)
"""


def cells_of(name: str) -> list[Any]:
    cells: list[Any] = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def shown(name: str, folder: Path) -> list[Any]:
    """What each cell of the notebook shows."""
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(["".join(cell["source"]) for cell in cells_of(name)]),
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [ast.literal_eval(line) for line in done.stdout.splitlines()]


def test_every_notebook_is_run_here():
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == {"certify", "quickstart"}


@pytest.mark.parametrize("name", ["certify", "quickstart"])
def test_a_notebook_holds_no_outputs_of_an_older_version(name):
    assert not any(cell["outputs"] for cell in cells_of(name))


def test_the_quickstart_says_what_the_readme_says(tmp_path):
    (manual, _, _), trials, (template, score, difference) = shown("quickstart", tmp_path)
    assert list(trials) == [manual, template] == [manual, "[Z] is the capital of {subject} ."]
    assert trials[manual] < trials[template]
    assert score == pytest.approx(0.248, abs=5e-4)
    assert difference["ci95"][0] > 0


def test_the_certificate_judges_by_other_rows_than_those_that_chose(tmp_path):
    prompts, (verdict, delta, ci95), (template, naive, naive_ci95) = shown("certify", tmp_path)
    assert (prompts, template) == (2, "[Z] is the capital of {subject} .")
    assert verdict == "needs more rows"  # as `promptsearch certify` says in docs/quickstart.md
    assert delta <= naive + 1e-9
    assert ci95[1] - ci95[0] > naive_ci95[1] - naive_ci95[0]
