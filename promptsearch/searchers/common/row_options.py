"""Templates whose options are the choices of a row: what cannot write or read them says so."""

from promptsearch.engine.strategy import Task
from promptsearch.errors import TaskError


def refuse_row_options(task: Task, what: str) -> None:
    """Raise TaskError if the options of the task's prompt are each row's choices."""
    if task.prompt.template.takes_choices:
        raise TaskError(
            f"{task.name}: {what} knows no options of each row, [O]; use paraphrase, or a template "
            "with [Z]"
        )
