"""The machine's top speed at matrix products of a model's shapes."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from promptsearch.bench.flops import Matrix, Nominal
from promptsearch.models.forward.linear import bfloat16_unit

TEXT = 32  # tokens of a usual text: of so many rows of a batch, one is read


@dataclass(frozen=True)
class Gemm:
    """Product (rows, inputs) x (inputs, outputs) that a batch does `count` times."""

    rows: int
    inputs: int
    outputs: int
    count: int

    @property
    def flops(self) -> int:
        """Floating-point operations of one product."""
        return 2 * self.rows * self.inputs * self.outputs


def gemms(model: Nominal, rows: int) -> tuple[Gemm, ...]:
    """Return the products of one batch of `rows` tokens; the head reads one position a text."""
    body = Counter[Matrix]((*model.body, *model.source))
    head = Counter[Matrix](model.head)
    read = max(rows // TEXT, 1)
    return tuple(
        Gemm(height, inputs, outputs, count)
        for height, counts in ((rows, body), (read, head))
        for (inputs, outputs), count in counts.items()
    )


def ceiling(
    products: tuple[Gemm, ...], dtype: torch.dtype, device: torch.device, times: int = 20
) -> float:
    """Return GFLOP/s over all products, each at its best of `times`, plain or prepacked."""
    seconds = sum(product.count * _best(product, dtype, device, times) for product in products)
    return sum(product.count * product.flops for product in products) / seconds / 1e9


def _best(product: Gemm, dtype: torch.dtype, device: torch.device, times: int) -> float:
    x = torch.randn(product.rows, product.inputs, dtype=dtype, device=device)
    weight = torch.randn(product.outputs, product.inputs, dtype=dtype, device=device)
    bias = torch.randn(product.outputs, dtype=dtype, device=device)
    with torch.inference_mode():
        ways = list(_ways(x, weight, bias))
        return min(_seconds(way, device) for _ in range(times) for way in ways)


def _ways(x: Tensor, weight: Tensor, bias: Tensor) -> Iterator[Callable[[], Tensor]]:
    """Yield torch's linear map, and oneDNN's with weights laid out beforehand if it is there."""
    yield lambda: torch.nn.functional.linear(x, weight, bias)
    if x.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return
    onednn = torch.ops.mkldnn
    try:
        packed = onednn._reorder_linear_weight(weight.contiguous(), x.shape[0])
        onednn._linear_pointwise(x, packed, bias, "none", [], "")
    except (RuntimeError, AttributeError, NotImplementedError):
        return  # this build, or this precision on this processor, has no such product
    yield lambda: onednn._linear_pointwise(x, packed, bias, "none", [], "")


def _seconds(way: Callable[[], Tensor], device: torch.device) -> float:
    start = time.perf_counter()
    way()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


@dataclass(frozen=True)
class Bfloat16:
    """Speed of bfloat16 here: whether it is fast, and the reason."""

    is_faster: bool
    by: str  # the unit that multiplies it, or why there is none


def bfloat16_here(device: torch.device) -> Bfloat16:
    """Return whether bfloat16 is fast here.

    It is on CUDA and on processors with AMX or AVX512-BF16; elsewhere it is emulated, and slower.
    """
    if device.type == "cuda":
        return Bfloat16(True, "CUDA")
    if unit := bfloat16_unit():
        return Bfloat16(True, unit if unit == "AMX" else f"{unit} (no AMX)")
    return Bfloat16(False, "this processor has neither AMX nor AVX512-BF16")
