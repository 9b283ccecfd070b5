"""A prefix as an adapter of peft's prefix tuning: keys and values of every layer before a text."""

import json
from collections.abc import Sequence
from pathlib import Path

from safetensors.numpy import save

from promptsearch.errors import ExportError, ModelError
from promptsearch.files.write import write_atomic, write_bytes
from promptsearch.formats.export import final_path, next_command
from promptsearch.formats.peft.adapter_config import (
    CONFIG,
    PREFIX_TUNING,
    TASKS,
    TENSOR,
    TENSORS,
)
from promptsearch.formats.peft.order import lead_problem
from promptsearch.formats.peft.prefix_layout import (
    attention_shape,
    check_peft_reads,
    rows_of,
)
from promptsearch.formats.shared.cloze import ELSEWHERE
from promptsearch.formats.shared.model_source import directory_or_name
from promptsearch.models import LanguageModel
from promptsearch.models.tokenization.deep_parts import DeepParts
from promptsearch.prompt import Prefix, Template
from promptsearch.prompt_file.prompts_json import SavedPrompt

LOADING = (
    "from peft import PrefixTuningConfig; import sys; "
    "print(PrefixTuningConfig.from_pretrained(sys.argv[1]))"
)


def write_prefix(
    saved: SavedPrompt, prefix: Prefix, model: LanguageModel, into: Path
) -> Sequence[str]:
    """Write the adapter's folder; return notes. Raises ExportError for what peft cannot hold."""
    template = saved.prompt.template
    try:
        check_peft_reads(model)
        DeepParts(prefix).check(model.info)
        layers, heads, size = attention_shape(model)
    except ModelError as error:
        raise ExportError(f"{saved.id}: {error}; {ELSEWHERE}") from None
    if problem := _problem(template, prefix, layers, model):
        raise ExportError(f"{saved.id}: {problem}; {ELSEWHERE}")
    config = {
        "peft_type": PREFIX_TUNING,
        "task_type": TASKS[model.info.family][0],
        "base_model_name_or_path": directory_or_name(model),
        "inference_mode": True,
        "num_virtual_tokens": prefix.length,
        "token_dim": heads * size,
        "num_layers": layers,
        "num_attention_heads": heads,
        "num_transformer_submodules": 1,
        "prefix_projection": False,
        "encoder_hidden_size": heads * size,
    }
    write_bytes(into / TENSORS, save({TENSOR: rows_of(prefix)}))
    write_atomic(into / CONFIG, json.dumps(config, indent=1) + "\n")
    return _notes(template, prefix, model, into)


def _problem(template: Template, prefix: Prefix, layers: int, model: LanguageModel) -> str | None:
    """Return what peft would read otherwise than we do; None if there is nothing."""
    if template.soft:
        return f"an adapter of peft has a prefix or vectors, and this has {template.notation!r} too"
    if prefix.layers != tuple(range(1, layers + 1)):
        numbers = ", ".join(map(str, prefix.layers))
        return (
            f"peft has keys and values at each of {layers} layers, and the prefix stands at "
            f"{numbers} only: zeros at the others would be read, too"
        )
    if prefix.continues and (lead := lead_problem(model)):
        return (
            f"the text goes on behind its prefix, but {lead}, which peft's user would put between "
            "them"
        )
    return None


def _notes(template: Template, prefix: Prefix, model: LanguageModel, into: Path) -> Sequence[str]:
    text = f"the text that follows them is {template.notation!r}"
    if prefix.continues:
        text += ", which goes on there: its first space belongs to it"
    if model.info.chat is not None:
        text += ", in the user's turn of the model's chat template"
    notes = [f"peft puts {prefix.length} positions in front of all that it reads; {text}"]
    if model.info.family == "masked":
        notes.append("peft has no task for masked models: load it into AutoModelForMaskedLM")
    return [
        *notes,
        "how answers are scored is not in it: compare log-probabilities of the answers there",
        next_command("python", "-c", LOADING, final_path(into)),
    ]
