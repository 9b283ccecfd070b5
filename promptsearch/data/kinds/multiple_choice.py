"""Multiple choice: every row has choices of its own, texts that answer for themselves."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptsearch.data.examples import Dataset, Example, choices_in
from promptsearch.data.kinds.kind import TaskKind, choice_row, targets_of
from promptsearch.data.tables.rows import TableFormat
from promptsearch.data.tasks.choice_prompts import ChoicePrompts
from promptsearch.data.tasks.choices_column import CHOICES, CHOICES_KEYS
from promptsearch.data.tasks.definition import TaskDefinition
from promptsearch.data.tasks.input_columns import InputColumns
from promptsearch.data.tasks.labelled_prompts import LAYOUT_KEYS
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.options_text import OPTION_KEYS
from promptsearch.data.tasks.source import TaskSource
from promptsearch.data.tasks.task_file import OF_PROMPTS
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import TaskError

if TYPE_CHECKING:
    from promptsearch.metrics import Predictions, Scores
    from promptsearch.metrics.outcomes import Outcomes


@dataclass(frozen=True)
class MultipleChoiceKind(TaskKind):
    """A question, and the texts that are its choices; the candidates are those of train and dev.

    Task files say so by `choices` without answers.
    """

    name = "multiple-choice"
    keys = ("inputs", "label", "markup", *CHOICES_KEYS, *OPTION_KEYS, *LAYOUT_KEYS, *OF_PROMPTS)
    metric_keys = ("log_likelihood", "accuracy")
    multi_token = "left-to-right"
    answers_noun = "candidates"
    targets_fill_slot = True
    has_candidates = True
    merges_alike = True

    def reader(
        self, layout: TableFormat, keys: TomlKeys, inputs: tuple[str, ...], labels: tuple[str, ...]
    ) -> LabelledReader:
        return InputColumns.of(keys).row_reader(layout, inputs, (), frozenset(inputs))

    def loader(self, keys: TomlKeys) -> "MultipleChoiceLoader":
        keys.required(CHOICES, keys.string(CHOICES, ""))
        return MultipleChoiceLoader(InputColumns.of(keys), ChoicePrompts.of(keys))

    def outcomes(self, predictions: "Predictions") -> "Outcomes":
        from promptsearch.metrics.outcomes import rank_outcomes

        return rank_outcomes(predictions)

    def example_row(
        self, predictions: "Predictions", index: int, example: Example
    ) -> Mapping[str, object]:
        row = choice_row(example.targets[0], predictions, index)
        assert predictions.choice_log_probs is not None, "every row has choices"
        log_probs = predictions.choice_log_probs[index].tolist()
        by_choice = zip(example.choices, log_probs, strict=False)
        finite = {choice: value for choice, value in by_choice if value > -float("inf")}
        return {**row, "log_probs": finite}

    def guesses(self, seen: Dataset) -> tuple[str, Callable[[Dataset], Sequence[str]]]:
        """Return the choice at the position that is right most often."""
        positions = Counter(e.choices.index(e.targets[0]) for e in seen if e.is_answerable)
        first = min(positions, key=lambda position: (-positions[position], position), default=0)
        return f"choice {first}", lambda rows: [e.choices[first % len(e.choices)] for e in rows]

    def majority(
        self, definition: TaskDefinition, seen: Dataset, examples: Dataset
    ) -> "tuple[str, Scores]":
        from promptsearch.metrics.guesses import choice_guess_scores

        label, guesses = self.guesses(seen)
        return label, choice_guess_scores(guesses(examples), targets_of(examples))


@dataclass(frozen=True)
class MultipleChoiceLoader:
    """The keys of a task whose rows have free choices."""

    columns: InputColumns
    prompts: ChoicePrompts

    def load(self, source: TaskSource) -> TaskDefinition:
        template = self.prompts.template(source, lambda: self.columns.names(source))
        at = f"{source.file}: template: {source.task.template!r}"
        if not template.fields:
            raise TaskError(f"{at} has no input field; name one in braces, such as {{question}}")
        if len(template.slots) > 1:
            raise TaskError(f"{at} has {len(template.slots)} slots, and a choice fills one [Z]")
        reader = self.columns.reader(source, template.fields, ())
        splits = train, dev = source.train_and_dev(reader, template.fields)
        candidates = choices_in(train.examples, dev.examples)
        prompt = self.prompts.prompt(template, candidates)
        return source.definition(prompt, candidates, reader.inputs, splits, reader)
