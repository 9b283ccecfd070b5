"""Adapters of peft's prompt tuning: vectors, or a prefix, in front of all that a model reads.

An adapter is a folder with `adapter_config.json` and, in `adapter_model.safetensors`, one tensor
`prompt_embeddings`. An encoder or a projection has written it, and is thrown away.
https://github.com/huggingface/peft
"""

from promptsearch.formats.peft.adapter_config import CONFIG
from promptsearch.formats.peft.exporter import write
from promptsearch.formats.peft.importer import read

__all__ = ["ENDINGS", "read", "write"]

ENDINGS = (CONFIG,)
