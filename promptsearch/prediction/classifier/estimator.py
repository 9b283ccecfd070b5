"""A classifier with the interface of scikit-learn, which need not be installed.

The parameters are the constructor's arguments, so that `clone`, `cross_val_score`, `Pipeline` and
searches over parameters work.
"""

from collections.abc import Sequence, Sized
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from promptsearch.data import did_you_mean
from promptsearch.data.tasks.in_memory import OnError, askable_examples_of, examples_of, labelled
from promptsearch.engine.strategy import Searcher
from promptsearch.engine.trial import Result
from promptsearch.errors import DataError, RunError
from promptsearch.models import LanguageModel
from promptsearch.prediction.classifier.answer_table import (
    Rows,
    answer_table,
    by_label,
    likeliest,
)
from promptsearch.prediction.classifier.label_sets import as_matrix, decided_sets, label_sets
from promptsearch.prediction.classifier.prompts import PromptsWithTask
from promptsearch.prediction.ensemble import EnsemblePredictor
from promptsearch.prediction.multi_label import MultiLabelPredictor
from promptsearch.prompt import Prompt
from promptsearch.scoring.combination import Floats

_SERVED = RLock()  # threads are served in turn: a tokenizer is no thing for two at once


@dataclass(eq=False)
class PromptClassifier:
    """Classifier of texts by the prompts of a file, or by the best of a search.

    X is a list of texts, of dicts from input to text, or a data frame. Without a `searcher` nothing
    is learned: `fit` checks the labels, and is not needed. With one, `fit` searches from the prompt
    on X and y, a part of which decides, and the best prompt answers. Clones share a loaded `model`;
    each loads its own if it is a name. It may be pickled at any time, and threads may share it.
    """

    prompts: str | Path | Prompt  # a prompts.json, or the prompt itself
    model: str | LanguageModel | None = None  # None: the model of the prompts' search
    id: str | None = None  # of one prompt of the file
    ensemble: bool | None = None  # None: the file's, if it has one that is better on dev
    searcher: Searcher | None = None
    budget: int = 200  # of the search: distinct prompts that are scored
    seed: int = 0
    on_error: OnError = "raise"  # "skip": a row that cannot be asked, an empty one say, gets None
    _estimator_type: ClassVar[str] = "classifier"
    _basis: PromptsWithTask | None = field(default=None, init=False, repr=False)
    _predictor: EnsemblePredictor | None = field(default=None, init=False, repr=False)
    _values: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def fit(self, X: object, y: Sequence[Any]) -> "PromptClassifier":
        """Check the labels, which must be among the prompt's; search, if there is a searcher.

        Raises DataError with the label or the row that does not fit.
        """
        if self.searcher is not None and self.ensemble:
            raise RunError("a search starts from one prompt; leave ensemble=True out")
        self._forget()
        if isinstance(X, Sized):
            _check_lengths(len(X), len(y))
        basis = PromptsWithTask.of(
            self.prompts, self.id, self.ensemble if self.searcher is None else False
        )
        several = basis.schema.kind.label_sets
        sets = label_sets(y, basis.labels) if several else []
        values = {} if several or basis.has_free_choices else _values(y, basis.labels)
        if self.searcher is not None:
            targets = sets if several else list(map(str, y))
            examples = labelled(examples_of(X, basis.reader), targets)
            model = basis.model(self.model)
            basis = basis.searched(self.searcher, examples, model, self.budget, self.seed)
            self._predictor = basis.predictor(model)
        self._basis, self._values = basis, values
        return self

    def predict(self, X: object) -> NDArray[Any]:
        """Return (example,): the likeliest labels, typed as `fit` got them (before it, texts).

        None for a row that is skipped. Of several labels at once (example, label) of 0 and 1,
        labels in the order of `classes_`; a row that is skipped holds NaN.
        """
        rows, log_probs = self._log_probs(X)
        if isinstance(self._predictor, MultiLabelPredictor):
            decided = decided_sets(log_probs, self._predictor.log_threshold)
            return decided[:, np.argsort(self._labels(), kind="stable")]
        labels = self._likeliest(rows, log_probs)
        skipped = np.isnan(log_probs).any(1)
        if skipped.any():
            labels = labels.astype(object)
            labels[skipped] = None
        return labels

    def predict_proba(self, X: object) -> Floats:
        """Return (example, label) probabilities; labels are in the order of `classes_`.

        NaN for a row that is skipped. Where rows have choices of their own, which are no labels of
        the task, it is (example, choice) in the order of each row's choices, 0 beyond them.
        """
        rows, log_probs = self._log_probs(X)
        if self._based().has_free_choices:
            return np.exp(log_probs)
        of_labels = by_label(rows, log_probs, self._based().labels)
        return np.exp(of_labels[:, np.argsort(self._labels(), kind="stable")])

    def score(self, X: object, y: Sequence[Any], sample_weight: Any = None) -> float:
        """Return the accuracy, in [0, 1]; labels are compared by their texts.

        A row that is skipped counts as wrong; of several labels at once all must be right.
        """
        rows = self.predict(X)
        _check_lengths(len(rows), len(y))
        if isinstance(self._predictor, MultiLabelPredictor):
            known = self._based().labels
            right_sets = rows == as_matrix(label_sets(y, known), known)
            return float(np.average(right_sets.all(1), weights=sample_weight))
        predicted = list(map(str, rows))
        hits = [label == str(right) for label, right in zip(predicted, y, strict=True)]
        return float(np.average(hits, weights=sample_weight))

    @property
    def classes_(self) -> NDArray[Any]:
        """Labels of the prompts, (label,), sorted."""
        return np.sort(self._labels())

    @property
    def prompt_(self) -> Prompt:
        """Prompt that answers; of an ensemble the first."""
        return self._based().selection.saved[0].prompt

    @property
    def result_(self) -> Result | None:
        """Result of the search; None without one."""
        return self._based().result

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.init}

    def set_params(self, **params: Any) -> "PromptClassifier":
        """Change arguments of the constructor, and discard the fit."""
        known = list(self.get_params())
        for name, value in params.items():
            if name not in known:
                raise DataError(
                    f"PromptClassifier has no parameter {name!r}{did_you_mean(name, known)}; "
                    f"it has {', '.join(known)}"
                )
            setattr(self, name, value)
        self._forget()
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return self.searcher is None or self._basis is not None

    def __sklearn_tags__(self) -> Any:
        """Return the tags that scikit-learn requires of an estimator from 1.6 on."""
        utils: Any = import_module("sklearn.utils")
        return utils.Tags(
            estimator_type="classifier",
            target_tags=utils.TargetTags(required=self.searcher is not None),
            classifier_tags=utils.ClassifierTags(),
            input_tags=utils.InputTags(two_d_array=False, one_d_array=True, string=True),
            requires_fit=self.searcher is not None,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickle keeps: all but the predictor, which is made again when needed.

        A `model` that is loaded already is loaded again by its name.
        """
        return {**self.__dict__, "_predictor": None}

    def _likeliest(self, rows: Rows, log_probs: Floats) -> NDArray[Any]:
        """Return (example,): the likeliest label, or choice, of each row; any of skipped rows."""
        basis = self._based()
        names = likeliest(rows, log_probs, basis.labels)
        if basis.has_free_choices:
            return np.array(names)
        index = {label: number for number, label in enumerate(basis.labels)}
        labels: NDArray[Any] = self._labels()[[index[name] for name in names]]
        return labels

    def _log_probs(self, X: object) -> tuple[Rows, Floats]:
        """Return the rows, None for skipped ones, and (example, label) log p.

        Labels are in the prompts' order, choices in that of their row; NaN for skipped rows.
        """
        with _SERVED:
            basis = self._based()
            rows = askable_examples_of(X, basis.reader, self.on_error)
            if self._predictor is None:
                self._predictor = basis.predictor(basis.model(self.model))
            examples = [example for example in rows if example is not None]
            parts = [values for _, values in self._predictor.parts(examples)]
        return rows, answer_table(rows, parts, len(basis.labels))

    def _labels(self) -> NDArray[Any]:
        """Return (label,): the labels in the prompts' order, as `fit` got them."""
        return np.array([self._values.get(label, label) for label in self._based().labels])

    def _based(self) -> PromptsWithTask:
        """Return the fitted prompts, or without a search the unfitted ones."""
        if self._basis is None:
            if self.searcher is not None:
                raise RunError("this classifier has not searched yet; call fit(X, y) first")
            self._basis = PromptsWithTask.of(self.prompts, self.id, self.ensemble)
        return self._basis

    def _forget(self) -> None:
        self._basis, self._predictor, self._values = None, None, {}


def _check_lengths(rows: int, labels: int) -> None:
    """Raise DataError if the rows and labels differ in number."""
    if rows != labels:
        raise DataError(f"X has {rows} rows and y {labels} labels; give one for each")


def _values(y: Sequence[Any], labels: Sequence[str]) -> dict[str, Any]:
    """Return label -> its value in y, for labels that are no texts: numbers, say."""
    values = {str(value): value for value in y}
    if unknown := [label for label in values if label not in labels]:
        raise DataError(
            f"y: the label {unknown[0]!r} is none of the prompts'"
            f"{did_you_mean(unknown[0], labels)}; they answer {', '.join(labels)}"
        )
    kind = type(next(iter(values.values()), ""))
    rest = {label: kind(label) for label in labels if label not in values and label.isdecimal()}
    return {**rest, **values}
