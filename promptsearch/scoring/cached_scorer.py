"""Scores that were computed before are read instead: from memory in a run, from disk across runs.

What is stored of an example under a prompt is what the model says of every label (with thousands
of labels: of the right ones), so that races, folds, train draws and later runs on other rows are
served from it. Entries are keyed by all that a score depends on.
"""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from promptsearch.data import Dataset
from promptsearch.prompt import Prompt, Verbalizer
from promptsearch.scoring.cache_store import CacheError, digest, row_key
from promptsearch.scoring.label_aggregation import LISTED, PredictionsBuilder
from promptsearch.scoring.scorer import Cost, PredictionBatch, PromptScorer, Scorer

MEMORY = 1 << 28  # bytes that a run's own store may take
CODE = 1  # raise it when the same prompt and example come to score differently

Known = NDArray[np.bool_]
Values = NDArray[np.float32]


class Store(Protocol):
    """Vectors by (scorer, prompt, row); see `cache.ScoreCache`."""

    def find(self, scorer: str, prompt: str, rows: Sequence[bytes]) -> tuple[Known, Values]: ...

    def add(self, scorer: str, prompt: str, rows: Sequence[bytes], values: Values) -> None: ...

    def describe(self, scorer: str, what: Mapping[str, object]) -> None: ...


@dataclass
class MemoryStore:
    """A store that lasts as long as the run; of many prompts, it forgets the first."""

    _vectors: dict[tuple[str, str], dict[bytes, Values]] = field(default_factory=dict)
    _bytes: int = 0

    def find(self, scorer: str, prompt: str, rows: Sequence[bytes]) -> tuple[Known, Values]:
        own = self._vectors.get((scorer, prompt), {})
        width = len(next(iter(own.values()), ()))
        values = np.full((len(rows), width), np.nan, dtype=np.float32)
        for place, row in enumerate(rows):
            if row in own:
                values[place] = own[row]
        return np.array([row in own for row in rows], dtype=bool), values

    def add(self, scorer: str, prompt: str, rows: Sequence[bytes], values: Values) -> None:
        own = self._vectors.setdefault((scorer, prompt), {})
        own.update(zip(rows, np.asarray(values, dtype=np.float32), strict=True))
        self._bytes += values.size * 4
        while self._bytes > MEMORY and len(self._vectors) > 1:
            first = self._vectors.pop(next(iter(self._vectors)))
            self._bytes -= sum(vector.nbytes for vector in first.values())

    def describe(self, scorer: str, what: Mapping[str, object]) -> None:
        """Nobody will ask."""


@dataclass(frozen=True)
class _Found:
    """What a store knows of one prompt's examples."""

    rows: list[bytes]  # the examples' keys
    findings: PredictionsBuilder
    unknown: tuple[int, ...]  # places of the examples that it does not know


@dataclass
class CachedScorer:
    """`inner`'s judgements, each computed once; `own` is a scorer with the same model.

    A store that cannot be used is said once, and scores are computed as without it.
    """

    inner: PromptScorer
    own: Scorer
    store: Store
    log: Callable[[str], None]
    _closed: bool = False  # no more is written
    _verbalizers: dict[Verbalizer, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._scorer = digest(described(self.own))
        info, scoring = self.own.model.info, self.own.scoring
        about = {
            "model": info.spec,
            "weights": info.sha256[:12],
            "dtype": info.dtype,
            "chat": info.chat is not None,
            **asdict(scoring),
            "answer_score": self.own.answer_score,
        }
        self._write(lambda: self.store.describe(self._scorer, about))

    def predict(self, prompts: Sequence[Prompt], examples: Dataset) -> PredictionBatch:
        """One judgement a prompt, in order; the cost is that of what was not known."""
        found = {prompt: self._found(prompt, examples) for prompt in dict.fromkeys(prompts)}
        cost = Cost()
        for places, asked in _missing(found):
            fresh = self.inner.predict(asked, [examples[i] for i in places])
            cost += fresh.cost
            for prompt, judgement in zip(asked, fresh.predictions, strict=True):
                found[prompt].findings.take(places, judgement)
                self._keep(prompt, found[prompt], places)
        return PredictionBatch(tuple(found[prompt].findings.judgement() for prompt in prompts), cost)

    def cost(self, prompts: Sequence[Prompt], examples: Dataset) -> Cost:
        """What is not known would cost."""
        found = {prompt: self._found(prompt, examples) for prompt in dict.fromkeys(prompts)}
        costs = (self.inner.cost(p, [examples[i] for i in at]) for at, p in _missing(found))
        return sum(costs, Cost())

    def _found(self, prompt: Prompt, examples: Dataset) -> _Found:
        labelling = self.own.labelling(prompt.verbalizer)
        listed = len(labelling.labels) <= LISTED
        rows = [row_key(e.inputs, () if listed else e.targets) for e in examples]
        findings = PredictionsBuilder.of(labelling, examples)
        known, values = self._read(prompt, rows)
        places = np.flatnonzero(known)
        if listed and values.shape[1] == len(labelling.labels):
            findings.put(places.tolist(), values[places].astype(np.float64))
        elif not listed and values.shape[1] == 3:
            findings.log_right[places], findings.predicted[places], findings.rank[places] = values[
                places
            ].T
        else:
            places = places[:0]
        unknown = np.setdiff1d(np.arange(len(rows)), places)
        return _Found(rows, findings, tuple(unknown.tolist()))

    def _keep(self, prompt: Prompt, found: _Found, places: Sequence[int]) -> None:
        findings, own = found.findings, list(places)
        if findings.log_probs is not None:
            values = findings.log_probs[own]
        else:
            parts = findings.log_right[own], findings.predicted[own], findings.rank[own]
            values = np.stack(parts, axis=1)
        rows, kept = [found.rows[i] for i in own], values.astype(np.float32)
        self._write(lambda: self.store.add(self._scorer, self._prompt(prompt), rows, kept))

    def _read(self, prompt: Prompt, rows: Sequence[bytes]) -> tuple[Known, Values]:
        try:
            return self.store.find(self._scorer, self._prompt(prompt), rows)
        except CacheError as error:
            self._close(error)
            return np.zeros(len(rows), dtype=bool), np.empty((len(rows), 0), dtype=np.float32)

    def _write(self, how: Callable[[], None]) -> None:
        if self._closed:
            return
        try:
            how()
        except CacheError as error:
            self._close(error)

    def _close(self, error: CacheError) -> None:
        if not self._closed:
            self.log(f"{error}; going on without it")
        self._closed = True

    def _prompt(self, prompt: Prompt) -> str:
        answers = self._verbalizers.get(prompt.verbalizer)
        if answers is None:
            answers = digest(prompt.verbalizer.plain())
            self._verbalizers[prompt.verbalizer] = answers
        return digest(str(prompt.template), answers)


def _missing(found: Mapping[Prompt, _Found]) -> list[tuple[tuple[int, ...], list[Prompt]]]:
    """Prompts of which the same examples are unknown, together."""
    asked: dict[tuple[int, ...], list[Prompt]] = {}
    for prompt, one in found.items():
        if one.unknown:
            asked.setdefault(one.unknown, []).append(prompt)
    return list(asked.items())


def described(scorer: Scorer) -> dict[str, object]:
    """All that a score depends on beside the prompt and the example."""
    info = asdict(scorer.model.info)
    info = {name: info[name] for name in info if name not in ("spec", "revision")}
    packages = ("promptsearch", "torch", "transformers", "tokenizers")
    return {
        "model": info,
        "scoring": {**asdict(scorer.scoring), "answer_score": scorer.answer_score},
        "facts": scorer.facts,
        "labels": LISTED,
        "code": CODE,
        "versions": {package: version(package) for package in packages},
        "machine": platform.machine(),
    }
