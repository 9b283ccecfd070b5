"""Linear layers with frozen weights: on a CPU, laid out once for the kernels that will use them."""

from copy import deepcopy
from typing import Any, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

Activation = Literal["none", "gelu"]
ROWS = 2048  # that the kernels are told to expect


class Linear(Protocol):
    """x (row, in) -> (row, out), or that plus `residual`."""

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor: ...


class _Plain:
    """torch's own."""

    def __init__(self, weight: Tensor, bias: Tensor, activation: Activation) -> None:
        self._weight, self._bias, self._activation = weight, bias, activation

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        out = F.linear(x, self._weight, self._bias)
        if self._activation == "gelu":
            out = F.gelu(out)
        return out if residual is None else out + residual


class _Prepacked:
    """oneDNN's, with the weights in its own order; activation and residual are part of it.

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
    """The fastest there is for these weights (out, in) and bias (out,), where they lie."""
    if weight.device.type == "cpu" and prepacks(weight.dtype):
        return _Prepacked(weight, bias, activation)
    return _Plain(weight, bias, activation)


def prepacks(dtype: torch.dtype) -> bool:
    """Whether this torch and this CPU have the prepacked kernels for a dtype."""
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops, "mkldnn")):
        return False
    if not hasattr(torch.ops.mkldnn, "_reorder_linear_weight"):
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bfloat16_unit() is not None)


def bfloat16_unit() -> str | None:
    """What of the CPU multiplies bfloat16 matrices, where something does and torch says so."""
    if _cpu_has("_is_amx_tile_supported"):
        return "AMX"
    return "AVX512-BF16" if _cpu_has("_is_avx512_bf16_supported") else None


def ranks_in_bfloat16(model: Any) -> bool:
    """Whether a float32 model is worth a copy in bfloat16: the hardware has its products."""
    if model.dtype != torch.float32 or getattr(model, "hf_device_map", None):
        return False
    if model.device.type == "cuda":
        return torch.cuda.get_device_capability(model.device) >= (8, 0)
    return model.device.type == "cpu" and bfloat16_unit() is not None


def in_bfloat16(model: Any) -> Any:
    """A copy with bfloat16 weights; what is computed from positions stays as exact as it was."""
    copy = deepcopy(model)
    for weights in copy.parameters():
        weights.data = weights.data.to(torch.bfloat16)
    return copy


def _cpu_has(name: str) -> bool:
    check = getattr(torch.cpu, name, None)
    return bool(check and check())
