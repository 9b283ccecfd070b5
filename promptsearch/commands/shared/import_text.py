"""The text that `promptsearch import` prints about the imported prompts."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from promptsearch.commands.shared.option_names import in_command
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.evaluation.report.number_format import count as counted
from promptsearch.formats.importing.group import Group

SHOWN = 8  # labels that are printed


def import_row(group: Group, path: Path) -> dict[str, object]:
    """Return the JSON of one file."""
    verbalizer = group.prompts[0].prompt.verbalizer
    return {
        "file": str(path),
        "prompts": len(group.prompts),
        group.kind.answers_noun: len(verbalizer),
        "notes": list(map(in_command, group.notes)),
    }


def print_imported(
    groups: Sequence[Group], targets: Sequence[Path], files: int, output: Path
) -> None:
    """Print the imports, their losses and their files; `targets` are the groups' files."""
    count = sum(len(group.prompts) for group in groups)
    groupings = "relations" if groups[0].kind.has_subject else "classes"
    over = f" over {len(groups)} {groupings}" if len(groups) > 1 else ""
    from_files = counted(files, "file")
    echo(f"imported {counted(count, 'prompt')}{over} from {from_files}, {_answers(groups)}")
    notes = Counter(note for group in groups for note in group.notes)
    for note, times in notes.items():
        note = in_command(note)
        echo(note if times == 1 else f"{note} (in {times} of them)")
    echo(f"wrote {targets[0]}")
    if len(targets) > 1:
        echo(f"and {len(targets) - 1} more in {output}")


def _answers(groups: Sequence[Group]) -> str:
    """Return `2 labels (negative, positive)`, or the number of candidates."""
    sizes = {len(group.prompts[0].prompt.verbalizer) for group in groups}
    size = "-".join(f"{each:,}" for each in sorted({min(sizes), max(sizes)}))
    noun = groups[0].kind.answers_noun
    if groups[0].kind.has_candidates:
        return f"with {size} {noun}"
    labels = groups[0].prompts[0].prompt.verbalizer.labels
    labels_text = f" ({', '.join(labels)})" if len(groups) == 1 and len(labels) <= SHOWN else ""
    return f"with {size} {noun}{labels_text}"
