"""Interleaved rounds: everything runs once a round, so that a slow minute is slow for all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from torch import Tensor

from promptsearch.bench.workload import Workload


@dataclass(frozen=True)
class Contender:
    """Loop that scores a workload; results are (text, answer) on the CPU."""

    name: str
    dtype: str
    run: Callable[[Workload], Tensor]
    texts: int | None = None  # only the first so many: where each text costs the same by design

    @property
    def key(self) -> str:
        return f"{self.name}, {self.dtype}"

    def workload_for(self, work: Workload) -> Workload:
        return work if self.texts is None else work.first(self.texts)


@dataclass(frozen=True)
class Timing:
    """Seconds a text of one contender, by rounds, and its error against the reference."""

    contender: Contender
    texts: int  # of one round
    seconds: tuple[float, ...]  # a text
    error: float  # largest absolute difference of log-probabilities

    @property
    def median(self) -> float:
        return median(self.seconds)


@dataclass(frozen=True)
class Ratio:
    """Speed-up of one contender over another, from the ratios of the rounds."""

    median: float
    low: float
    high: float


def ratio(slow: Sequence[float], fast: Sequence[float]) -> Ratio:
    """Return the speed-up from seconds a text, round by round."""
    each = [theirs / ours for theirs, ours in zip(slow, fast, strict=True)]
    return Ratio(median(each), min(each), max(each))


def interleaved(
    contenders: Sequence[Contender],
    works: Sequence[Workload],
    reference: Tensor,
    say: Callable[[str], None],
) -> list[Timing]:
    """Run a round a workload and return the timings; the first is not timed, but gives the errors.

    Every round starts with another contender. `reference` is (text, answer) for the first round.
    """
    errors = _errors(contenders, works[0], reference, say)
    seconds: dict[str, list[float]] = {each.key: [] for each in contenders}
    for number, work in enumerate(works[1:]):
        say(f"  round {number + 1} of {len(works) - 1}")
        turn = number % len(contenders)
        for contender in [*contenders[turn:], *contenders[:turn]]:
            seconds[contender.key].append(_seconds(contender, contender.workload_for(work)))
    return [
        Timing(each, len(each.workload_for(works[0])), tuple(seconds[each.key]), errors[each.key])
        for each in contenders
    ]


def _errors(
    contenders: Sequence[Contender],
    work: Workload,
    reference: Tensor,
    say: Callable[[str], None],
) -> Mapping[str, float]:
    errors: dict[str, float] = {}
    for contender in contenders:
        say(f"  warming up {contender.key}")
        scores = contender.run(contender.workload_for(work))
        errors[contender.key] = (scores - reference[: len(scores)]).abs().max().item()
    return errors


def _seconds(contender: Contender, work: Workload) -> float:
    """Return the seconds a text, from strings to log-probabilities on the CPU."""
    start = perf_counter()
    contender.run(work)
    return (perf_counter() - start) / len(work)
