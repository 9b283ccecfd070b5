"""Killed at any moment and resumed: the same bytes as without; nothing else is gone on with."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from commanding import run
from filelock import FileLock
from test_predict import prompts_in, rows_of
from tiny import saved

from promptsearch.data.tables.rows import TableFormat, each_row
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.markup import Markup
from promptsearch.errors import RunError
from promptsearch.prediction.ensemble import EnsemblePredictor
from promptsearch.prediction.table.columns import Columns
from promptsearch.prediction.table.label_rows import Labeller, label_rows
from promptsearch.prediction.table.line_formats import form_of
from promptsearch.prediction.table.output import PartialOutput, Target, finished, locked, part_of
from promptsearch.prediction.table.parquet import write_parquet

COLUMNS = Columns(("bad", "good"))
READER = LabelledReader(
    TableFormat(), "gold", ("bad", "good"), ("text",), frozenset(["text"]), Markup()
)
ROWS = [f'row {n},"a, ""b""\n{n}"' for n in range(23)]
ROWS[4] = ROWS[9] = "one cell too few"


class Shares:
    """Says of a text what only depends on it."""

    def parts(self, examples):
        shares = np.array([(crc32(e.inputs["text"].encode()) % 997 + 1) / 999 for e in examples])
        if len(shares):
            yield range(len(shares)), np.log(np.stack([shares, 1 - shares], axis=1))


def label(table, target, size=4):
    """All that the command does around a model; bad rows are left out."""
    ending = target.file.suffix
    form = form_of(ending, COLUMNS.names)
    with locked(target):
        if target.is_whole:
            target.clear()
            return
        with part_of(target, {"prompts": "p1"}) as part:
            labeller = Labeller(READER, Shares(), COLUMNS, form)
            rows = each_row(table, READER.layout)
            label_rows(rows, labeller, part, lambda error: None, lambda done: None, size)
        finish = partial(write_parquet, table, READER.layout, COLUMNS)
        finished(target, finish if ending == ".parquet" else None)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("name,text\n" + "\n".join(ROWS) + "\n")
    return path


def killed(work, step):
    """Whether the work, in a process of its own, came to its end before the step killed it.

    A step is a call that the disk sees; a write dies in its middle.
    """
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    steps = iter(range(step))

    def dying(name):
        call = getattr(os, name)

        def die(*given):
            if next(steps, None) is None:
                if name == "write":
                    call(given[0], given[1][: len(given[1]) // 2])
                os._exit(9)
            return call(*given)

        setattr(os, name, die)

    for name in ("fsync", "write", "replace", "unlink", "ftruncate"):
        dying(name)
    try:
        work()
    finally:
        os._exit(next(steps, None) is None)  # 0: there was no such step


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_kill_at_every_step_changes_no_byte(tmp_path, table, ending):
    whole = Target(tmp_path / f"whole{ending}")
    label(table, whole)
    assert len(rows_of(whole.file)) == len(ROWS) - 2
    for step in range(100):
        target = Target(tmp_path / str(step) / f"out{ending}")
        died = killed(partial(label, table, target), step)
        if target.journal.exists() or not target.file.exists():
            label(table, target)
        assert target.file.read_bytes() == whole.file.read_bytes()
        assert set(target.file.parent.iterdir()) <= {target.file, target.lock}
        if not died:
            break
    assert 20 < step < 99  # 6 chunks, each with its line of the journal


def dying_in_chunk(number, kept, table, target):
    """Label, up to a kill when this share of the bytes of a chunk is written."""
    write, calls = PartialOutput.write, []

    def half(self, text, done):
        calls.append(done)
        if len(calls) < number:
            return write(self, text, done)
        data = text.encode()
        self.file.write(data[: int(kept * len(data))])
        self.file.flush()
        os._exit(9)

    PartialOutput.write = half
    label(table, target)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_a_kill_in_the_middle_of_a_chunk_is_cut_off(tmp_path, table, kept):
    whole, target = Target(tmp_path / "whole.csv"), Target(tmp_path / "out.csv")
    label(table, whole)
    for number in (1, 2, 2, 1):  # again and again
        assert killed(partial(dying_in_chunk, number, kept, table, target), 10**6) == 9
    label(table, target)
    assert target.file.read_bytes() == whole.file.read_bytes()


def test_a_table_of_parquet_is_made_again_after_a_kill(tmp_path, table, monkeypatch):
    pytest.importorskip("pyarrow")
    whole, target = Target(tmp_path / "whole.parquet"), Target(tmp_path / "out.parquet")
    label(table, whole)
    for owner, name in ((os, "replace"), (Target, "clear")):  # before, or after it is there
        call = getattr(owner, name)

        def interrupted(*given, call=call):
            if target.is_started:
                raise KeyboardInterrupt
            call(*given)

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                label(table, target)
        assert target.file.exists() == (name == "clear")
        label(table, target)
        assert rows_of(target.file) == rows_of(whole.file)
        assert not target.journal.exists()
        target.file.unlink()
    names = [row["name"] for row in rows_of(whole.file)]
    assert names == [f"row {n}" for n in range(23) if n not in (4, 9)]


def test_only_the_same_rows_are_gone_on_with(tmp_path, table):
    target = Target(tmp_path / "out.csv")
    lines = table.read_text().split("\n")
    text = "\n".join(lines)
    assert killed(partial(label, table, target), 12) == 9
    with part_of(target, {"prompts": "p1"}) as part:
        assert 0 < part.done.read < 23
    table.write_text(text.replace("row 0,", "row 1,", 1))
    with pytest.raises(RunError, match="rows of the input are not those that were labelled"):
        label(table, target)
    table.write_text("\n".join(lines[:3]) + "\n")
    with pytest.raises(RunError, match="are not those that were labelled"):
        label(table, target)
    with pytest.raises(RunError, match="made with another prompts"), part_of(target, {}):
        pass
    table.write_text(text.replace("row 22,", "last,"))  # not reached yet
    label(table, target)
    assert rows_of(target.file)[-1]["name"] == "last"


def test_what_follows_the_last_whole_chunk_goes_though_the_rest_is_shorter_now(tmp_path, table):
    target = Target(tmp_path / "out.csv")
    assert killed(partial(dying_in_chunk, 3, 1.0, table, target), 10**6) == 9
    table.write_text("name,text\n" + "\n".join([*ROWS[:8], "last,z"]) + "\n")
    label(table, target)
    names = [row["name"] for row in rows_of(target.file)]
    assert names == [*(f"row {n}" for n in range(8) if n != 4), "last"]


def test_a_polite_kill_stops_a_background_job(tmp_path):
    path = prompts_in(tmp_path)
    predict = ["predict", str(path), "--input", "-", "--chunk", "1"]
    command = [sys.executable, "-m", "promptsearch", *predict]
    waiting = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as after a shell's "&"
    )
    waiting.stdin.write(b'{"text": "a film"}\n')
    waiting.stdin.flush()
    assert b"a film" in waiting.stdout.readline()  # it waits for the next row
    waiting.send_signal(signal.SIGTERM)
    assert waiting.wait(timeout=60) == 130


def test_a_full_disk_is_one_line_and_no_loss(tmp_path, table, monkeypatch):
    target, whole, calls = Target(tmp_path / "out.csv"), Target(tmp_path / "whole.csv"), []
    label(table, whole)

    def full(number):
        calls.append(number)
        if len(calls) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match=r"cannot be written \(No space left on device\)"):
            label(table, target)
    label(table, target)
    assert target.file.read_bytes() == whole.file.read_bytes()


def test_one_process_at_a_time(tmp_path, table):
    target = Target(tmp_path / "out.csv")
    with FileLock(target.lock), pytest.raises(RunError, match="another promptsearch is writing"):
        label(table, target)
    label(table, target)


def test_a_digit_that_changed_in_the_part_is_refused(tmp_path, table):
    target = half_made(tmp_path, table)
    data = target.part.read_bytes()
    target.part.write_bytes(data.replace(b"0.", b"1.", 1))
    with pytest.raises(RunError, match="is not as it was written"):
        label(table, target)
    target.part.write_bytes(data)
    label(table, target)
    assert target.is_whole or target.file.exists()


def test_a_part_from_before_checksums_is_gone_on_with(tmp_path, table):
    target = half_made(tmp_path, table)
    lines = [json.loads(line) for line in target.journal.read_bytes().splitlines()]
    plain = [{k: row[k] for k in row if k not in ("sum", "checksum")} for row in lines]
    plain[0]["format"] = "promptsearch-ledger/1"
    target.journal.write_text("".join(json.dumps(row) + "\n" for row in plain))
    label(table, target)
    whole = Target(tmp_path / "whole.csv")
    label(table, whole)
    assert target.file.read_bytes() == whole.file.read_bytes()


def half_made(tmp_path, table):
    """A target whose pass was killed in its third chunk."""
    target = Target(tmp_path / "out.csv")
    if child := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        return target
    try:
        dying_in_chunk(3, 0.5, table, target)
    finally:
        os._exit(0)


def test_a_part_that_was_cut_by_hand_is_told(tmp_path, table):
    target = Target(tmp_path / "out.csv")
    assert killed(partial(label, table, target), 12) == 9
    target.part.write_text("")
    with pytest.raises(RunError, match="has 0 bytes where its journal says"):
        label(table, target)


# The command


@pytest.fixture
def many(tmp_path):
    rows = [f"a great film, {n} of a kind" if n % 3 else "the quick fox" for n in range(600)]
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps({"n": n, "text": t}) + "\n" for n, t in enumerate(rows)))
    return path


def test_the_command_killed_and_resumed(tmp_path, many):
    path, out = prompts_in(tmp_path), tmp_path / "out.jsonl"
    words = ["predict", path, "-i", many, "--chunk", 6]
    run(*words, "-o", tmp_path / "whole.jsonl", "-q")
    command = [sys.executable, "-m", "promptsearch", *map(str, words), "-o", str(out), "-q"]
    child = subprocess.Popen(command)
    journal = tmp_path / "out.jsonl.journal"
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 3):
        assert child.poll() is None, "it ended before it was killed"
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not out.exists()
    assert "is half made" in run(*words, "-o", out, status=1).stderr
    done = run(*words, "-o", out, "--resume", "--prefix", "my_", status=1)
    assert "was made with another columns" in done.stderr
    done = run(*words, "-o", out, "--resume", "--id", "p2", status=1)
    assert "was made with another prompts" in done.stderr
    done = run(*words, "-o", out, "--resume", "-m", saved("roberta"), status=1)
    assert "was made with another model" in done.stderr
    done = run(*words, "-o", out, "--resume")
    assert "rows are labelled; going on" in done.stderr
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert [row["n"] for row in rows_of(out)] == list(range(600))


def test_ctrl_c_and_a_bad_row_say_how_to_go_on(tmp_path, many, monkeypatch):
    path, out = prompts_in(tmp_path), tmp_path / "out.csv"
    words = ["predict", path, "-i", many, "--chunk", 200, "-o", out]
    parts, calls = EnsemblePredictor.parts, []

    def interrupted(self, examples):
        calls.append(examples)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return parts(self, examples)

    with monkeypatch.context() as patch:
        patch.setattr(EnsemblePredictor, "parts", interrupted)
        done = run(*words, status=130)
    assert "interrupted; go on with: promptsearch " in done.stderr
    assert done.stderr.rstrip().endswith("--resume")
    text = many.read_text()
    many.write_text(text.replace('"n": 500, "text": "', '"n": 500, "txt": "'))
    done = run(*words, "--resume", status=1)
    assert "many.jsonl, line 501: there is no column 'text' (did you mean 'txt'?)" in done.stderr
    assert "what is labelled is kept; go on with: promptsearch" in done.stderr
    many.write_text(text)
    run(*words, "--resume")
    run("predict", path, "-i", many, "-o", Path(tmp_path) / "whole.csv", "--chunk", 200)
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
