"""Attention itself: values weighted along the paths of a forest."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from promptsearch.models.forest import Forest
from promptsearch.models.runs import Part, Run


def along(
    rows: Sequence[Tensor],
    forest: Forest,
    *,
    causal: bool,
    scale: float | None = None,
    table: Tensor | None = None,
) -> Tensor:
    """(token, head, size) from a row's queries, keys and values: in one kernel, or run by run.

    The keys and values may be of tokens before the row's too, which runs see by their `keys`.
    `table` are biases by distance; see `weighted` for the rest. The row is split and joined once:
    the way back through slices would fill a row of zeros for each.
    """
    if forest.parts and table is None:
        return _at_once(rows, forest.parts, causal, scale)
    sizes = [run.stop - run.start for run in forest.runs]
    sizes.append(len(rows[0]) - sum(sizes))  # where nothing stands
    grown = len(rows[1]) - len(rows[0])  # keys of tokens that were passed before
    fresh = [row[grown:] if grown and n else row for n, row in enumerate(rows)]
    parts = zip(*(row.split(sizes) for row in fresh), strict=True)
    done = []
    for run, part in zip(forest.runs, parts, strict=False):
        own = [piece.unflatten(0, (run.count, run.fresh)) for piece in part]
        if run.keys is not None:
            own[1:] = (row[run.keys.to(row.device)] for row in rows[1:])
        bias = None if table is None else _bias(table, run)
        done.append(weighted(*own, causal=causal, scale=scale, bias=bias).flatten(0, 1))
    spare = rows[2].new_zeros(sizes[-1], rows[0].shape[1], rows[2].shape[2])
    return torch.cat([*done, spare])


def _at_once(
    rows: Sequence[Tensor], parts: Sequence[Part], causal: bool, scale: float | None
) -> Tensor:
    """The same by CUDA's kernel for sequences of many lengths (that of torch's nested tensors)."""
    done = []
    for part in (part.to(rows[0].device) for part in parts):  # layers may lie on several devices
        own = slice(part.start, part.stop)
        seen = own if part.seen is None else part.seen
        q, k, v = rows[0][own], *(_for_each_head(row[seen], rows[0]) for row in rows[1:])
        mask, backwards = 2 * causal, torch.is_grad_enabled()  # 2: the last query sees all keys
        bounds = part.queries, part.keys, *part.longest
        out = torch.ops.aten._efficient_attention_forward(
            q[None], k[None], v[None], None, *bounds, 0.0, mask, backwards, scale=scale
        )
        done.append(out[0][0])
    return F.pad(torch.cat(done), (0, 0, 0, 0, 0, len(rows[0]) - parts[-1].stop))


def _for_each_head(row: Tensor, queries: Tensor) -> Tensor:
    """Keys or values (token, head, size) for as many heads as there are queries."""
    times = queries.shape[1] // row.shape[1]
    return row if times == 1 else row.repeat_interleave(times, 1)


def weighted(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    causal: bool,
    scale: float | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Values (row, key, head, size) weighted for each query (row, query, head, size).

    Causal: the last query sees all keys, each one before it one less. `bias` is (head, query, key).
    """
    q, k, v = (part.transpose(1, 2) for part in (queries, keys, values))
    if k.shape[1] < q.shape[1]:  # grouped queries: each key's head serves several
        times = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(times, 1), v.repeat_interleave(times, 1)
    fresh, seen = q.shape[2], k.shape[2]
    plain = causal and fresh == seen and bias is None
    mask = bias
    if causal and fresh > 1 and not plain:
        hidden = torch.ones(fresh, seen, dtype=torch.bool, device=q.device).triu(seen - fresh + 1)
        mask = torch.zeros((), dtype=q.dtype, device=q.device) if bias is None else bias
        mask = mask.masked_fill(hidden, -torch.inf)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=plain, scale=scale)
    return out.transpose(1, 2)


def _bias(table: Tensor, run: Run) -> Tensor:
    """(head, query, key) of a run, from biases by distance, (1, head, 1, distance)."""
    ahead = run.seen - run.fresh
    query = torch.arange(run.fresh, device=table.device)[:, None] + ahead
    key = torch.arange(run.seen, device=table.device)[None]
    return table[0, :, 0][:, key - query + table.shape[-1] // 2]


@contextmanager
def without_cudnn() -> Iterator[None]:
    """While open, torch does not take cuDNN's attention: it makes a plan for every new shape.

    Batches of texts hardly ever have the same shapes twice, so that was most of the time in
    bfloat16: 2 s instead of 0.1 s for 3,600 sentences on an H200 (torch 2.11).
    """
    before = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)
