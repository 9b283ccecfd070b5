"""Tags: every example is a sentence, and each of its words has a tag, which a head reads."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast, get_args

from promptsearch.data.examples import Dataset, Example
from promptsearch.data.kinds.kind import TaskKind
from promptsearch.data.tables.conll import Column
from promptsearch.data.tables.rows import TableFormat
from promptsearch.data.tasks.definition import TaskDefinition
from promptsearch.data.tasks.source import TaskSource
from promptsearch.data.tasks.tagged_sentence import (
    TEXT,
    FileScheme,
    is_file_tag,
    no_tag,
    scheme_of,
    tag_labels,
)
from promptsearch.data.tasks.tags_reader import TagsReader
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import TaskError, brief
from promptsearch.prompt import Prompt, Template, Verbalizer

if TYPE_CHECKING:
    from promptsearch.metrics import Predictions, Scores
    from promptsearch.metrics.outcomes import Outcomes


@dataclass(frozen=True)
class TagsKind(TaskKind):
    """A tag for each word of a sentence."""

    name = "tags"
    keys = ("words", "tags", "labels", "scheme")
    metric_keys = (
        *("log_likelihood", "entity_f1", "entity_precision", "entity_recall"),
        *("tag_accuracy", "sentence_accuracy"),
    )
    multi_token = "left-to-right"
    # Nothing but the sentence is read; a template must have a slot.
    default_template = f"{{{TEXT}}} [Z]"
    has_labels = True
    has_sentences = True
    tags_words = True
    scores_answers = False

    def reader(
        self, layout: TableFormat, keys: TomlKeys, inputs: tuple[str, ...], labels: tuple[str, ...]
    ) -> TagsReader:
        columns = keys.column("words"), keys.column("tags")
        return TagsReader(layout, *columns, labels_of(keys), scheme_in(keys))

    def loader(self, keys: TomlKeys) -> "TagsLoader":
        columns = keys.column("words"), keys.column("tags")
        return TagsLoader(*columns, labels_of(keys), scheme_in(keys))

    def outcomes(self, predictions: "Predictions") -> "Outcomes":
        from promptsearch.metrics.outcomes import tag_outcomes

        return tag_outcomes(predictions)

    def example_row(
        self, predictions: "Predictions", index: int, example: Example
    ) -> Mapping[str, object]:
        from promptsearch.metrics.predictions import TagPredictions

        assert isinstance(predictions, TagPredictions), "a task of tags has these"
        return {
            "words": list(example.words),
            "target": list(example.tags),
            "predicted": list(predictions.tags[index]),
            "correct": bool(predictions.hits[index]),
            "log_prob": float(predictions.log_right[index]),
        }

    def majority(
        self, definition: TaskDefinition, seen: Dataset, examples: Dataset
    ) -> "tuple[str, Scores]":
        from promptsearch.metrics.guesses import tag_guess_scores

        counts = Counter(tag for example in seen for tag in example.tags)
        tag = counts.most_common(1)[0][0]
        gold = [example.tags for example in examples]
        return tag, tag_guess_scores(tag, gold, definition.scheme or "IOB2")


@dataclass(frozen=True)
class TagsLoader:
    """The keys of a task of tags."""

    words: Column | None
    tags: Column | None
    labels: tuple[str, ...]
    scheme: FileScheme

    def load(self, source: TaskSource) -> TaskDefinition:
        template = _template(source)
        layout = replace(source.layout, rename={})
        reader = TagsReader(layout, self.words, self.tags, self.labels, self.scheme)
        splits = train, dev = source.train_and_dev(reader, template.fields)
        labels = tag_labels(self.labels, train.examples, dev.examples)
        if len(labels) < 2:
            raise TaskError(
                f"{source.file}: train and dev have only the tag {labels[0]!r}, so there is "
                "nothing to learn; name the column of the tags, tags = ..."
            )
        prompt = Prompt(template, Verbalizer.of_candidates(labels, template.slots[0]))
        definition = source.definition(prompt, labels, (TEXT,), splits, reader)
        return replace(definition, scheme=scheme_of(self.scheme))


def _template(source: TaskSource) -> Template:
    """Return the template of a task of tags: `{text}`, and the slot that every template has."""
    template = source.template
    if unknown := [name for name in template.fields if name != TEXT]:
        raise source.unknown_field(unknown[0], [TEXT])
    if list(template.fields) != [TEXT] or len(template.slots) > 1:
        raise TaskError(
            f"{source.file}: template: {source.task.template!r} must have {{text}} and one [Z]; or "
            "leave the key out, and the sentence alone is read"
        )
    return template


def labels_of(keys: TomlKeys) -> tuple[str, ...]:
    """Return the tags that a task of tags lists.

    Raises TaskError if one stands twice, or is none of the scheme.
    """
    labels, scheme = keys.strings("labels"), scheme_in(keys)
    if wrong := [label for label in labels if not is_file_tag(label, scheme)]:
        raise keys.error("labels", no_tag(wrong[0], scheme))
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise keys.error("labels", f"{twice[0]!r} stands twice; keep one")
    return labels


def scheme_in(keys: TomlKeys) -> FileScheme:
    """Return the scheme of the tags in files."""
    if (value := keys.string("scheme", "IOB2")) not in get_args(FileScheme):
        names = " or ".join(f'"{name}"' for name in get_args(FileScheme))
        raise keys.error("scheme", f"it is {brief(repr(value))}; write {names}")
    return cast(FileScheme, value)
