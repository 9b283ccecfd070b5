"""All measurements of one model, in one process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch

from promptsearch.bench.ceiling import bfloat16_here, ceiling, gemms
from promptsearch.bench.contenders import OURS, all_loops, plain_and_ours
from promptsearch.bench.flops import Nominal, nominal
from promptsearch.bench.published_loops.plain import reference
from promptsearch.bench.reuse import SCENARIOS, Scenario
from promptsearch.bench.rounds import Contender, Ratio, Timing, interleaved, ratio
from promptsearch.bench.sentences import sentences
from promptsearch.bench.sequences import lines
from promptsearch.bench.workload import TEMPLATES, Workload
from promptsearch.errors import ModelError
from promptsearch.models.loading.random_models import Parts

Say = Callable[[str], None]
ROWS = 2048  # tokens of a batch, for the ceiling
REPEATS = 8  # texts that the reference must score twice alike


@dataclass(frozen=True)
class BenchSettings:
    """Extent of the measurements."""

    texts: int = 128  # a round
    rounds: int = 3  # timed
    times: int = 20  # products of each shape, for the ceiling
    reuse: int = 6  # sentences of a round where passes have something in common
    grown: int = 32  # examples from which the scaling table grows


QUICK = BenchSettings(texts=32, rounds=1, times=5, reuse=2, grown=8)


@dataclass(frozen=True)
class Ceiling:
    """GFLOP/s of matrix products in one precision, before everything else and after it."""

    dtype: str
    before: float
    after: float

    @property
    def best(self) -> float:
        return max(self.before, self.after)


@dataclass(frozen=True)
class ContenderResult:
    """Result of a contender; `rate` is GFLOP/s of the necessary work, without padding.

    Passes that share work are counted separately, so with sharing it can exceed the ceiling.
    """

    timing: Timing
    rate: float
    ours_faster: tuple[tuple[str, Ratio], ...]  # by ours' precision


@dataclass(frozen=True)
class WorkloadResult:
    """Results of one workload."""

    name: str
    goal: float | None
    texts: int  # of a round
    tokens: float  # a text
    rows: tuple[ContenderResult, ...]


@dataclass(frozen=True)
class ModelResult:
    """Results of one model."""

    name: str
    family: str
    parameters: int
    ceilings: tuple[Ceiling, ...]
    loops: WorkloadResult
    reuse: tuple[WorkloadResult, ...]


@dataclass(frozen=True, eq=False)
class Bench:
    """Benchmark of one model."""

    name: str
    parts: Parts
    in_bfloat16: Parts | None
    settings: BenchSettings
    say: Say

    @property
    def dtypes(self) -> list[torch.dtype]:
        return [torch.float32] if self.in_bfloat16 is None else [torch.float32, torch.bfloat16]

    def ceilings(self) -> list[float]:
        """Return GFLOP/s by precision."""
        self.say(f"{self.name}: matrix products")
        device, products = self.parts.model.device, gemms(nominal(self.parts), ROWS)
        return [ceiling(products, dtype, device, self.settings.times) for dtype in self.dtypes]

    def works(self, scenario: Scenario | None) -> list[Workload]:
        """Return a workload a round and one before; no two share a sentence."""
        count = self.settings.texts if scenario is None else self.settings.reuse
        texts = [sentences(count, skip=i * count) for i in range(self.settings.rounds + 1)]
        if scenario is not None:
            return [scenario.work(each) for each in texts]
        return [Workload(each, (TEMPLATES[self.parts.family],)) for each in texts]

    def table(self, scenario: Scenario | None) -> WorkloadResult:
        """Measure one workload with all its contenders."""
        name = "published loops" if scenario is None else scenario.name
        self.say(f"{self.name}: {name}")
        contenders = self._contenders(scenario)
        works = self.works(scenario)
        check_repeats(self.parts, works[0].first(REPEATS))
        timings = interleaved(contenders, works, reference(self.parts, works[0]), self.say)
        goal = None if scenario is None else scenario.goal
        rows = tuple(self._row(each, timings, works[1:]) for each in timings)
        first_lines = lines(self.parts, works[0])
        tokens = sum(line.length for line in first_lines) / len(works[0])
        return WorkloadResult(name, goal, len(works[0]), tokens, rows)

    def _contenders(self, scenario: Scenario | None) -> list[Contender]:
        if scenario is None:
            return all_loops(self.parts, self.in_bfloat16)
        return plain_and_ours(self.parts, self.in_bfloat16, head=self.parts.family == "causal")

    def _row(
        self, timing: Timing, timings: Sequence[Timing], works: Sequence[Workload]
    ) -> ContenderResult:
        rate = rate_of(timing, nominal(self.parts), self.parts, works)
        ours = [each for each in timings if each.contender.name == OURS]
        faster = ((o.contender.dtype, ratio(timing.seconds, o.seconds)) for o in ours)
        return ContenderResult(timing, rate, tuple(faster))


def rate_of(timing: Timing, model: Nominal, parts: Parts, works: Sequence[Workload]) -> float:
    """Return GFLOP/s: the median over rounds of a text's necessary operations, a second."""
    workloads = [timing.contender.workload_for(work) for work in works]
    needed = [model.of(lines(parts, work)) / len(work) for work in workloads]
    return median(f / s for f, s in zip(needed, timing.seconds, strict=True)) / 1e9


def check_repeats(parts: Parts, work: Workload) -> None:
    """Raise ModelError if two equal runs differ: nothing could be compared."""
    if parts.model.training or not torch.equal(reference(parts, work), reference(parts, work)):
        raise ModelError(
            f"the model {parts.info.spec!r} does not score a text twice alike, so nothing can be "
            "compared; is dropout on?"
        )


def measured(name: str, parts: Parts, settings: BenchSettings, say: Say) -> ModelResult:
    """Measure the ceiling, the loops, the reuse, and the ceiling again."""
    is_faster = bfloat16_here(parts.model.device).is_faster
    bench = Bench(name, parts, parts.in_bfloat16() if is_faster else None, settings, say)
    before = bench.ceilings()
    loops = bench.table(None)
    reuse = [bench.table(each) for each in SCENARIOS if parts.family in each.families]
    after = bench.ceilings()
    names = [str(dtype).removeprefix("torch.") for dtype in bench.dtypes]
    ceilings = tuple(Ceiling(*each) for each in zip(names, before, after, strict=True))
    parameters = sum(weight.numel() for weight in parts.model.parameters())
    return ModelResult(name, parts.family, parameters, ceilings, loops, tuple(reuse))
