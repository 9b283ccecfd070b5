"""Hashes of what a model's scores depend on beside its weights."""

import hashlib
import json
from typing import Any

_DESCRIBED = ("transformers_version", "_name_or_path", "dtype", "torch_dtype")  # elsewhere
_NO_MATTER = ("use_cache",)  # to scores; training sets it


def config_sha256(model: Any) -> str:
    """Hash of the settings of its configuration that are not its architecture's defaults."""
    config = model.config.to_diff_dict()
    settings = {key: config[key] for key in config if key not in (*_DESCRIBED, *_NO_MATTER)}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()


def tokenizer_sha256(tokenizer: Any) -> str:
    """Hash of all that makes a tokenizer's ids: its state, or the vocabulary of a slow one."""
    if tokenizer.is_fast:
        state: str = tokenizer.backend_tokenizer.to_str()
    else:
        state = repr((type(tokenizer).__name__, sorted(tokenizer.get_vocab().items())))
    return hashlib.sha256(state.encode()).hexdigest()
