"""OptiPrompt's relation files: a discrete template a relation.

Zhong et al. (2021), https://arxiv.org/abs/2104.05240, https://github.com/princeton-nlp/OptiPrompt
A line is {"relation": "P19", "template": "[X] was born in [Y] ."}. What OptiPrompt itself learns is
vectors ([V1] ...) in `prompt_vecs.npy`: they are no words, and templates with them are refused.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.formats.export import ExportRequest
from promptsearch.formats.importing.contents import ImportedFiles, ImportOptions
from promptsearch.formats.shared.export_checks import no_candidates, no_ensemble
from promptsearch.formats.shared.lama_notation import relations, to_lama, write_rows

ENDINGS = (".jsonl",)
VECTOR = re.compile(r"\[V\d+\]")


def read(path: Path, given: ImportOptions) -> ImportedFiles:
    """Templates of relations; `DataError` for one whose words are vectors."""
    templates = relations(path)
    for found in templates:
        if vector := VECTOR.search(str(found.template)):
            raise found.place.error(
                f"{vector[0]} is a vector that OptiPrompt has learnt, which no words say; give the "
                "relation file that it started from"
            )
    return ImportedFiles(templates, facts=True)


def write(given: ExportRequest, into: Path) -> Sequence[str]:
    """The best prompt, for the relation that the task is named for."""
    no_ensemble(given, "OptiPrompt")
    (template,) = (to_lama(saved) for saved in given.prompts[:1])
    if vector := VECTOR.search(template):
        raise ExportError(
            f"{given.prompts[0].id}: {vector[0]} in its text would be read as a vector; export it "
            "as lama"
        )
    write_rows(into, [{"relation": given.name, "template": template}])
    left = f"OptiPrompt takes one template a relation: {len(given.prompts) - 1} were left out"
    return [no_candidates(given), *([left] if len(given.prompts) > 1 else [])]
