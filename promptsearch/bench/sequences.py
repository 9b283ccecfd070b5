"""A workload as the sequences of ids that a plain loop passes through a model.

If all answers are one token, a text is one sequence, read for all of them. If one is longer, a
masked text has no single sequence for it, so these are for causal models and encoder-decoders:
there every text passes once with each answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from promptsearch.bench.workload import Workload
from promptsearch.errors import ModelError
from promptsearch.models.loading.random_models import Parts

Ids = tuple[int, ...]


@dataclass(frozen=True)
class ScoredPosition:
    """Position of a sequence whose log p(token) counts for an answer."""

    position: int
    token: int
    answer: int


@dataclass(frozen=True)
class BenchLine:
    """Sequence of ids; `source` is the encoder's input, empty without one."""

    text: int  # which text of the workload
    ids: Ids
    reads: tuple[ScoredPosition, ...]
    source: Ids = ()

    @property
    def length(self) -> int:
        """Number of tokens, with the source's."""
        return len(self.ids) + len(self.source)


def lines(parts: Parts, work: Workload) -> list[BenchLine]:
    """Return all sequences, by text and then by answer."""
    makers = {"masked": _masked, "causal": _causal, "seq2seq": _seq2seq}
    return list(makers[parts.family](parts.tokenizer, work))


def _masked(tokenizer: Any, work: Workload) -> Iterator[BenchLine]:
    mask = tokenizer.mask_token_id
    answers = _encoded(tokenizer, [f" {answer}" for answer in work.answers], special=False)
    if any(len(answer) > 1 for answer in answers):
        raise ModelError("the plain loop takes answers of one token for masked models; shorten it")
    texts = [before + tokenizer.mask_token + after for before, after in work.halves()]
    for text, ids in enumerate(_encoded(tokenizer, texts)):
        position = ids.index(mask)
        yield BenchLine(
            text,
            ids,
            tuple(
                ScoredPosition(position, answer_ids[0], a) for a, answer_ids in enumerate(answers)
            ),
        )


def _causal(tokenizer: Any, work: Workload) -> Iterator[BenchLine]:
    """Yield sequences whose answers begin at the space before them; text after them is left out."""
    befores = [before.rstrip(" ") for before, _ in work.halves()]
    prefixes = _encoded(tokenizer, befores)
    answers = _encoded(tokenizer, [f" {answer}" for answer in work.answers], special=False)
    for text, prefix in enumerate(prefixes):
        yield from _continued(text, prefix, answers)


def _seq2seq(tokenizer: Any, work: Workload) -> Iterator[BenchLine]:
    sentinel, start = "<extra_id_0>", tokenizer.pad_token_id
    prefix = (start, tokenizer.convert_tokens_to_ids(sentinel))
    sources = [before + sentinel + after for before, after in work.halves()]
    answers = _encoded(tokenizer, list(work.answers), special=False)
    for text, source in enumerate(_encoded(tokenizer, sources)):
        yield from _continued(text, prefix, answers, source)


def _continued(
    text: int, prefix: Ids, answers: Sequence[Ids], source: Ids = ()
) -> Iterator[BenchLine]:
    """Yield a prefix with each answer after it; once, if the prefix alone has all log p."""
    last = len(prefix) - 1
    if all(len(answer) == 1 for answer in answers):
        reads = (
            ScoredPosition(last, answer_ids[0], number) for number, answer_ids in enumerate(answers)
        )
        yield BenchLine(text, prefix, tuple(reads), source)
        return
    for number, answer_ids in enumerate(answers):
        reads = (ScoredPosition(last + i, token, number) for i, token in enumerate(answer_ids))
        yield BenchLine(text, prefix + answer_ids[:-1], tuple(reads), source)


def _encoded(tokenizer: Any, texts: Sequence[str], special: bool = True) -> list[Ids]:
    return [tuple(ids) for ids in tokenizer(list(texts), add_special_tokens=special)["input_ids"]]
