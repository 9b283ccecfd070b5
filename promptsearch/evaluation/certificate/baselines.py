"""Baselines for any prompt: label names, no input at all, the majority, a bag of words."""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from promptsearch.data import Dataset, Example, TaskDefinition, most_frequent
from promptsearch.evaluation.certificate.comparison import score_matrix_of
from promptsearch.evaluation.certificate.crossfit import folds_of
from promptsearch.evaluation.certificate.label_set_learners import (
    WORD,
    LabelSets,
    SetGuesses,
    majority_set,
    one_against_rest,
    texts_of,
)
from promptsearch.files.packages import install_command
from promptsearch.metrics import METRIC, per_example
from promptsearch.metrics.generation_predictions import GenerationPredictions
from promptsearch.metrics.label_sets import indicator
from promptsearch.metrics.multi_label_predictions import MultiLabelPredictions
from promptsearch.metrics.predictions import Floats, Ints
from promptsearch.prompt import Prompt, Verbalizer
from promptsearch.prompt.template import emptied
from promptsearch.scoring import PromptScorer

BAG_OF_WORDS = "TF-IDF + logistic regression"
FITS = 4  # repeats of folds that the bag of words is fitted in


@dataclass(frozen=True)
class Baselines:
    """Values of each baseline, (repeat, row) or (1, row), and why others were left out."""

    values: Mapping[str, Floats]
    left_out: Mapping[str, str]


def label_names(definition: TaskDefinition) -> Prompt | str:
    """Return the manual prompt with the labels as answers, or the reason why there is none."""
    manual = definition.prompt
    if not definition.kind.has_answer_set:
        return "there are no labels"
    if not definition.kind.has_labels:
        return "the candidates are their own names"
    if len(manual.template.slots) > 1:
        return "a name fills one slot"
    if not all(any(map(str.isalpha, label)) for label in definition.labels):
        return "the labels are no words"
    named = {label: label.replace("_", " ") for label in definition.labels}
    verbalizer = Verbalizer.of(named, manual.template.slots)
    if verbalizer == manual.verbalizer:
        return "they are the manual answers"
    return replace(manual, verbalizer=verbalizer)


def without_inputs(examples: Dataset) -> list[Example]:
    """Return the examples with nothing in their fields but the choices.

    Without choices of their own a prompt answers them all alike.
    """
    return [replace(example, inputs=emptied(example.inputs)) for example in examples]


def of_prompts(
    definition: TaskDefinition, examples: Dataset, scorer: PromptScorer, metric: str
) -> Baselines:
    """Return the manual prompt without its inputs, and with the label names as answers."""
    manual = definition.prompt

    def metric_values(prompt: Prompt, rows: Dataset) -> Floats:
        return score_matrix_of([prompt], definition, rows, scorer).alone(metric)[None]

    values, left_out = {"empty input": metric_values(manual, without_inputs(examples))}, {}
    named = label_names(definition)
    if isinstance(named, str):
        left_out["label names"] = named
    else:
        values["label names"] = metric_values(named, examples)
    return Baselines(values, left_out)


@dataclass(frozen=True)
class Learners:
    """Classifiers that are no prompts and learn from the rows that choose, as searches do."""

    definition: TaskDefinition
    examples: Dataset
    strata: Ints  # (row,), for the same folds as the prompts have
    metric: str
    beside: Dataset  # training examples that are in no fold
    folds: int
    seed: int

    def metric_values(self, fit: "Fit | FitSets") -> Floats:
        """Return (repeat, row) values of the labels that are learned from the other folds."""
        values = []
        for fold in folds_of(self.strata, self.folds, FITS, self.seed):
            guesses_by_row: list[Any] = [""] * len(fold)
            for out in range(self.folds):
                seen = [self.examples[row] for row in np.flatnonzero(fold != out).tolist()]
                held_out = np.flatnonzero(fold == out).tolist()
                guesses = fit([*seen, *self.beside])([self.examples[row] for row in held_out])
                for row, guess in zip(held_out, guesses, strict=True):
                    guesses_by_row[row] = guess
            values.append(self._values(guesses_by_row))
        return np.stack(values)

    def _values(self, guesses: Sequence[Any]) -> Floats:
        if self.definition.kind.label_sets:
            return self._values_of_sets(guesses)
        if self.definition.kind.free_texts:
            return self._values_of_texts(guesses)
        if (shares := METRIC[self.metric].shares) is not None:
            codes = np.array([self.definition.labels.index(label) for label in guesses])
            negative = self.definition.negative_label
            return shares(self.strata, codes, self.definition.labels, negative)
        pairs = zip(guesses, self.examples, strict=True)
        return np.array([float(label in example.targets) for label, example in pairs])

    def _values_of_texts(self, guesses: Sequence[str]) -> Floats:
        targets = [each.targets for each in self.examples]
        return self._values_of(GenerationPredictions.of(targets, np.zeros(len(targets)), guesses))

    def _values_of_sets(self, guesses: LabelSets) -> Floats:
        labels, targets = self.definition.labels, [each.targets for each in self.examples]
        log_odds = np.where(indicator(guesses, labels), 1.0, -1.0)  # the sets alone count
        return self._values_of(MultiLabelPredictions.of(labels, targets, log_odds))

    def _values_of(self, predictions: GenerationPredictions | MultiLabelPredictions) -> Floats:
        """Return (row,) values whose mean is the metric."""
        if (shares := METRIC[self.metric].count_shares) is not None:
            return shares(predictions.counts)
        return per_example(predictions, self.metric)


def learned(learners: Learners) -> Baselines:
    """Return the majority label and a bag of words, where the metric can score them."""
    if METRIC[learners.metric].needs_ranks:
        why = f"it names a label only, which has no {learners.metric}"
        return Baselines({}, {"majority": why, BAG_OF_WORDS: why})
    kind = learners.definition.kind
    if kind.values:
        why = "one value for all rows has no correlation"
        return Baselines({}, {"majority": why, BAG_OF_WORDS: "values are not learned from words"})
    if kind.has_sentences:
        why = "a label for all rows names no span"
        return Baselines({}, {"majority": why, BAG_OF_WORDS: "spans are not learned from words"})
    of_sets = kind.label_sets
    most = majority_set if of_sets else lambda seen: kind.guesses(seen)[1]
    values, left_out = {"majority": learners.metric_values(most)}, {}
    if not kind.has_labels:
        what = "texts" if kind.free_texts else "objects and choices"
        left_out[BAG_OF_WORDS] = f"{what} are not learned from words"
    elif find_spec("sklearn") is None:
        left_out[BAG_OF_WORDS] = install_command("certify")
    else:
        words = one_against_rest if of_sets else bag_of_words
        values[BAG_OF_WORDS] = learners.metric_values(words)
    return Baselines(values, left_out)


Guesses = Callable[[Dataset], Sequence[str]]
Fit = Callable[[Dataset], Guesses]
FitSets = Callable[[Dataset], SetGuesses]


def majority(seen: Dataset) -> Guesses:
    """Return a classifier that always answers the most frequent label (or object)."""
    label = most_frequent(seen)
    return lambda rows: [label] * len(rows)


def bag_of_words(seen: Dataset) -> Guesses:
    """Return TF-IDF of words and word pairs with logistic regression (scikit-learn), fitted.

    Where there is one label only, or no word, it is the majority.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    labels, texts = [example.targets[0] for example in seen], texts_of(seen)
    if len(set(labels)) < 2 or not any(re.search(WORD, text) for text in texts):
        return majority(seen)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD)
    model = make_pipeline(words, LogisticRegression(C=10, max_iter=1000))
    with warnings.catch_warnings():  # of many labels, or of few steps
        warnings.simplefilter("ignore", UserWarning)
        model.fit(texts, labels)
    return lambda rows: [str(label) for label in model.predict(texts_of(rows))]
