"""Scaled dot-product attention along the paths of a prefix tree."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

import torch
import torch.nn.functional as F
from torch import Tensor

from promptsearch.models.batching.prefix_tree import PrefixTree, SegmentRun
from promptsearch.models.forward import cuda_attention as kernel

KeysValues = tuple[Tensor, Tensor]  # (position, head, size) each


def tree_attention(
    qkv: Sequence[Tensor],
    tree: PrefixTree,
    *,
    causal: bool,
    scale: float | None = None,
    distance_biases: Tensor | None = None,
    prefix: KeysValues | None = None,
) -> Tensor:
    """Return (token, head, size) of a row's queries, keys, values: in one kernel, or run by run.

    Keys and values may include those of earlier tokens, which runs see by their `keys`; those of a
    `prefix` stand before each sequence, and all its tokens see them. For `distance_biases` see
    `_bias`, for the rest `attention`. The row is split and joined once: the
    gradient of slices would fill a row of zeros for each.
    """
    cached = len(qkv[1]) - len(qkv[0])  # keys of tokens that were passed before
    if distance_biases is None and not cached and kernel.is_supported(qkv):
        batches = tree.kernel_batches(0 if prefix is None else len(prefix[0]))
        outputs = kernel.varlen_attention(_joined(qkv, prefix), batches, causal, scale)
    else:
        outputs = list(_run_by_run(qkv, tree.runs, causal, scale, distance_biases, prefix))
    padding = len(qkv[0]) - tree.runs[-1].stop  # where nothing stands
    return torch.cat([*outputs, qkv[2].new_zeros(padding, qkv[0].shape[1], qkv[2].shape[2])])


def _joined(qkv: Sequence[Tensor], prefix: KeysValues | None) -> Sequence[Tensor]:
    """Return the queries, and the keys and values with those of the prefix before them."""
    if prefix is None:
        return qkv
    pairs = zip(prefix, qkv[1:], strict=True)
    return [qkv[0], *(torch.cat([before, row]) for before, row in pairs)]


def _run_by_run(
    qkv: Sequence[Tensor],
    runs: Sequence[SegmentRun],
    causal: bool,
    scale: float | None,
    distance_biases: Tensor | None,
    prefix: KeysValues | None,
) -> Iterator[Tensor]:
    """Yield (token, head, size) of each run."""
    sizes = [run.stop - run.start for run in runs]
    sizes.append(len(qkv[0]) - sum(sizes))
    cached = len(qkv[1]) - len(qkv[0])
    new = [row[cached:] if cached and n else row for n, row in enumerate(qkv)]
    parts = zip(*(row.split(sizes) for row in new), strict=True)
    for run, part in zip(runs, parts, strict=False):
        pieces = [piece.unflatten(0, (run.count, run.query_length)) for piece in part]
        if run.keys is not None:
            pieces[1:] = (row[run.keys.to(row.device)] for row in qkv[1:])
        if prefix is not None:
            pieces[1:] = after_prefix(prefix, pieces[1:])
        keys = pieces[1].shape[1]
        bias = None if distance_biases is None else _bias(distance_biases, run.query_length, keys)
        yield attention(*pieces, causal=causal, scale=scale, bias=bias).flatten(0, 1)


def after_prefix(prefix: KeysValues, rows: Sequence[Tensor]) -> list[Tensor]:
    """Return keys and values (row, key, head, size) with the prefix's before those of each row."""
    return [
        torch.cat([before.expand(len(row), *before.shape), row], 1)
        for before, row in zip(prefix, rows, strict=True)
    ]


def attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    causal: bool,
    scale: float | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Return the weighted values (row, query, head, size) of queries (row, query, head, size).

    Keys and values are (row, key, head, size), `bias` is (head, query, key). If causal, the last
    query sees all keys, and each one before it one less.
    """
    q, k, v = (part.transpose(1, 2) for part in (queries, keys, values))
    k, v = (kernel.for_each_head(part, q) for part in (k, v))
    query_count, key_count = q.shape[2], k.shape[2]
    is_plain = causal and query_count == key_count and bias is None
    mask = bias
    if causal and query_count > 1 and not is_plain:
        hidden = torch.ones(query_count, key_count, dtype=torch.bool, device=q.device).triu(
            key_count - query_count + 1
        )
        mask = torch.zeros((), dtype=q.dtype, device=q.device) if bias is None else bias
        mask = mask.masked_fill(hidden, -torch.inf)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=is_plain, scale=scale)
    return out.transpose(1, 2)


def _bias(distance_biases: Tensor, queries: int, keys: int) -> Tensor:
    """Return (head, query, key), the last query being at the last key.

    The biases are by distance, (1, head, 1, distance); a query's are a window of them, which moves
    back by one with each query. No index of (query, key) is made, which for a long text is larger
    than what memory holds.
    """
    windows = distance_biases[0, :, 0].unfold(-1, keys, 1)  # (head, start, key)
    end = distance_biases.shape[-1] // 2 - (keys - queries) + 1
    return windows[:, end - queries : end].flip(1)


@contextmanager
def without_cudnn() -> Iterator[None]:
    """While open, torch does not use cuDNN's attention, which makes a plan for every new shape.

    Batches of texts hardly ever have the same shapes twice, so that was most of the time in
    bfloat16: 2 s instead of 0.1 s for 3,600 sentences on an H200 (torch 2.11).
    """
    with _lock:
        was_enabled = torch.backends.cuda.cudnn_sdp_enabled()
        _states_before.append(_states_before[0] if _states_before else was_enabled)
        torch.backends.cuda.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        with _lock:
            was_enabled = _states_before.pop()
            if (
                not _states_before
            ):  # the last one out, of all threads, leaves it as the first one found it
                torch.backends.cuda.enable_cudnn_sdp(was_enabled)


_lock = Lock()
_states_before: list[bool] = []  # what the first one found, for each that is inside
