"""An adapter of peft: a prefix, trained vectors, or a start as the template's words.

Vectors are written as peft's `save_pretrained` has them: a configuration and one tensor. peft puts
them in front of all that the model reads, so only a template that begins with them is exported.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from promptsearch.errors import ExportError
from promptsearch.files.write import write_atomic, write_bytes
from promptsearch.formats.export import ExportRequest, final_path, next_command
from promptsearch.formats.peft.adapter_config import CONFIG, TASKS, TENSOR, TENSORS
from promptsearch.formats.peft.order import lead_problem
from promptsearch.formats.peft.prefix_exporter import write_prefix
from promptsearch.formats.shared.cloze import only_prompt
from promptsearch.formats.shared.model_source import directory_or_name, model_files
from promptsearch.models import LanguageModel
from promptsearch.prompt import Soft, Template, Text
from promptsearch.prompt_file.prompts_json import SavedPrompt

LOADING = (
    "from peft import PromptTuningConfig; import sys; "
    "print(PromptTuningConfig.from_pretrained(sys.argv[1]))"
)


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a folder with the adapter_config.json of a tuned prompt; return notes."""
    saved, model = only_prompt(request, "peft"), request.model()
    if (prefix := saved.prompt.template.prefix) is not None:
        return write_prefix(saved, prefix, model, into)
    if model.info.family == "masked":
        raise ExportError(
            f"peft's prompt tuning has no task for masked language models such as "
            f"{model.info.spec!r}; tune prompts of a causal or seq2seq model, or use `to` python"
        )
    gguf, where = model_files(model).gguf, directory_or_name(model)
    config: dict[str, object] = {
        "peft_type": "PROMPT_TUNING",
        "task_type": TASKS[model.info.family][0],
        "base_model_name_or_path": where,
    }
    if saved.prompt.template.soft:
        return _write_vectors(saved, model, config, into)
    parts = saved.prompt.template.parts
    words = " ".join(" ".join(part.text.split()) for part in parts if isinstance(part, Text))
    if not words.split():
        raise ExportError(f"{saved.id}: peft starts from words, but it has none; use `to` python")
    tokenizer: Any = model.runtime.tokenizer  # type: ignore[attr-defined]
    config |= {
        "tokenizer_name_or_path": where,
        "prompt_tuning_init": "TEXT",
        "prompt_tuning_init_text": words,
        "num_virtual_tokens": len(tokenizer(words)["input_ids"]),
        "tokenizer_kwargs": {"gguf_file": gguf} if gguf else None,
    }
    write_atomic(into / CONFIG, json.dumps(config, indent=1) + "\n")
    return [
        "peft holds the template's words, in order: not where inputs and answers stand in it",
        "they are where tuning starts; the soft prompt itself has to be trained",
        next_command("python", "-c", LOADING, final_path(into)),
    ]


def _write_vectors(
    saved: SavedPrompt, model: LanguageModel, config: Mapping[str, object], into: Path
) -> Sequence[str]:
    """Write a trained adapter. Raises ExportError if its vectors do not stand in front of all."""
    parts = saved.prompt.template.parts
    front = list(takewhile(lambda part: isinstance(part, Soft) or part == Text(" "), parts))
    while front and not isinstance(front[-1], Soft):  # the space belongs to what follows
        front.pop()
    vectors = [p.vectors for p in front if isinstance(p, Soft) and p.vectors is not None]
    rest = parts[len(front) :]
    if not vectors or any(isinstance(part, Soft) for part in rest):
        raise ExportError(
            f"{saved.id}: peft puts vectors in front of everything, but the template is "
            f"{saved.prompt.template.notation!r}; train with --places before, or use `to` python"
        )
    if model.info.family == "causal" and (problem := lead_problem(model)):
        raise ExportError(
            f"{saved.id}: {problem}, behind which the vectors were trained; peft puts them before, "
            "where they mean less: use `to` python"
        )
    rows = np.concatenate([each.rows for each in vectors])
    numbers = {"num_virtual_tokens": len(rows), "token_dim": rows.shape[1]}
    submodules = {"num_transformer_submodules": 1, "inference_mode": True}
    write_bytes(into / TENSORS, save({TENSOR: rows}))
    document = json.dumps({**config, **numbers, **submodules}, indent=1) + "\n"
    write_atomic(into / CONFIG, document)
    text = Template(rest).notation
    return [
        f"peft puts the {len(rows)} vectors in front; the text that follows them is {text!r}",
        "how answers are scored is not in it: compare log-probabilities of the answers there",
        next_command("python", "-c", LOADING, final_path(into)),
    ]
