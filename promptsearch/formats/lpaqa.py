"""LPAQA's lists of prompts: mined ones and paraphrases, with their weights in an ensemble.

Jiang et al. (2020), https://arxiv.org/abs/1911.12543, https://github.com/jzbjyb/LPAQA
A file is a relation: JSON lines {"template": "[X] was born in [Y] .", "weight": 0.0036}, or text
with a template a line. Lines that name their relation themselves are read too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from promptsearch.files.read import ENCODING, kind_of, open_text
from promptsearch.formats.export import ExportRequest
from promptsearch.formats.importing.contents import (
    ForeignTemplate,
    ImportedFiles,
    ImportOptions,
    Location,
    shortened_json,
)
from promptsearch.formats.shared.export_checks import evidence_of, no_candidates
from promptsearch.formats.shared.lama_notation import (
    foreign_template,
    relation_of,
    rows,
    template_at,
    to_lama,
    write_rows,
)
from promptsearch.prediction.ensemble_file import HEAVIEST
from promptsearch.prompt_file.prompts_json import Json, SavedPrompt

ENDINGS = (".jsonl", ".txt")


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return the prompts of a relation, with their published weights."""
    read_as = _lines if kind_of(path) == ".txt" else _rows
    templates = tuple(read_as(path))
    bare = sum(foreign.weight is None for foreign in templates)
    note = f"{bare} of {len(templates)} lines have no weight, so there is no ensemble"
    return ImportedFiles(templates, facts=True, notes=(note,) if 0 < bare < len(templates) else ())


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a line a prompt, with the ensemble's weight or the imported one; return notes."""
    weights = {m.id: m.weight for m in request.ensemble.members} if request.ensemble else {}
    lines = [_line(saved, weights) for saved in request.prompts]
    write_rows(into, lines)
    bare = sum("weight" not in line for line in lines)
    without = f"{bare} prompts are without a weight; LPAQA's ensembles need one"
    return [no_candidates(request), *([without] if bare else [])]


def _rows(path: Path) -> Iterator[ForeignTemplate]:
    for location, row in rows(path, "template"):
        named = relation_of(location, row) if "relation" in row else path.stem
        foreign = foreign_template(location, row, "template", named)
        yield replace(foreign, weight=_weight(location, row))


def _weight(location: Location, row: Json) -> float | None:
    """Return the weight of a line, if it has one. Raises DataError if it is no weight."""
    if "weight" not in row:
        return None
    weight = row["weight"]
    if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
        raise location.error(
            f"the weight is {shortened_json(weight)}; write a number of 0 or more, or leave it out"
        )
    if weight > HEAVIEST:
        raise location.error(f"the weight is {shortened_json(weight)}; write one of about 1")
    return float(weight)


def _lines(path: Path) -> Iterator[ForeignTemplate]:
    location = Location(path)
    with open_text(path, ENCODING) as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                location = Location(path, number)
                yield ForeignTemplate(
                    location, template_at(location, line.rstrip("\r\n")), path.stem
                )
    if location.line is None:
        raise location.error("it holds no prompt; each line is one, such as [X] was born in [Y] .")


def _line(saved: SavedPrompt, weights: dict[str, float]) -> Json:
    weight = weights.get(saved.id, evidence_of(saved).get("weight"))
    return {"template": to_lama(saved), **({} if weight is None else {"weight": weight})}
