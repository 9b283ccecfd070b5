"""Ctrl-C and SIGTERM stop a command, wherever in the program they arrive.

Both raise KeyboardInterrupt. Python prints and drops it where it hits a `__del__` or the callback
of a weak reference, of which imports and regular expressions are full: without more, the command
would go on as if nobody had asked it to stop. And where an extension module begins (torch's, which
calls Python from C++), an exception aborts the process with a trace instead of ending it.
"""

import signal
import sys
from _thread import interrupt_main
from importlib.machinery import ExtensionFileLoader
from threading import Thread, main_thread
from time import sleep
from types import FrameType

INTERRUPTED = 130  # the exit status, as a shell's
PAUSE = 0.05  # seconds until an interrupt is tried again, elsewhere in the program
_LOADS_EXTENSION = {
    method.__code__
    for method in (ExtensionFileLoader.create_module, ExtensionFileLoader.exec_module)
}


def stop_on_signals() -> None:
    """Let SIGTERM stop the command as Ctrl-C does, and let neither get lost."""
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as a shell's "&" has it
        signal.signal(signal.SIGINT, _stop)
    sys.unraisablehook = _report_unraisable


def _stop(_number: int, frame: FrameType | None) -> None:
    """Not by way of SIGINT, which a shell's background jobs ignore."""
    while frame is not None:
        if frame.f_code in _LOADS_EXTENSION:
            _stop_later()
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _report_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    if unraisable.exc_type is KeyboardInterrupt:
        _stop_later()
    else:
        sys.__unraisablehook__(unraisable)


def _stop_later() -> None:
    Thread(target=_signal_again, daemon=True).start()


def _signal_again() -> None:
    sleep(PAUSE)
    if sys.platform == "win32":
        interrupt_main(signal.SIGTERM)
    else:  # a true signal, which wakes a read that waits
        signal.pthread_kill(main_thread().ident or 0, signal.SIGTERM)
