"""The prefixes and heads of a program's prompts, by the names of their tensors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptsearch.errors import ExportError, ModelError
from promptsearch.formats.python.runtime import prompt as runtime
from promptsearch.models import LanguageModel
from promptsearch.models.families.prompt_plan import behind_prefix
from promptsearch.models.frozen_model import frozen_model
from promptsearch.models.tokenization.deep_parts import DeepParts
from promptsearch.prompt import Head, Prefix, Slot
from promptsearch.prompt_file.prompts_json import SavedPrompt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ANSWER = "a"  # marks the slot at which a head reads, as the scorer has it


@dataclass(frozen=True)
class ProgramDeep:
    """The parts of one prompt that are no tokens."""

    prefix: runtime.PrefixPart | None = None
    head: runtime.HeadPart | None = None


@dataclass(frozen=True)
class DeepTensors:
    """Collects the tensors of a model's prompts; equal prefixes and heads are there once."""

    model: LanguageModel
    tensors: dict[str, "NDArray[np.float32]"] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)  # digest -> name

    def of(self, saved: SavedPrompt) -> ProgramDeep:
        """Return the prefix and the head of a prompt.

        Raises ExportError if they are of another model, or there is no room.
        """
        template = saved.prompt.template
        prefix, head = template.prefix, template.head
        try:
            DeepParts(prefix, head).check(self.model.info)
            if prefix is not None:
                behind_prefix(frozen_model(self.model).runtime, prefix.length)
        except ModelError as error:
            raise ExportError(f"{saved.id}: {error}") from None
        return ProgramDeep(
            None if prefix is None else self._prefix(prefix, f"{saved.id}.prefix"),
            None if head is None else self._head(head, f"{saved.id}.head", not template.slots),
        )

    def _prefix(self, prefix: Prefix, name: str) -> runtime.PrefixPart:
        name = self._names.setdefault(prefix.digest, name)
        names = {attention: f"{name}.{attention}" for attention in prefix.tensors}
        self.tensors.update({names[key]: each for key, each in prefix.tensors.items()})
        layers = [layer - 1 for layer in prefix.layers]
        return runtime.PrefixPart(names, layers, prefix.length, prefix.continues)

    def _head(self, head: Head, name: str, slotless: bool) -> runtime.HeadPart:
        name = self._names.setdefault(head.digest, name)
        part = runtime.HeadPart(f"{name}.weight", f"{name}.bias", head.reads, slotless)
        self.tensors.update({part.weight: head.weight, part.bias: head.bias})
        return part


def head_labels(saved: SavedPrompt) -> Mapping[str, list[runtime.Answer]]:
    """Return the labels of a head, each with an answer that marks the slot."""
    slot = (*saved.prompt.template.slots, Slot().name)[0]
    return {label: [{slot: ANSWER}] for label in saved.prompt.verbalizer.labels}
