"""The contenders of a benchmark."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from promptsearch.bench.published_loops import PUBLISHED
from promptsearch.bench.published_loops.plain import plain, plain_head
from promptsearch.bench.rounds import Contender
from promptsearch.bench.workload import Workload
from promptsearch.models import LanguageModel, Scoring
from promptsearch.models.loading.random_models import Parts

OURS, PLAIN, HEAD = "ours", "plain, sorted", "plain, sorted, head where read"
PADDED_TOKENS = 2048  # texts padded to one length cost the same: few are enough


def ours(model: LanguageModel, work: Workload) -> Tensor:
    """Return (text, answer) log-probabilities of the scorer, planned and run."""
    scores = torch.empty(len(work), len(work.answers))
    for block in model.run(model.plan(work.filled(), work.answer_values(), Scoring())):
        scores[list(block.rows)] = block.log_probs
    return scores


def all_loops(parts: Parts, in_bfloat16: Parts | None) -> list[Contender]:
    """Return the published loops for the family, plain transformers, and ours."""
    published = [
        Contender(each.name, "float32", partial(each.run, parts), _enough(each.padded))
        for each in PUBLISHED
        if parts.family in each.families
    ]
    return [*published, *plain_and_ours(parts, in_bfloat16)]


def _enough(padded: int | None) -> int | None:
    return None if padded is None else PADDED_TOKENS // padded


def plain_and_ours(parts: Parts, in_bfloat16: Parts | None, head: bool = False) -> list[Contender]:
    """Return plain transformers and ours, in both precisions.

    `head` adds the plain loop whose head runs only at the positions that are read.
    """
    return list(_plain_and_ours(parts, in_bfloat16, head))


def _plain_and_ours(parts: Parts, in_bfloat16: Parts | None, head: bool) -> Iterator[Contender]:
    yield Contender(PLAIN, "float32", partial(plain, parts))
    if head:
        yield Contender(HEAD, "float32", partial(plain_head, parts))
    if in_bfloat16 is not None:
        yield Contender(PLAIN, "bfloat16", partial(plain, in_bfloat16))
    model = parts.wrapped()
    yield Contender(OURS, "float32", partial(ours, model))
    if in_bfloat16 is not None:
        yield Contender(OURS, "bfloat16", partial(ours, model.fast_model))
