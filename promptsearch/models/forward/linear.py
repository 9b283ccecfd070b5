"""Linear layers with frozen weights: on a CPU, packed once in the layout of its kernels."""

from copy import deepcopy
from typing import Any, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

Activation = Literal["none", "gelu"]
ROWS = 2048  # a hint to the kernels


class Linear(Protocol):
    """A linear layer: x (row, in) to (row, out), with `residual` added if there is one."""

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor: ...


class _Plain:
    """A linear layer of torch's operators."""

    def __init__(self, weight: Tensor, bias: Tensor, activation: Activation) -> None:
        self._weight, self._bias, self._activation = weight, bias, activation

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        out = F.linear(x, self._weight, self._bias)
        if self._activation == "gelu":
            out = F.gelu(out)
        return out if residual is None else out + residual


class _Prepacked:
    """A linear layer of oneDNN, its weights packed, activation and residual fused.

    These are the operators that torch's compiler emits for frozen CPU weights.
    """

    def __init__(self, weight: Tensor, bias: Tensor, activation: Activation) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS)
        self._bias, self._activation = bias, activation

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        linear = torch.ops.mkldnn._linear_pointwise
        if residual is not None:
            out: Tensor = linear.binary(x, residual, self._weight, self._bias, "add")
            return out
        out = linear(x, self._weight, self._bias, self._activation, [], "none")
        return out


def linear(weight: Tensor, bias: Tensor, activation: Activation = "none") -> Linear:
    """Return the fastest layer for weights (out, in) and bias (out,) on their device."""
    if weight.device.type == "cpu" and prepacks(weight.dtype):
        return _Prepacked(weight, bias, activation)
    return _Plain(weight, bias, activation)


def prepacks(dtype: torch.dtype) -> bool:
    """Return True if this torch and this CPU have prepacked kernels for a dtype."""
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops, "mkldnn")):
        return False
    if not hasattr(torch.ops.mkldnn, "_reorder_linear_weight"):
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bfloat16_unit() is not None)


def bfloat16_unit() -> str | None:
    """Return the CPU's unit for bfloat16 products; None if torch knows of none."""
    if _cpu_has("_is_amx_tile_supported"):
        return "AMX"
    return "AVX512-BF16" if _cpu_has("_is_avx512_bf16_supported") else None


def ranks_in_bfloat16(model: Any) -> bool:
    """Return True if the hardware multiplies a bfloat16 copy of a float32 model faster."""
    if model.dtype != torch.float32 or getattr(model, "hf_device_map", None):
        return False
    if model.device.type == "cuda":
        return torch.cuda.get_device_capability(model.device) >= (8, 0)
    return model.device.type == "cpu" and bfloat16_unit() is not None


def in_bfloat16(model: Any) -> Any:
    """Return a copy with bfloat16 weights; buffers, computed from positions, stay as they are."""
    copy = deepcopy(model)
    for weights in copy.parameters():
        weights.data = weights.data.to(torch.bfloat16)
    return copy


def _cpu_has(name: str) -> bool:
    check = getattr(torch.cpu, name, None)
    return bool(check and check())
