"""Baselines of several labels at once: the most frequent set, and words one against the rest."""

import re
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from promptsearch.data import Dataset
from promptsearch.data.kinds.multi_label import most_frequent_set
from promptsearch.metrics.label_sets import Bools, indicator

WORD = r"(?u)\w+"
LabelSets = Sequence[tuple[str, ...]]
SetGuesses = Callable[[Dataset], LabelSets]


def majority_set(seen: Dataset) -> SetGuesses:
    """Return a classifier that always answers the most frequent set of labels."""
    labels = most_frequent_set(seen)
    return lambda rows: [labels] * len(rows)


def one_against_rest(seen: Dataset) -> SetGuesses:
    """Return TF-IDF of words and word pairs with a logistic regression a label, fitted.

    A label is decided for from probability 1/2; one that all rows have, or none, always or never.
    Where there is no word, it is the majority.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts, labels = texts_of(seen), sorted({label for each in seen for label in each.targets})
    if not any(re.search(WORD, text) for text in texts):
        return majority_set(seen)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD)
    inputs, gold = words.fit_transform(texts), indicator([e.targets for e in seen], labels)
    models = {}
    with warnings.catch_warnings():  # of few steps
        warnings.simplefilter("ignore", UserWarning)
        for label, column in zip(labels, gold.T, strict=True):
            if not column.all():
                models[label] = LogisticRegression(C=10, max_iter=1000).fit(inputs, column)

    def guesses(rows: Dataset) -> LabelSets:
        unseen = words.transform(texts_of(rows))
        always = np.ones(len(rows), dtype=bool)
        decided = [models[each].predict(unseen) if each in models else always for each in labels]
        return sets_in(np.array(decided, dtype=bool).reshape(len(labels), -1).T, labels)

    return guesses


def sets_in(table: Bools, labels: Sequence[str]) -> LabelSets:
    """Return the set of labels of each row of (example, label)."""
    return [tuple(np.array(labels, object)[row].tolist()) for row in table]


def texts_of(examples: Dataset) -> list[str]:
    """Return all that is read of each example, as one text."""
    return [" ".join(example.inputs.values()) for example in examples]
