"""Processes of this machine, by joblib's loky.

One executor a process, where joblib would put all into one: when a process of an executor dies,
loky ends all of them and every job that was under way is lost; nothing tells whose fault it was.
And a `joblib.Parallel` that goes on after that hands out results of the call before (joblib 1.6.0).
"""

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from promptsearch.parallel.backend import (
    Handle,
    WorkerDied,
    WorkerId,
    deaf_to_interrupts,
    thread_environment,
    threads_each,
)

TAKEN = 5.0  # seconds, at most; it takes some milliseconds


class LokyEngine:
    """A backend of `workers` local processes, each started with its first job."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._environment = thread_environment(threads_each(workers))
        self._executors: dict[WorkerId, Any] = {}
        self._sent: dict[WorkerId, Handle] = {}  # the last job of each
        self._stack = ExitStack()
        self._stack.enter_context(warnings.catch_warnings())
        # A process that has grown much (a parser was loaded) is replaced by a fresh one: no news.
        warnings.filterwarnings("ignore", "A worker stopped", UserWarning)

    def slots(self) -> Sequence[WorkerId]:
        return range(self._workers)

    def send(self, slot: WorkerId, function: Callable[[Any], Any], job: Any) -> Handle:
        from joblib.externals.loky import BrokenProcessPool

        with deaf_to_interrupts():
            try:
                handle = self._executor(slot).submit(function, job)
            except BrokenProcessPool:  # it died idle: no job is to blame
                self._end(slot)
                handle = self._executor(slot).submit(function, job)
            self._sent[slot] = handle
            return handle

    def wait(self, handles: Sequence[Handle]) -> Sequence[Handle]:
        from joblib.externals.loky import FIRST_COMPLETED, wait

        return list(wait(handles, return_when=FIRST_COMPLETED).done)

    def result(self, slot: WorkerId, handle: Handle) -> Any:
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        try:
            return handle.result()
        except TerminatedWorkerError:
            self._end(slot)
            raise WorkerDied from None

    def drop(self, slot: WorkerId, handle: Handle) -> None:
        self._end(slot)  # there is no other way to stop a job

    def close(self) -> None:
        for slot in list(self._executors):
            self._end(slot)
        self._stack.close()

    def _executor(self, slot: WorkerId) -> Any:
        from joblib.externals.loky import ProcessPoolExecutor

        if slot not in self._executors:
            self._executors[slot] = ProcessPoolExecutor(1, env=self._environment)
        return self._executors[slot]

    def _end(self, slot: WorkerId) -> None:
        if executor := self._executors.pop(slot, None):
            self._settle(self._sent.pop(slot, None))
            executor.shutdown(wait=True, kill_workers=True)

    @staticmethod
    def _settle(handle: Handle | None) -> None:
        """Wait until loky's thread has taken the job: told to end before, it stumbles over it."""
        until = time.monotonic() + TAKEN
        while handle and not (handle.running() or handle.done()) and time.monotonic() < until:
            time.sleep(0.002)
