"""Interface of a worker backend: hold processes, run a job in one, say when that one died."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import resource_tracker
from typing import Any, Protocol

from promptsearch.errors import RunError
from promptsearch.files.packages import install_command

WorkerId = (
    int | str
)  # a process that takes one job at a time; it keeps its slot when it is replaced
Handle = Any  # a job on its way, hashable


class WorkerDied(Exception):
    """The process that ran a job is gone, and the job with it."""

    def __init__(self, deaths: int = 1) -> None:
        super().__init__(deaths)
        self.deaths = deaths  # more than one where the engine tried again on its own


class WorkerBackend(Protocol):
    """The part that loky, dask and ray each do in their own way."""

    def slots(self) -> Sequence[WorkerId]:
        """Return the processes there are now, at least one. Raises RunError if none is left."""
        ...

    def send(self, slot: WorkerId, function: Callable[[Any], Any], job: Any) -> Handle:
        """Start `function(job)` in the slot's process, which is free."""
        ...

    def wait(self, handles: Sequence[Handle]) -> Sequence[Handle]:
        """Return those of `handles` that are done, at least one."""
        ...

    def result(self, slot: WorkerId, handle: Handle) -> Any:
        """Return what the function returned or raised; `WorkerDied` where its process is gone."""
        ...

    def drop(self, slot: WorkerId, handle: Handle) -> None:
        """Forget a job that nobody waits for any more."""
        ...

    def close(self) -> None:
        """End the processes that are ours."""
        ...


def imported(package: str, extra: str) -> Any:
    """A package that only an engine needs; `RunError` with the way out where it is missing."""
    try:
        return import_module(package)
    except ImportError:
        way_out = install_command(extra)
        raise RunError(f"the backend {extra} needs a package: {way_out}") from None


THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS"),
)


def thread_environment(threads: int) -> Mapping[str, str]:
    """Variables that keep a process to `threads` threads, those the user has set left out."""
    return {name: str(threads) for name in THREAD_VARIABLES if name not in os.environ}


def threads_each(workers: int) -> int:
    """Return the cores of this machine that each of `workers` processes may use."""
    from joblib.externals.loky import cpu_count

    return max(1, int(cpu_count()) // workers)


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Hear Ctrl-C only afterwards; processes and threads started inside never hear it.

    A terminal sends it to all of them, and each would print a traceback. What is started inside
    inherits the mask, also when a thread does so later; for other threads there is the handler.
    """
    if threading.current_thread() is not threading.main_thread() or sys.platform == "win32":
        yield
        return
    heard: list[int] = []
    resource_tracker.ensure_running()  # it unblocks SIGINT when it starts, so it must start first
    handler = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if heard:
            signal.raise_signal(signal.SIGINT)
