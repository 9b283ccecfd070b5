"""What reaches a terminal: no control codes, a line a row, commands to paste."""

import json
import shlex

import pytest
from commanding import edits_in, run

from promptsearch.commands.shared.console import print_table
from promptsearch.commands.shared.terminal_text import (
    command_line,
    in_one_line,
    json_text,
    printable,
    width,
)

CODES = "\x1b]0;title\x07\x1b[31m\x1b]52;c;aGk=\x07\x9b1m\x7f\x00\r\u202e"


def is_safe(text):
    return not any(ord(sign) < 32 and sign not in "\t\n" for sign in text) and not (
        set(text) & {"\x7f", "\x9b", "\u202e"}
    )


def test_control_characters_are_written_out():
    assert printable("a\x1b[0mb\nc") == "a\\x1b[0mb\nc"
    assert in_one_line("a\n\tb") == "a\\n\\tb"
    assert is_safe(printable(CODES))
    assert printable("naïve 人 ’\u200f") == "naïve 人 ’\u200f"


def test_json_stays_json():
    text = json_text({"template": CODES})
    assert is_safe(text)
    assert json.loads(text) == {"template": CODES}


def test_a_row_of_a_table_is_a_line_and_wide_signs_keep_the_columns(capsys):
    print_table(["n", "prompt"], [["人人", "a\nb"], ["x", CODES]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["   n  prompt", "人人  a\\nb"]
    assert len(lines) == 3
    assert all(map(is_safe, lines))
    assert width("人a\u0301") == 3


def test_a_terminal_cuts_the_last_column(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    print_table(["n", "prompt"], [["1", "word " * 20]])
    assert max(map(width, capsys.readouterr().out.splitlines())) == 40


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A finished run in a folder with spaces, its file edited by somebody else."""
    folder = tmp_path_factory.mktemp("a folder") / "it's ; here"
    folder.mkdir()
    path = edits_in(folder)
    document = json.loads(path.read_text())
    document["search"]["command"] = f"x{CODES}\ny"
    document["task"]["name"] = CODES
    for row in document["prompts"]:
        row["template"] = f"{{text}}\n{CODES}It was [Z]."
        row["id"] += CODES
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("command", [("show",), ("check",), ("evaluate", "--split", "dev")])
def test_a_foreign_file_sends_no_codes(hostile, command):
    name, *options = command
    task = ["--task", hostile.parents[1] / "reviews.toml"]
    done = run(name, hostile, *options, *(task if name != "show" else []))
    assert is_safe(done.stdout)
    assert is_safe(done.stderr)


def test_printed_commands_can_be_pasted(tmp_path, monkeypatch):
    folder = tmp_path / "it's ; here"
    folder.mkdir()
    path = edits_in(folder)
    for name, *options in (("show",), ("ensemble", "-o", folder / "e")):
        done = run(name, path, *options)
        printed = [line for line in done.output.splitlines() if "promptsearch " in line]
        commands = [shlex.split(line[line.index("promptsearch ") :]) for line in printed]
        assert commands
        assert any(str(folder) in word for command in commands for word in command)
    assert shlex.split(command_line("show", path)) == ["promptsearch", "show", str(path)]
