"""The model's weights, and the log-probabilities that are read from its forward passes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from promptsearch.formats.python.runtime.prefix import behind, positions
from promptsearch.formats.python.runtime.prompt import HeadPart, Prompt, Row
from promptsearch.formats.python.runtime.soft import VectorsError, embed_vectors, load_vectors

# (answer,) log p of each answer in this row, and its number of tokens.
AnswerScorer = Callable[[Row, Prompt], tuple[Tensor, Tensor]]
# Ids to pass, and what to read: log p of a token at a position counts for an answer.
Passes = Mapping[tuple[int, ...], Sequence[tuple[int, int, int]]]  # (position, token, answer)


def model_files(model: str) -> dict[str, str]:
    """Return the arguments of `from_pretrained` for a folder, a hub name or a GGUF file."""
    if not model.endswith(".gguf"):
        return {"pretrained_model_name_or_path": model}
    file = Path(model)
    return {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}


def load_network(auto_class: Any, model: str) -> Any:
    """Load the weights in float32, frozen, and the vectors that it reads beside words."""
    network = auto_class.from_pretrained(**model_files(model), dtype=torch.float32)
    if (vectors := load_vectors().get("vectors")) is not None:
        embed_vectors(network, vectors)
    return network.requires_grad_(False)


def sum_log_probs(passes: Passes, answers: int, logits: Callable[[Tensor], Tensor]) -> Tensor:
    """Return (answer,) the sum of log p of what is read for each answer.

    `logits` passes ids, (1, token), through the model and returns (1, token, vocabulary).
    """
    scores = torch.zeros(answers)
    for ids, readings in passes.items():
        position, token, answer = torch.tensor(readings).T
        rows, row = position.unique(return_inverse=True)
        log_probs = logits(torch.tensor([ids]))[0, rows].float().log_softmax(-1)
        scores.index_add_(0, answer, log_probs[row, token])
    return scores


def word_logits(network: Any, prompt: Prompt) -> Callable[[Tensor], Tensor]:
    """Return what passes ids, (1, token), behind the prompt's prefix: (1, token, vocabulary)."""

    def logits(ids: Tensor) -> Tensor:
        with behind(network, prompt.prefix):
            output: Tensor = network(ids, **positions(prompt.prefix, ids)).logits
        return output

    return logits


def state_at(network: Any, prompt: Prompt, ids: Sequence[int], position: int) -> Tensor:
    """Return (hidden,) of the network below its words, behind the prompt's prefix."""
    row = torch.tensor([ids])
    with behind(network, prompt.prefix):
        output = network.base_model(row, **positions(prompt.prefix, row))
    state: Tensor = output.last_hidden_state[0, position]
    return state


def head_scores(head: HeadPart, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return (label,) the scores of a head for a state, (hidden,), and 1 for each label.

    Raise VectorsError if it is the head of a model of another width.
    """
    weight, bias = load_vectors()[head.weight], load_vectors()[head.bias]
    if weight.shape[1] != len(state):
        raise VectorsError(
            f"the head reads {weight.shape[1]} numbers, but the model's states have {len(state)}; "
            "give the --model that it was trained for"
        )
    return weight @ state.float() + bias, torch.ones_like(bias)
