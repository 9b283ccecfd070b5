"""The rows of a model's embedding, one for each token that texts or prompts may have."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from promptsearch.errors import ModelError, listed
from promptsearch.models.tokenization.control_tokens import control_tokens, in_chat_template

_ROLES = ("mask", "bos", "eos", "cls", "sep", "unk")  # tokens that we, or the tokenizer, write
_SHOWN = 5  # tokens in a message


def check_rows(model: Any, tokenizer: Any, spec: str) -> None:
    """Raise ModelError if the tokenizer has tokens beyond the model's embedding.

    Special tokens that nothing writes do no harm: many a model was given a padding token late.
    """
    embedding = model.get_input_embeddings()
    if not isinstance(embedding, nn.Embedding):
        return
    rows = len(embedding.weight)
    vocabulary = tokenizer.get_vocab()
    if max(vocabulary.values(), default=0) < rows:
        return
    beyond = {piece: token for piece, token in vocabulary.items() if token >= rows}
    if lacking := sorted(_written(beyond, tokenizer), key=vocabulary.__getitem__):
        raise ModelError(
            f"the model {spec!r} has no rows in its embedding for {len(lacking)} tokens of its "
            f"tokenizer ({listed(list(map(repr, lacking)), _SHOWN)}; it has {rows:,} rows): are "
            "both from one model? Add rows (resize_token_embeddings), or use its own tokenizer"
        )


def _written(beyond: dict[str, int], tokenizer: Any) -> Iterator[str]:
    """Yield tokens that texts can spell, or that frame texts and answers."""
    control = set(control_tokens(tokenizer).values())
    roles = {getattr(tokenizer, f"{role}_token_id", None) for role in _ROLES}
    for piece, token in beyond.items():
        if token not in control or token in roles or in_chat_template(tokenizer, piece):
            yield piece
