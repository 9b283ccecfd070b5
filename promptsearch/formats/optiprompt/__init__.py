"""OptiPrompt's relation files: a template a relation, of words or of vectors.

Zhong et al. (2021), https://arxiv.org/abs/2104.05240, https://github.com/princeton-nlp/OptiPrompt
A line is {"relation": "P19", "template": "[X] was born in [Y] ."}. What it learns are vectors:
`prompt_vecs.npy` has those of [V1], [V2], ... in a row each, and a line says where they stand:
{"relation": "P19", "template": "[X] [V1] [V2] [V3] [Y] [V4]"}.
"""

from collections.abc import Sequence
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.formats.export import ExportRequest
from promptsearch.formats.importing.contents import ImportedFiles, ImportOptions
from promptsearch.formats.optiprompt.relation_vectors import VECTOR, needs_vectors, with_vectors
from promptsearch.formats.shared.export_checks import no_candidates, no_ensemble
from promptsearch.formats.shared.lama_notation import relations, to_lama, write_rows

__all__ = ["ENDINGS", "read", "write"]

ENDINGS = (".jsonl",)


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return the templates of relations, with the vectors beside the file where they have some.

    Raises DataError if there is no model that vectors are of, or no file of them.
    """
    templates = relations(path)
    soft = {each.group for each in templates if needs_vectors(each, options)}
    return ImportedFiles(
        tuple(
            with_vectors(each, options, len(soft)) if needs_vectors(each, options) else each
            for each in templates
        ),
        facts=True,
    )


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
