"""Examples that a prompt answers wrongly, with the probabilities of its answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from promptsearch.data import Dataset, Example
from promptsearch.data.kinds.multi_label import set_name
from promptsearch.data.tasks.span_rows import SPAN
from promptsearch.data.tasks.tagged_sentence import text_of
from promptsearch.language.spans import spans_of
from promptsearch.metrics.multi_label_predictions import MultiLabelPredictions
from promptsearch.metrics.predictions import Predictions, TagPredictions


@dataclass(frozen=True)
class Mistake:
    """Wrongly answered example; probabilities are None where not kept, or no answer is right."""

    example: Example
    predicted: str
    p_predicted: float | None
    p_right: float | None
    words: tuple["SlotWords", ...] = ()


@dataclass(frozen=True)
class SlotWords:
    """Likeliest words of a model at a slot, with their shares of its whole words."""

    slot: str
    words: tuple[tuple[str, float], ...]


def worst(predictions: Predictions, most: int) -> list[int]:
    """Return the indices of wrong examples, least probability of the right answer first.

    Those without a right candidate come last: they show nothing about the prompt.
    """
    wrong = np.flatnonzero(~predictions.hits)
    order = np.lexsort((wrong, predictions.log_right[wrong], predictions.rank[wrong] == 0))
    indices: list[int] = wrong[order][:most].tolist()
    return indices


def mistakes(
    predictions: Predictions, examples: Dataset, indices: Sequence[int]
) -> tuple[Mistake, ...]:
    """Return the mistakes at these indices of the examples."""
    return tuple(_mistake(predictions, examples, index) for index in indices)


def _mistake(predictions: Predictions, examples: Dataset, index: int) -> Mistake:
    if isinstance(predictions, MultiLabelPredictions):
        decided, p_right = predictions.label_sets[index], np.exp(predictions.log_right[index])
        return Mistake(examples[index], set_name(decided), None, float(p_right))
    if isinstance(predictions, TagPredictions):
        return _of_spans(predictions, examples[index], index)
    predicted = int(predictions.predicted[index])
    choices = predictions.choice_log_probs
    known = predictions.log_probs if choices is None else choices
    return Mistake(
        examples[index],
        predictions.labels[predicted],
        None if known is None else float(np.exp(known[index].max())),
        float(np.exp(predictions.log_right[index])) if predictions.rank[index] else None,
    )


def _of_spans(predictions: TagPredictions, example: Example, index: int) -> Mistake:
    """Return a sentence whose spans, with their types, are not those that are right."""
    right, predicted = (
        _named_spans(example.words, tags[index])
        for tags in (predictions.gold_tags, predictions.tags)
    )
    each_span = {**example.inputs, SPAN: "..."}
    return Mistake(replace(example, inputs=each_span, target=right), predicted, None, None)


def _named_spans(words: Sequence[str], tags: Sequence[str]) -> str:
    """Return `Ann: PER, New York: LOC`."""
    spans = spans_of(tags, strict=False)
    named = (f"{text_of(words[span.start : span.stop])}: {span.type}" for span in spans)
    return ", ".join(named) or "no span"
