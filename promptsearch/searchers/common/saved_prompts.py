"""Prompts of a file as the start of a search on a task."""

from dataclasses import replace
from pathlib import Path

from promptsearch.engine.strategy import Task
from promptsearch.prompt import Prompt
from promptsearch.prompt_file.prompts_json import aligned, read_prompts


def saved_prompts(path: str, task: Task) -> list[Prompt]:
    """Return the prompts of a prompts.json, best first, with the task's labels or candidates.

    Raises PromptError if the file cannot be read, TaskError if a prompt does not fit the task.
    """
    prompts = [aligned(saved, task).prompt for saved in read_prompts(Path(path)).prompts]
    if task.kind.has_candidates:
        return [replace(each, verbalizer=task.prompt.verbalizer) for each in prompts]
    return prompts
