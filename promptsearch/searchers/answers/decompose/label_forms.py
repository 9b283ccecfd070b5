"""The answers of labels in templates of one, two or more slots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from promptsearch.data.tasks.ptr_rules import Rules
from promptsearch.errors import TaskError, did_you_mean
from promptsearch.prompt import Template
from promptsearch.searchers.answers.decompose.label_names import label_words, named_rules

Form = Literal["rules", "roles", "names"]
LabelForms = Mapping[str, Sequence[object]]  # as `Verbalizer.of` takes them


@dataclass(frozen=True)
class Forms:
    """The answers of labels, in several shapes.

    `names` has the words of a label's name; `rules` answers with a word a slot, None where there
    are none. `derived`: the rules were made of the names.
    """

    names: Mapping[str, tuple[str, ...]]
    rules: Mapping[str, list[list[str]]] | None
    derived: bool

    @classmethod
    def of(cls, labels: Sequence[str], rules: Rules | None) -> "Forms":
        """Return forms with these rules, or with derived ones; TaskError if a label has no rule."""
        if rules is None:
            rules_of_names = named_rules(labels)
            return cls(label_words(labels), rules_of_names, rules_of_names is not None)
        if missing := [label for label in labels if label not in rules]:
            raise TaskError(
                f"`rules`: there is no rule for the label {missing[0]!r}"
                f"{did_you_mean(missing[0], list(rules))}; add one to the file"
            )
        return cls(label_words(labels), {label: rules[label] for label in labels}, False)

    @property
    def width(self) -> int:
        """The number of words of a rule; 0 without rules."""
        return len(next(iter(self.rules.values()))[0]) if self.rules else 0

    def answers(self, template: Template) -> tuple[Form, LabelForms]:
        """Return the form and the answers that fit the template's slots; TaskError if none does."""
        count = len(template.slots)
        if self.rules and count == self.width:
            return "rules", self.rules
        if self.rules and count == 2:
            ends = {
                label: list(dict.fromkeys((answer[0], answer[-1]) for answer in answers))
                for label, answers in self.rules.items()
            }
            return "roles", ends
        if count == 1:
            return "names", self.names
        widths = [1, 2, self.width] if self.rules else [1]
        raise TaskError(
            f"the template {str(template)!r} has {count} slots, but there are answers for "
            f"{' or '.join(map(str, dict.fromkeys(widths)))}"
            + ("" if self.rules else "; give rules with a word a slot: `rules` FILE")
        )


def same_tokens(answers: LabelForms) -> list[list[str]]:
    """Return groups of labels with equal answers, which nothing tells apart."""
    groups: dict[frozenset[object], list[str]] = {}
    for label, answers_of_label in answers.items():
        key = frozenset(
            tuple(each) if isinstance(each, list) else each for each in answers_of_label
        )
        groups.setdefault(key, []).append(label)
    return [labels for labels in groups.values() if len(labels) > 1]
