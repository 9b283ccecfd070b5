"""Growth of cost and memory with prompts, examples (both should be linear) and answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch

from promptsearch.bench.contenders import ours
from promptsearch.bench.memory import watched
from promptsearch.bench.reuse import SUFFIXES
from promptsearch.bench.sentences import sentences
from promptsearch.bench.workload import Workload
from promptsearch.models import LanguageModel, Scoring
from promptsearch.models.loading.random_models import Parts


@dataclass(frozen=True)
class Extent:
    """Numbers of prompts, examples and answers to score."""

    prompts: int
    examples: int
    answers: int


@dataclass(frozen=True)
class Growth:
    """Cost of one extent; bytes as in `memory.Peak`, `planned` is the plan's upper bound."""

    extent: Extent
    seconds: float
    peak_bytes: int | None
    planned_bytes: int  # beside the weights

    @property
    def milliseconds_a_text(self) -> float:
        return 1000 * self.seconds / (self.extent.prompts * self.extent.examples)


def extents(base: int) -> list[Extent]:
    """Return each number grown alone, from (2 prompts, `base` examples, 2 answers)."""
    prompts = [Extent(count, base, 2) for count in (1, 2, 4, 8)]
    examples = [Extent(2, base * times, 2) for times in (2, 4, 8)]
    answers = [Extent(2, base, count) for count in (8, 64, 512)]
    return [*prompts, *examples, *answers]


def growths(parts: Parts, base: int, repeats: int, say: Callable[[str], None]) -> Iterator[Growth]:
    """Yield the best of `repeats` runs of every extent, after a warm-up."""
    model = parts.wrapped()
    words = model.vocabulary_words()
    ours(model, _work(Extent(1, base, 2), words))
    for extent in extents(base):
        say(f"  {extent.prompts} prompts x {extent.examples} examples, {extent.answers} answers")
        runs = [_growth(model, parts.model.device, extent, words, i) for i in range(repeats)]
        yield min(runs, key=lambda run: run.seconds)


def _growth(
    model: LanguageModel, device: torch.device, extent: Extent, words: Sequence[str], repeat: int
) -> Growth:
    work = _work(extent, words, repeat)
    bound = model.plan(work.filled(), work.answer_values(), Scoring()).peak_bytes
    with watched(device) as peak:
        start = perf_counter()
        ours(model, work)
        seconds = perf_counter() - start
    return Growth(extent, seconds, peak.bytes, bound)


def _work(extent: Extent, words: Sequence[str], repeat: int = 0) -> Workload:
    templates = tuple(f"{{text}} {suffix} [Z]" for suffix in SUFFIXES[: extent.prompts])
    texts = sentences(extent.examples, skip=repeat * extent.examples)
    return Workload(texts, templates, tuple(words[: extent.answers]))
