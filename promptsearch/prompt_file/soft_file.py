"""What is trained of prompts: `soft.safetensors` beside prompts.json, named by the rows there.

A row's `soft` names the file, its sha256 and the tensors in it: of each soft part of the template,
of its prefix, of its head:
`{"file": "soft.safetensors", "sha256": "...", "S1": {"tensor": "p12.S1", "length": 5}}`. The file's
metadata hold the sha256 of the model that they are of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from promptsearch.errors import PromptError
from promptsearch.files.read import sha256 as digest_of
from promptsearch.files.write import write_bytes
from promptsearch.prompt import Head, Prefix, Prompt, Soft, Template, Vectors
from promptsearch.prompt.prefix import ENCODER_DECODER, SELF
from promptsearch.prompt_file.beside import file_beside

SOFT = "soft.safetensors"
MODEL = "model_sha256"  # the key of the file's metadata
PREFIX, HEAD = "prefix", "head"  # keys of a row's `soft`, beside the names of soft parts
WEIGHT, BIAS = "weight", "bias"

Json = Mapping[str, object]
Tensors = Mapping[str, NDArray[np.float32]]


def write_soft(file: Path, prompts: Mapping[str, Prompt]) -> dict[str, Json]:
    """Write what is trained of the prompts, by their ids; return {"soft": ...} of each with some.

    Nothing is written where none has. Raises PromptError if a soft part has no vectors, or they are
    of several models.
    """
    tensors: dict[str, NDArray[np.float32]] = {}
    models: set[str] = set()
    for name, prompt in prompts.items():
        tensors |= _tensors_of(name, prompt.template)
        models |= _models_of(prompt.template)
    if not tensors:
        return {}
    if len(models) > 1:
        raise PromptError("a file of soft prompts is of one model, and these are of several")
    data = save(dict(sorted(tensors.items())), {MODEL: models.pop()})
    write_bytes(file, data)
    where = {"file": file.name, "sha256": sha256(data).hexdigest()}
    return {
        name: {"soft": {**where, **_entries_of(name, prompt.template)}}
        for name, prompt in prompts.items()
        if prompt.template.is_trained
    }


def _tensors_of(name: str, template: Template) -> Tensors:
    """Return what is written of a prompt, by the names in the file."""
    tensors = {f"{name}.{p.name}": _bound(p.vectors, p.notation).rows for p in template.soft}
    if template.prefix is not None:
        for attention, values in template.prefix.tensors.items():
            tensors[_of_attention(f"{name}.{PREFIX}", attention)] = values
    if template.head is not None:
        tensors[f"{name}.{HEAD}.{WEIGHT}"] = template.head.weight
        tensors[f"{name}.{HEAD}.{BIAS}"] = template.head.bias
    return tensors


def _of_attention(tensor: str, attention: str) -> str:
    return tensor if attention == SELF else f"{tensor}.{attention}"


def _models_of(template: Template) -> set[str]:
    parts = (*(part.vectors for part in template.soft), template.prefix, template.head)
    return {part.model for part in parts if part is not None}


def _bound(vectors: Vectors | None, notation: str) -> Vectors:
    if vectors is None:
        raise PromptError(f"{notation} has no vectors to write")
    return vectors


def _entries_of(name: str, template: Template) -> Json:
    """Return what a row says of its tensors."""
    entries: dict[str, object] = {
        part.name: {"tensor": f"{name}.{part.name}", "length": part.length}
        for part in template.soft
    }
    if (prefix := template.prefix) is not None:
        entries[PREFIX] = {
            "tensor": f"{name}.{PREFIX}",
            "length": prefix.length,
            "layers": list(prefix.layers),
            "continues": prefix.continues,
        }
    if (head := template.head) is not None:
        entries[HEAD] = {
            "tensor": f"{name}.{HEAD}", "labels": head.labels, "reads": head.reads,
        }  # fmt: skip
    return entries


def template_of(row: Json, folder: Path) -> Template:
    """Return the template of a row, with what is trained of it.

    Raises PromptError if the file is missing, was changed, or does not hold what the row says.
    """
    notation, soft = str(row["template"]), row.get("soft")
    if soft is None:
        template = Template.parse(notation)
        if template.soft:
            raise PromptError(
                f'its template has {template.soft[0].notation}, but the row has no "soft" that '
                f"names vectors; write [{template.soft[0].notation}] if it is text"
            )
        return template
    if not isinstance(soft, Mapping):
        raise PromptError('its "soft" must be an object that names a file of vectors')
    trained = TrainedParts.read(file_beside(folder, str(soft.get("file")), "vectors"), soft)
    template = Template.parse(notation, trained.prefix(), trained.head())
    return template.with_vectors(trained.vectors(template.soft))


@dataclass(frozen=True)
class TrainedParts:
    """The tensors that a row names, from a file that is as it was written."""

    file: Path
    entries: Json
    model: str
    tensors: Tensors

    @classmethod
    def read(cls, file: Path, soft: Json) -> "TrainedParts":
        """Read the file. Raises PromptError if it is missing or was changed."""
        if not file.is_file():
            raise PromptError(f"its vectors {file} are missing; put the file beside prompts.json")
        if digest_of([file]) != soft.get("sha256"):
            raise PromptError(f"its vectors {file} have changed since; restore the file")
        entries = {key: each for key, each in soft.items() if isinstance(each, Mapping)}
        names = {str(each.get("tensor", "")) for each in entries.values()}
        try:
            with safe_open(file, framework="numpy") as stored:
                model = (stored.metadata() or {}).get(MODEL, "")
                having = [key for key in stored.keys() if _begins(key, names)]  # noqa: SIM118
                tensors = {key: stored.get_tensor(key) for key in having}
        except (SafetensorError, ValueError, TypeError) as error:
            raise PromptError(f"{file} holds no vectors: {error}; restore the file") from None
        return cls(file, entries, model, tensors)

    def vectors(self, parts: Sequence[Soft]) -> dict[str, Vectors]:
        """Return the vectors of each part by its name."""
        return {
            part.name: Vectors.of(
                self._tensor(
                    self._entry(part.name).get("tensor"), f"the vectors of {part.notation}"
                ),
                self.model,
            )
            for part in parts
        }

    def prefix(self) -> Prefix | None:
        """Return the prefix; None if the row names none."""
        if PREFIX not in self.entries:
            return None
        entry = self._entry(PREFIX)
        tensor, layers = str(entry.get("tensor")), entry.get("layers")
        names = (SELF,) if tensor in self.tensors else ENCODER_DECODER
        tensors = {name: self._tensor(_of_attention(tensor, name), "its prefix") for name in names}
        numbers = list(layers) if isinstance(layers, list) else None
        continues = entry.get("continues") is True
        return Prefix.of(tensors, self.model, numbers, continues=continues)

    def head(self) -> Head | None:
        """Return the head; None if the row names none."""
        if HEAD not in self.entries:
            return None
        entry = self._entry(HEAD)
        weight, bias = (
            self._tensor(f"{entry.get('tensor')}.{part}", "its head") for part in (WEIGHT, BIAS)
        )
        reads: Any = entry.get("reads")
        return Head.of(weight, bias, self.model, reads)

    def _entry(self, name: str) -> Json:
        entry = self.entries.get(name, {})
        return entry if isinstance(entry, Mapping) else {}

    def _tensor(self, name: object, what: str) -> NDArray[np.float32]:
        if str(name) not in self.tensors:
            raise PromptError(f"{self.file} does not hold {what}; restore the file")
        if (values := self.tensors[str(name)]).dtype != np.float32:
            raise PromptError(f"{self.file}: {name} is {values.dtype}, but vectors are float32")
        return values


def _begins(key: str, names: set[str]) -> bool:
    """Return whether a tensor is one that a row names, or a part of one."""
    return key in names or any(name and key.startswith(f"{name}.") for name in names)
