"""The vectors of soft prompts: `soft.safetensors` beside prompts.json, named by the rows there.

A row's `soft` names the file, its sha256 and, for each soft part of the template, a tensor in it:
`{"file": "soft.safetensors", "sha256": "...", "S1": {"tensor": "p12.S1", "length": 5}}`. The file's
metadata hold the sha256 of the model that the vectors are of.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from promptsearch.errors import PromptError
from promptsearch.files.read import sha256 as digest_of
from promptsearch.files.write import write_bytes
from promptsearch.prompt import Prompt, Soft, Template, Vectors
from promptsearch.prompt_file.beside import file_beside

SOFT = "soft.safetensors"
MODEL = "model_sha256"  # the key of the file's metadata

Json = Mapping[str, object]


def write_soft(file: Path, prompts: Mapping[str, Prompt]) -> dict[str, Json]:
    """Write the vectors of the prompts, by their ids, that have some; return {"soft": ...} of each.

    Nothing is written where none has. Raises PromptError if a soft part has no vectors, or they are
    of several models.
    """
    tensors = {
        f"{name}.{part.name}": _bound(part.vectors, part.notation)
        for name, prompt in prompts.items()
        for part in prompt.template.soft
    }
    if not tensors:
        return {}
    models = {vectors.model for vectors in tensors.values()}
    if len(models) > 1:
        raise PromptError("a file of soft prompts is of one model, and these are of several")
    rows = {name: vectors.rows for name, vectors in sorted(tensors.items())}
    data = save(rows, {MODEL: models.pop()})
    write_bytes(file, data)
    where = {"file": file.name, "sha256": sha256(data).hexdigest()}
    return {
        name: {"soft": {**where, **_tensors_of(name, prompt)}}
        for name, prompt in prompts.items()
        if prompt.template.soft
    }


def _bound(vectors: Vectors | None, notation: str) -> Vectors:
    if vectors is None:
        raise PromptError(f"{notation} has no vectors to write")
    return vectors


def _tensors_of(name: str, prompt: Prompt) -> Json:
    return {
        part.name: {"tensor": f"{name}.{part.name}", "length": part.length}
        for part in prompt.template.soft
    }


def with_vectors(template: Template, row: Json, folder: Path) -> Template:
    """Return the template with the vectors that its row names; itself where it has no soft part.

    Raises PromptError if the file is missing, was changed, or does not hold what the row says.
    """
    soft = row.get("soft")
    if not template.soft and soft is None:
        return template
    if not isinstance(soft, Mapping):
        raise PromptError(
            f'its template has {template.soft[0].notation}, but the row has no "soft" that names '
            f"vectors; write [{template.soft[0].notation}] if it is text"
        )
    file = file_beside(folder, str(soft.get("file")), "vectors")
    return template.with_vectors(_vectors(file, soft.get("sha256"), soft, template.soft))


def _vectors(file: Path, expected: object, soft: Json, parts: Sequence[Soft]) -> dict[str, Vectors]:
    """Return the vectors of each part by name, from a file that is as it was written."""
    if not file.is_file():
        raise PromptError(f"its vectors {file} are missing; put the file beside prompts.json")
    if digest_of([file]) != expected:
        raise PromptError(f"its vectors {file} have changed since; restore the file")
    try:
        with safe_open(file, framework="numpy") as stored:
            model = (stored.metadata() or {}).get(MODEL, "")
            names = {_tensor(soft, part) for part in parts} & set(stored.keys())
            tensors = {name: stored.get_tensor(name) for name in names}
    except (SafetensorError, ValueError, TypeError) as error:
        raise PromptError(f"{file} holds no vectors: {error}; restore the file") from None
    vectors = {}
    for part in parts:
        if (tensor := _tensor(soft, part)) not in tensors:
            raise PromptError(
                f"{file} does not hold the vectors of {part.notation}; restore the file"
            )
        if (rows := tensors[tensor]).dtype != np.float32:
            raise PromptError(f"{file}: {tensor} is {rows.dtype}, but vectors are float32")
        vectors[part.name] = Vectors.of(rows, model)
    return vectors


def _tensor(soft: Json, part: Soft) -> str:
    """Return the name of a part's tensor as the row has it; empty if it has none."""
    entry = soft.get(part.name)
    return str(entry.get("tensor", "")) if isinstance(entry, Mapping) else ""
