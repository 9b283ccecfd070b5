"""Jobs for several processes: sent out, collected as they finish, sent again where one died."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

from promptsearch.errors import RunError
from promptsearch.parallel.backend import Handle, WorkerBackend, WorkerDied, WorkerId

Backend = Literal["loky", "dask", "ray"]
Log = Callable[[str], None]
T = TypeVar("T")
R = TypeVar("R")


def _silent(line: str) -> None:
    """Drop a log message: the default if nobody listens."""


@dataclass(frozen=True)
class Workers:
    """Configuration of worker processes: how many, by which backend, on which cluster.

    With a `cluster` the processes are those that it has; `workers` above 1 takes at most so many.
    """

    workers: int = 1
    backend: Backend = "loky"
    cluster: str | None = None  # tcp://host:port of a dask scheduler, or ray's address
    retries: int = 3  # of a job whose worker died
    gpus: float = 0  # for each process; ray only, which then shows it these and no others

    def __post_init__(self) -> None:
        if self.backend not in get_args(Backend):
            backends = ", ".join(get_args(Backend))
            raise RunError(f"the backend {self.backend!r} is unknown; use one of {backends}")
        if self.workers < 1:
            raise RunError(f"the work needs at least one worker, not {self.workers}")
        if self.cluster is not None and self.backend == "loky":
            raise RunError(
                f"the backend loky works on this machine only, not on the cluster {self.cluster}; "
                "use dask or ray"
            )

    @contextmanager
    def open(self, log: Log = _silent) -> Iterator["WorkerPool"]:
        """Open the pool: its processes start when first used and end with the context."""
        pool = WorkerPool(self, log)
        try:
            yield pool
        finally:
            pool.close()


class WorkerPool:
    """Processes that stay: what they hold, a loaded model say, is there for the next call too."""

    def __init__(self, crew: Workers, log: Log = _silent) -> None:
        self._crew, self._log = crew, log
        self._engine: WorkerBackend | None = None

    @property
    def in_process(self) -> bool:
        """True if the work is done in this process."""
        return self._crew.workers == 1 and self._crew.backend == "loky"

    @property
    def size(self) -> int:
        """Jobs that run at the same time. Raises RunError if the processes cannot be had."""
        return 1 if self.in_process else len(self._started().slots())

    def each(self, function: Callable[[T], R], jobs: Sequence[T]) -> Iterator[tuple[int, R]]:
        """Yield (index, result) of every job as it finishes, in any order, each exactly once.

        What the function raises passes through. Job i goes to process i, modulo their number, if
        that one is free. Raises RunError if the processes cannot be had, or a job's worker died
        more than `retries` times.
        """
        if self.in_process:
            for index, job in enumerate(jobs):
                yield index, function(job)
        elif jobs:
            call = _Call(self._started(), function, jobs, self._crew.retries, self._log)
            yield from call.results()

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _started(self) -> WorkerBackend:
        if self._engine is None:
            self._engine = _engine(self._crew)
        return self._engine


def _engine(crew: Workers) -> WorkerBackend:
    if crew.backend == "dask":
        from promptsearch.parallel.dask import DaskEngine

        return DaskEngine(crew.workers, crew.cluster)
    if crew.backend == "ray":
        from promptsearch.parallel.ray import RayEngine

        return RayEngine(crew.workers, crew.cluster, crew.gpus)
    from promptsearch.parallel.loky import LokyEngine

    return LokyEngine(crew.workers)


class _Call(Generic[T, R]):
    """State of one call of `each`: waiting and running jobs, and deaths of each job's worker."""

    def __init__(
        self,
        engine: WorkerBackend,
        function: Callable[[T], R],
        jobs: Sequence[T],
        retries: int,
        log: Log,
    ) -> None:
        self._engine, self._function, self._jobs = engine, function, jobs
        self._retries, self._log = retries, log
        self._waiting = deque(range(len(jobs)))
        self._running: dict[Handle, tuple[int, WorkerId]] = {}
        self._deaths: Counter[int] = Counter()

    def results(self) -> Iterator[tuple[int, R]]:
        try:
            self._fill()
            while self._running:
                for handle in self._engine.wait(list(self._running)):
                    collected = self._collected(handle)
                    self._fill()  # before the yield: nobody idles while the caller is busy
                    yield from collected
        finally:
            for handle, (_, slot) in self._running.items():
                self._engine.drop(slot, handle)

    def _fill(self) -> None:
        """Give every free process a job."""
        if not self._waiting:
            return
        slots = self._engine.slots()
        free = set(slots) - {slot for _, slot in self._running.values()}
        while self._waiting and free:
            index = self._waiting.popleft()
            wish = slots[index % len(slots)]
            slot = wish if wish in free else next(slot for slot in slots if slot in free)
            free.remove(slot)
            handle = self._engine.send(slot, self._function, self._jobs[index])
            self._running[handle] = index, slot

    def _collected(self, handle: Handle) -> list[tuple[int, R]]:
        """Return the job's result; none where its worker died, and it waits again."""
        index, slot = self._running.pop(handle)
        try:
            return [(index, self._engine.result(slot, handle))]
        except WorkerDied as died:
            self._deaths[index] += died.deaths
        job = f"job {index + 1} of {len(self._jobs)}"
        if (deaths := self._deaths[index]) > self._retries:
            raise RunError(
                f"{job}: its worker died {deaths} times, most likely for want of memory; use fewer "
                "workers, or a machine with more"
            ) from None
        self._log(f"{job}: its worker died; sent again")
        self._waiting.appendleft(index)
        return []
