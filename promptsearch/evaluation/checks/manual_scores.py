"""Findings about what the manual prompt scores on dev: it is what a search starts from."""

from collections.abc import Iterator

from promptsearch.data import Dataset, TaskDefinition, most_frequent
from promptsearch.evaluation.checks.finding import Finding
from promptsearch.evaluation.ties import many_ties
from promptsearch.models import LanguageModel, Scoring
from promptsearch.scoring import Scorer

SCORED = 128  # examples of dev, spread over it


def score_findings(definition: TaskDefinition, model: LanguageModel) -> Iterator[Finding]:
    """Yield a warning if the manual prompt of labels is below the majority, or ties."""
    dev = definition.dev.examples
    examples = dev[:: -(-len(dev) // SCORED)]
    (predictions,) = Scorer(model, Scoring()).predict([definition.prompt], examples).predictions
    share, label = float(predictions.hits.mean()), most_frequent(definition.train.examples)
    majority = sum(label in example.targets for example in examples) / len(examples)
    if share < majority:
        yield Finding(
            "warning",
            f"the manual prompt's accuracy on {_looked_at(examples, dev)} is {share:.3f}, below "
            f"that of always {label!r}, {majority:.3f}: a gain over it may be none; write other "
            "answers, or search for some: promptsearch answers prune",
        )
    if remark := many_ties(predictions):
        yield Finding("warning", f"the manual prompt: {remark}; write other answers")


def _looked_at(examples: Dataset, dev: Dataset) -> str:
    return "dev" if len(examples) == len(dev) else f"{len(examples)} of {len(dev)} dev examples"
