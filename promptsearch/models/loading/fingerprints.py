"""Hashes of configuration and tokenizer, on which a model's scores depend too."""

import hashlib
import json
from typing import Any

_DESCRIBED = ("transformers_version", "_name_or_path", "dtype", "torch_dtype")  # elsewhere
_NO_MATTER = ("use_cache",)  # to scores; training sets it


def config_sha256(model: Any) -> str:
    """Return the hash of the settings that differ from the architecture's defaults."""
    config = model.config.to_diff_dict()
    settings = {key: config[key] for key in config if key not in (*_DESCRIBED, *_NO_MATTER)}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()


def tokenizer_sha256(tokenizer: Any) -> str:
    """Return the hash of a tokenizer's state, or of the vocabulary of a slow one."""
    if tokenizer.is_fast:
        state: str = tokenizer.backend_tokenizer.to_str()
    else:
        state = repr((type(tokenizer).__name__, sorted(tokenizer.get_vocab().items())))
    return hashlib.sha256(state.encode()).hexdigest()
