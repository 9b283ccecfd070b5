"""One iteration of AutoPrompt's trigger search (ucinlp/autoprompt), re-created to be timed.

Followed is `run_model` of autoprompt/create_trigger.py at commit d637675, and from the same file:

- `GradientStorage`: the gradient is caught at the output of the word-embedding module (here by a
  hook on that tensor, for the kind of module hook used there is deprecated). The weights keep their
  own gradients, so that the backward pass fills those of the whole model too; `zero_grad` once an
  iteration.
- `PredictWrapper`: logits at all positions, then a `masked_select` of the predict mask over the
  whole (text, token, word) tensor, in the gradient's forward pass and in the candidates'.
- `get_loss`: one log-softmax over the vocabulary, then a logsumexp over a text's label words. Rows
  of label words are padded with id 0, which counts as no word; the loss is the mean of a batch.
- The gradient of a trigger: summed over the texts of a batch, each batch over the number of them.
- `hotflip_attack`: the `k` ids whose embedding goes most against the gradient, in that order.
- Scores: without a label map the negative loss; with one `AccuracyFn`, which takes the log-softmax
  once for the gold words and once more for each label (a text with ties counts as wrong).
- Candidates one after the other, a forward pass of each fresh batch for the current trigger and for
  each candidate; nothing is kept from one to the next.

From autoprompt/utils.py: `Collator` (`pad_sequence`, in the order drawn) and `TriggerTemplatizer`
(a text is tokenised once, with its slots as markers). The batches and the position are given here,
for the release draws them at random; and the dev set, looked at only after an accepted step, is no
part of this. `logits, *_ = model(...)` needs an older transformers, hence `.logits`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from promptsearch.models.loading.random_models import Parts

TRIGGER, PREDICT = -1, -2  # markers in a row of ids, as `[T]` and `[P]` are in the release's
NOTHING = 0  # in a row of label words: padding

Row = tuple[Sequence[int], Sequence[int]]
"""Ids with `TRIGGER` and `PREDICT` at the slots, and the ids of the label words."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Padded texts; `ids`, `present`, `triggers` and `predict` are (text, token)."""

    ids: Tensor  # `TRIGGER` where triggers belong
    present: Tensor  # the attention mask
    triggers: Tensor
    predict: Tensor
    labels: Tensor  # (text, word), `NOTHING` behind the last word

    def to(self, device: torch.device) -> "Batch":
        """The release moves every batch when it is drawn."""
        return Batch(*(value.to(device) for value in vars(self).values()))


def autoprompt_step(
    parts: Parts,
    batches_for_gradient: Sequence[Batch],
    batches_for_evaluation: Sequence[Batch],
    trigger_ids: Sequence[int],
    position: int,
    k: int = 10,
    label_map: Sequence[Sequence[int]] | None = None,
    blocked: Tensor | None = None,
) -> tuple[list[int], float, list[float]]:
    """Candidate ids, best promise first; the current trigger's score; and the candidates'.

    Scores are means over the texts: of log-probabilities, or of right predictions where
    `label_map` gives the label words of each class. `blocked` are ids no candidate may have.
    """
    trigger = torch.tensor([list(trigger_ids)], device=parts.model.device)
    gradient = _trigger_gradient(parts, batches_for_gradient, trigger)[position]
    candidates = _hotflip(gradient, parts.model.get_input_embeddings().weight, k, blocked)
    current = torch.zeros((), device=trigger.device)
    scores = torch.zeros(k, device=trigger.device)
    for batch in (batch.to(trigger.device) for batch in batches_for_evaluation):
        current += _score(parts, batch, trigger, label_map)
        for index, candidate in enumerate(candidates):
            changed = trigger.clone()
            changed[:, position] = candidate
            scores[index] += _score(parts, batch, changed, label_map)
    texts = sum(len(batch.ids) for batch in batches_for_evaluation)
    return candidates.tolist(), current.item() / texts, (scores / texts).tolist()


def make_batches(
    tokenizer: Any,
    texts: Sequence[str],
    label_words: Sequence[Sequence[str]],
    triggers: int,
    size: int = 32,
) -> list[Batch]:
    """Batches for "{sentence} [T] ... [T] [MASK] ."; `label_words` are each text's own."""
    begin, end = [tokenizer.cls_token_id], [tokenizer.sep_token_id]
    after = [TRIGGER] * triggers + [PREDICT] + tokenizer.encode(".", add_special_tokens=False)
    rows = [
        (
            begin + tokenizer.encode(text, add_special_tokens=False) + after + end,
            tokenizer.convert_tokens_to_ids(list(words)),
        )
        for text, words in zip(texts, label_words, strict=True)
    ]
    return [collated(tokenizer, rows[start : start + size]) for start in range(0, len(rows), size)]


def collated(tokenizer: Any, rows: Iterable[Row]) -> Batch:
    """Rows padded to the longest."""
    texts, labels = zip(*rows, strict=True)
    found = [torch.tensor(text) for text in texts]
    ids = pad_sequence(found, batch_first=True, padding_value=tokenizer.pad_token_id)
    present = pad_sequence([torch.ones_like(row) for row in found], batch_first=True)
    predict = ids == PREDICT
    return Batch(
        ids=ids.masked_fill(predict, tokenizer.mask_token_id),
        present=present,
        triggers=ids == TRIGGER,
        predict=predict,
        labels=pad_sequence([torch.tensor(row) for row in labels], True, NOTHING),
    )


def _trigger_gradient(parts: Parts, batches: Sequence[Batch], trigger: Tensor) -> Tensor:
    """Of the loss by the embeddings of the triggers, (trigger, dimension)."""
    caught: list[Tensor] = []

    def catch(_module: Any, _ids: Any, embedded: Tensor) -> None:
        embedded.register_hook(caught.append)

    hook = parts.model.get_input_embeddings().register_forward_hook(catch)
    parts.model.zero_grad()
    total = torch.zeros(())
    for batch in (batch.to(trigger.device) for batch in batches):
        _loss(_logits(parts, batch, trigger), batch.labels).mean().backward()
        gradient = caught.pop()  # (text, token, dimension)
        chosen = gradient.masked_select(batch.triggers.unsqueeze(-1))
        chosen = chosen.view(len(gradient), trigger.size(1), -1)
        total = total.to(trigger.device) + chosen.sum(0) / len(batches)
    hook.remove()
    return total


def _hotflip(gradient: Tensor, embeddings: Tensor, k: int, blocked: Tensor | None) -> Tensor:
    with torch.no_grad():
        products = embeddings @ gradient
        if blocked is not None:
            products[blocked] = torch.inf
        return (-products).topk(k).indices


def _score(
    parts: Parts, batch: Batch, trigger: Tensor, label_map: Sequence[Sequence[int]] | None
) -> Tensor:
    """The sum over the texts."""
    with torch.no_grad():
        logits = _logits(parts, batch, trigger)
        if label_map is None:
            return -_loss(logits, batch.labels).sum()
        return _right(logits, batch.labels, label_map).sum()


def _right(logits: Tensor, labels: Tensor, label_map: Sequence[Sequence[int]]) -> Tensor:
    """1 for each text of which no more than one class has at most the gold words' loss."""
    gold = _loss(logits, labels)
    rows = [torch.tensor([list(words)], device=logits.device) for words in label_map]
    losses = torch.stack([_loss(logits, row.repeat(len(logits), 1)) for row in rows], -1)
    losses.argmax(-1).tolist()  # the release names these predictions, and does not use them
    return (losses <= gold.unsqueeze(-1)).sum(-1).le(1).float()


def _logits(parts: Parts, batch: Batch, trigger: Tensor) -> Tensor:
    """At the masks, (text, word)."""
    ids = batch.ids.masked_scatter(batch.triggers, trigger.repeat(len(batch.ids), 1))
    logits: Tensor = parts.model(input_ids=ids, attention_mask=batch.present).logits
    return logits.masked_select(batch.predict.unsqueeze(-1)).view(len(ids), -1)


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    """-log of the summed probability of each text's label words."""
    found = logits.log_softmax(-1).gather(-1, labels)
    return -(found - 1e32 * (labels == NOTHING)).logsumexp(-1)
