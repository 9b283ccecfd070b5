"""The site: every page has its place in the navigation, and the strict build has no warning."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CONFIG = (ROOT / "mkdocs.yml").read_text()
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
NAV = re.findall(r"^ +- (?:[^:\n]+: )?(\S+\.md)$", CONFIG.split("\nnav:\n")[1], re.M)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "adr/index.md"])
def test_a_page_stands_in_the_navigation_once(page):
    assert NAV.count(page) == 1


def test_the_navigation_leads_to_pages():
    assert set(NAV) <= set(PAGES)


def test_no_font_and_no_file_of_another_site():
    assert "  font: false" in CONFIG.splitlines()[CONFIG.splitlines().index("theme:") + 2]
    assert "://" not in CONFIG


@pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("material") is None,
    reason="needs mkdocs-material: pip install -e '.[docs]'",
)
def test_the_strict_build_has_no_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pages = (tmp_path / "site").rglob("*.html")
    loaded = (
        re.findall(r'(?:src|rel="?stylesheet"? href)="?(https?://[^" >]+)', page.read_text())
        for page in pages
    )
    assert not [address for found in loaded for address in found]
