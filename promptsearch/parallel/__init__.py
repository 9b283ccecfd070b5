"""Work spread over processes and machines, on engines that exist: loky, dask, ray."""

from promptsearch.parallel.workers import Backend, WorkerPool, Workers

__all__ = ["Backend", "WorkerPool", "Workers"]
