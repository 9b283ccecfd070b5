"""An adapter of prompt tuning or P-tuning as a soft prompt: its vectors, then a template."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from promptsearch.errors import PromptError, PromptSearchError
from promptsearch.files.read import sha256
from promptsearch.formats.importing.contents import (
    ForeignTemplate,
    ImportedFiles,
    ImportOptions,
    Location,
    shortened_json,
)
from promptsearch.formats.peft.adapter_config import (
    TENSOR,
    TENSORS,
    config_of,
    submodule_count,
    vector_count,
)
from promptsearch.formats.peft.order import lead_problem, space_behind
from promptsearch.formats.shared.model_vectors import bound, check_shape, model_of
from promptsearch.models import LanguageModel
from promptsearch.prompt import Soft, Template, Text, Vectors
from promptsearch.prompt_file.prompts_json import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PICKLE = "adapter_model.bin"


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return the vectors before each template of the options, or before the task's.

    Raises DataError if peft would read them otherwise than the model does here, and for every other
    kind of adapter.
    """
    location = Location(path)
    config = config_of(location)
    count = vector_count(location, config)
    model = model_of(location, options)
    submodules = submodule_count(location, config, model)
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
        notes=tuple(_notes(count, submodules, templates, model)),
    )


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
    space = "" if _begins_with_space(template) else space_behind(model)
    try:
        return Template((Soft("S", len(vectors.rows), vectors), Text(space), *template.parts))
    except PromptError as error:
        raise location.error(error) from None


def _begins_with_space(template: Template) -> bool:
    first = template.parts[0]
    return isinstance(first, Text) and first.text.startswith(" ")


def _evidence(config: Json, file: Path) -> Json:
    names = ("peft_type", "task_type", "base_model_name_or_path", "peft_version")
    texts = {name: config[name] for name in names if isinstance(config.get(name), str)}
    return {**texts, "vectors": {"file": file.name, "sha256": sha256([file])}}


def _notes(
    count: int, submodules: int, templates: Sequence[Template], model: LanguageModel
) -> Iterator[str]:
    if submodules > 1:
        total = count * submodules
        yield f"peft reads the first {count} of the adapter's {total} vectors; they came in"
    if not all(map(_begins_with_space, templates)) and not space_behind(model):
        yield (
            "what follows the vectors is read as the beginning of a text; begin `template` with a "
            "space where the adapter was trained so"
        )
