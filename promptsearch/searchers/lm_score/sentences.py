"""Sentences that templates make of training examples: inputs, answers, and variants of both."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from promptsearch.data import Example
from promptsearch.engine.strategy import Task
from promptsearch.prompt import Field, Filled, FixedText, Input, Slot, Template, Text
from promptsearch.prompt.template import filled_field
from promptsearch.searchers.lm_score.grammatical_forms import Forms, combined, forms_of

ANSWERS = 4  # tried if the right one may not be known
AnswerChoice = Literal["right", "any"]
Words = Mapping[str, str]  # field or slot -> text


@dataclass(frozen=True)
class SentenceSet:
    """A training example: the forms of its fields, and of the slots for each answer."""

    id: str
    fields: Mapping[str, Forms]
    answers: Sequence[Mapping[str, Forms]]

    def sentences(self, template: Template, prefix: str) -> list[list[Filled]]:
        """Return for each answer the template with each combination of forms, after the prefix."""
        return [
            [
                (Text(prefix), *_filled(template, chosen))
                for chosen in self._choices(template, answer)
            ]
            for answer in self.answers
        ]

    def _choices(self, template: Template, answer: Mapping[str, Forms]) -> list[dict[str, str]]:
        forms_of_parts = {name: self.fields[name] for name in template.fields}
        return combined(
            forms_of_parts | {f"[{name}]": answer.get(name, ("",)) for name in template.slots}
        )


def sentence_sets(
    task: Task, examples: int, answer_choice: AnswerChoice, variants: bool
) -> list[SentenceSet]:
    """Return so many training examples, drawn by the task's seed, in their order."""
    rng = np.random.default_rng(task.seed)
    rows = sorted(rng.permutation(len(task.train))[:examples].tolist())
    return [_sentence_set(task, task.train[row], answer_choice, variants, rng) for row in rows]


def _sentence_set(
    task: Task,
    example: Example,
    answer_choice: AnswerChoice,
    variants: bool,
    rng: np.random.Generator,
) -> SentenceSet:
    answers = (
        [_right(task, example)] if answer_choice == "right" else list(_random_answers(task, rng))
    )
    inputs = {name: example.inputs[name] for name in task.inputs}
    return SentenceSet(
        example.id, _formed(inputs, variants), [_formed(each, variants) for each in answers]
    )


def _formed(texts: Words, variants: bool) -> dict[str, Forms]:
    """Return the forms of each text; the choices' have no other one."""
    return {
        name: forms_of(text) if variants and not isinstance(text, FixedText) else (text,)
        for name, text in texts.items()
    }


def _right(task: Task, example: Example) -> Words:
    """Return the first answer of the first right label; or an object that is no candidate."""
    answer = task.prompt.verbalizer.filling(example.targets)
    return answer or dict.fromkeys(task.prompt.template.slots, example.stratum)


def _random_answers(task: Task, rng: np.random.Generator) -> Iterator[Words]:
    """Yield answers drawn whatever the label is; all of them if there are few."""
    answers = task.prompt.verbalizer.answers
    for index in sorted(rng.permutation(len(answers))[:ANSWERS].tolist()):
        yield dict(answers[index])


def _filled(template: Template, chosen: Mapping[str, str]) -> Iterator[Text | Input]:
    for part in template.parts:
        match part:
            case Text():
                yield part
            case Field(name):
                yield filled_field(name, chosen[name])
            case Slot(name):
                yield Text(chosen[f"[{name}]"])
