"""Work spread over processes and machines, on engines that exist: loky, dask, ray."""

from promptsearch.parallel.workers import Backend, Crew, Pool

__all__ = ["Backend", "Crew", "Pool"]
