"""Attention along the paths of a forest, in place of a transformers model's own.

transformers lets an attention function be registered by name (its `AttentionInterface`); ours
computes each run of the forest that is being passed, and nothing between sequences. Any model that
calls its attention through the interface, and takes positions, can so read packed sequences.
Whether a model does is found out by trying: see `passes.py`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from promptsearch.models.forest import Run
from promptsearch.models.passing import Across, Passing

NAME = "promptsearch"


class NotPackable(TypeError):
    """The model asks something of its attention that a forest cannot give."""


_ONE_AT_A_TIME = Lock()
_passing: ContextVar[Passing] = ContextVar("passing")


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


def _forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    is_causal: bool | None = None,
    position_bias: Tensor | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """transformers' signature: (1, head, token, size) to (1, token, head, size)."""
    _refuse(attention_mask, dropout, more)
    now = _passing.get()
    causal = bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)
    rows = [part[0].transpose(0, 1) for part in (query, key, value)]  # (token, head, size)
    cross = bool(now.across) and not causal
    if now.memory is not None:
        kept = now.memory.across if cross else now.memory.grown
        rows[1:] = kept(module, rows[1], rows[2])
    if cross:
        out = rows[2].new_zeros(*rows[0].shape[:2], rows[2].shape[2])
        _cross(rows, out, now.across, scaling)
        return out[None], None
    runs = now.forest.runs
    return along(rows, runs, causal=causal, scale=scaling, table=position_bias)[None], None


def along(
    rows: Sequence[Tensor],
    runs: Sequence[Run],
    *,
    causal: bool,
    scale: float | None = None,
    table: Tensor | None = None,
) -> Tensor:
    """(token, head, size), run by run, from a row's queries, keys and values.

    The keys and values may be of tokens before the row's too, which runs see by their `keys`.
    `table` are biases by distance; see `weighted` for the rest. The row is split and joined once:
    the way back through slices would fill a row of zeros for each.
    """
    sizes = [run.stop - run.start for run in runs]
    sizes.append(len(rows[0]) - sum(sizes))  # where nothing stands
    grown = len(rows[1]) - len(rows[0])  # keys of tokens that were passed before
    fresh = [row[grown:] if grown and n else row for n, row in enumerate(rows)]
    parts = zip(*(row.split(sizes) for row in fresh), strict=True)
    done = []
    for run, part in zip(runs, parts, strict=False):
        own = [piece.unflatten(0, (run.count, run.fresh)) for piece in part]
        if run.keys is not None:
            own[1:] = (row[run.keys] for row in rows[1:])
        bias = None if table is None else _bias(table, run)
        done.append(weighted(*own, causal=causal, scale=scale, bias=bias).flatten(0, 1))
    spare = rows[2].new_zeros(sizes[-1], rows[0].shape[1], rows[2].shape[2])
    return torch.cat([*done, spare])


_HARMLESS = {"use_cache", "output_attentions", "output_hidden_states", "position_ids", "cache"}
_HARMLESS |= {
    "sliding_window",
    "output_router_logits",
    "deterministic",
}  # no sequence is longer than a window
_HARMLESS |= {"position_embeddings", "cache_position", "past_key_values", "encoder_hidden_states"}


def _refuse(mask: Tensor | None, dropout: float, more: dict[str, Any]) -> None:
    """A mask, a window, soft caps, sinks: what we would otherwise leave out in silence."""
    asked = [name for name, value in more.items() if name not in _HARMLESS and value is not None]
    if mask is not None or dropout or asked:
        raise NotPackable(f"attention with {', '.join(asked) or 'a mask'} is not packed")


def _cross(
    rows: list[Tensor], out: Tensor, across: tuple[Across, ...], scale: float | None
) -> None:
    query, key, value = rows
    for some in across:
        parts = query[some.queries], key[some.keys], value[some.keys]
        out[some.queries] = weighted(*parts, causal=False, scale=scale)


def _bias(table: Tensor, run: Run) -> Tensor:
    """(head, query, key) of a run, from biases by distance, (1, head, 1, distance)."""
    ahead = run.seen - run.fresh
    query = torch.arange(run.fresh, device=table.device)[:, None] + ahead
    key = torch.arange(run.seen, device=table.device)[None]
    return table[0, :, 0][:, key - query + table.shape[-1] // 2]


def configs_of(model: Any) -> list[Any]:
    """Every configuration in a model that says how it attends."""
    found = {id(m.config): m.config for m in model.modules() if hasattr(m, "config")}
    return list(found.values())


@contextmanager
def packed(configs: Sequence[Any], passing: Passing) -> Iterator[None]:
    """While open, attention of the model with these configurations is ours: along `passing`."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    if NAME not in ALL_ATTENTION_FUNCTIONS:
        ALL_ATTENTION_FUNCTIONS.register(NAME, _forward)
    with _ONE_AT_A_TIME:  # the configurations are the model's, whatever thread uses it
        before = [config._attn_implementation for config in configs]
        token = _passing.set(passing)
        for config in configs:
            config._attn_implementation = NAME
        try:
            yield
        finally:
            for config, name in zip(configs, before, strict=True):
                config._attn_implementation = name
            _passing.reset(token)
