"""A saved prompt checked against a task."""

from dataclasses import replace

from promptsearch.data import TaskDefinition, TaskSchema
from promptsearch.errors import TaskError
from promptsearch.prompt import Verbalizer
from promptsearch.prompt_file.prompts_json import SavedPrompt


def aligned(saved: SavedPrompt, definition: TaskDefinition | TaskSchema) -> SavedPrompt:
    """Return the prompt, known to fit the task, with its labels in the task's order."""
    template, verbalizer = saved.prompt.template, saved.prompt.verbalizer
    if unknown := [f for f in template.fields if f not in definition.inputs]:
        raise TaskError(
            f"the prompt {saved.id} uses {{{unknown[0]}}}, but the task {definition.name!r} has "
            f"the inputs {', '.join(definition.inputs)}; use it on the task it was made for"
        )
    if definition.kind == "facts":
        return saved
    if set(verbalizer.labels) != set(definition.labels):
        raise TaskError(
            f"the prompt {saved.id} answers the labels {', '.join(verbalizer.labels)}, but the "
            f"task {definition.name!r} has {', '.join(definition.labels)}; use it on its own"
        )
    pairs = tuple((label, verbalizer[label]) for label in definition.labels)
    return replace(saved, prompt=replace(saved.prompt, verbalizer=Verbalizer(pairs)))
