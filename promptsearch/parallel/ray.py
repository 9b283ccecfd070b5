"""Processes of a ray cluster: one of this machine, made for the occasion, or one by its address.

An actor is a process that stays. Not by ray's joblib backend: it returns results only when all are
there (`joblib.Parallel` refuses `return_as`), and one actor's death ends the call (ray 2.60).
"""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from promptsearch.errors import RunError
from promptsearch.parallel.backend import (
    Handle,
    WorkerDied,
    WorkerId,
    deaf_to_interrupts,
    imported,
    threads_each,
)

CONNECT = 5  # seconds for an answer of the head node
PATIENCE = 10  # seconds until something is done for an actor that does not start


class RayEngine:
    """A backend of `workers` actors; with 1 and a cluster, as many as there is room for."""

    def __init__(self, workers: int, address: str | None, gpus: float) -> None:
        self._ray = ray = imported("ray", "ray")
        self._actors: dict[WorkerId, Any] = {}
        self._starting: dict[
            WorkerId, Handle
        ] = {}  # the first answer of an actor, until it is there
        self._busy: dict[Handle, WorkerId] = {}
        address = address or os.environ.get("RAY_ADDRESS")
        with ExitStack() as stack:
            self._size, cpus = workers, float(threads_each(workers))
            theirs = address is not None or ray.is_initialized()
            if not ray.is_initialized():
                stack.enter_context(_connected(ray, address, workers))
            if theirs:
                nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
                self._size, cpus = room(nodes, workers, gpus)
            # Ray keeps an actor to as many threads as it has CPUs.
            self._worker = ray.remote(_Worker).options(num_cpus=cpus, num_gpus=gpus)
            self._stack = stack.pop_all()

    def slots(self) -> Sequence[WorkerId]:
        return range(self._size)

    def send(self, slot: WorkerId, function: Callable[[Any], Any], job: Any) -> Handle:
        if slot not in self._actors:
            self._actors[slot] = self._worker.remote()
            self._starting[slot] = self._actors[slot].answer.remote()
        handle = self._actors[slot].do.remote(function, job)
        self._busy[handle] = slot
        return handle

    def wait(self, handles: Sequence[Handle]) -> Sequence[Handle]:
        while not (done := self._ray.wait(list(handles), timeout=PATIENCE)[0]):
            self._make_room()
        return list(done)

    def _make_room(self) -> None:
        """End actors without a job if a new one cannot start (a machine is gone, say).

        They hold the CPUs that it waits for, and would hold them to the end.
        """
        for slot, answer in list(self._starting.items()):
            if self._ray.wait([answer], timeout=0)[0]:
                del self._starting[slot]
        if self._starting:
            for slot in set(self._actors) - set(self._busy.values()):
                self._end(slot)

    def result(self, slot: WorkerId, handle: Handle) -> Any:
        errors = self._ray.exceptions
        del self._busy[handle]
        try:
            return self._ray.get(handle)
        except errors.RayTaskError as error:
            raise error.cause from None  # what the function raised
        except errors.RayActorError as error:
            self._end(slot)
            if error.actor_init_failed:
                why = str(error).strip().splitlines()[-1]
                raise RunError(f"ray cannot start a process: {why}") from None
            raise WorkerDied from None
        except (errors.ObjectLostError, errors.OutOfMemoryError):
            self._end(slot)
            raise WorkerDied from None

    def drop(self, slot: WorkerId, handle: Handle) -> None:
        del self._busy[handle]
        self._end(slot)

    def close(self) -> None:
        for slot in list(self._actors):
            self._end(slot)
        self._stack.close()

    def _end(self, slot: WorkerId) -> None:
        self._starting.pop(slot, None)
        if actor := self._actors.pop(slot, None):
            self._ray.kill(actor)


class _Worker:
    """The worker inside an actor's process."""

    def answer(self) -> None:
        """There it is."""

    def do(self, function: Callable[[Any], Any], job: Any) -> Any:
        return function(job)


@contextmanager
def _connected(ray: Any, address: str | None, workers: int) -> Iterator[None]:
    """Connect to the cluster, or start a local one, and silence ray's messages."""
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    ray._private.worker._worker_logs_enabled = False  # else deaths are told on stdout, by ray too
    if address is not None:
        _check(address)
    with ExitStack() as stack:
        stack.callback(ray.shutdown)
        with deaf_to_interrupts():
            if address is None:
                cores = max(threads_each(1), workers)
                ray.init(address="local", num_cpus=cores, include_dashboard=False, **quiet)
            else:
                _join(ray, address, quiet)
        yield


def _join(ray: Any, address: str, quiet: Mapping[str, Any]) -> None:
    try:
        ray.init(address=address, **quiet)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise RunError(
            f"ray at {address!r} cannot be used ({error}); where the cluster wants a token, set "
            "RAY_AUTH_MODE=token and have it in ~/.ray/auth_token"
        ) from None


def _check(address: str) -> None:
    """Raise RunError unless something listens there; ray would wait and warn for half a minute."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto":
        return
    try:
        socket.create_connection((host, int(port)), CONNECT).close()
    except (OSError, ValueError, OverflowError) as error:
        raise RunError(
            f"no ray cluster answers at {address!r} ({error}); give `cluster` HOST:PORT, as "
            "`ray start --head` prints it, or `cluster` auto"
        ) from None


def room(nodes: Sequence[Mapping[str, float]], workers: int, gpus: float = 0) -> tuple[int, float]:
    """Return (processes, CPUs for each) for nodes with these resources; all they hold for 1."""

    def held(cpus: int) -> int:
        return sum(_held(node, cpus, gpus) for node in nodes)

    size = workers if workers > 1 else held(1)
    if not 0 < size <= held(1):
        each = f"a CPU and {gpus:g} GPUs" if gpus else "a CPU"
        raise RunError(
            f"the ray cluster has room for {held(1)} processes with {each} each, not for "
            f"{max(size, 1)}; use fewer `workers` or add machines"
        )
    most = int(max(node.get("CPU", 0) for node in nodes))
    return size, float(max(cpus for cpus in range(1, most + 1) if held(cpus) >= size))


def _held(node: Mapping[str, float], cpus: int, gpus: float) -> int:
    by_cpu = int(node.get("CPU", 0) // cpus)
    return min(by_cpu, int(node.get("GPU", 0) // gpus)) if gpus else by_cpu
