"""Peak memory during a measurement."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

STATM = Path("/proc/self/statm")  # Linux: pages; the second number is what is in memory
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
SECONDS = 0.005  # between two looks


@dataclass
class Peak:
    """Peak in bytes: of the process on a CPU, of tensors on CUDA; None if unknown."""

    bytes: int | None = None


@contextmanager
def watched(device: torch.device) -> Iterator[Peak]:
    """Watch the memory while open; `bytes` is set when it closes."""
    peak = Peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak.bytes = torch.cuda.max_memory_allocated(device)
    elif STATM.exists():
        stop = threading.Event()
        thread = threading.Thread(target=_look, args=(stop, peak))
        thread.start()
        try:
            yield peak
        finally:
            stop.set()
            thread.join()
    else:
        yield peak


def _look(stop: threading.Event, peak: Peak) -> None:
    while True:
        resident = int(STATM.read_text().split()[1]) * PAGE
        peak.bytes = max(peak.bytes or 0, resident)
        if stop.wait(SECONDS):
            return
