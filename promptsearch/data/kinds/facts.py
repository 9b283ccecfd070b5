"""Facts: every example is a subject, and its right answers are the objects that it has."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from promptsearch.data.examples import Dataset, Example, choices_in, most_frequent
from promptsearch.data.kinds.kind import TaskKind, choice_row, targets_of
from promptsearch.data.tables.rows import TableFormat
from promptsearch.data.tasks.candidates import chosen_candidates
from promptsearch.data.tasks.choices_column import CHOICES_KEYS, ChoicesColumn
from promptsearch.data.tasks.definition import TaskDefinition, with_candidates
from promptsearch.data.tasks.facts_reader import SUBJECT, FactsReader, objects_of
from promptsearch.data.tasks.source import TaskSource
from promptsearch.data.tasks.task_file import OF_PROMPTS
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import TaskError
from promptsearch.prompt import Prompt, Template, Verbalizer

if TYPE_CHECKING:
    from promptsearch.metrics import Predictions, Scores
    from promptsearch.metrics.outcomes import Outcomes


@dataclass(frozen=True)
class FactsKind(TaskKind):
    """A subject and its objects, chosen among candidates."""

    name = "facts"
    keys = ("subject", "object", "candidates", *CHOICES_KEYS, *OF_PROMPTS)
    metric_keys = ("log_likelihood", "p@1", "p@1_macro", "mrr", "coverage")
    multi_token = "independent"
    answers_noun = "candidates"
    targets_fill_slot = True
    has_subject = True
    has_candidates = True
    merges_alike = True

    def reader(
        self, layout: TableFormat, keys: TomlKeys, inputs: tuple[str, ...], labels: tuple[str, ...]
    ) -> FactsReader:
        return facts_reader(layout, keys)

    def loader(self, keys: TomlKeys) -> "FactsLoader":
        return FactsLoader(facts_reader(TableFormat(), keys), keys.optional("candidates"))

    def outcomes(self, predictions: "Predictions") -> "Outcomes":
        from promptsearch.metrics.outcomes import rank_outcomes

        return rank_outcomes(predictions)

    def example_row(
        self, predictions: "Predictions", index: int, example: Example
    ) -> Mapping[str, object]:
        return choice_row(list(example.targets), predictions, index)

    def majority(
        self, definition: TaskDefinition, seen: Dataset, examples: Dataset
    ) -> "tuple[str, Scores]":
        from promptsearch.metrics.guesses import object_guess_scores

        label = most_frequent(seen)
        return label, object_guess_scores([label] * len(examples), targets_of(examples))


@dataclass(frozen=True)
class FactsLoader:
    """The keys of a task of facts."""

    reader: FactsReader  # of any table
    candidates: str | None

    def load(self, source: TaskSource) -> TaskDefinition:
        template = _template(source)
        reader = self.reader.of(source.layout)
        splits = train, dev = source.train_and_dev(reader, template.fields)
        seen = train.examples, dev.examples
        objects = tuple(dict.fromkeys((*objects_of(*seen), *choices_in(*seen))))
        # Until the candidates are known the objects stand in: enough to show the prompt.
        prompt = Prompt(template, Verbalizer.of_candidates(objects, template.slots[0]))
        definition = source.definition(prompt, (), template.fields, splits, reader)
        chosen = chosen_candidates(self.candidates, source.file, source.task.encoding, objects)
        definition = replace(definition, candidates_rule=chosen.rule, candidates_file=chosen.file)
        return definition if chosen.words is None else with_candidates(definition, chosen.words)


def facts_reader(layout: TableFormat, keys: TomlKeys) -> FactsReader:
    """Return the reader of rows by the keys of a task file."""
    columns = keys.string("subject", SUBJECT), keys.string("object", "object")
    return FactsReader(TableFormat(), *columns, ChoicesColumn.of(keys)).of(layout)


def _template(source: TaskSource) -> Template:
    """Return the template of a fact task: `{subject}` and one slot."""
    template, at = source.template, f"{source.file}: template: {source.task.template!r}"
    if unknown := [name for name in template.fields if name != SUBJECT]:
        raise source.unknown_field(unknown[0], [SUBJECT])
    if not template.fields:
        raise TaskError(f"{at} has no {{subject}}; put it in")
    if len(template.slots) > 1:
        raise TaskError(
            f"{at} has {len(template.slots)} slots, but a fact's object is one answer; keep one [Z]"
        )
    return template
