"""LM-BFF (princeton-nlp/LM-BFF): every text padded to 128 tokens, the head at the mask only.

- Padding: to `max_seq_length` (`tokenize_multipart_input` in src/dataset.py), 128 in
  run_experiment.sh, twice that or 256 for its pairs of sentences.
- Batches: `--per_device_eval_batch_size 16` in run_experiment.sh (8 would be the default of
  transformers' `TrainingArguments`); in the order of the data, not sorted.
- Tokenisation: text by text, each piece of the template apart (src/dataset.py).
- Head: the hidden state at `mask_pos`, then the head on it alone
  (`RobertaForPromptFinetuning.forward` in src/models.py), then the columns of the label words.
- Masked models only: src/models.py has BERT and RoBERTa.
- Theirs stops at the label words' logits; here they are normalised over the vocabulary.
"""

import torch
from torch import Tensor

from promptsearch.bench.published_loops.tensors import (
    at_words,
    body_and_head,
    framed,
    padded,
    present,
    word_ids,
)
from promptsearch.bench.workload import Workload
from promptsearch.models.loading.random_models import Parts
from promptsearch.prompt import Filled, Input, Slot, Text


def lmbff(parts: Parts, work: Workload, length: int = 128, batch: int = 16) -> Tensor:
    """Return (text, word) log-probabilities."""
    rows = [_ids(parts, filled)[:length] for filled in work.filled()]
    words = word_ids(parts.tokenizer, work.answers)
    with torch.no_grad():
        batches = [rows[start : start + batch] for start in range(0, len(rows), batch)]
        return torch.cat(
            [at_words(_logits(parts, batch_rows, length), words) for batch_rows in batches]
        )


def _logits(parts: Parts, rows: list[list[int]], length: int) -> Tensor:
    """Return (text, word) logits: the head on the hidden states at the masks."""
    body, head = body_and_head(parts.model)
    device, mask = parts.model.device, parts.tokenizer.mask_token_id
    ids = padded(rows, parts.tokenizer.pad_token_id, length).to(device)
    attended = present(rows, length).to(device)
    hidden = body(input_ids=ids, attention_mask=attended)[0]  # (text, token, hidden)
    positions = torch.tensor([row.index(mask) for row in rows], device=device)
    logits: Tensor = head(hidden[torch.arange(len(rows), device=device), positions])
    return logits


def _ids(parts: Parts, filled: Filled) -> list[int]:
    tokenizer = parts.tokenizer
    ids: list[int] = []
    for part in filled:
        if isinstance(part, Slot):
            ids.append(tokenizer.mask_token_id)
        elif isinstance(part, Text | Input):
            ids += tokenizer.encode(part.text.rstrip(" "), add_special_tokens=False)
    return framed(tokenizer, ids)
