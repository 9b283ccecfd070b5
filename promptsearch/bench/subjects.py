"""The models of a benchmark: the built-in one, and random ones of well-known shapes."""

from collections.abc import Callable
from functools import partial

from promptsearch.models.loading.random_models import (
    BERT_BASE,
    GPT2,
    T5_SMALL,
    Parts,
    load_parts,
    random_parts,
)

SHAPES: dict[str, Callable[[str], Parts]] = {  # name -> from a device's name
    "builtin": partial(load_parts, "builtin"),
    "bert-base": partial(random_parts, "masked", BERT_BASE),
    "gpt2": partial(random_parts, "causal", GPT2),
    "t5-small": partial(random_parts, "seq2seq", T5_SMALL),
}
