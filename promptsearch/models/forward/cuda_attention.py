"""CUDA's attention of many sequences of any lengths in one call, without padding.

It is the memory-efficient kernel that torch's nested tensors use, in float32 too and with
gradients; torch's public `varlen_attn` supports half precision only.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from promptsearch.models.batching.prefix_tree import KernelBatch

ALIGNED = 16  # bytes that a head's row is a multiple of
LAST_SEES_ALL = 2  # torch's number for a causal mask that ends at the lower right; 0 is no mask


def is_supported(qkv: Sequence[Tensor]) -> bool:
    """Return True if the kernel takes these queries, keys and values, (token, head, size) each."""
    device, dtype = qkv[0].device, qkv[0].dtype
    if device.type != "cuda" or torch.version.hip or not aligned(qkv):
        return False
    return dtype != torch.bfloat16 or torch.cuda.get_device_capability(device) >= (8, 0)


def aligned(qkv: Sequence[Tensor]) -> bool:
    """Return True if every head begins at an address that the kernel can read."""
    return all(row.shape[-1] * row.element_size() % ALIGNED == 0 for row in qkv)


def varlen_attention(
    qkv: Sequence[Tensor], parts: Sequence[KernelBatch], causal: bool, scale: float | None
) -> list[Tensor]:
    """Return (token, head, size) of each part."""
    outputs = []
    for part in (part.to(qkv[0].device) for part in parts):  # layers may lie on several devices
        queries = slice(part.start, part.stop)
        keys = queries if part.keys is None else part.keys
        q, k, v = qkv[0][queries], *(for_each_head(row[keys], qkv[0]) for row in qkv[1:])
        bounds = part.query_bounds, part.key_bounds, *part.max_lengths
        mask, backwards = LAST_SEES_ALL * causal, torch.is_grad_enabled()
        out = forward(q[None], k[None], v[None], None, *bounds, 0.0, mask, backwards, scale=scale)
        outputs.append(out[0][0])
    return outputs


def forward(*arguments: Any, **options: Any) -> Any:
    """Call torch's operator."""
    return torch.ops.aten._efficient_attention_forward(*arguments, **options)


def for_each_head(row: Tensor, queries: Tensor) -> Tensor:
    """Return keys or values (..., head, ...) repeated so that there is one for each query head."""
    times = queries.shape[1] // row.shape[1]
    return row if times == 1 else row.repeat_interleave(times, 1)
