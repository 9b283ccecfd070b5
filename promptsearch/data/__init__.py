"""Tasks and their examples, read from task files and tables.

Nothing here loads a heavy package before a file needs it.
"""

from promptsearch.data.examples import Dataset, Example, has_choices, most_frequent
from promptsearch.data.kinds import (
    CLASSIFICATION,
    FACTS,
    GENERATION,
    KINDS,
    MULTI_LABEL,
    MULTIPLE_CHOICE,
    PROMPTED,
    TAGS,
    VALUE,
    TaskKind,
)
from promptsearch.data.scaffold.label_column import one_a_row
from promptsearch.data.scaffold.task_file_from_table import starter_task
from promptsearch.data.tables.rows import Row, TableFormat, read_rows
from promptsearch.data.tasks.definition import (
    Split,
    TaskDefinition,
    TaskSchema,
    with_candidates,
)
from promptsearch.data.tasks.load import builtin_tasks, load_document, load_task
from promptsearch.data.tasks.schema import schema_of
from promptsearch.data.tasks.task_file import ChatKeys
from promptsearch.errors import did_you_mean
from promptsearch.files.read import open_bytes, open_text

__all__ = [
    "CLASSIFICATION",
    "FACTS",
    "GENERATION",
    "KINDS",
    "MULTIPLE_CHOICE",
    "MULTI_LABEL",
    "PROMPTED",
    "TAGS",
    "VALUE",
    "ChatKeys",
    "Dataset",
    "Example",
    "Row",
    "Split",
    "TableFormat",
    "TaskDefinition",
    "TaskKind",
    "TaskSchema",
    "builtin_tasks",
    "did_you_mean",
    "has_choices",
    "load_document",
    "load_task",
    "most_frequent",
    "one_a_row",
    "open_bytes",
    "open_text",
    "read_rows",
    "schema_of",
    "starter_task",
    "with_candidates",
]
