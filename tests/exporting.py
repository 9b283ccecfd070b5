"""Small prompts.json files for exports, and the rows that they are asked."""

import json
import random

from promptsearch.formats.export import ExportRequest
from promptsearch.prediction.ensemble_file import ensemble_of
from promptsearch.prediction.selection import scoring_from
from promptsearch.prompt_file.prompts_json import FORMAT, read_prompts

LITERALS = [
    "[MASK]",
    "<mask>",
    "</s>",
    "<s>",
    "<extra_id_0>",
    "[Z]",
    "{text}",
    "<|im_end|>",
    "[[Z]]",
]
WORDS = [
    "great",
    "film",
    "plot",
    "New York",
    "the",
    "awful,",
    "born",
    "五",
    "é",
    '"',
    "\n",
    "  ",
    "\\",
]


def rows(fields, count=60, seed=0):
    """Inputs of all kinds: plain, empty, ending in space, hostile and far too long."""
    draw = random.Random(seed)

    def text():
        length = draw.choice([0, 1, 2, 3, 5, 8, 13, 60])
        words = draw.choices(WORDS + LITERALS * (draw.random() < 0.3), k=length)
        return draw.choice(["", "", " "]) + " ".join(words) + draw.choice(["", "", " ", "\n"])

    return [{field: text() for field in fields} for _ in range(count)]


def prompts_in(folder, *rows, **document):
    """A prompts.json with these prompts."""
    path = folder / "prompts.json"
    path.write_text(json.dumps({"format": FORMAT, "prompts": list(rows), **document}))
    return path


def exported(path, model=None, *, task=None, ensemble=False, top=1):
    """What a format is given: the first prompts of a file, or its ensemble."""
    file = read_prompts(path)
    together = ensemble_of(file, {one.id: one.prompt for one in file.prompts}) if ensemble else None
    own = scoring_from(file), lambda: model, task, together
    return ExportRequest(file, file.prompts if ensemble else file.prompts[:top], *own)
