"""The machine that a benchmark ran on."""

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from promptsearch.bench.ceiling import Bfloat16, bfloat16_here

CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Hardware:
    """Hardware facts that a reader needs to compare results."""

    processor: str
    threads: int
    device: str
    torch: str
    bfloat16: Bfloat16
    load: float  # programs that ran in the minute before, if the system has it

    def __str__(self) -> str:
        runs = "bfloat16 by" if self.bfloat16.is_faster else "no bfloat16 rows:"
        return (
            f"{self.processor}, {self.threads} threads, load {self.load:.1f} before · "
            f"{self.device} · torch {self.torch} · {runs} {self.bfloat16.by}"
        )


def machine(device: torch.device) -> Hardware:
    """Return the facts of this machine."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    load = os.getloadavg()[0] if sys.platform != "win32" else 0.0
    return Hardware(
        processor=_processor(),
        threads=torch.get_num_threads(),
        device=name,
        torch=torch.__version__,
        bfloat16=bfloat16_here(device),
        load=load,
    )


def _processor() -> str:
    """Return the processor's name if the system has it (virtual machines shorten it)."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()} x {os.cpu_count()}"
