"""What was found, in files: the native format, and one module for each foreign one."""

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
