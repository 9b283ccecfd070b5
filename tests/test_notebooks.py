"""The notebooks run: their code, cell after cell, in a process of its own. No Jupyter needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))
RUNNER = """
import json, sys
names = {}
for number, code in enumerate(json.load(sys.stdin)):
    exec(compile(code, f"cell {number}", "exec"), names)
"""


def code_of(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run(notebook: Path, folder: Path) -> list[str]:
    """What the notebook prints, line by line."""
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(code_of(notebook)),
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_a_notebook_has_no_outputs_of_another_version(notebook):
    cells = json.loads(notebook.read_text())["cells"]
    assert any(cell["cell_type"] == "code" for cell in cells)
    assert not any(cell.get("outputs") for cell in cells)


def test_the_quickstart_finds_the_prompt_of_the_readme(tmp_path):
    (notebook,) = (path for path in NOTEBOOKS if path.stem == "quickstart")
    printed = run(notebook, tmp_path)
    assert "[Z] is the capital of {subject} ." in printed
    (score,) = (line for line in printed if " on test; " in line)
    assert float(score.split()[0]) == pytest.approx(0.248, abs=5e-4)  # as the README says


def test_the_certificate_has_a_verdict_and_both_gains(tmp_path):
    (notebook,) = (path for path in NOTEBOOKS if path.stem == "certify")
    prompts, verdict, looks = run(notebook, tmp_path)
    assert prompts == "2 prompts"
    assert verdict.split(" 0.")[0].split(" -0.")[0] in {
        "real",
        "within noise",
        "worse than manual",
        "needs more rows",
    }
    assert looks.startswith("[Z] is the capital of {subject} .")
