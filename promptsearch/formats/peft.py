"""A soft prompt of peft that starts as the template's words, for tuning from there on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from promptsearch.errors import ExportError
from promptsearch.files.write import write_atomic
from promptsearch.formats.export import ExportRequest, final_path, next_command
from promptsearch.formats.shared.cloze import only_prompt
from promptsearch.formats.shared.model_source import directory_or_name, model_files
from promptsearch.prompt import Text

TASKS: Mapping[str, str] = {"causal": "CAUSAL_LM", "seq2seq": "SEQ_2_SEQ_LM"}
LOADING = (
    "from peft import PromptTuningConfig; import sys; "
    "print(PromptTuningConfig.from_pretrained(sys.argv[1]))"
)


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a folder with the adapter_config.json of `PromptTuningConfig`; return notes."""
    saved, model = only_prompt(request, "peft"), request.model()
    if model.info.family not in TASKS:
        raise ExportError(
            f"peft's prompt tuning has no task for masked language models such as "
            f"{model.info.spec!r}; tune prompts of a causal or seq2seq model, or use `to` python"
        )
    parts = saved.prompt.template.parts
    words = " ".join(" ".join(part.text.split()) for part in parts if isinstance(part, Text))
    if not words.split():
        raise ExportError(f"{saved.id}: peft starts from words, but it has none; use `to` python")
    gguf, where = model_files(model).gguf, directory_or_name(model)
    tokenizer: Any = model.runtime.tokenizer  # type: ignore[attr-defined]
    config = {
        "peft_type": "PROMPT_TUNING",
        "task_type": TASKS[model.info.family],
        "base_model_name_or_path": where,
        "tokenizer_name_or_path": where,
        "prompt_tuning_init": "TEXT",
        "prompt_tuning_init_text": words,
        "num_virtual_tokens": len(tokenizer(words)["input_ids"]),
        "tokenizer_kwargs": {"gguf_file": gguf} if gguf else None,
    }
    write_atomic(into / "adapter_config.json", json.dumps(config, indent=1) + "\n")
    return [
        "peft holds the template's words, in order: not where inputs and answers stand in it",
        "they are where tuning starts; the soft prompt itself has to be trained",
        next_command("python", "-c", LOADING, final_path(into)),
    ]
