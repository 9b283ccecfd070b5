"""Imported prompts that go into one file together."""

from collections import Counter
from dataclasses import dataclass, replace

from promptsearch.data.tasks.task_file import Kind
from promptsearch.prompt import Prompt
from promptsearch.prompt_file.prompts_json import Json


@dataclass(frozen=True)
class ImportedPrompt:
    """Prompt with the evidence of its file."""

    prompt: Prompt
    evidence: Json
    token_ids: tuple[int, ...] | None
    round_trips: bool | None


@dataclass(frozen=True)
class Group:
    """Prompts of a relation, or all."""

    name: str
    kind: Kind
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
    def distinct(self) -> "Group":
        """Group with each prompt once, at its first position.

        A repeated prompt differs in notation or score, but reads the same, so it would only be
        scored twice.
        """
        by_prompt: dict[Prompt, ImportedPrompt] = {}
        for imported in self.prompts:
            by_prompt.setdefault(imported.prompt, imported)
        if not (again := len(self.prompts) - len(by_prompt)):
            return self
        equal = "1 prompt that equals" if again == 1 else f"{again:,} prompts that equal"
        note = f"{equal} an earlier one (same template, same answers) left out"
        return replace(
            self, prompts=tuple(by_prompt.values()), reader_notes=(note, *self.reader_notes)
        )
