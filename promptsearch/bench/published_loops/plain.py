"""Plain transformers with sorting: the loop that a careful user writes in an afternoon.

Fast batched tokenisation, batches sorted by length under a budget of tokens, one call of the model
a batch, log-softmax at the positions that count. No two passes share anything. The same code
with sequences of one length a batch, so that nothing is padded, is the reference for errors.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor

from promptsearch.bench.published_loops.tensors import body_and_head, padded, present
from promptsearch.bench.sequences import BenchLine, lines
from promptsearch.bench.workload import Workload
from promptsearch.models.loading.build import default_batch_tokens
from promptsearch.models.loading.random_models import Parts

Read = Callable[[Parts, Sequence[BenchLine]], Tensor]  # logits (reading, word)


def plain(parts: Parts, work: Workload, budget: int | None = None) -> Tensor:
    """Return (text, answer) log-probabilities; the head runs at all positions, as models do."""
    return _scores(parts, work, batches(lines(parts, work), budget or _usual(parts)), _from_all)


def plain_head(parts: Parts, work: Workload, budget: int | None = None) -> Tensor:
    """Return (text, answer) log-probabilities, with the head at the positions that count only.

    Not for encoder-decoders.
    """
    return _scores(parts, work, batches(lines(parts, work), budget or _usual(parts)), _from_hidden)


def _usual(parts: Parts) -> int:
    """Return the tokens of a batch: as many as ours has there."""
    return default_batch_tokens(parts.model.device)


def reference(parts: Parts, work: Workload) -> Tensor:
    """Return (text, answer) log-probabilities without padding."""
    alike: dict[tuple[int, int], list[BenchLine]] = {}
    for line in lines(parts, work):
        alike.setdefault((len(line.ids), len(line.source)), []).append(line)
    return _scores(
        parts,
        work,
        (b for same_length in alike.values() for b in batches(same_length, 1024)),
        _from_all,
    )


def _scores(
    parts: Parts, work: Workload, line_batches: Iterable[list[BenchLine]], read: Read
) -> Tensor:
    scores = torch.zeros(len(work), len(work.answers))
    with torch.inference_mode():
        for batch in line_batches:
            log_probs = read(parts, batch).float().log_softmax(-1)  # (reading, word)
            reads = [(line.text, reading) for line in batch for reading in line.reads]
            texts = torch.tensor([text for text, _ in reads])
            answers = torch.tensor([reading.answer for _, reading in reads])
            tokens = torch.tensor([reading.token for _, reading in reads])
            values = log_probs[torch.arange(len(reads)), tokens].cpu()
            scores.index_put_((texts, answers), values, accumulate=True)
    return scores


def batches(lines: Sequence[BenchLine], budget: int) -> Iterator[list[BenchLine]]:
    """Yield batches by length, cut where a line would exceed the tokens, with padding."""
    batch: list[BenchLine] = []
    for line in sorted(lines, key=lambda line: line.length):
        if batch and (len(batch) + 1) * line.length > budget:
            yield batch
            batch = []
        batch.append(line)
    if batch:
        yield batch


def _from_all(parts: Parts, batch: Sequence[BenchLine]) -> Tensor:
    logits: Tensor = parts.model(**_inputs(parts, batch)).logits  # (line, token, word)
    return logits[_read_indices(batch)]


def _from_hidden(parts: Parts, batch: Sequence[BenchLine]) -> Tensor:
    body, head = body_and_head(parts.model)
    hidden = body(**_inputs(parts, batch))[0]  # (line, token, hidden)
    logits: Tensor = head(hidden[_read_indices(batch)])
    return logits


def _read_indices(batch: Sequence[BenchLine]) -> tuple[Tensor, Tensor]:
    """Return the rows and positions of all readings, in order."""
    positions = [[reading.position for reading in line.reads] for line in batch]
    rows = [[row] * len(line_positions) for row, line_positions in enumerate(positions)]
    return torch.tensor(list(chain(*rows))), torch.tensor(list(chain(*positions)))


def _inputs(parts: Parts, batch: Sequence[BenchLine]) -> dict[str, Tensor]:
    fill = parts.tokenizer.pad_token_id or 0
    text_ids = [line.ids for line in batch]
    if parts.family == "seq2seq":
        sources = [line.source for line in batch]
        inputs = {"input_ids": padded(sources, fill), "attention_mask": present(sources)}
        inputs |= {"decoder_input_ids": padded(text_ids, fill)}
    else:
        inputs = {"input_ids": padded(text_ids, fill), "attention_mask": present(text_ids)}
    return {name: tensor.to(parts.model.device) for name, tensor in inputs.items()}
