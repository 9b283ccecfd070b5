"""OpenPrompt's templates and verbalizers.

Ding et al. (2022), https://arxiv.org/abs/2111.01998, https://github.com/thunlp/OpenPrompt
A template is text with {"placeholder": "text_a"}, {"meta": "word"} and {"mask"}, one a line. A
verbalizer is JSON (label -> words, or a list of such), or text: a line a label, commas between its
words, a blank line between two verbalizers. With several masks (PTR) a label has a word for each.

OpenPrompt's words bring a space, unless they begin with <!>; so `?{"mask"},` is "? [Z],". With a
model, soft tokens with words are vectors that start as these; without one they are text. Control
tokens, and what is done to inputs (post_processing) are no part of our templates.
"""

from pathlib import Path
from shlex import quote

from promptsearch.files.read import ENCODING, kind_of, open_text
from promptsearch.formats.importing.contents import (
    ForeignTemplate,
    ImportedFiles,
    ImportOptions,
    Location,
)
from promptsearch.formats.importing.input_names import Inputs
from promptsearch.formats.importing.prompt_pairs import named_here
from promptsearch.formats.openprompt.exporter import write
from promptsearch.formats.openprompt.notation import holds_mask, template_of
from promptsearch.formats.openprompt.soft_pieces import Words, soft_words
from promptsearch.formats.openprompt.verbalizers import in_json, in_text
from promptsearch.formats.shared.model_vectors import check_order

__all__ = ["ENDINGS", "read", "write"]

ENDINGS = (".txt", ".json", ".jsonl")
POSITIONS = ("text_a", "text_b")


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return the templates or verbalizers of a file."""
    if kind_of(path) in (".json", ".jsonl"):
        return ImportedFiles(verbalizers=tuple(in_json(Location(path))), positions=POSITIONS)
    with open_text(path, ENCODING, newline="") as stream:
        lines = [(Location(path, number), line.rstrip()) for number, line in enumerate(stream, 1)]
    if not any(line for _, line in lines):
        raise Location(path).error("the file is empty; it should hold a template or a verbalizer")
    if any(holds_mask(line) for _, line in lines):
        words = soft_words(options.model) if options.model is not None else None
        templates = (_template(*line, options, words) for line in lines if line[1].strip())
        return ImportedFiles(tuple(templates), positions=POSITIONS)
    return ImportedFiles(verbalizers=tuple(in_text(lines, options)), positions=POSITIONS)


def _template(
    location: Location, line: str, options: ImportOptions, words: Words | None
) -> ForeignTemplate:
    template, lost = template_of(location, line, words)
    foreign = ForeignTemplate(
        location, template, spaced=True, evidence={"published": line}, lost=lost
    )
    if any(part.vectors is None for part in template.soft):
        form = named_here(foreign, Inputs(options, POSITIONS)).notation
        raise location.error(
            "soft tokens have no words to start from, and no vectors before they are trained: "
            f"promptsearch soft --task TASK --template {quote(form)}"
        )
    if options.model is not None:
        check_order(location, template, options.model)
    return foreign
