"""Directories that one process writes at a time, files that are whole or not there."""

import json
import os
import stat
import subprocess
import sys
import threading

import pytest
from commanding import reviews_in, run
from tiny import saved

from promptsearch.errors import RunError
from promptsearch.files.write import check_new, folder_name, write_atomic
from promptsearch.runs.directory import numbered_run_directory, run_directory


def test_a_directory_that_holds_a_run_is_left_alone(tmp_path):
    write_atomic(tmp_path / "trials.jsonl", "kept\n")
    with pytest.raises(RunError, match="`resume` to go on"), run_directory(tmp_path):
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
from promptsearch.runs.directory import numbered_run_directory, run_directory
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


def test_what_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"file/new\.json: cannot be written \(.+\); make room"):
        write_atomic(tmp_path / "file" / "new.json", "{}")


LIMITED = """
import resource, sys
from promptsearch.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
main()
"""


def searched(folder, task, *words, room=1 << 40):
    """The process of a small search whose files may have so many bytes."""
    given = ["answers", "prune", "--task", task, "-m", saved("bert"), "-o", folder, "-q", *words]
    command = [sys.executable, "-c", LIMITED, room, *given, "--budget", "40"]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


@pytest.mark.parametrize("room", [9_000, 24_000])
def test_a_full_disk_loses_no_trial(tmp_path, room):
    task = reviews_in(tmp_path, 4)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert searched(whole, task).returncode == 0
    full = searched(cut, task, room=room)
    assert full.returncode == 1, full.stdout
    assert full.stderr.count("\n") == 1
    assert "trials.jsonl: cannot be written (File too large)" in full.stderr
    assert searched(cut, task, "--resume").returncode == 0
    before, after = (json.loads((own / "prompts.json").read_text()) for own in (whole, cut))
    assert after["prompts"] == before["prompts"]


def test_a_new_file_has_the_rights_that_the_umask_leaves(tmp_path):
    before = os.umask(0o077)
    try:
        write_atomic(tmp_path / "new.txt", "new")
    finally:
        os.umask(before)
    assert (tmp_path / "new.txt").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_replaced_keeps_its_rights_and_a_link_stays_one(tmp_path):
    file, link = tmp_path / "file.txt", tmp_path / "link.txt"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_atomic(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o640
    assert {path.name for path in tmp_path.iterdir()} == {"file.txt", "link.txt"}


def test_a_stream_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_atomic(pipe, "through")
    reader.join(10)
    assert read == ["through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_is_read_is_not_written_over(tmp_path):
    (tmp_path / "in").mkdir()
    source = tmp_path / "in" / "source.txt"
    source.write_text("kept")
    (tmp_path / "hard.txt").hardlink_to(source)
    for path in (source, tmp_path / "hard.txt", tmp_path / "in", tmp_path):
        with pytest.raises(RunError, match="is what is read"):
            check_new(path, True, source)
    check_new(tmp_path / "other.txt", False, source)


def test_searches_started_together_get_a_directory_each(tmp_path):
    path = tmp_path / "run"
    with numbered_run_directory(path) as first, numbered_run_directory(path) as second:
        assert (first.name, second.name) == ("run-1", "run-2")
        (second / "trials.jsonl").touch()
    with numbered_run_directory(path) as again, numbered_run_directory(path) as third:
        assert (again.name, third.name) == ("run-1", "run-3")  # nothing was written to the first


OVERWRITING = {
    "certify": ("certify", "PROMPTS", "-o", "FILE"),
    "evaluate": ("evaluate", "PROMPTS", "--examples-out", "FILE"),
    "export": ("export", "PROMPTS", "--to", "text", "-o", "FILE"),
}


@pytest.mark.parametrize("command", OVERWRITING)
@pytest.mark.parametrize("name", ["reviews.toml", "train.csv", "prompts.json"])
def test_no_command_writes_over_a_file_that_it_reads(tmp_path, monkeypatch, command, name):
    monkeypatch.chdir(tmp_path)
    reviews_in(tmp_path, 4)
    words = ["prompts.json" if w == "PROMPTS" else w for w in OVERWRITING[command]]
    prompt = {"template": "{text} It is [Z].", "verbalizer": {"bad": ["bad"], "good": ["good"]}}
    document = {"format": "promptsearch/1", "task": {"file": "reviews.toml"}, "prompts": [prompt]}
    (tmp_path / "prompts.json").write_text(json.dumps(document))
    before = (tmp_path / name).read_bytes()
    model = ["-m", saved("bert")]
    words = [name if word == "FILE" else word for word in words]
    refused = run(*words, *model, "--overwrite", status=1).stderr
    assert f"{name}: is what is read" in refused
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sst2", "sst2"),
        ("Zwölf 中文 (v1.2)", "Zwölf 中文 (v1.2)"),
        ("../../outside/x", "outside-x"),
        ("/etc/passwd", "etc-passwd"),
        ("..", "task"),
        ("a\0b\nc\x1b[2J", "a-b-c-[2J"),
        ("é" * 5000, "é" * 100),
        ("", "task"),
    ],
)
def test_a_tasks_name_is_the_name_of_one_folder(text, name):
    assert folder_name(text) == name
