"""What mining finds: templates with their evidence, and the file `mined.jsonl` that keeps them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptsearch.errors import PromptError
from promptsearch.files.write import write_lines
from promptsearch.prompt import Prompt, Source
from promptsearch.prompt.template import Field, Part, Slot, Template, Text
from promptsearch.searchers.mine.dependency import OBJECT, SUBJECT, Phrase
from promptsearch.searchers.mine.snippets import Snippet

FILE = "mined.jsonl"
SHARDS = "shards"  # the folder of checkpoints
_STAMP = f"{SHARDS}/mined.stamp"  # what the file was mined from


@dataclass(frozen=True)
class MinedTemplate:
    """A template and how it was found."""

    template: Template
    count: int
    direction: int | None  # 1: the subject stands first; -1: the object; None: not about a fact
    kind: str  # "middle", "dependency" or "context"
    example: str  # a sentence it was found in

    def prompt(self, manual: Prompt) -> Prompt:
        """The template with the task's answers."""
        evidence = {
            "count": self.count,
            "direction": self.direction,
            "kind": self.kind,
            "example": self.example,
        }
        return manual.with_template(self.template, Source("mine", evidence=evidence))


@dataclass(frozen=True)
class TemplateBuilder:
    """How a task writes templates: its inputs (in the manual prompt's order), slot and script."""

    fields: tuple[str, ...]
    slot: str
    spaced: bool = True
    stop: str = "."  # what ends a template

    def middle(self, snippet: Snippet) -> Template | None:
        """`{subject} middle [Z] .`, or the other way round (LPAQA)."""
        subject, slot = Field(self.fields[0]), Slot(self.slot)
        words = snippet.before.split()
        if snippet.direction > 0:
            return self._written([subject, *words, slot, self.stop])
        return self._written([slot, *words, subject, self.stop])

    def phrase(self, phrase: Phrase) -> Template | None:
        """The phrase with the task's names for its two slots."""
        parts: dict[str, Part] = {SUBJECT: Field(self.fields[0]), OBJECT: Slot(self.slot)}
        return self._written([*(parts.get(word, word) for word in phrase), self.stop])

    def contexts(self, snippet: Snippet) -> list[Template | None]:
        """The context after the inputs, and before them."""
        inputs: list[str | Part] = [Field(name) for name in self.fields]
        context: list[str | Part] = [
            *snippet.before.split(),
            Slot(self.slot),
            *snippet.after.split(),
            self.stop,
        ]
        return [self._written([*inputs, *context]), self._written([*context, *inputs])]

    def _written(self, pieces: Sequence[str | Part]) -> Template | None:
        """The pieces with spaces between them (none where the script has none).

        Words are text whatever they look like: nothing is parsed. None where the notation cannot
        say it (a slot right between literal brackets).
        """
        parts: list[Part] = []
        for before, piece in zip([None, *pieces], pieces, strict=False):
            if before is not None and self._apart(before, piece):
                parts.append(Text(" "))
            parts.append(Text(piece) if isinstance(piece, str) else piece)
        try:
            return Template(tuple(parts))
        except PromptError:
            return None

    def _apart(self, before: str | Part, piece: str | Part) -> bool:
        if self.spaced or (isinstance(before, Field) and isinstance(piece, Field)):
            return True
        latin = isinstance(before, str) and isinstance(piece, str)
        return latin and f"{before}{piece}".isascii() and f"{before}{piece}".isalnum()


def write_mined(workspace: Path, mined: Iterable[MinedTemplate], stamp: str) -> None:
    """Write `mined.jsonl`, then the stamp that says what it was mined from."""
    rows = (
        {
            "template": str(entry.template),
            "count": entry.count,
            "direction": entry.direction,
            "kind": entry.kind,
            "example": entry.example,
        }
        for entry in mined
    )
    write_lines(workspace / FILE, (json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    write_lines(workspace / _STAMP, [f"{stamp}\n"])


def read_mined(workspace: Path | None, stamp: str) -> list[MinedTemplate] | None:
    """What was mined before with the same stamp; None if nothing was."""
    if workspace is None or not (workspace / _STAMP).is_file():
        return None
    if (workspace / _STAMP).read_text(encoding="utf-8").strip() != stamp:
        return None
    rows = map(json.loads, (workspace / FILE).read_text(encoding="utf-8").split("\n")[:-1])
    return [MinedTemplate(Template.parse(row.pop("template")), **row) for row in rows]
