"""The slow reference: plain transformers, one sequence at a time, no code of the package."""

from collections.abc import Sequence
from typing import Any

import torch


def masked(
    model: Any,
    ids: Sequence[int],
    slots: Sequence[int],
    answer: Sequence[Sequence[int] | None],
    mask: int,
    left_to_right: bool,
) -> float:
    """Sum of log p of an answer's tokens at masks.

    `ids` hold one mask per slot at `slots`; `answer[s]` are the ids for slot s, None leaves it out.
    """
    line, places = [], []
    for position, token in enumerate(ids):
        if position not in slots:
            line.append(token)
            continue
        given = answer[list(slots).index(position)]
        for wanted in [None] if given is None else given:
            if wanted is not None:
                places.append((len(line), wanted))
            line.append(mask)
    total = 0.0
    for place, token in places:
        total += _log_probs(model, input_ids=torch.tensor([line]))[place, token].item()
        if left_to_right:
            line[place] = token
    return total


def causal(model: Any, ids: Sequence[int], first: int) -> float:
    """Sum of log p of the tokens from `first` on, each given all before it."""
    total = 0.0
    for place in range(first, len(ids)):
        rows = _log_probs(model, input_ids=torch.tensor([ids[:place]]))
        total += rows[-1, ids[place]].item()
    return total


def seq2seq(
    model: Any, source: Sequence[int], start: int, target: Sequence[int], scored: Sequence[int]
) -> float:
    """Sum of log p of `target[i]` for i in `scored`, given the source and the target before it."""
    total = 0.0
    for place in scored:
        before = torch.tensor([[start, *target[:place]]])
        rows = _log_probs(model, input_ids=torch.tensor([source]), decoder_input_ids=before)
        total += rows[-1, target[place]].item()
    return total


def _log_probs(model: Any, **inputs: Any) -> torch.Tensor:
    """(token, word)"""
    with torch.no_grad():
        return model(**inputs).logits[0].double().log_softmax(-1)
