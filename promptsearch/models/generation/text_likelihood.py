"""Likelihood of whole texts under a causal model: each token given those before it.

The first token is not scored, and no begin token is put before it. Texts are read as they are, chat
model or not, and names of control tokens in them are text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel
from promptsearch.models.batching.batch_plan import BatchPlan, EncodedText
from promptsearch.models.batching.completions import Completion, Completions, completion_of
from promptsearch.models.forward.backends import ForwardBackend
from promptsearch.models.forward.runtime import ModelRuntime
from promptsearch.models.forward.score import ForwardRecipe, run
from promptsearch.models.frozen_model import FrozenModel
from promptsearch.models.tokenization.tokenizer import TokenizerInput
from promptsearch.models.tokenization.truncate import shortened
from promptsearch.prompt import Filled, Input, Text


@dataclass(frozen=True, eq=False)
class TextLikelihoodPlan:
    """A plan of forward passes of whole texts."""

    plan: BatchPlan  # what it will take
    counts: Sequence[int]  # tokens of each text, the first one too
    runtime: ModelRuntime[ForwardBackend]

    def log_probs(self) -> list[float]:
        """Return, for each text, the sum of log p of its tokens from the second one on.

        Raise ModelError if the model gives no numbers.
        """
        backend, totals = self.runtime.backend_for(self.plan), [0.0] * len(self.counts)
        for block in run(
            self.plan, ForwardRecipe(_assemble, lambda _: backend), self.runtime.device
        ):
            for row, value in zip(block.rows, block.log_probs[:, 0].tolist(), strict=True):
                totals[row] = value
        if any(value != value for value in totals):
            info = self.runtime.info
            raise ModelError(
                f"the model {info.spec!r} gives no numbers (NaN) in {info.dtype}; use `dtype` "
                "float32, or another model"
            )
        return totals


def plan_text_likelihood(model: LanguageModel, texts: Sequence[Filled]) -> TextLikelihoodPlan:
    """Return the plan for texts without slots; texts that are too long have inputs cut.

    Raise ModelError if the model is not causal, or a text has no token after its first.
    """
    if not isinstance(model, FrozenModel) or model.info.family != "causal":
        raise ModelError(
            f"{model.info.spec!r} is a {model.info.family} model, which reads no whole texts; use "
            "a causal one"
        )
    ids = list(_encode(model.runtime, texts))
    items = _items(ids, model.runtime.device)
    return TextLikelihoodPlan(
        model.runtime.plan_batches(items), [len(text_ids) for text_ids in ids], model.runtime
    )


def _encode(runtime: ModelRuntime[ForwardBackend], texts: Sequence[Filled]) -> Iterator[list[int]]:
    """Yield the ids of each text, cut to the model's limit."""
    encode = partial(runtime.tokens.encode, special=False)
    encoded = encode([_line(text) for text in texts])
    for text, ids in zip(texts, encoded, strict=True):
        while len(ids) > runtime.limit:
            text = shortened(text, _line_and_parts, runtime.tokens, runtime.limit, special=False)
            (ids,) = encode([_line(text)])
        if len(ids) < 2:
            text_shown = "".join(str(part) for part in _line(text))
            raise ModelError(
                f"the text {text_shown!r} has {len(ids)} tokens to {runtime.info.spec!r}, so none "
                "follows another; give a longer `prefix`"
            )
        yield ids


def _line(filled: Filled) -> TokenizerInput:
    return tuple(part.text for part in filled if isinstance(part, Text | Input))


def _line_and_parts(filled: Filled) -> tuple[TokenizerInput, Sequence[int]]:
    return _line(filled), range(len(filled))


def _items(texts: Sequence[Sequence[int]], device: torch.device) -> list[EncodedText]:
    """Return each distinct text once; the last token need not pass."""
    rows: dict[tuple[int, ...], list[int]] = {}
    for row, ids in enumerate(texts):
        rows.setdefault(tuple(ids), []).append(row)
    return [
        EncodedText(ids[:-1], (), _completions(ids, device), rows_of_text)
        for ids, rows_of_text in rows.items()
    ]


def _completions(ids: Sequence[int], device: torch.device) -> Completions:
    """Return one sum a text; positions index the text itself, nothing is filled in."""
    readings = [(position, token, 0) for position, token in enumerate(ids[1:])]
    return Completions((completion_of((), (), readings, device),), torch.ones(1))


def _assemble(item: EncodedText, completion: Completion) -> tuple[list[int], list[int]]:
    return list(item.ids), list(completion.positions)
