"""Imported prompts that go into one file together."""

from collections import Counter
from dataclasses import dataclass, replace

from promptsearch.data import TaskKind
from promptsearch.prompt import Prompt
from promptsearch.prompt_file.prompts_json import Json


@dataclass(frozen=True)
class ImportedPrompt:
    """Prompt with the evidence of its file."""

    prompt: Prompt
    evidence: Json
    token_ids: tuple[int, ...] | None
    round_trips: bool | None
    weight: float | None = None  # in the ensemble of the group

    def and_weight(self, other: "ImportedPrompt") -> "ImportedPrompt":
        """Return this prompt with the weight of an equal one added to its own."""
        if self.weight is None or other.weight is None:
            return replace(self, weight=None)
        return replace(self, weight=self.weight + other.weight)


@dataclass(frozen=True)
class Group:
    """Prompts of a relation, or all."""

    name: str
    kind: TaskKind
    inputs: tuple[str, ...]  # those that the format counts first, in its order
    prompts: tuple[ImportedPrompt, ...]
    reader_notes: tuple[str, ...]  # on names bound by position, and from the files' readers

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on what was lost of these prompts, and on all else."""
        lost = Counter(note for prompt in self.prompts for note in prompt.evidence.get("lost", ()))  # type: ignore[attr-defined]
        notes = (f"{note} ({count}x)" if count > 1 else note for note, count in lost.items())
        return (*notes, *self.reader_notes)

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of the prompts in their ensemble; empty where they are none."""
        weights = tuple(p.weight for p in self.prompts if p.weight is not None)
        return weights if len(weights) == len(self.prompts) > 1 and any(weights) else ()

    @property
    def distinct(self) -> "Group":
        """Group with each prompt once, at its first position.

        A repeated prompt differs in notation or score, but reads the same, so it would only be
        scored twice; its weight goes to the first.
        """
        by_prompt: dict[Prompt, ImportedPrompt] = {}
        for imported in self.prompts:
            first = by_prompt.get(imported.prompt)
            by_prompt[imported.prompt] = imported if first is None else first.and_weight(imported)
        if not (again := len(self.prompts) - len(by_prompt)):
            return self
        equal = "1 prompt that equals" if again == 1 else f"{again:,} prompts that equal"
        note = f"{equal} an earlier one (same template, same answers) left out"
        return replace(
            self, prompts=tuple(by_prompt.values()), reader_notes=(note, *self.reader_notes)
        )
