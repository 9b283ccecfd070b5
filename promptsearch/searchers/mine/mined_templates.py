"""Mined templates with their evidence, and the file `mined.jsonl` that holds them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptsearch.data.tables.strict_json import decoded
from promptsearch.errors import PromptError, RunError
from promptsearch.files.read import sha256
from promptsearch.files.write import write_lines
from promptsearch.prompt import Field, Part, Prompt, Slot, Source, Template, Text
from promptsearch.searchers.mine.dependency import OBJECT, SUBJECT, Phrase
from promptsearch.searchers.mine.snippets import Snippet

FILE = "mined.jsonl"
SHARDS = "shards"  # the folder of checkpoints
_FINGERPRINT = f"{SHARDS}/mined.stamp"  # holds the fingerprint of its inputs


@dataclass(frozen=True)
class MinedTemplate:
    """A template and its evidence in the corpus."""

    template: Template
    count: int
    direction: int | None  # 1: the subject stands first; -1: the object; None: not about a fact
    kind: str  # "middle", "dependency" or "context"
    example: str  # a sentence that holds it

    def prompt(self, manual: Prompt) -> Prompt:
        """Return the prompt of the template with the task's answers."""
        evidence = {
            "count": self.count,
            "direction": self.direction,
            "kind": self.kind,
            "example": self.example,
        }
        return manual.with_template(self.template, Source("mine", evidence=evidence))


@dataclass(frozen=True)
class TemplateBuilder:
    """Builds a task's templates from words, its inputs (in the manual prompt's order) and slot."""

    fields: tuple[str, ...]
    slot: str
    spaced: bool = True
    stop: str = "."  # ends a template

    def middle(self, snippet: Snippet) -> Template | None:
        """Return `{subject} middle [Z] .`, or the other way round (LPAQA)."""
        subject, slot = Field(self.fields[0]), Slot(self.slot)
        words = snippet.before.split()
        if snippet.direction > 0:
            return self._template([subject, *words, slot, self.stop])
        return self._template([slot, *words, subject, self.stop])

    def phrase(self, phrase: Phrase) -> Template | None:
        """Return the phrase with the task's names for its two slots."""
        parts: dict[str, Part] = {SUBJECT: Field(self.fields[0]), OBJECT: Slot(self.slot)}
        return self._template([*(parts.get(word, word) for word in phrase), self.stop])

    def contexts(self, snippet: Snippet) -> list[Template | None]:
        """Return the context after the inputs, and before them."""
        inputs: list[str | Part] = [Field(name) for name in self.fields]
        context: list[str | Part] = [
            *snippet.before.split(),
            Slot(self.slot),
            *snippet.after.split(),
            self.stop,
        ]
        return [self._template([*inputs, *context]), self._template([*context, *inputs])]

    def _template(self, pieces: Sequence[str | Part]) -> Template | None:
        """Return the pieces joined by spaces (in a script that has them).

        Words are text whatever they look like: nothing is parsed. None if no notation says it (a
        slot right between literal brackets).
        """
        parts: list[Part] = []
        for before, piece in zip([None, *pieces], pieces, strict=False):
            if before is not None and self._needs_space(before, piece):
                parts.append(Text(" "))
            parts.append(Text(piece) if isinstance(piece, str) else piece)
        try:
            return Template(tuple(parts))
        except PromptError:
            return None

    def _needs_space(self, before: str | Part, piece: str | Part) -> bool:
        if self.spaced or (isinstance(before, Field) and isinstance(piece, Field)):
            return True
        latin = isinstance(before, str) and isinstance(piece, str)
        return latin and f"{before}{piece}".isascii() and f"{before}{piece}".isalnum()


def write_mined(workspace: Path, mined: Iterable[MinedTemplate], fingerprint: str) -> None:
    """Write `mined.jsonl`, then the fingerprint of its inputs and its own hash."""
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
    file = workspace / FILE
    write_lines(file, (json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    write_lines(workspace / _FINGERPRINT, [f"{fingerprint}\n", f"{sha256([file])}\n"])


def read_mined(workspace: Path | None, fingerprint: str) -> list[MinedTemplate] | None:
    """Return the templates mined before with the same fingerprint; None if there are none.

    Raises RunError if the file is not as it was written. Stamps from before hold no hash.
    """
    if workspace is None or not (stamp := workspace / _FINGERPRINT).is_file():
        return None
    file = workspace / FILE
    known, *hashes = stamp.read_bytes().split() or [b""]
    if known != fingerprint.encode() or not file.is_file():
        return None
    if hashes and hashes != [sha256([file]).encode()]:
        raise _damaged(file)
    try:
        lines = file.read_text(encoding="utf-8").split("\n")[:-1]
        return [_template_of(decoded(line)) for line in lines]
    except ValueError:
        raise _damaged(file) from None


def _template_of(row: object) -> MinedTemplate:
    """Return the template of a row. Raises ValueError if it is none."""
    match row:
        case {
            "template": str(notation),
            "count": int(count),
            "direction": int() | None as direction,
            "kind": str(kind),
            "example": str(example),
        }:
            return MinedTemplate(Template.parse(notation), count, direction, kind, example)
    raise ValueError("no template")


def _damaged(file: Path) -> RunError:
    return RunError(
        f"{file}: is not as it was mined (damaged or edited); remove it to mine it again, or start "
        "anew with `overwrite`"
    )
