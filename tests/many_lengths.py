"""The kernel for sequences of many lengths: a slow stand-in for CPUs, and what it must equal."""

import torch
import torch.nn.functional as F

from promptsearch.models.batching.prefix_tree import pack_sharing_prefixes, pack_separately
from promptsearch.models.forward import cuda_attention as kernel
from promptsearch.models.forward.attention import tree_attention

LINES = [(1, 2, 3), (1, 2, 4, 5), (6,), (1, 2, 3, 7, 8)]


def stand_in(q, k, v, bias, begin, seen, longest, most, dropout, mask, backwards, *, scale):
    """torch's operator as it is documented in its source, sequence by sequence."""
    aligned = 4 if q.dtype == torch.float32 else 8
    assert all(t.stride(3) == 1 and t.stride(2) % aligned == 0 for t in (q, k, v))
    assert (bias, dropout, begin.dtype, seen.dtype) == (None, 0.0, torch.int32, torch.int32)
    assert (begin[-1], seen[-1]) == (q.shape[1], k.shape[1])
    done = []
    for i in range(len(begin) - 1):
        ends = (begin[i : i + 2], seen[i : i + 2], seen[i : i + 2])
        own = [t[0, a:b].transpose(0, 1) for t, (a, b) in zip((q, k, v), ends, strict=True)]
        fresh, keys = own[0].shape[1], own[1].shape[1]
        assert fresh <= longest
        assert keys <= most
        last = {1: 0, 2: keys - fresh}.get(int(mask))
        hidden = None if last is None else torch.ones(fresh, keys, dtype=torch.bool).tril(last)
        out = F.scaled_dot_product_attention(*own, attn_mask=hidden, scale=scale)
        done.append(out.transpose(0, 1))
    assert backwards == torch.is_grad_enabled()
    return torch.cat(done)[None], None


def imitated(monkeypatch):
    """Make the CPU take the kernel's way; the calls that it gets are listed."""
    calls = []

    def forward(*given, **more):
        calls.append(given)
        return stand_in(*given, **more)

    monkeypatch.setattr(kernel, "takes", kernel.aligned)
    monkeypatch.setattr(kernel, "forward", forward)
    return calls


def both_ways(monkeypatch, causal, device="cpu", dtype=torch.float32, heads=2):
    """What the kernel says of random rows and what is said run by run, each with gradients."""
    forest = (
        pack_sharing_prefixes(LINES, [0] * len(LINES)) if causal else pack_separately(LINES)
    ).to(torch.device(device))
    generator = torch.Generator().manual_seed(0)
    rows = [
        torch.randn(len(forest.ids), count, 8, generator=generator)
        .to(device, dtype)
        .requires_grad_()
        for count in (4, heads, heads)
    ]
    for takes in (kernel.is_supported, lambda _: False):
        with monkeypatch.context() as patch:
            patch.setattr(kernel, "takes", takes)
            out = tree_attention(rows, forest, causal=causal, scale=0.3)
        yield out, *torch.autograd.grad(out.float().square().sum(), rows)
