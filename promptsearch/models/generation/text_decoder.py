"""Texts that a model writes after prompts, greedily or by beams: the same for the same prompts.

transformers' `generate` writes them, with nothing of the model's own settings but the tokens that
begin and end a text: penalties and temperatures of a generation_config.json would change what is
compared. A prompt's ids are those that its references are scored after.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from promptsearch.data.tasks.decode_table import Decode
from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel
from promptsearch.models.forward.patched import patched
from promptsearch.models.frozen_model import FrozenModel, frozen_model
from promptsearch.models.generation.next_token_average import NextTokenAverage
from promptsearch.models.tokenization.deep_parts import DeepParts
from promptsearch.models.tokenization.option_texts import has_options
from promptsearch.models.tokenization.soft_tokens import has_soft
from promptsearch.prompt import Filled

Ids = tuple[tuple[int, ...], ...]  # of a text's prompts, one a member


@dataclass(frozen=True, eq=False)
class DecodingPlan:
    """Prompts as ids, and the batches that texts are written in.

    Several members write a text together: each next token by the average of what they expect.
    """

    model: FrozenModel[Any]
    decode: Decode
    members: Sequence[Sequence[Sequence[int]]]  # (member, text) -> the ids of the prompt
    weights: Sequence[float] = (1.0,)  # (member,)

    @property
    def ids(self) -> Sequence[Sequence[int]]:
        """The prompts of the first member, one a text."""
        return self.members[0]

    @property
    def forwards(self) -> int:
        """Passes that it takes at most: one a token and beam of each text and member."""
        return len(self.members) * len(self.ids) * self.decode.forwards

    @property
    def tokens(self) -> int:
        """Tokens that are read, and written at most."""
        return sum(len(ids) for member in self.members for ids in member) + self.forwards

    def texts(self) -> list[str]:
        """Return what the model writes after each prompt, or after all of a text's together."""
        written: dict[Ids, str] = {}
        for batch in self._batches():
            for ids, text in zip(batch, self._written(batch), strict=True):
                written[ids] = text
        return [written[ids] for ids in self._prompts]

    @property
    def _prompts(self) -> list[Ids]:
        """The prompts of all members, by text."""
        return [tuple(map(tuple, of_text)) for of_text in zip(*self.members, strict=True)]

    def _batches(self) -> Iterator[list[Ids]]:
        """Yield distinct prompts of similar lengths, as many as a batch's tokens allow."""
        budget = self.model.runtime.batch_limits.budget
        batch: list[Ids] = []
        for ids in sorted(set(self._prompts), key=lambda ids: (_longest(ids), ids)):
            length = _longest(ids) + self.decode.max_tokens
            size = (len(batch) + 1) * len(ids) * length * self.decode.beams
            if batch and size > budget:
                yield batch
                batch = []
            batch.append(ids)
        if batch:
            yield batch

    @torch.inference_mode()
    def _written(self, batch: Sequence[Ids]) -> list[str]:
        runtime = self.model.runtime
        padding = _padding(runtime.tokenizer)
        is_causal = self.model.info.family == "causal"
        padded, mask = _padded([ids for of_text in batch for ids in of_text], padding, is_causal)
        longest = len(padded[0])
        start = longest if is_causal else 1  # an encoder-decoder writes after its start token
        stop = _Stop(runtime.tokenizer, start, self.decode.stop, self.model.info.newline)
        # What a given configuration leaves open, `generate` takes from the model's own.
        config = GenerationConfig(**generation_settings(self.model, self.decode))
        with patched(runtime.model, generation_config=config):
            output = runtime.model.generate(
                input_ids=torch.tensor(padded, device=runtime.device),
                attention_mask=torch.tensor(mask, device=runtime.device),
                **({"stopping_criteria": [stop]} if self.decode.beams == 1 else {}),
                **({"logits_processor": [self._average]} if len(self.members) > 1 else {}),
            )
        return [stop.cut(text) for text in stop.read(output[:: len(self.members)])]

    @property
    def _average(self) -> NextTokenAverage:
        return NextTokenAverage(self.weights, self.decode.beams, self.model.runtime.device)


def generation_settings(model: LanguageModel, decode: Decode) -> dict[str, Any]:
    """Return how `generate` writes: arguments of a GenerationConfig, nothing else of the model's.

    Its tokens that begin and end a text stay.
    """
    frozen = frozen_model(model)
    tokenizer, config = frozen.runtime.tokenizer, frozen.runtime.model.generation_config
    tokens = {name: getattr(config, name, None) for name in ("eos_token_id", "forced_bos_token_id")}
    if tokens["eos_token_id"] is None:
        tokens["eos_token_id"] = tokenizer.eos_token_id
    if frozen.info.family == "seq2seq":
        tokens["decoder_start_token_id"] = frozen.family.start  # type: ignore[attr-defined]
    return {
        "max_new_tokens": decode.max_tokens,
        "num_beams": decode.beams,
        "length_penalty": decode.length_penalty,
        "do_sample": False,
        "pad_token_id": _padding(tokenizer),
        **tokens,
    }


class _Stop:
    """Ends the texts of a batch at the first of some strings; white space before it is none."""

    def __init__(
        self, tokenizer: Any, start: int, stop: Sequence[str], newline: str | None
    ) -> None:
        self._tokenizer, self._start, self._stop = tokenizer, start, stop
        self._newline = newline

    def __call__(self, ids: Tensor, _scores: Tensor, **_: Any) -> Tensor:
        done = [any(mark in text.lstrip() for mark in self._stop) for text in self.read(ids)]
        return torch.tensor(done, device=ids.device)

    def read(self, ids: Tensor) -> list[str]:
        """Return the texts that were written so far."""
        texts = self._tokenizer.batch_decode(ids[:, self._start :], skip_special_tokens=True)
        if self._newline is None:
            return list(texts)
        return [text.replace(self._newline, "\n") for text in texts]

    def cut(self, text: str) -> str:
        """Return the text up to where it ends."""
        text = text.lstrip()
        ends = [at for mark in self._stop if (at := text.find(mark)) >= 0]
        return text[: min(ends, default=None)].rstrip()


def plan_decoding(model: LanguageModel, texts: Sequence[Filled], decode: Decode) -> DecodingPlan:
    """Return the plan of writing after these prompts.

    Raises ModelError if the model writes no texts, or a prompt leaves it no room.
    """
    return plan_ensemble_decoding(model, [texts], (1.0,), decode)


def plan_ensemble_decoding(
    model: LanguageModel,
    members: Sequence[Sequence[Filled]],
    weights: Sequence[float],
    decode: Decode,
) -> DecodingPlan:
    """Return the plan of writing after the prompts (member, text) of weighted members.

    Raises ModelError as `plan_decoding`.
    """
    frozen = frozen_model(model)
    for text in chain.from_iterable(members):
        _check_words(text)
    limit = frozen.runtime.limit
    if decode.max_tokens >= limit:
        raise ModelError(
            f"`max_tokens` {decode.max_tokens:,} leaves no room for a prompt: "
            f"{frozen.info.spec!r} reads {limit:,} tokens; give less in [decode]"
        )
    encode = partial(frozen.family.generation_ids, frozen.runtime, tokens=decode.max_tokens)
    ids = [encode(texts) if texts else [] for texts in members]
    return DecodingPlan(frozen, decode, ids, weights)


def _check_words(text: Filled) -> None:
    """Raise ModelError if a prompt is more than words."""
    deep = DeepParts.of(text)
    if has_soft(text) or deep.prefix is not None or deep.head is not None:
        raise ModelError(
            "texts are not written after vectors, a prefix or with a head; write the prompt's "
            "nearest words with `promptsearch project`"
        )
    if has_options(text):
        raise ModelError("texts are not written after options; use a template that ends in [Z]")


def _longest(prompts: Ids) -> int:
    return max(map(len, prompts))


def _padded(
    batch: Sequence[Sequence[int]], padding: int, before: bool
) -> tuple[list[list[int]], list[list[int]]]:
    """Return the ids of equal lengths, and which of them are no padding.

    A causal model goes on from the right end; an encoder counts positions from the left.
    """
    longest = max(map(len, batch))
    fills = [longest - len(ids) for ids in batch]
    pairs = list(zip(batch, fills, strict=True))
    if before:
        ids_of_rows = [[padding] * fill + list(ids) for ids, fill in pairs]
        return ids_of_rows, [[0] * fill + [1] * len(ids) for ids, fill in pairs]
    ids_of_rows = [list(ids) + [padding] * fill for ids, fill in pairs]
    return ids_of_rows, [[1] * len(ids) + [0] * fill for ids, fill in pairs]


def _padding(tokenizer: Any) -> int:
    tokens = (tokenizer.pad_token_id, tokenizer.eos_token_id)
    return next((int(token) for token in tokens if token is not None), 0)
