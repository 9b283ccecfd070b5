"""The project's own file, prompts.json: read, write, check, align with a task, load its model."""

from promptsearch.prompt_file.prompts_json import (
    FORMAT,
    PromptFile,
    SavedPrompt,
    answers_of,
    prompt_of,
    read_prompts,
    write_prompts,
)
from promptsearch.prompt_file.schema import SCHEMA

__all__ = [
    "FORMAT",
    "SCHEMA",
    "PromptFile",
    "SavedPrompt",
    "answers_of",
    "prompt_of",
    "read_prompts",
    "write_prompts",
]
