"""AutoPrompt (ucinlp/autoprompt): unsorted, batches of 32, the whole head, then the masks.

- Batches: 32 (`--bsz`), with which all candidates are tried on train data; where the best is
  looked at on dev it is 256 (`--eval-size`), which is slower on CPUs, for the tensors below grow
  to gigabytes (both in autoprompt/create_trigger.py). In the order of the data, padded to the
  longest with `pad_sequence` (`Collator` in autoprompt/utils.py).
- Tokenisation: text by text (`TriggerTemplatizer` in autoprompt/utils.py).
- Head: logits at all positions, then a `masked_select` of the predict mask over the whole
  (text, token, word) tensor (`PredictWrapper` in autoprompt/create_trigger.py). On CPUs that
  select alone takes some 20 ms a text.
- Scores: for each label one log-softmax over the vocabulary, then its ids (`get_loss`, called by
  `AccuracyFn` once a label).
- Masked models only: the template's `[P]` becomes the mask token.
"""

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from promptsearch.bench.published_loops.tensors import word_ids
from promptsearch.bench.workload import Workload
from promptsearch.models.loading.random_models import Parts


def autoprompt(parts: Parts, work: Workload, batch: int = 32) -> Tensor:
    """Return (text, word) log-probabilities."""
    tokenizer = parts.tokenizer
    rows = [
        torch.tensor(tokenizer.encode(before + tokenizer.mask_token + after))
        for before, after in work.halves()
    ]
    words = word_ids(tokenizer, work.answers)
    scores = []
    for start in range(0, len(rows), batch):
        logits = _at_masks(parts, rows[start : start + batch])
        columns = [logits.log_softmax(-1)[:, word] for word in words]  # once a label
        scores.append(torch.stack(columns, 1).cpu())
    return torch.cat(scores)


def _at_masks(parts: Parts, rows: list[Tensor]) -> Tensor:
    """Return (text, word) logits."""
    device, fill = parts.model.device, parts.tokenizer.pad_token_id
    ids = pad_sequence(rows, batch_first=True, padding_value=fill).to(device)  # (text, token)
    present = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True).to(device)
    masks = ids == parts.tokenizer.mask_token_id
    with torch.no_grad():
        logits: Tensor = parts.model(input_ids=ids, attention_mask=present).logits
        return logits.masked_select(masks.unsqueeze(-1)).view(len(rows), -1)
