"""OptiPrompt's relation files: a discrete template a relation.

Zhong et al. (2021), https://arxiv.org/abs/2104.05240, https://github.com/princeton-nlp/OptiPrompt
A line is {"relation": "P19", "template": "[X] was born in [Y] ."}. OptiPrompt itself learns vectors
([V1] ...) in `prompt_vecs.npy`: they are no words, and templates with them are refused.
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


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return the templates of relations. Raises DataError if the words of one are vectors."""
    templates = relations(path)
    for foreign in templates:
        if vector := VECTOR.search(foreign.template.notation):
            raise foreign.location.error(
                f"{vector[0]} is a vector that OptiPrompt has learnt, which no words say; give the "
                "relation file that it started from"
            )
    return ImportedFiles(templates, facts=True)


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write the best prompt, for the relation that the task is named for; return notes."""
    no_ensemble(request, "OptiPrompt")
    (template,) = (to_lama(saved) for saved in request.prompts[:1])
    if vector := VECTOR.search(template):
        raise ExportError(
            f"{request.prompts[0].id}: {vector[0]} in its text would be read as a vector; export "
            "it as lama"
        )
    write_rows(into, [{"relation": request.name, "template": template}])
    note = f"OptiPrompt takes one template a relation: {len(request.prompts) - 1} were left out"
    return [no_candidates(request), *([note] if len(request.prompts) > 1 else [])]
