"""The configuration of an adapter: which kinds are read, and how long one is."""

from collections.abc import Mapping

from promptsearch.data.tables.json_rows import json_document
from promptsearch.files.read import ENCODING
from promptsearch.formats.importing.contents import Location, shortened_json, well_formed
from promptsearch.models import LanguageModel
from promptsearch.prompt.soft import LONGEST
from promptsearch.prompt_file.prompts_json import Json

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"  # of an adapter
TENSOR = "prompt_embeddings"  # the one tensor
PREFIX_TUNING = "PREFIX_TUNING"
READ = ("PROMPT_TUNING", "P_TUNING", PREFIX_TUNING)
TASKS: Mapping[str, tuple[object, ...]] = {  # a masked model has no task of its own in peft
    "causal": ("CAUSAL_LM",),
    "seq2seq": ("SEQ_2_SEQ_LM",),
    "masked": ("FEATURE_EXTRACTION", None),
}
REASONS: Mapping[str, str] = {  # the other ways to tune prompts; all else changes weights
    "MULTITASK_PROMPT_TUNING": "it makes its vectors for each task anew",
    "ADAPTION_PROMPT": "it adds gated keys and values at some layers, which no prompt here has",
    "CPT": "it trains beside examples that it keeps to itself",
    "CARTRIDGE": "it holds keys and values of whole documents, which no prompt here has",
}


def config_of(location: Location) -> Json:
    """Return the configuration. Raises DataError if it is of another kind of adapter."""
    if location.path.suffix in (".safetensors", ".bin", ".pt", ".pth", ".ckpt"):
        raise location.error(f"give the adapter's folder, which holds {CONFIG} too")
    config = json_document(location.path, ENCODING)
    well_formed(location, config)
    if not isinstance(config, dict):
        raise location.error(f"{shortened_json(config)} is no configuration; give {CONFIG}")
    kind = config.get("peft_type")
    if not isinstance(kind, str) or not kind:
        raise location.error("it names no peft_type, such as PROMPT_TUNING; add it")
    if kind not in READ:
        default = (
            "it changes the model's weights; merge it into the model, and give that as `model`"
        )
        reason = REASONS.get(kind, default)
        raise location.error(f"{shortened_json(kind)} is not among {', '.join(READ)}: {reason}")
    return config


def vector_count(location: Location, config: Json) -> int:
    """Return the number of virtual tokens. Raises DataError if the adapter has other parts too."""
    count = config.get("num_virtual_tokens")
    if type(count) is not int or not 1 <= count <= LONGEST:
        raise location.error(
            f"num_virtual_tokens is {shortened_json(count)}; a prompt has 1 to {LONGEST}"
        )
    if config.get("modules_to_save"):
        modules = shortened_json(config["modules_to_save"])
        raise location.error(
            f"it changes modules of the model too ({modules}); give an adapter with vectors alone"
        )
    return count


def submodule_count(location: Location, config: Json, model: LanguageModel) -> int:
    """Return how many models peft keeps vectors for: of an encoder-decoder model two, or one."""
    family, task = model.info.family, config.get("task_type")
    if task not in TASKS[family]:
        raise location.error(
            f"its task_type is {shortened_json(task)}, but {model.info.spec!r} is a {family} "
            "language model; name the model that it was trained with as `model`"
        )
    count = config.get("num_transformer_submodules")
    if count is None:
        return 2 if family == "seq2seq" else 1
    if type(count) is not int or not 1 <= count <= (2 if family == "seq2seq" else 1):
        raise location.error(
            f"num_transformer_submodules is {shortened_json(count)}, which no {family} language "
            "model has; correct it"
        )
    return count
