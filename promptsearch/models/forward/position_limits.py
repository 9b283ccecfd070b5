"""The longest sequence that a model can read: by its positions, and by local attention."""

import sys
from typing import Any

from torch import nn

UNLIMITED = sys.maxsize
_NONE = 1 << 24  # tokenizers without a limit say 1e30


def limit_of(model: Any, tokenizer: Any) -> int:
    """Return the tokens of one sequence that the model's positions and the tokenizer allow."""
    config = model.config.get_text_config()
    positions = getattr(config, "max_position_embeddings", None)
    limits = [UNLIMITED]
    if isinstance(positions, int) and positions > 0:
        limits.append(positions - reserved(model))
    if tokenizer.model_max_length < _NONE:
        limits.append(int(tokenizer.model_max_length))
    return min(limits)


def reserved(model: nn.Module) -> int:
    """Return the positions before the first token: RoBERTa begins after its padding index."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            return 0 if module.padding_idx is None else module.padding_idx + 1
    return 0


def window_of(model: Any) -> int:
    """Return the longest sequence in which no window of local attention hides a token.

    Configurations list the windows; for longer sequences only the model's own attention is right.
    """
    config = model.config.get_text_config()
    names = ("sliding_window", "local_attention", "attention_window", "attention_chunk_size")
    windows_in_config = [getattr(config, name, None) for name in names]
    flat = [w for g in windows_in_config for w in (g if isinstance(g, list | tuple) else [g])]
    windows = [width // 2 for width in flat if isinstance(width, int) and width > 0]
    return min(windows, default=UNLIMITED)
