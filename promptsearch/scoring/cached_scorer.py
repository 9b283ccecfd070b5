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
from promptsearch.scoring.choice_predictions import ChoicePredictionsBuilder
from promptsearch.scoring.label_aggregation import LISTED, PredictionsBuilder
from promptsearch.scoring.scorer import Cost, PredictionBatch, PromptScorer, Scorer

MEMORY = 1 << 28  # bytes that a run's own store may take
CHOICES = "choices"  # in the key of blocks whose records are those of single choices
CODE = 3  # raise it when the same prompt and example come to score differently

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
        vectors = self._vectors.get((scorer, prompt), {})
        width = len(next(iter(vectors.values()), ()))
        values = np.full((len(rows), width), np.nan, dtype=np.float32)
        for index, row in enumerate(rows):
            if row in vectors:
                values[index] = vectors[row]
        return np.array([row in vectors for row in rows], dtype=bool), values

    def add(self, scorer: str, prompt: str, rows: Sequence[bytes], values: Values) -> None:
        vectors = self._vectors.setdefault((scorer, prompt), {})
        vectors.update(zip(rows, np.asarray(values, dtype=np.float32), strict=True))
        self._bytes += values.size * 4
        while self._bytes > MEMORY and len(self._vectors) > 1:
            first = self._vectors.pop(next(iter(self._vectors)))
            self._bytes -= sum(vector.nbytes for vector in first.values())

    def describe(self, scorer: str, what: Mapping[str, object]) -> None:
        """Do nothing: an in-memory store needs no description."""


@dataclass(frozen=True)
class _StoredPrompt:
    """Stored predictions of one prompt, and the examples that are missing."""

    key: str
    rows: list[list[bytes]]  # the examples' keys; with choices one for each of these
    findings: PredictionsBuilder
    unknown: tuple[int, ...]  # places of the examples that it does not know


@dataclass
class CachedScorer:
    """Predictions of `inner`, each computed once; `scorer` has the same model.

    A store that cannot be used is said once, and scores are computed as without it.
    """

    inner: PromptScorer
    scorer: Scorer
    store: Store
    log: Callable[[str], None]
    _closed: bool = False  # no more is written
    _answers: dict[tuple[Verbalizer, tuple[str, ...]], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._scorer_key = digest(described(self.scorer))
        info, scoring = self.scorer.model.info, self.scorer.scoring
        about = {
            "model": info.spec,
            "weights": info.sha256[:12],
            "dtype": info.dtype,
            "chat": info.chat is not None,
            **asdict(scoring),
            "answer_score": self.scorer.answer_score,
        }
        self._write(lambda: self.store.describe(self._scorer_key, about))

    def predict(self, prompts: Sequence[Prompt], examples: Dataset) -> PredictionBatch:
        """Return one `Predictions` a prompt, in order; the cost is that of what was not stored."""
        known = {prompt: self._from_store(prompt, examples) for prompt in dict.fromkeys(prompts)}
        cost = Cost()
        for indices, missing in _missing(known):
            fresh = self.inner.predict(missing, [examples[i] for i in indices])
            cost += fresh.cost
            for prompt, judgement in zip(missing, fresh.predictions, strict=True):
                known[prompt].findings.take(indices, judgement)
                self._keep(known[prompt], indices)
        return PredictionBatch(
            tuple(known[prompt].findings.judgement() for prompt in prompts), cost
        )

    def cost(self, prompts: Sequence[Prompt], examples: Dataset) -> Cost:
        """Return what is not known would cost."""
        known = {prompt: self._from_store(prompt, examples) for prompt in dict.fromkeys(prompts)}
        costs = (self.inner.cost(p, [examples[i] for i in at]) for at, p in _missing(known))
        return sum(costs, Cost())

    def _from_store(self, prompt: Prompt, examples: Dataset) -> _StoredPrompt:
        findings = self.scorer.builder(prompt.verbalizer, examples)
        if isinstance(findings, ChoicePredictionsBuilder):
            return self._choices_from_store(prompt, examples, findings)
        listed = findings.log_probs is not None
        rows = [row_key(e.inputs, () if listed else e.targets) for e in examples]
        key = self._prompt(prompt)
        known, values = self._read(key, rows)
        known_rows = np.flatnonzero(known)
        if listed and values.shape[1] == len(findings.labels):
            findings.put(known_rows.tolist(), values[known_rows].astype(np.float64))
        elif not listed and values.shape[1] == 3:
            (
                findings.log_right[known_rows],
                findings.predicted[known_rows],
                findings.rank[known_rows],
            ) = values[known_rows].T
        else:
            known_rows = known_rows[:0]
        unknown = np.setdiff1d(np.arange(len(rows)), known_rows)
        return _StoredPrompt(key, [[row] for row in rows], findings, tuple(unknown.tolist()))

    def _choices_from_store(
        self, prompt: Prompt, examples: Dataset, findings: ChoicePredictionsBuilder
    ) -> _StoredPrompt:
        """Return what is stored of examples with choices: a number for each of these."""
        key = digest(self._prompt(prompt), CHOICES)
        rows = [
            [row_key(e.inputs, [*choices, str(i)]) for i in range(len(choices))]
            for e, labels in zip(examples, findings.choices, strict=True)
            for choices in [[findings.labels[column] for column in labels.columns]]
        ]
        known, values = self._read(key, [row for each in rows for row in each])
        ends = np.cumsum([len(each) for each in rows])
        unknown = []
        for number, (each, end) in enumerate(zip(rows, ends.tolist(), strict=True)):
            of_row = slice(end - len(each), end)
            if known[of_row].all() and values.shape[1] == 1:
                findings.put_choices([number], values[of_row].T.astype(np.float64))
            else:
                unknown.append(number)
        return _StoredPrompt(key, rows, findings, tuple(unknown))

    def _keep(self, stored: _StoredPrompt, indices: Sequence[int]) -> None:
        findings, at = stored.findings, list(indices)
        if isinstance(findings, ChoicePredictionsBuilder):
            table = findings.choice_log_probs
            values = np.concatenate([table[i, : len(stored.rows[i])] for i in at])[:, None]
        elif findings.log_probs is not None:
            values = findings.log_probs[at]
        else:
            parts = findings.log_right[at], findings.predicted[at], findings.rank[at]
            values = np.stack(parts, axis=1)
        rows = [row for i in at for row in stored.rows[i]]
        vectors = values.astype(np.float32)
        self._write(lambda: self.store.add(self._scorer_key, stored.key, rows, vectors))

    def _read(self, key: str, rows: Sequence[bytes]) -> tuple[Known, Values]:
        try:
            return self.store.find(self._scorer_key, key, rows)
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
        key = prompt.verbalizer, prompt.template.slots
        answers = self._answers.get(key)
        if answers is None:
            no = prompt.verbalizer.no
            words = [word for word in (no, prompt.verbalizer.yes) if word is not None]
            plain = (prompt.plain_answers, *words) if words else prompt.plain_answers
            answers = self._answers[key] = digest(plain)
        return digest(str(prompt.template), answers)


def _missing(stored: Mapping[Prompt, _StoredPrompt]) -> list[tuple[tuple[int, ...], list[Prompt]]]:
    """Prompts of which the same examples are unknown, together."""
    by_rows: dict[tuple[int, ...], list[Prompt]] = {}
    for prompt, entry in stored.items():
        if entry.unknown:
            by_rows.setdefault(entry.unknown, []).append(prompt)
    return list(by_rows.items())


def described(scorer: Scorer) -> dict[str, object]:
    """Return all that a score depends on beside the prompt and the example."""
    info = scorer.model.info.described
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
        **scorer.stored_as,
    }
