"""CONTRIBUTING's promise: an export format is one module and one line, its option included."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from exporting import prompts_in

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S)
*_, CODE, LINE = (dedent(f"   {block.lstrip()}") for block in BLOCKS)
WIDE = {**os.environ, "COLUMNS": "160"}  # no help text is broken


def tree_in(folder):
    """A copy of the package, with the example's module and its line in EXPORTS."""
    package = folder / "promptsearch"
    package.mkdir()
    for path in (ROOT / "promptsearch").iterdir():
        if path.name != "formats":
            (package / path.name).symlink_to(path)
    formats = package / "formats"
    shutil.copytree(ROOT / "promptsearch" / "formats", formats)
    (formats / "line.py").write_text(CODE)
    registry, last = formats / "__init__.py", '    "ptr": "a rule file of PTR",'
    text = registry.read_text()
    assert text.count(last) == 1
    registry.write_text(text.replace(last, f"    {LINE.strip()}\n{last}"))
    return folder


def run(tree, *words, status=0):
    command = [sys.executable, "-m", "promptsearch", *map(str, words)]
    done = subprocess.run(command, cwd=tree, env=WIDE, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def test_the_example_is_a_format_of_export(tmp_path):
    tree = tree_in(tmp_path)
    verbalizer = {"bad": ["terrible"], "good": ["great"]}
    path = prompts_in(tmp_path, {"template": "{text} {{}} was [Z] .", "verbalizer": verbalizer})
    written = json.loads(run(tree, "export", path, "--to", "line", "-o", "a b.txt", "--json"))
    assert written["next"] == ["less 'a b.txt'"]
    assert written["notes"] == ["line does not hold what stands behind the answer: ' .'"]
    assert (tree / "a b.txt").read_text() == "{text} {{}} was\n"
    assert "a line of text for str.format" in run(tree, "export", "--help")
    two = {"bad": [["a", "b"]], "good": [["c", "d"]]}
    path = prompts_in(tmp_path, {"template": "{text} [Z1] [Z2]", "verbalizer": two})
    told = run(tree, "export", path, "--to", "line", "-o", "c.txt", status=1)
    assert "p0: line has room for one answer" in told
