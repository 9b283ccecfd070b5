"""An adapter of prompt tuning or P-tuning as a soft prompt: its vectors, then a template."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from promptsearch.data.tables.json_rows import json_document
from promptsearch.errors import PromptError, PromptSearchError
from promptsearch.files.read import ENCODING, sha256
from promptsearch.formats.importing.contents import (
    ForeignTemplate,
    ImportedFiles,
    ImportOptions,
    Location,
    shortened_json,
    well_formed,
)
from promptsearch.formats.peft.order import lead_problem, space_behind
from promptsearch.formats.shared.model_vectors import bound, check_shape, model_of
from promptsearch.models import LanguageModel
from promptsearch.prompt import Soft, Template, Text, Vectors
from promptsearch.prompt.soft import LONGEST
from promptsearch.prompt_file.prompts_json import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIG, TENSORS, PICKLE = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
TENSOR = "prompt_embeddings"
READ = ("PROMPT_TUNING", "P_TUNING")
TASKS: Mapping[str, tuple[object, ...]] = {  # a masked model has no task of its own in peft
    "causal": ("CAUSAL_LM",),
    "seq2seq": ("SEQ_2_SEQ_LM",),
    "masked": ("FEATURE_EXTRACTION", None),
}
REASONS: Mapping[str, str] = {  # the other ways to tune prompts; all else changes weights
    "PREFIX_TUNING": "it holds keys and values at every layer, which no template can",
    "MULTITASK_PROMPT_TUNING": "it makes its vectors for each task anew",
    "ADAPTION_PROMPT": "it holds keys and values at several layers, which no template can",
    "CPT": "it trains beside examples that it keeps to itself",
    "CARTRIDGE": "it holds keys and values at every layer, which no template can",
}


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return the vectors before each template of the options, or before the task's.

    Raises DataError if peft would read them otherwise than the model does here, and for every other
    kind of adapter.
    """
    location = Location(path)
    config = _config(location)
    count = _count(location, config)
    model = model_of(location, options)
    submodules = _submodules(location, config, model)
    if problem := lead_problem(model):
        raise location.error(f"{problem}, before which peft puts the vectors: no template does")
    templates = _templates(location, options)
    rows = _rows(location, (count * submodules, count), model)
    file = path.with_name(TENSORS)
    vectors, evidence = bound(Location(file), rows, model), _evidence(config, file)
    return ImportedFiles(
        tuple(
            ForeignTemplate(location, _in_front(location, vectors, each, model), evidence=evidence)
            for each in templates
        ),
        facts=options.task is None,
        notes=tuple(_notes(count, submodules, space_behind(model))),
    )


def _config(location: Location) -> Json:
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


def _count(location: Location, config: Json) -> int:
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


def _submodules(location: Location, config: Json, model: LanguageModel) -> int:
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


def _rows(
    location: Location, counts: tuple[int, int], model: LanguageModel
) -> "NDArray[np.float32]":
    """Return (vector, hidden): of so many rows the first ones, which are those that peft reads."""
    from safetensors import SafetensorError, safe_open

    file = Location(_tensor_file(location))
    try:
        with safe_open(file.path, framework="pt") as tensors:
            _check_alone(file, tensors.keys())
            stored = tensors.get_slice(TENSOR)
            _check_rows(location, file, tuple(stored.get_shape()), counts, model)
            rows = stored[: counts[1]]
    except PromptSearchError:
        raise
    except (SafetensorError, OSError, ValueError) as error:
        raise file.error(f"no safetensors ({error}); fetch it again") from None
    if not rows.is_floating_point():
        dtype = str(rows.dtype).removeprefix("torch.")
        raise file.error(f"{TENSOR} is {dtype}, but vectors are floats; fetch it again")
    values: NDArray[np.float32] = rows.float().numpy()
    return values


def _check_rows(
    location: Location,
    file: Location,
    shape: tuple[int, ...],
    counts: tuple[int, int],
    model: LanguageModel,
) -> None:
    check_shape(file, shape, model)
    total, count = counts
    if shape[0] != total:
        raise location.error(
            f"{TENSORS} has {shape}, but {count} virtual tokens for {total // count} submodules "
            f"are {total} vectors; fetch the folder again"
        )


def _tensor_file(location: Location) -> Path:
    """Return the file of tensors. Raises DataError if there is only a pickle, or none."""
    file = location.path.with_name(TENSORS)
    if file.is_file():
        return file
    if location.path.with_name(PICKLE).is_file():
        raise location.error(
            f"{PICKLE} is a pickle, which may run code and is never opened; save the adapter with "
            "safe_serialization=True"
        )
    raise location.error(f"there is no {TENSORS} beside it; put it there")


def _check_alone(file: Location, names: list[str]) -> None:
    if TENSOR not in names:
        raise file.error(f"it holds no {TENSOR}; fetch it again")
    if more := [name for name in names if name != TENSOR]:
        raise file.error(
            f"it holds {shortened_json(more[0])[1:-1]} too, which belongs to a changed model; give "
            "an adapter with vectors alone"
        )


def _templates(location: Location, options: ImportOptions) -> tuple[Template, ...]:
    """Return what follows the vectors. Raises DataError if the user says nothing of it."""
    if options.task is None and options.candidates is None:
        raise location.error(
            "an adapter holds neither labels nor their answers; give `task`, or `candidates` FILE "
            "for facts"
        )
    if options.templates:
        return options.templates
    if options.task is None:
        raise location.error(
            "an adapter holds no text; give what follows its vectors as `template`, or give `task`"
        )
    return (options.task.prompt.template,)


def _in_front(
    location: Location, vectors: Vectors, template: Template, model: LanguageModel
) -> Template:
    """Return the template behind vectors, read as the tokenizer reads the beginning of a text."""
    if template.soft:
        raise location.error(
            f"the template {template.notation!r} has [{template.soft[0].name}], but the vectors "
            "are the adapter's alone, in front; give `template` without"
        )
    first = template.parts[0]
    starts = isinstance(first, Text) and first.text.startswith(" ")
    space = "" if starts else space_behind(model)
    try:
        return Template((Soft("S", len(vectors.rows), vectors), Text(space), *template.parts))
    except PromptError as error:
        raise location.error(error) from None


def _evidence(config: Json, file: Path) -> Json:
    names = ("peft_type", "task_type", "base_model_name_or_path", "peft_version")
    texts = {name: config[name] for name in names if isinstance(config.get(name), str)}
    return {**texts, "vectors": {"file": file.name, "sha256": sha256([file])}}


def _notes(count: int, submodules: int, space: str) -> Iterator[str]:
    if submodules > 1:
        total = count * submodules
        yield f"peft reads the first {count} of the adapter's {total} vectors; they came in"
    if not space:
        yield (
            "what follows the vectors is read as the beginning of a text; begin `template` with a "
            "space where the adapter was trained so"
        )
