"""What `predict` returns of a row: the text that the model writes, always the same."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from promptsearch.formats.python.runtime.causal import load_writer  # or another
from promptsearch.formats.python.runtime.data import EXPECTED, MODEL, PROMPTS
from promptsearch.formats.python.runtime.prompt import Row
from promptsearch.formats.python.runtime.text_model import TextModel

# How texts are written: arguments of `GenerationConfig`.
SETTINGS: dict[str, Any] = {"max_new_tokens": 64}
# A text ends before the first of these.
STOP: list[str] = ["\n"]

Writer = Callable[[Row], str]
_writer: Writer | None = None


def load(model: str = MODEL) -> Writer:
    """Load the model that `predict` uses."""
    global _writer
    loaded = load_writer(model)
    loaded.network.generation_config = GenerationConfig(**SETTINGS)

    def write(row: Row) -> str:
        return written(loaded, loaded.encode(row, PROMPTS[0], SETTINGS["max_new_tokens"]))

    _writer = write
    return write


def predict(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return the "prediction" of each row: a text."""
    writer = _writer or load()
    return [{"prediction": writer(row)} for row in rows]


@torch.inference_mode()
def written(loaded: TextModel, ids: Sequence[int]) -> str:
    """Return what the model writes after a prompt, up to where the text ends."""
    start = loaded.start or len(ids)

    def stops(output: Tensor, _scores: Tensor, **_: Any) -> Tensor:
        text = loaded.decode(output[0, start:]).lstrip()
        return torch.tensor([any(mark in text for mark in STOP)])

    rows = torch.tensor([ids])
    output = loaded.network.generate(
        input_ids=rows,
        attention_mask=torch.ones_like(rows),
        **({"stopping_criteria": [stops]} if SETTINGS.get("num_beams", 1) == 1 else {}),
    )
    text = loaded.decode(output[0, start:]).lstrip()
    ends = [at for mark in STOP if (at := text.find(mark)) >= 0]
    return text[: min(ends, default=None)].rstrip()


def self_test() -> list[float]:
    """Return 0 for each row whose text is that of promptsearch, 1 for another."""
    predictions = predict([row for row, _ in EXPECTED])
    pairs = zip(predictions, EXPECTED, strict=True)
    return [float(prediction != expected) for prediction, (_, expected) in pairs]
