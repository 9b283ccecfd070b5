"""The start of an answer search: its checks and first trials; and the prompts it proposes."""

from collections.abc import Mapping, Sequence

from promptsearch.data import TaskKind
from promptsearch.data.tasks.span_rows import IN_ANSWERS
from promptsearch.engine import Trial
from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import ModelError, TaskError
from promptsearch.models import LanguageModel
from promptsearch.prompt import Prompt, Source, Template, Verbalizer


def require_labels(name: str, kind: TaskKind, slots: Sequence[str] = ()) -> None:
    """Raise TaskError if a task has no label words to search, or several `slots` for one word."""
    if kind.label_sets:
        raise TaskError(
            f"{name}: it has several labels at once, answered with yes or no, and words are "
            "searched for one label a row; use a template search"
        )
    if kind.values:
        raise TaskError(
            f"{name}: its two answers are the ends of a range, whose words `answers prune` "
            "searches; use that, or a template search"
        )
    if kind.free_texts:
        raise TaskError(
            f"{name}: it is answered with texts, and has no answer words to search; use a template "
            "search"
        )
    if not kind.has_labels:
        raise TaskError(
            f"{name}: the candidates of {kind} are their own answers, so there is nothing to "
            "search; use a template search"
        )
    if len(slots) > 1:
        raise TaskError(
            f"{name}: the template has the slots {', '.join(slots)}; words are searched for one "
            "[Z] (for several, see `answers decompose`)"
        )


def require_words(task: Task, several: bool = False) -> None:
    """Raise TaskError if the labels of a task have no words, or more slots for one than may be."""
    texts = (text for answer in task.prompt.verbalizer.answers for _, text in answer)
    if task.kind.has_sentences and (named := next((t for t in texts if IN_ANSWERS in t), None)):
        raise TaskError(
            f"{task.name}: its answer {named!r} names the span, and words are searched for a slot "
            f"beside it; name {IN_ANSWERS} in the template, or use a template search"
        )
    require_labels(task.name, task.kind, () if several else task.prompt.template.slots)


def require_model(task: Task, several: bool = False) -> LanguageModel:
    """Return the model; TaskError if the task has no labels, or more slots than it may have."""
    if task.prompt.verbalizer.no is not None:
        raise TaskError(
            f"{task.name}: its labels are answered with yes and no, and have no words of their "
            "own; `answers prune` searches these two for options"
        )
    require_words(task, several)
    if task.model is None:
        raise ModelError("searching answers needs a model")
    return task.model


def starting_trials(
    task: Task, templates: Sequence[str], score: Score, strategy: str
) -> list[Trial]:
    """Score the templates with the task's answers; without any, the task's own prompt."""
    parsed = [Template.parse(notation) for notation in templates]
    prompts = [task.prompt.with_template(each, Source(strategy, ("p0",))) for each in parsed]
    return score(prompts or [task.prompt])


def with_words(
    start: Trial, words: Mapping[str, Sequence[str]], strategy: str, evidence: Mapping[str, object]
) -> Prompt:
    """Return the prompt of the start's template with these answers."""
    template = start.prompt.template
    answers = Verbalizer.of(
        {label: list(label_words) for label, label_words in words.items()}, template.slots
    )
    return Prompt(template, answers, Source(strategy, (start.id,), evidence))
