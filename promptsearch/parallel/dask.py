"""Processes of a dask cluster: one of this machine, made for the occasion, or one by its address.

Not by joblib's dask backend: where dask gives a job up because its workers died, that backend keeps
the error to itself and `joblib.Parallel` waits forever (joblib 1.6.0, distributed 2026.8.0).
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import import_module
from threading import Lock
from typing import Any

from promptsearch.errors import RunError
from promptsearch.parallel.backend import (
    THREAD_VARIABLES,
    Handle,
    WorkerDied,
    WorkerId,
    deaf_to_interrupts,
    imported,
    thread_environment,
    threads_each,
)

CONNECT = 5  # seconds for an answer of the scheduler, and for its first worker
NOBODY = 60  # seconds that a run waits when all workers of the cluster are gone
_one_at_a_time = Lock()


class DaskEngine:
    """A job for each worker process of the cluster, however many threads dask gave it."""

    def __init__(self, workers: int, address: str | None) -> None:
        self._distributed = distributed = imported("distributed", "dask")
        self._address = address or os.environ.get("DASK_SCHEDULER_ADDRESS")
        self._most = None if self._address and workers == 1 else workers
        if self._address:
            _check(self._address)
        with ExitStack() as stack:
            stack.enter_context(distributed.utils.silence_logging_cmgr(logging.CRITICAL))
            with deaf_to_interrupts():
                target = self._address or stack.enter_context(_cluster(workers))
                client = distributed.Client(target, timeout=CONNECT, set_as_default=False)
                self._client = stack.enter_context(client)
            self._wait_for_a_worker(CONNECT)
            self._check_workers()
            self._stack = stack.pop_all()

    def slots(self) -> Sequence[WorkerId]:
        """Return the workers' addresses, in the order of their names, which outlive a restart."""
        while not (workers := self._workers()):
            self._wait_for_a_worker(NOBODY)
        return sorted(workers, key=lambda address: str(workers[address]))[: self._most]

    def _workers(self) -> dict[str, object]:
        try:
            infos = self._client.sync(self._client.scheduler.identity, n_workers=-1)["workers"]
        except OSError:
            raise self._lost() from None
        return {address: info["name"] for address, info in infos.items()}

    def send(self, slot: WorkerId, function: Callable[[Any], Any], job: Any) -> Handle:
        import dask

        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            # Only a wish: where that worker is gone by now, another one takes the job.
            return self._client.submit(
                _alone, function, job, workers=[slot], allow_other_workers=True, pure=False
            )

    def wait(self, handles: Sequence[Handle]) -> Sequence[Handle]:
        while True:
            try:
                with self._client.as_current():
                    done = self._distributed.wait(handles, CONNECT, "FIRST_COMPLETED").done
                return list(done)
            except self._distributed.TimeoutError:
                self.slots()
            except (self._distributed.CancelledError, OSError):
                raise self._lost() from None

    def result(self, slot: WorkerId, handle: Handle) -> Any:
        try:
            return handle.result()
        except self._distributed.scheduler.KilledWorker as died:
            raise WorkerDied(died.allowed_failures + 1) from None
        except self._distributed.CancelledError:
            raise self._lost() from None

    def drop(self, slot: WorkerId, handle: Handle) -> None:
        handle.cancel()

    def close(self) -> None:
        self._stack.close()

    def _wait_for_a_worker(self, seconds: float) -> None:
        try:
            self._client.wait_for_workers(1, timeout=seconds)
        except TimeoutError:
            raise RunError(
                f"the dask cluster {self._address} has had no worker for {seconds:.0f} seconds; "
                f"start some: dask worker {self._address}"
            ) from None

    def _check_workers(self) -> None:
        """A worker that cannot read a job's function shuts down, so it is asked before."""
        imported = self._client.run(import_module, __name__, on_error="return")
        for worker, answer in imported.items():
            if isinstance(answer, ImportError):
                raise RunError(
                    f"the dask worker {worker} cannot import promptsearch ({answer}); install the "
                    "same version there"
                )

    def _lost(self) -> RunError:
        return RunError(f"the dask scheduler {self._address or ''} went away; go on with `resume`")


def _alone(function: Callable[[Any], Any], job: Any) -> Any:
    """Run a job on a worker: one at a time, with as many threads as dask gives the process."""
    from distributed import get_worker

    with _one_at_a_time:
        for name in THREAD_VARIABLES:
            if os.environ.get(name, "1") == "1":  # what dask sets; torch, which reads it, comes yet
                os.environ[name] = str(get_worker().state.nthreads)
        return function(job)


def _check(address: str) -> None:
    """Raise RunError unless a scheduler answers; `distributed.Client` might wait forever."""

    async def identity() -> object:
        from distributed.core import rpc

        async with rpc(address) as scheduler:
            return await asyncio.wait_for(scheduler.identity(), CONNECT)

    try:
        with ThreadPoolExecutor(1) as thread:  # where a notebook has a loop of its own
            thread.submit(asyncio.run, identity()).result()
    except (OSError, TypeError, ValueError, MemoryError) as error:  # also for what is no dask
        why = str(error) or type(error).__name__
        raise RunError(
            f"no dask scheduler answers at {address!r} ({why}); give `cluster` tcp://HOST:PORT, as "
            "`dask scheduler` prints it"
        ) from None


@contextmanager
def _cluster(workers: int) -> Iterator[Any]:
    """A cluster of this machine. Raises RunError if dask cannot start it."""
    import dask

    settings = {
        "distributed.scheduler.allowed-failures": 0,  # we count the deaths, and try again
        # What dask sets for its workers it sets here, too: one thread for a torch loaded later.
        "distributed.nanny.pre-spawn-environ": {"PYTHONHASHSEED": "random"},
    }
    with dask.config.set(settings):
        cluster = _started(workers)
    with cluster:
        try:
            yield cluster
        finally:
            cluster.sync(_end_workers, cluster)


def _started(workers: int) -> Any:
    from distributed import LocalCluster

    try:
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            env=thread_environment(threads_each(workers)),
            dashboard_address="127.0.0.1:0",
            memory_limit=0,  # no limit: a model may need more than an even share
            silence_logs=logging.CRITICAL,
        )
    except RuntimeError as error:
        raise RunError(
            f"dask cannot start its processes ({error}); they import the main script, which needs "
            'its `if __name__ == "__main__":`'
        ) from None


async def _end_workers(cluster: Any) -> None:
    """Wait a second for jobs that nobody wants any more; dask alone would wait four."""
    await asyncio.gather(*(nanny.close(timeout=1) for nanny in cluster.workers.values()))
