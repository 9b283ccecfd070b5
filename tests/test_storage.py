"""Directories that one process writes at a time, files that are whole or not there."""

import subprocess
import sys

import pytest

from promptsearch.errors import RunError
from promptsearch.storage import run_directory, write_atomic


def test_a_directory_that_holds_a_run_is_left_alone(tmp_path):
    write_atomic(tmp_path / "trials.jsonl", "kept\n")
    with pytest.raises(RunError, match="--resume to go on"), run_directory(tmp_path):
        pass
    assert (tmp_path / "trials.jsonl").read_text() == "kept\n"


def test_resume_keeps_and_overwrite_clears(tmp_path):
    write_atomic(tmp_path / "trials.jsonl", "old\n")
    write_atomic(tmp_path / "mine.txt", "somebody else's\n")
    with run_directory(tmp_path, resume=True):
        assert (tmp_path / "trials.jsonl").exists()
    with run_directory(tmp_path, overwrite=True):
        assert not (tmp_path / "trials.jsonl").exists()
    assert (tmp_path / "mine.txt").exists()


def test_two_processes_on_one_directory_are_an_error(tmp_path):
    code = f"""
from pathlib import Path
from promptsearch.errors import RunError
from promptsearch.storage import run_directory
try:
    with run_directory(Path({str(tmp_path)!r})):
        pass
except RunError as error:
    print(error)
"""
    with run_directory(tmp_path):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
    assert "another promptsearch is writing here" in done.stdout
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert again.stdout == ""


def test_a_path_that_is_a_file_is_an_error(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(RunError, match="cannot be written to"), run_directory(file):
        pass
