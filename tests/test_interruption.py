"""A stop is never lost: not in a `__del__`, not in an `exec`; the exit status is 130."""

import signal
import subprocess
import sys

import pytest

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
SETUP = """
import os, signal, sys
from promptsearch import __main__, cli
class Fragile:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(100): pass
"""
IN_DEL = """
def command():
    Fragile()
    sys.stdin.read()
"""
IN_EXEC = """
def command():
    exec("os.kill(os.getpid(), signal.SIGTERM)\\nfor _ in range(100): pass")
"""
ELSEWHERE = """
class Other:
    def __del__(self): raise ValueError("of no concern")
def command():
    Other()
    os.kill(os.getpid(), signal.SIGTERM)
    sys.stdin.read()
"""
IN_EXTENSION = """
from importlib import _bootstrap_external as imports
from types import SimpleNamespace
def begin(module):
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(100): pass
    print("begun", flush=True)  # an exception here would abort the process
imports._imp = SimpleNamespace(exec_dynamic=begin)
def command():
    loader = imports.ExtensionFileLoader("name", "path")
    loader.exec_module(SimpleNamespace(__name__="name"))
    sys.stdin.read()
"""
RUN = """
cli.cli.invoke = lambda context: guarded()
def guarded():
    try:
        command()
    except KeyboardInterrupt:
        cli._interrupted()
sys.argv = ["promptsearch", "models"]
__main__.main()
"""
BODIES = (IN_DEL, IN_EXEC, ELSEWHERE, IN_EXTENSION)


@POSIX
@pytest.mark.parametrize("body", BODIES, ids=["del", "exec", "elsewhere", "extension"])
def test_a_stop_is_heard_wherever_it_arrives(tmp_path, body):
    (tmp_path / "stopped.py").write_text(SETUP + body + RUN)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(
        [sys.executable, "-m", "stopped"],  # only with -m does Python keep the mark of an exec
        cwd=tmp_path,
        **pipes,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as after a shell's "&"
    ) as waiting:  # its standard input stays open
        assert waiting.wait(timeout=100) == 130
        message = waiting.stderr.read().decode()
        output = waiting.stdout.read().decode()
    assert message.endswith("promptsearch: interrupted\n")
    assert ("of no concern" in message) == (body is ELSEWHERE)
    assert "KeyboardInterrupt" not in message
    assert output == ("begun\n" if body is IN_EXTENSION else "")
