"""Ctrl-C and SIGTERM stop a command, wherever in the program they arrive.

Both raise KeyboardInterrupt. Python prints and drops it where it hits a `__del__` or the callback
of a weak reference, of which imports and regular expressions are full: without more, the command
would go on as if nobody had asked it to stop.
"""

import signal
import sys
from _thread import interrupt_main
from threading import Thread, main_thread
from time import sleep
from typing import NoReturn

INTERRUPTED = 130  # the exit status, as a shell's
PAUSE = 0.05  # seconds until a dropped interrupt is raised again, out of its callback


def stop_on_signals() -> None:
    """Let SIGTERM stop the command as Ctrl-C does, and let neither get lost."""
    signal.signal(signal.SIGTERM, _stop)
    sys.unraisablehook = _report_unraisable


def _stop(*_: object) -> NoReturn:
    """Not by way of SIGINT, which a shell's background jobs ignore."""
    raise KeyboardInterrupt


def _report_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    if unraisable.exc_type is KeyboardInterrupt:
        Thread(target=_signal_again, daemon=True).start()
    else:
        sys.__unraisablehook__(unraisable)


def _signal_again() -> None:
    sleep(PAUSE)
    if sys.platform == "win32":
        interrupt_main(signal.SIGTERM)
    else:  # a true signal, which wakes a read that waits
        signal.pthread_kill(main_thread().ident or 0, signal.SIGTERM)
