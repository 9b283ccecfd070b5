"""LAMA (facebookresearch/LAMA): sorted, batches of 32, log-softmax at every position, on the CPU.

- Batches: 32 (`batch_size` in scripts/run_experiments.py), sorted by the number of words between
  spaces (`batchify` in scripts/batch_eval_KB_completion.py), padded to the longest of the batch
  (`Bert.__get_input_tensors_batch` in lama/modules/bert_connector.py), joined row by row.
- Tokenisation: text by text.
- Head: logits at all positions, `log_softmax` over all of them, and the whole (text, token, word)
  tensor to the CPU (`Bert.get_batch_generation`); the mask's row is read afterwards
  (`get_ranking` in lama/evaluation_metrics.py).
- Causal models (lama/modules/gpt2_connector.py): the unknown token, which is the end token, for the
  slot, right padding without an attention mask, log-softmax everywhere likewise. Theirs always
  puts a begin token in front; here the tokenizer decides, so that all loops read the same.
- Left out, in their favour: `filter_logprobs`, which copies the columns of a common vocabulary out
  of that tensor, and the ranking of the whole vocabulary.
"""

import torch
from torch import Tensor

from promptsearch.bench.published_loops.tensors import lead, padded, present, word_ids
from promptsearch.bench.workload import Workload
from promptsearch.models.loading.random_models import Parts


def lama(parts: Parts, work: Workload, batch: int = 32) -> Tensor:
    """Return (text, word) log-probabilities."""
    halves = work.halves()
    order = sorted(range(len(halves)), key=lambda i: len(" ".join(halves[i]).split()))
    words = word_ids(parts.tokenizer, work.answers)
    scores = torch.empty(len(halves), len(words))
    for start in range(0, len(order), batch):
        texts = order[start : start + batch]
        rows = [_row(parts, *halves[text]) for text in texts]
        log_probs = _everywhere(parts, [ids for ids, _ in rows])
        for text, line, (_, read) in zip(texts, log_probs, rows, strict=True):
            scores[text] = line[read, words]
    return scores


def _everywhere(parts: Parts, rows: list[list[int]]) -> Tensor:
    """Return (text, token, word) log-probabilities on the CPU."""
    inputs = {"input_ids": padded(rows, parts.tokenizer.pad_token_id or 0)}
    if parts.family == "masked":
        inputs |= {"attention_mask": present(rows)}
    with torch.no_grad():
        logits: Tensor = parts.model(
            **{name: tensor.to(parts.model.device) for name, tensor in inputs.items()}
        ).logits
        return logits.log_softmax(-1).cpu()


def _row(parts: Parts, before: str, after: str) -> tuple[list[int], int]:
    """Return the ids of one text, and the position of the slot's distribution."""
    tokenizer = parts.tokenizer
    if parts.family == "masked":
        ids = tokenizer.encode(before + tokenizer.mask_token + after)
        return ids, ids.index(tokenizer.mask_token_id)
    ids = lead(tokenizer) + tokenizer.encode(before.strip(), add_special_tokens=False)
    slot = tokenizer.eos_token_id
    return [*ids, slot, *tokenizer.encode(after, add_special_tokens=False)], len(ids) - 1
