"""On a GPU: attention in one kernel, against the same run by run, and against plain transformers.

    python benchmarks/attention_kernel.py [--texts 3584] [--shapes builtin bert-base gpt2]

Texts a second from strings to log-probabilities, the median of three rounds after one to warm up,
other sentences each time. `plain` is transformers with sorted batches of as many tokens as ours,
with cuDNN's attention where torch takes it, and without; `run by run` is with it too.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from time import perf_counter
from unittest.mock import patch

import torch

from promptsearch.bench.contenders import ours
from promptsearch.bench.published_loops.plain import plain
from promptsearch.bench.sentences import sentences
from promptsearch.bench.subjects import SHAPES
from promptsearch.bench.workload import TEMPLATES, Workload
from promptsearch.models.forward import cuda_attention as kernel
from promptsearch.models.forward.attention import without_cudnn
from promptsearch.models.loading.random_models import Parts

ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=3584)
    parser.add_argument("--shapes", nargs="+", default=["builtin", "bert-base", "gpt2"])
    given = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("there is no GPU here")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {given.texts} texts a round")
    heads = "plain | no cuDNN | run by run | one kernel | to plain | no cuDNN | to run by run"
    print(f"| model | dtype | {heads} |\n|{'---|' * 9}")
    for name in given.shapes:
        for line in lines(name, SHAPES[name]("cuda"), given.texts):
            print(line, flush=True)


def lines(name: str, parts: Parts, texts: int) -> Iterator[str]:
    """A line of the table for each precision."""
    works = [
        Workload(sentences(texts, skip=i * texts), (TEMPLATES[parts.family],))
        for i in range(ROUNDS + 1)
    ]
    model = parts.wrapped()
    for dtype, own, port in (
        ("float32", parts, model),
        ("bfloat16", parts.in_bfloat16(), model.fast_model),
    ):
        with without_cudnn():
            quick = rate(partial(plain, own), works)
        theirs, after = rate(partial(plain, own), works), rate(partial(ours, port), works)
        with (
            patch.object(kernel, "takes", lambda _: False),
            patch.object(torch.backends.cuda, "enable_cudnn_sdp", lambda _: None),
        ):
            before = rate(partial(ours, port), works)
        rates = f"{theirs:,.0f} | {quick:,.0f} | {before:,.0f} | {after:,.0f}"
        ratios = (f"{after / other:.1f}x" for other in (theirs, quick, before))
        yield f"| {name} | {dtype} | {rates} | {' | '.join(ratios)} |"


def rate(run: Callable[[Workload], object], works: list[Workload]) -> float:
    """Texts a second."""
    seconds = []
    for work in works:
        start = perf_counter()
        run(work)
        seconds.append(perf_counter() - start)
    return len(works[0]) / median(seconds[1:])


if __name__ == "__main__":
    main()
