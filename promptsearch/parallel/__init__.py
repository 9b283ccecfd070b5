"""Work spread over processes and machines, on engines that exist: loky, dask, ray."""

from promptsearch.parallel.workers import Backend, Workers, WorkerPool

__all__ = ["Backend", "Workers", "WorkerPool"]
