"""Scores of guesses that have no probabilities, and so no log-likelihood: what baselines answer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from promptsearch.language.spans import Scheme
from promptsearch.metrics.entity_f1 import entity_scores, tag_accuracy
from promptsearch.metrics.f1 import labels_macro_f1, labels_micro_f1
from promptsearch.metrics.generation_predictions import GenerationPredictions
from promptsearch.metrics.intervals import bootstrap, wilson
from promptsearch.metrics.label_sets import indicator, set_counts, set_macro_f1, set_micro_f1
from promptsearch.metrics.metric import METRICS, macro_p_at_1
from promptsearch.metrics.predictions import Scores

Targets = Sequence[tuple[str, ...]]  # the right answers of each example


def label_guess_scores(
    guesses: Sequence[str],
    targets: Targets,
    labels: Sequence[str],
    negative_label: str | None = None,
) -> Scores:
    """Return the scores of one guess an example, all of them among `labels`."""
    codes = {label: code for code, label in enumerate(labels)}
    gold = np.array([codes[right[0]] for right in targets])
    predicted = np.array([codes[guess] for guess in guesses])
    hits = _hits(guesses, targets)
    return {
        "accuracy": float(hits.mean()),
        "macro_f1": labels_macro_f1(gold, predicted, labels, negative_label),
        "micro_f1": labels_micro_f1(gold, predicted, labels, negative_label),
        "n": len(targets),
        "ci95": wilson(int(hits.sum()), len(targets)),
    }


def object_guess_scores(guesses: Sequence[str], targets: Targets) -> Scores:
    """Return the scores of one object an example."""
    hits = _hits(guesses, targets)
    share, interval = float(hits.mean()), wilson(int(hits.sum()), len(targets))
    macro = macro_p_at_1(hits, targets)
    return {"p@1": share, "p@1_macro": macro, "n": len(targets), "ci95": interval}


def choice_guess_scores(guesses: Sequence[str], targets: Targets) -> Scores:
    """Return the scores of one choice an example."""
    hits = _hits(guesses, targets)
    interval = wilson(int(hits.sum()), len(targets))
    return {"accuracy": float(hits.mean()), "n": len(targets), "ci95": interval}


def _hits(guesses: Sequence[str], targets: Targets) -> NDArray[np.bool_]:
    return np.array([guess in right for guess, right in zip(guesses, targets, strict=True)])


def text_guess_scores(guesses: Sequence[str], targets: Targets) -> Scores:
    """Return the scores of one text an example."""
    texts = GenerationPredictions.of(targets, np.zeros(len(targets)), guesses)
    scores = {metric.key: metric.of(texts, None) for metric in METRICS if metric.needs_texts}
    interval = wilson(int(texts.hits.sum()), len(targets))
    return {**scores, "n": len(targets), "ci95": interval}


def tag_guess_scores(tag: str, gold: Sequence[tuple[str, ...]], scheme: Scheme) -> Scores:
    """Return the scores of sentences all of whose words get one tag; `gold` are the right."""
    guesses = [(tag,) * len(tags) for tags in gold]
    hits = sum(set(tags) == {tag} for tags in gold)
    return {
        "entity_f1": entity_scores(gold, guesses, scheme).f1,
        "tag_accuracy": tag_accuracy(gold, guesses),
        "n": len(gold),
        "sentence_accuracy": hits / len(gold),
        "ci95": wilson(hits, len(gold)),
    }


def set_guess_scores(guesses: Targets, targets: Targets, labels: Sequence[str]) -> Scores:
    """Return the scores of one set of labels an example."""
    gold, predicted = indicator(targets, labels), indicator(guesses, labels)
    counts, hits = set_counts(gold, predicted), int((gold == predicted).all(1).sum())
    interval, _ = bootstrap(lambda rows: set_micro_f1(counts[rows]), len(counts))
    return {
        "micro_f1": set_micro_f1(counts),
        "macro_f1": set_macro_f1(counts),
        "subset_accuracy": hits / len(targets),
        "hamming": float((gold == predicted).mean()),
        "micro_f1_ci95": list(interval),
        "n": len(targets),
        "ci95": wilson(hits, len(targets)),
    }
