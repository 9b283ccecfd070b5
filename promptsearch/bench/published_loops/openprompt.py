"""OpenPrompt (thunlp/OpenPrompt): every text padded to one length, small batches, the whole head.

- Padding: each text is filled up to `max_seq_length` (openprompt/plms/mlm.py, lm.py, seq2seq.py;
  `TokenizerWrapper.padding` in openprompt/plms/utils.py). The length is 256 in
  openprompt/default_config.py and in all data loaders of tutorial/0_basic.py and
  1.1_mixed_template.py, 512 where `PromptDataLoader` is given none (openprompt/pipeline_base.py),
  480 in tutorial/1.4_soft_template.py; 128 stands in a tutorial's wrapper example only. Both 256
  and 128 are measured here, the shorter in their favour.
- Batches: 4 in the tutorials (2 in default_config.py, 1 as `PromptDataLoader`'s default, 8 in
  experiments/classification_manual_prompt.yaml); in the order of the data, not sorted.
- Tokenisation: text by text, each piece of the template apart, in `PromptDataLoader.tokenize`.
- Head: logits at all positions, with `output_hidden_states=True` (`PromptModel.forward`), then
  those where `loss_ids` is 1 (`PromptForClassification.extract_at_mask`).
- Causal models are read at the token before the slot; encoder-decoders at the first sentinel of
  `<pad> <extra_id_0> </s>` (`decoder_max_length=3` in the tutorials).
- Theirs then normalises over the label words (`ManualVerbalizer.process_logits`); here it is the
  full vocabulary, at one position a text, which costs next to nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from promptsearch.bench.published_loops.tensors import (
    at_words,
    framed,
    lead,
    padded,
    present,
    word_ids,
)
from promptsearch.bench.workload import Workload
from promptsearch.models.loading.random_models import Parts
from promptsearch.prompt import Filled, Input, Slot, Text


@dataclass(frozen=True)
class EncodedRow:
    """Text as ids; `read` is the position of the slot's logits, in the decoder if there is one.

    `target` is the decoder's input, empty without a decoder.
    """

    ids: list[int]
    read: int
    target: tuple[int, ...] = ()


def openprompt(parts: Parts, work: Workload, length: int = 256, batch: int = 4) -> Tensor:
    """Return (text, word) log-probabilities."""
    makers = {"masked": _masked, "causal": _causal, "seq2seq": _seq2seq}
    make = makers[parts.family]
    rows = [make(parts.tokenizer, filled) for filled in work.filled()]
    words = word_ids(parts.tokenizer, work.answers)
    scores = []
    with torch.no_grad():
        for start in range(0, len(rows), batch):
            batch_rows = rows[start : start + batch]
            logits = parts.model(
                **_inputs(parts, batch_rows, length), output_hidden_states=True
            ).logits
            read = torch.tensor([row.read for row in batch_rows], device=logits.device)
            scores.append(at_words(logits[torch.arange(len(batch_rows)), read], words))
    return torch.cat(scores)


def _inputs(parts: Parts, rows: Sequence[EncodedRow], length: int) -> dict[str, Tensor]:
    fill = parts.tokenizer.pad_token_id or 0
    ids = [row.ids[:length] for row in rows]
    inputs = {"input_ids": padded(ids, fill, length), "attention_mask": present(ids, length)}
    if parts.family == "seq2seq":
        inputs["decoder_input_ids"] = torch.tensor([row.target for row in rows])
    return {name: tensor.to(parts.model.device) for name, tensor in inputs.items()}


def _pieces(tokenizer: Any, filled: Filled, slot: int) -> list[list[int]]:
    """Return each part's ids, tokenised separately; the slot is one token."""
    return [
        tokenizer.encode(part.text.rstrip(" "), add_special_tokens=False)
        if isinstance(part, Text | Input)
        else [slot]
        for part in filled
    ]


def _masked(tokenizer: Any, filled: Filled) -> EncodedRow:
    mask = tokenizer.mask_token_id
    ids = [token for piece in _pieces(tokenizer, filled, mask) for token in piece]
    ids = framed(tokenizer, ids)
    return EncodedRow(ids, ids.index(mask))


def _causal(tokenizer: Any, filled: Filled) -> EncodedRow:
    slot = next(i for i, part in enumerate(filled) if isinstance(part, Slot))
    pieces = _pieces(tokenizer, filled[:slot], 0)
    ids = lead(tokenizer) + [token for piece in pieces for token in piece]
    return EncodedRow(ids, len(ids) - 1)


def _seq2seq(tokenizer: Any, filled: Filled) -> EncodedRow:
    sentinel = tokenizer.convert_tokens_to_ids("<extra_id_0>")
    ids = [token for piece in _pieces(tokenizer, filled, sentinel) for token in piece]
    end = tokenizer.eos_token_id
    return EncodedRow([*ids, end], 1, (tokenizer.pad_token_id, sentinel, end))
