"""ParaRel's patterns: paraphrases of a relation.

Elazar et al. (2021), https://arxiv.org/abs/2102.01017, https://github.com/yanaiela/pararel
A file is a relation (P19.jsonl), a line {"pattern": "[X] was born in [Y].", "lemma": "born",
"extended_lemma": "born-in", "tense": "past"}. Its `.graph` files are pickles and are not opened.
"""

from collections.abc import Sequence
from pathlib import Path

from promptsearch.formats.export import ExportRequest
from promptsearch.formats.importing.contents import ImportedFiles, ImportOptions, Location
from promptsearch.formats.shared.export_checks import imported_evidence, no_candidates, no_ensemble
from promptsearch.formats.shared.lama_notation import foreign_template, rows, to_lama, write_rows

ENDINGS = (".jsonl",)
KEPT = ("lemma", "extended_lemma", "tense")


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return the patterns of the relation that the file is named for."""
    if path.suffix == ".graph":
        raise Location(path).error(
            "a pickled graph, which could run anything; give graphs_json, the same as JSON lines"
        )
    templates = [
        foreign_template(location, row, "pattern", path.stem)
        for location, row in rows(path, "pattern")
    ]
    return ImportedFiles(tuple(templates), facts=True)


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a line a prompt, with the lemmas and tenses that were imported; return notes."""
    no_ensemble(request, "ParaRel")
    lines = [
        {"pattern": to_lama(saved), **imported_evidence(saved, KEPT)} for saved in request.prompts
    ]
    write_rows(into, lines)
    bare = sum(len(line) <= len(KEPT) for line in lines)
    without = f"{bare} patterns are without lemma and tense, which ParaRel groups them by"
    return [no_candidates(request), *([without] if bare else [])]
