"""The project's own file, prompts.json: read, write, check, align with a task, load its model."""

from promptsearch.prompt_file.prompts_json import (
    FORMAT,
    SCHEMA,
    PromptFile,
    SavedPrompt,
    answers_of,
    prompt_of,
    read_prompts,
    write_prompts,
)

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
