"""The input embedding of a transformers model: the space in which soft prompts lie."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from promptsearch.errors import ModelError


def input_embedding(model: Any) -> nn.Module:
    """Return the module that embeds what a transformers model reads."""
    body = model.get_encoder() if model.config.is_encoder_decoder else model
    embedding: nn.Module = body.get_input_embeddings()
    return embedding


def embedding_weight(model: Any) -> Tensor:
    """Return (token, size): what the module stores, which some models scale before they read it.

    Raises ModelError if it stores no such table.
    """
    weight = getattr(input_embedding(model), "weight", None)
    if not isinstance(weight, Tensor):  # Perceiver's are latents, its words stand elsewhere
        raise ModelError(
            "the model has no table of word embeddings, in which vectors could stand; use another "
            "model, or text alone"
        )
    return weight


def embedding_table(embedding: nn.Module) -> Tensor:
    """Return (token, hidden): the embedding of each token, scaled as the module scales it."""
    weight = embedding.weight
    assert isinstance(weight, Tensor)
    if type(embedding) is nn.Embedding:
        return weight.detach()
    with torch.no_grad():
        table: Tensor = embedding(torch.arange(len(weight), device=weight.device))
    return table


def embedded(model: Any, ids: Sequence[int]) -> Tensor:
    """Return (token, hidden), float32, CPU: what the model makes of tokens before its first layer.

    That is the space of soft prompts: some models scale what their table holds.
    """
    on_device = torch.tensor(list(ids), device=embedding_weight(model).device)
    with torch.no_grad():
        rows: Tensor = input_embedding(model)(on_device)
    return rows.float().cpu()


def first_free_id(model: Any, vocabulary: int) -> int:
    """Return the first id beyond all tokens, read or written."""
    return max(len(embedding_weight(model)), vocabulary)
