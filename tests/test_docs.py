"""The documentation is true: generated help is fresh, links lead somewhere, examples load."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from promptsearch.data import KINDS, load_task

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
STUBS = {
    "topics.csv": "text,label\na match,sports\na bank,business\n",
    "train.tsv": "text\tlabel\nfun\tpositive\ndull\tnegative\n",
    "P19.train.jsonl": '{"sub_label": "Ann", "obj_label": "Oslo"}\n',
    "objects.txt": "Oslo\nLima\n",
    "sentences.jsonl": '{"text": "Ann was born in Oslo."}\n',
    "reviews.txt.gz": "",
    "reviews.jsonl": '{"text": "a", "label": ["speed"]}\n{"text": "b", "label": []}\n',
    "questions.jsonl": '{"question": "The capital of Norway is", "options": ["Oslo", "Rome"], '
    '"label": 0}\n',
    "headlines.jsonl": '{"text": "a", "headline": ["b", "c"]}\n{"text": "d", "headline": "e"}\n',
    "stars.csv": "text,stars\na,1\nb,5\n",
    "eng.train": "U.N. NNP I-NP I-ORG\nofficial NN I-NP O\n",
}
SAME = {"dev.tsv": "train.tsv", "test.tsv": "train.tsv"}
SAME |= {f"P19.{split}.jsonl": "P19.train.jsonl" for split in ("dev", "test")}
SAME |= {f"eng.test{letter}": "eng.train" for letter in "ab"}


def test_the_generated_help_is_fresh():
    script = ROOT / "scripts" / "build_docs.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_task_files_of_the_docs_load(tmp_path):
    for name, text in STUBS.items():
        (tmp_path / name).write_text(text)
    for name, other in SAME.items():
        (tmp_path / name).write_text(STUBS[other])
    examples = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/tasks.md").read_text(), re.S)
    for number, example in enumerate(examples):
        file = tmp_path / f"{number}.toml"
        file.write_text(example)
        assert load_task(file, KINDS).name in example
    assert len(examples) == len(KINDS) + 2  # classification in both layouts, and with {options}


def test_the_python_of_the_readme_says_what_it_prints(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102
    printed = capsys.readouterr().out.splitlines()
    promised = [line.split("# ", 1)[1] for line in code.splitlines() if "  # " in line]
    assert printed[0] == promised[0]
    for ours, theirs in zip(printed[1:], promised[1:], strict=True):
        assert float(ours) == pytest.approx(float(theirs), abs=1e-6)
