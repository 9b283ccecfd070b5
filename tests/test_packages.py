"""Install commands name the packages that are missing, never promptsearch itself."""

import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from promptsearch.files import packages

ROOT = Path(__file__).parents[1]
EXTRAS = ("mine", "gguf", "parquet", "zst", "large", "finetune", "dask", "ray", "report", "certify")
LINES = [
    "torch>=2.4",
    'gguf>=0.10; extra == "gguf"',
    'accelerate>=1.0; extra == "gguf"',
    'accelerate>=1.6; extra == "finetune"',
]


@pytest.fixture
def installed(monkeypatch):
    """The installed distributions with their versions, to be filled in."""
    versions = {}

    def version(name):
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(packages, "requires", lambda name: LINES)
    monkeypatch.setattr(packages, "version", version)
    return versions


def test_missing_packages_are_named_with_their_versions(installed):
    command = packages.install_command("gguf")
    assert command == "pip install 'gguf>=0.10' 'accelerate>=1.0'"
    installed["accelerate"] = "1.5.2"
    assert packages.install_command("gguf") == "pip install 'gguf>=0.10'"
    assert packages.missing_packages("gguf") == ("gguf",)
    installed["gguf"] = "0.10.0rc1"
    assert packages.missing_packages("gguf") == ("gguf",)  # before 0.10


def test_a_package_that_is_too_old_is_missing(installed):
    installed["accelerate"] = "1.5.2"
    assert packages.install_command("finetune") == "pip install 'accelerate>=1.6'"


def test_where_all_are_there_all_are_named(installed):
    installed.update(gguf="1", accelerate="2")
    assert packages.install_command("gguf") == "pip install 'gguf>=0.10' 'accelerate>=1.0'"
    assert packages.install_command("gguf", "gguf") == "pip install 'gguf>=0.10'"


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_extra_that_messages_name_is_in_the_metadata(extra):
    assert re.fullmatch(r"pip install( '[\w-]+>=[\d.]+')+", packages.install_command(extra))


def texts():
    """Everything that a user may read: the package, the readme, the docs, the tests' reasons."""
    files = [*ROOT.glob("*.md"), ROOT / "Makefile"]
    for folder, endings in (("promptsearch", "*.py"), ("docs", "*.md"), ("docs", "*.ipynb")):
        files += (ROOT / folder).rglob(endings)
    return {file: file.read_text() for file in files}


def test_no_text_tells_to_install_promptsearch_by_its_name():
    by_name = re.compile(r"promptsearch\[\w|pip\s+install(\s+-\S+)*\s+['\"]?promptsearch\b(?![/.])")
    assert by_name.search("pip install -U 'promptsearch[gguf]'")
    assert by_name.search("pip install promptsearch")
    assert not [file for file, text in texts().items() if by_name.search(text)]
