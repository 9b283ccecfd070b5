"""The kinds of task by their names in files. To add one: write its module, and add it to KINDS."""

from collections.abc import Mapping

from promptsearch.data.kinds.classification import ClassificationKind
from promptsearch.data.kinds.facts import FactsKind
from promptsearch.data.kinds.generation import GenerationKind
from promptsearch.data.kinds.kind import TaskKind
from promptsearch.data.kinds.multi_label import MULTI_LABEL_KEY, MultiLabelKind
from promptsearch.data.kinds.multiple_choice import MultipleChoiceKind
from promptsearch.data.kinds.spans import SpansKind
from promptsearch.data.kinds.tags import TagsKind
from promptsearch.data.kinds.value import ValueKind
from promptsearch.data.tasks.labelled_prompts import labels_in
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import brief

CLASSIFICATION, FACTS, TAGS = ClassificationKind(), FactsKind(), TagsKind()
MULTI_LABEL, MULTIPLE_CHOICE = MultiLabelKind(), MultipleChoiceKind()
GENERATION, VALUE, SPANS = GenerationKind(), ValueKind(), SpansKind()
_ALL = (CLASSIFICATION, FACTS, TAGS, MULTI_LABEL, MULTIPLE_CHOICE, GENERATION, VALUE, SPANS)
KINDS: Mapping[str, TaskKind] = {kind.name: kind for kind in _ALL}
PROMPTED: tuple[str, ...] = tuple(name for name, kind in KINDS.items() if not kind.tags_words)

__all__ = [
    "CLASSIFICATION",
    "FACTS",
    "GENERATION",
    "KINDS",
    "MULTIPLE_CHOICE",
    "MULTI_LABEL",
    "PROMPTED",
    "SPANS",
    "TAGS",
    "VALUE",
    "TaskKind",
    "kind_in",
    "refuse_foreign",
]


def kind_in(keys: TomlKeys) -> TaskKind:
    """Return the kind that a task file says. Raises TaskError if it says none.

    Classification with `multi_label = true` is a kind of its own.
    """
    value = keys.document.get("kind")
    if value == CLASSIFICATION.name and keys.flag(MULTI_LABEL_KEY, default=False):
        return MULTI_LABEL
    if isinstance(value, str) and value in KINDS:
        kind = KINDS[value].configured(keys)
        return MULTIPLE_CHOICE if has_free_choices(keys, kind) else kind
    problem = "it is missing" if value is None else f"it is {brief(repr(value))}"
    *names, last = (f'kind = "{name}"' for name in KINDS)
    raise keys.error("kind", f"{problem}; write {', '.join(names)} or {last}")


def has_free_choices(keys: TomlKeys, kind: TaskKind) -> bool:
    """Return whether rows have choices, and the task no labels with answers for them."""
    return kind.single_label and "choices" in keys.document and not labels_in(keys)


def refuse_foreign(keys: TomlKeys, kind: TaskKind) -> None:
    """Raise TaskError at a key that other kinds have."""
    foreign = [key for each in KINDS.values() for key in each.keys if key not in kind.keys]
    if unknown := [key for key in foreign if key in keys.document]:
        raise keys.error(unknown[0], f'it has no meaning for kind = "{kind}"; remove it')
