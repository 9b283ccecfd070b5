"""LAMA's `relations.jsonl`: a template a relation.

Petroni et al. (2019), https://arxiv.org/abs/1909.01066, https://github.com/facebookresearch/LAMA
A line is {"relation": "P19", "template": "[X] was born in [Y] .", "label": ..., "type": "N-1"}.
"""

from collections.abc import Sequence
from pathlib import Path

from promptsearch.formats.export import ExportRequest
from promptsearch.formats.importing.contents import ImportedFiles, ImportOptions
from promptsearch.formats.shared.export_checks import imported_evidence, no_candidates, no_ensemble
from promptsearch.formats.shared.lama_notation import relations, to_lama, write_rows

ENDINGS = (".jsonl",)
KEPT = ("label", "description", "type")  # a line's facts about its relation


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return templates of relations; a line's other keys are kept as evidence."""
    return ImportedFiles(relations(path), facts=True)


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a line a prompt, all for the relation that the task is named for; return notes."""
    no_ensemble(request, "LAMA")
    lines = [
        {"relation": request.name, "template": to_lama(saved), **imported_evidence(saved, KEPT)}
        for saved in request.prompts
    ]
    write_rows(into, lines)
    several = f"LAMA tries the {len(lines)} lines of {request.name!r} one after the other"
    return [no_candidates(request), *([several] if len(lines) > 1 else [])]
