"""Formats of other tools: a module or folder each, with `write` and, for published files, `read`.

A new format is its module and its line here; the module loads when it is used.
"""

from collections.abc import Mapping

EXPORTS: Mapping[str, str] = {  # the name after --to, and what is written
    "python": "one Python file that needs torch and transformers",
    "messages": "JSON messages with {placeholders}, for chat interfaces",
    "lm-eval": "a task of the LM evaluation harness, with its data",
    "hf-pipeline": "arguments of a transformers pipeline",
    "peft": "an adapter of peft: vectors, a prefix, or the template's words to start from",
    "promptfoo": "a promptfoo configuration with tests",
    "dspy": "the saved state of a dspy Predict",
    "langchain": "a LangChain prompt template",
    "dotprompt": "a .prompt file",
    "promptsource": "templates.yaml of promptsource",
    "text": "the template and its answers, to be read",
    "openprompt": "a template and a verbalizer of OpenPrompt",
    "lpaqa": "LPAQA's JSON lines, with weights",
    "lama": "lines of LAMA's relations.jsonl",
    "optiprompt": "a line of OptiPrompt's relation files",
    "autoprompt": "AutoPrompt's template and label map",
    "lm-bff": "LM-BFF's template and label mapping",
    "pet": "a class of PET's pvp.py",
    "pararel": "ParaRel's JSON lines",
    "ptr": "a rule file of PTR",
    "unimc": "UniMC's JSON lines: a task's rows with a question and choices",
}
IMPORTS: Mapping[str, str] = {  # the name after --from, and what is read
    "openprompt": "OpenPrompt's templates and verbalizers (text, JSON)",
    "lpaqa": "LPAQA's lists of prompts (JSON lines with weights, text)",
    "lama": "LAMA's relations.jsonl",
    "optiprompt": "OptiPrompt's relation files (JSON lines), with prompt_vecs.npy beside them",
    "peft": "the folder of a prompt that peft tuned (PROMPT_TUNING, P_TUNING, PREFIX_TUNING)",
    "autoprompt": "AutoPrompt's prompts (JSON lines), and its [T]/[P] templates with their tokens",
    "lm-bff": "LM-BFF's templates and label mappings",
    "pet": "PET's patterns (Python), and verbalizers of PET and PETAL (JSON, text)",
    "pararel": "ParaRel's patterns (JSON lines)",
    "ptr": "rule files of PTR and KnowPrompt",
    "unimc": "UniMC's JSON lines: a prompt for each question and list of choices",
}
TASK_IMPORTS: Mapping[str, str] = {  # the same, of rows: what is written are task files and tables
    "pclue": "pCLUE's JSON lines, filled prompts: a task file and a table for each type",
}
