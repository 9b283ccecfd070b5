"""The vectors that OptiPrompt learns for a relation, where its template has [V1], [V2], ...

The release writes `prompt_vecs.npy` into a folder of the relation: (10, hidden), also where a
template needs fewer.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING

from promptsearch.errors import PromptError
from promptsearch.files.read import sha256
from promptsearch.formats.importing.contents import ForeignTemplate, ImportOptions, Location
from promptsearch.formats.shared.model_vectors import bound, check_order, check_shape, model_of
from promptsearch.models import LanguageModel
from promptsearch.prompt import Part, Soft, Template, Text
from promptsearch.prompt.soft import LONGEST

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILE = "prompt_vecs.npy"
VECTOR = re.compile(r"\[V(\d+)\]")
RUN = re.compile(r"\[V\d+\](?: ?\[V\d+\])*")
FOLDER = re.compile(r"\w[\w.-]*")  # a relation that may name one

Numbers = tuple[int, ...]  # of neighbouring vectors, from 1


def needs_vectors(foreign: ForeignTemplate, options: ImportOptions) -> bool:
    """Return whether a template that is imported has vectors."""
    imported = options.group in ("", foreign.group)
    return imported and VECTOR.search(foreign.template.notation) is not None


def with_vectors(
    foreign: ForeignTemplate, options: ImportOptions, relations: int
) -> ForeignTemplate:
    """Return the template with vectors in place of [V1], ...; neighbours have one name.

    `relations` is how many of the file have vectors. Raises DataError if there are none, or they
    are no vectors of the model.
    """
    location, notation = foreign.location, foreign.template.notation
    model = _model(foreign, options)
    file = Location(_file_of(foreign, relations))
    parts = tuple(_soft_parts(foreign, file, _array(file, model), model))
    try:
        template = Template(parts)
    except PromptError as error:
        raise location.error(error) from None
    check_order(location, template, model)
    vectors = {"file": file.path.name, "sha256": sha256([file.path])}
    evidence = {**foreign.evidence, "published": notation, "vectors": vectors}
    return replace(foreign, template=template, evidence=evidence)


def _model(foreign: ForeignTemplate, options: ImportOptions) -> LanguageModel:
    if options.model is None and (marker := VECTOR.search(foreign.template.notation)):
        raise foreign.location.error(
            f"{marker[0]} is a vector that OptiPrompt has learnt, which no words say; name its "
            f"model with `model` and put {FILE} beside this file, or give the template that it "
            "began as"
        )
    return model_of(foreign.location, options)


def _file_of(foreign: ForeignTemplate, relations: int) -> Path:
    """Return the relation's file of vectors, in a folder of its name or beside the relations."""
    folder, name = foreign.location.path.parent, foreign.group
    if FOLDER.fullmatch(name) and (file := folder / name / FILE).is_file():
        return file
    if not (file := folder / FILE).is_file():
        raise foreign.location.error(
            f"there is neither {name[:40]}/{FILE} nor {FILE} beside the file; put it there"
        )
    if relations > 1:
        raise foreign.location.error(
            f"{FILE} does not say of which of {relations} relations it is, and there is no "
            f"{name[:40]}/{FILE}; say which with `relation`"
        )
    return file


def _array(file: Location, model: LanguageModel) -> "NDArray[np.float32]":
    """Return (vector, hidden). No pickle is read, and nothing beyond a prompt's size."""
    import numpy as np

    try:
        stored = np.lib.format.open_memmap(file.path, mode="r")
    except (ValueError, TypeError, OSError, OverflowError, SyntaxError, TokenError):
        raise file.error("no array of numbers; write it with numpy.save") from None
    check_shape(file, stored.shape, model)
    if len(stored) > LONGEST:
        raise file.error(f"it has {len(stored):,} vectors, but a prompt has 1 to {LONGEST}")
    if stored.dtype.kind != "f":
        raise file.error(f"its numbers are {stored.dtype}, but vectors are floats")
    with np.errstate(over="ignore"):  # what is infinite then is refused
        return np.array(stored, dtype=np.float32)


def _soft_parts(
    foreign: ForeignTemplate, file: Location, rows: "NDArray[np.float32]", model: LanguageModel
) -> Iterator[Part]:
    """Yield the template's parts, runs of vectors as soft parts S1, S2, ..., equal ones by name."""
    soft: dict[Numbers, Soft] = {}
    for part in foreign.template.parts:
        text, end = part.text if isinstance(part, Text) else "", 0
        for run in RUN.finditer(text):
            numbers = _numbers(foreign.location, run[0], len(rows))
            if numbers not in soft:
                vectors = bound(file, rows[[number - 1 for number in numbers]], model)
                soft[numbers] = Soft(f"S{len(soft) + 1}", len(numbers), vectors)
            yield from (Text(text[end : run.start()]), soft[numbers])
            end = run.end()
        yield Text(text[end:]) if isinstance(part, Text) else part


def _numbers(location: Location, run: str, count: int) -> Numbers:
    """Return the numbers of neighbouring vectors. Raises DataError if there are no such rows."""
    numbers = tuple(int(marker[1][:6]) for marker in VECTOR.finditer(run))
    if wrong := [number for number in numbers if not 1 <= number <= count]:
        raise location.error(f"[V{wrong[0]}] is no vector: {FILE} has {count} vectors, from [V1]")
    if len(numbers) > LONGEST:
        raise location.error(f"{len(numbers):,} vectors stand in a row; give 1 to {LONGEST}")
    return numbers
