"""An adapter as a tuned prompt: its vectors or its prefix, then a template."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from promptsearch.errors import PromptError
from promptsearch.files.read import sha256
from promptsearch.formats.importing.contents import (
    ForeignTemplate,
    ImportedFiles,
    ImportOptions,
    Location,
)
from promptsearch.formats.peft.adapter_config import (
    PREFIX_TUNING,
    TENSORS,
    config_of,
    submodule_count,
    vector_count,
)
from promptsearch.formats.peft.adapter_tensors import adapter_rows
from promptsearch.formats.peft.order import lead_problem, space_behind
from promptsearch.formats.peft.prefix_importer import read_prefix
from promptsearch.formats.shared.model_vectors import bound, check_shape, model_of
from promptsearch.models import LanguageModel
from promptsearch.prompt import Prefix, Soft, Template, Text, Vectors
from promptsearch.prompt_file.prompts_json import Json


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return the vectors or the prefix before each template of the options, or the task's.

    Raises DataError if peft would read it otherwise than the model does here, and for every other
    kind of adapter.
    """
    location = Location(path)
    config = config_of(location)
    count = vector_count(location, config)
    model = model_of(location, options)
    submodules = submodule_count(location, config, model)
    is_prefix = config["peft_type"] == PREFIX_TUNING
    if not is_prefix and (problem := lead_problem(model)):
        raise location.error(f"{problem}, before which peft puts the vectors: no template does")
    templates = _templates(location, options)
    if is_prefix:
        prefix = read_prefix(location, config, count, model)
        tuned = [_behind_prefix(location, prefix, each) for each in templates]
    else:
        vectors = _vectors(location, count, submodules, model)
        tuned = [_in_front(location, vectors, each, model) for each in templates]
    evidence = _evidence(config, path.with_name(TENSORS))
    return ImportedFiles(
        tuple(ForeignTemplate(location, each, evidence=evidence) for each in tuned),
        facts=options.task is None,
        notes=tuple(_notes(count, submodules, templates, model)),
    )


def _vectors(location: Location, count: int, submodules: int, model: LanguageModel) -> Vectors:
    """Return the adapter's vectors: of those for several submodules the first, which peft reads."""

    def check(file: Location, shape: tuple[int, ...]) -> None:
        check_shape(file, shape, model)
        if shape[0] != (total := count * submodules):
            raise location.error(
                f"{TENSORS} has {shape}, but {count} virtual tokens for {submodules} submodules "
                f"are {total} vectors; fetch the folder again"
            )

    rows = adapter_rows(location, count, check)
    return bound(Location(location.path.with_name(TENSORS)), rows, model)


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
    _check_words(location, template)
    space = "" if _begins_with_space(template) else space_behind(model)
    try:
        return Template((Soft("S", len(vectors.rows), vectors), Text(space), *template.parts))
    except PromptError as error:
        raise location.error(error) from None


def _behind_prefix(location: Location, prefix: Prefix, template: Template) -> Template:
    """Return the template behind a prefix."""
    _check_words(location, template)
    return replace(template, prefix=prefix)


def _check_words(location: Location, template: Template) -> None:
    """Raise DataError if a template has vectors of its own."""
    if template.soft:
        raise location.error(
            f"the template {template.notation!r} has [{template.soft[0].name}], but the vectors "
            "are the adapter's alone, in front; give `template` without"
        )


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
