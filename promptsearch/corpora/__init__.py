"""What comes from outside: files, tables, facts, labelled text and the tasks made of them.

Nothing here loads a heavy package before a file needs it.
"""

from promptsearch.corpora.definition import (
    Split,
    TaskDefinition,
    with_candidates,
)
from promptsearch.corpora.files import did_you_mean, open_bytes, open_text
from promptsearch.corpora.frame import TaskFrame, frame_of
from promptsearch.corpora.label_column import one_a_row
from promptsearch.corpora.loading import load_document, load_task
from promptsearch.corpora.shipped import builtin_tasks
from promptsearch.corpora.starter import starter_task
from promptsearch.corpora.tables import Layout, Row, read_rows
from promptsearch.corpora.task_file import Chat

__all__ = [
    "Chat",
    "Layout",
    "Row",
    "Split",
    "TaskDefinition",
    "TaskFrame",
    "builtin_tasks",
    "did_you_mean",
    "frame_of",
    "load_document",
    "load_task",
    "one_a_row",
    "open_bytes",
    "open_text",
    "read_rows",
    "starter_task",
    "with_candidates",
]
