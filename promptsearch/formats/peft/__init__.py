"""Adapters of peft's prompt tuning: vectors in front of all that a model reads.

An adapter is a folder with `adapter_config.json` and, in `adapter_model.safetensors`, one tensor
`prompt_embeddings`. P-tuning's is written by the encoder, which is thrown away.
https://github.com/huggingface/peft
"""

from promptsearch.formats.peft.adapter_config import CONFIG
from promptsearch.formats.peft.exporter import write
from promptsearch.formats.peft.importer import read

__all__ = ["ENDINGS", "read", "write"]

ENDINGS = (CONFIG,)
