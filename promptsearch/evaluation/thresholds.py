"""Predictions of several labels at once at the thresholds of their prompts."""

from collections.abc import Mapping, Sequence

from promptsearch.data import Split, TaskDefinition
from promptsearch.metrics.multi_label_predictions import MultiLabelPredictions, decided_by
from promptsearch.metrics.predictions import Predictions
from promptsearch.prompt import Prompt
from promptsearch.scoring import PromptScorer


def decided_predictions(
    prompts: Sequence[Prompt],
    rows: Sequence[Mapping[str, object]],
    definition: TaskDefinition,
    scorer: PromptScorer,
    split: Split,
) -> list[Predictions]:
    """Return the predictions of prompts on a split, `rows` being what a file says of each.

    One without a threshold takes the task's, or learns it on dev, as the task has it.
    """
    predictions = list(scorer.predict(prompts, split.examples).predictions)
    if not definition.kind.label_sets:
        return predictions
    known = [row.get("threshold") for row in rows]
    unknown = [i for i, each in enumerate(known) if not isinstance(each, int | float)]
    learned = dict(zip(unknown, _thresholds(prompts, unknown, definition, scorer), strict=True))
    thresholds = [learned.get(i, each) for i, each in enumerate(known)]
    return [
        decided_by(each, float(str(threshold)))
        for each, threshold in zip(predictions, thresholds, strict=True)
    ]


def _thresholds(
    prompts: Sequence[Prompt],
    chosen: Sequence[int],
    definition: TaskDefinition,
    scorer: PromptScorer,
) -> list[float]:
    """Return the thresholds of the prompts with these indices, by the task's rule."""
    if definition.threshold != "dev":
        return [float(definition.threshold)] * len(chosen)
    dev = definition.dev.examples
    batch = scorer.predict([prompts[i] for i in chosen], dev).predictions if chosen else ()
    learned = [decided_by(each, "dev") for each in batch]
    return [each.threshold for each in learned if isinstance(each, MultiLabelPredictions)]
