"""Judging spread over processes and machines: one long shard of the examples for each of them.

Every process loads the model once and keeps it. A shard carries all that a process needs to know,
so that it does not matter which one takes it; one whose process died is sent again by the pool.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from promptsearch.data import Dataset
from promptsearch.errors import RunError
from promptsearch.models import LanguageModel, Options, Scoring
from promptsearch.parallel import WorkerPool
from promptsearch.prompt import Prompt
from promptsearch.scoring.label_aggregation import AnswerScore
from promptsearch.scoring.scorer import Cost, PredictionBatch, Scorer


@dataclass(frozen=True)
class ScoringTask:
    """A part of the examples, what is asked of it, and the model to ask."""

    number: int  # which of the devices there are
    options: Options
    dtype: str  # of the scores; the model's own, or that of its ranker
    sha256: str  # of the weights it must have
    scoring: Scoring
    answer_score: AnswerScore
    facts: bool
    make: type[Scorer]
    prompts: tuple[Prompt, ...]
    examples: Dataset


@dataclass(frozen=True)
class DistributedScorer:
    """Predictions of `scorer`, computed by the processes of a pool; `scorer` plans and merges."""

    scorer: Scorer
    pool: WorkerPool

    def predict(self, prompts: Sequence[Prompt], examples: Dataset) -> PredictionBatch:
        """Return one `Predictions` a prompt, in order; the cost is the sum over the shards."""
        distinct = list(dict.fromkeys(prompts))
        builders = {p: self.scorer.builder(p.verbalizer, examples) for p in distinct}
        shares = list(_shares(len(examples), self.pool.size))
        shards = [self._shard(i, distinct, examples, share) for i, share in enumerate(shares)]
        cost = Cost()
        for number, judged in self.pool.each(judge_shard, shards):
            cost += judged.cost
            for prompt, judgement in zip(distinct, judged.predictions, strict=True):
                builders[prompt].take(shares[number], judgement)
        return PredictionBatch(tuple(builders[prompt].judgement() for prompt in prompts), cost)

    def cost(self, prompts: Sequence[Prompt], examples: Dataset) -> Cost:
        """Return the cost in one process; shards share a little less."""
        return self.scorer.cost(prompts, examples)

    def _shard(
        self, number: int, prompts: Sequence[Prompt], examples: Dataset, share: range
    ) -> ScoringTask:
        model = self.scorer.model
        return ScoringTask(
            number,
            model.options,
            model.info.dtype,
            model.info.sha256,
            self.scorer.scoring,
            self.scorer.answer_score,
            self.scorer.facts,
            type(self.scorer),
            tuple(prompts),
            [examples[i] for i in share],
        )


def _shares(count: int, parts: int) -> Iterator[range]:
    """Return every n-th example for each of n parts: all have long ones and short ones."""
    return (range(i, count, parts) for i in range(min(count, parts)))


def judge_shard(shard: ScoringTask) -> PredictionBatch:
    """Return what a process of the pool does."""
    model = _loaded(shard.options, shard.number)
    if model.info.sha256 != shard.sha256:
        raise RunError(
            f"the model {shard.options.spec!r} is another one where the workers run (sha256 "
            f"{model.info.sha256[:12]}, not {shard.sha256[:12]}); put the same files there"
        )
    model = model if shard.dtype == model.info.dtype else model.fast_model
    if model.info.dtype != shard.dtype:
        raise RunError(
            f"this run ranks in {shard.dtype}, which the hardware of a worker does not multiply; "
            "use `dtype` float32"
        )
    scorer = shard.make(model, shard.scoring, shard.answer_score, shard.facts)
    return scorer.predict(shard.prompts, shard.examples)


_models: dict[Options, LanguageModel] = {}  # of this process, by what was asked for


def _loaded(options: Options, number: int) -> LanguageModel:
    """The loader's cache: a process loads a model once, and keeps the device it then took."""
    from promptsearch.models.loading.load import load

    if options not in _models:
        _models[options] = load(replace(options, device=_device(options, number)))
    return _models[options]


def _device(options: Options, number: int) -> str:
    """Return a GPU of its own for each process of a machine, where there are any."""
    import torch

    free = options.device in ("auto", "cuda") and options.device_map is None
    if not free or not torch.cuda.is_available():
        return options.device
    return f"cuda:{number % torch.cuda.device_count()}"
