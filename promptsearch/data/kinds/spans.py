"""Spans: every example is a sentence, and a prompt is asked about each of its spans.

Cui et al. (2021), "Template-Based Named Entity Recognition Using BART",
https://arxiv.org/abs/2106.01760; the prompt decomposition of Liu et al. (2021), "Pre-train, Prompt,
and Predict", section 6.4.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, get_args

from promptsearch.data.examples import Dataset, Example
from promptsearch.data.kinds.kind import TaskKind
from promptsearch.data.kinds.tags import TagsKind, scheme_in
from promptsearch.data.tables.rows import TableFormat
from promptsearch.data.tasks.definition import TaskDefinition
from promptsearch.data.tasks.labelled_prompts import LabelledPrompts
from promptsearch.data.tasks.source import TaskSource
from promptsearch.data.tasks.span_rows import MAX_SPAN, NEGATIVES, SPAN, SpanRule, names_span
from promptsearch.data.tasks.spans_reader import SpansReader
from promptsearch.data.tasks.tagged_sentence import TEXT, FileScheme, scheme_of
from promptsearch.data.tasks.task_file import OF_PROMPTS
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import PromptError, TaskError
from promptsearch.language.spans import OUTSIDE, PREFIXES
from promptsearch.prompt import Prompt

if TYPE_CHECKING:
    from promptsearch.metrics import Predictions, Scores
    from promptsearch.metrics.outcomes import Outcomes

SPANS = "spans"  # a column of rows: the spans that are asked about


@dataclass(frozen=True)
class SpansKind(TaskKind):
    """A type for each span of a sentence, or none."""

    span_rule: SpanRule = SpanRule()

    name = "spans"
    keys = ("words", "tags", "scheme", SPANS, MAX_SPAN, NEGATIVES, "answers", "markup", *OF_PROMPTS)
    metric_keys = TagsKind.metric_keys
    multi_token = "left-to-right"
    has_labels = True
    has_sentences = True
    scores_answers = False

    @property
    def settings(self) -> Mapping[str, object]:
        return {"spans": asdict(self.span_rule)}

    def configured(self, keys: TomlKeys) -> "SpansKind":
        return replace(self, span_rule=SpanRule.of(keys, scheme_of(scheme_in(keys))))

    def reader(
        self, layout: TableFormat, keys: TomlKeys, inputs: tuple[str, ...], labels: tuple[str, ...]
    ) -> SpansReader:
        return reader_of(layout, keys, labels)

    def loader(self, keys: TomlKeys) -> "SpansLoader":
        return SpansLoader(keys, LabelledPrompts.of(keys))

    def training_rows(self, examples: Dataset) -> Dataset:
        return self.span_rule.training_rows(examples)

    def outcomes(self, predictions: "Predictions") -> "Outcomes":
        return TagsKind().outcomes(predictions)

    def example_row(
        self, predictions: "Predictions", index: int, example: Example
    ) -> Mapping[str, object]:
        return TagsKind().example_row(predictions, index, example)

    def majority(
        self, definition: TaskDefinition, seen: Dataset, examples: Dataset
    ) -> "tuple[str, Scores]":
        return TagsKind().majority(definition, seen, examples)


@dataclass(frozen=True)
class SpansLoader:
    """The keys of a task of spans."""

    keys: TomlKeys
    prompts: LabelledPrompts

    def load(self, source: TaskSource) -> TaskDefinition:
        prompt = self.prompts.prompt(source, lambda: [TEXT, SPAN])
        labels = prompt.verbalizer.labels
        _check(prompt, source)
        reader = reader_of(source.layout, self.keys, labels)
        splits = train, _ = source.train_and_dev(reader, [TEXT])
        rule = SpanRule.of(self.keys, scheme_of(reader.scheme))
        if not any(map(rule.types, train.examples)):
            raise TaskError(f"{source.file}: {_no_span(train.examples, reader.scheme)}")
        definition = source.definition(prompt, labels, (TEXT, SPAN), splits, reader)
        return replace(definition, scheme=scheme_of(reader.scheme))


def reader_of(layout: TableFormat, keys: TomlKeys, labels: tuple[str, ...]) -> SpansReader:
    """Return the reader of sentences whose spans have these types; (): any."""
    scheme = scheme_in(keys)
    prefixes = PREFIXES[scheme_of(scheme)]
    tags = tuple(f"{p}-{label}" for label in labels if label != OUTSIDE for p in prefixes)
    columns, layout = (keys.column("words"), keys.column("tags")), replace(layout, rename={})
    return SpansReader(layout, *columns, tags, scheme, keys.optional(SPANS))


def _no_span(examples: Dataset, scheme: FileScheme) -> str:
    """Return why train has no span: all words are outside, or its tags are of another scheme."""
    tag = next((tag for e in examples for tag in e.tags if tag != OUTSIDE), None)
    if tag is None:
        return f"all tags of train are {OUTSIDE}; name the column of the tags, tags = ..."
    others = " or ".join(f'"{each}"' for each in get_args(FileScheme) if each != scheme)
    return (
        f"no span of train is whole in {scheme}, where {tag} is a tag; say which scheme its tags "
        f"have: scheme = {others}"
    )


def _check(prompt: Prompt, source: TaskSource) -> None:
    """Raise TaskError if a prompt has other inputs than a sentence and a span, or no `O`."""
    if unknown := [name for name in prompt.template.fields if name not in (TEXT, SPAN)]:
        raise source.unknown_field(unknown[0], [TEXT, SPAN])
    try:
        names_span(prompt)
    except PromptError as error:
        raise TaskError(f"{source.file}: {error}") from None
    labels = prompt.verbalizer.labels
    if OUTSIDE not in labels or len(labels) < 2:
        raise TaskError(
            f"{source.file}: answers: there is no answer for {OUTSIDE}, a span without a type, "
            f"beside {', '.join(labels)}; give it one"
            if OUTSIDE not in labels
            else f"{source.file}: answers: {OUTSIDE} is the only label; give each type its answer"
        )
