"""The templates of a program, whose soft tokens are rows of its table of vectors."""

from itertools import groupby

from promptsearch.errors import ExportError, ModelError
from promptsearch.formats.python.runtime import prompt as runtime
from promptsearch.models import LanguageModel
from promptsearch.models.tokenization.soft_tokens import SoftTokens
from promptsearch.prompt import Field, Input, Separator, Slot, Text, Trigger
from promptsearch.prompt.parts import Filled, FilledPart
from promptsearch.prompt_file.prompts_json import SavedPrompt

ProgramPart = str | runtime.Field | runtime.Slot | runtime.SoftPart | runtime.SeparatorPart


def program_template(
    saved: SavedPrompt, model: LanguageModel, soft: SoftTokens
) -> list[ProgramPart]:
    """Return the parts of a prompt's template, its vectors numbered in `soft`.

    Raise ExportError if the model cannot read these vectors, or not where they stand.
    """
    template = saved.prompt.template
    filled: Filled = tuple(
        Input(part.name, "") if isinstance(part, Field) else part for part in template.parts
    )
    if not template.slots:  # a head reads it; the slot is taken out of its tokens
        filled = (*filled, Slot())
    try:
        if template.soft:
            model.rendered(filled)  # reads the text around the vectors
        (numbered,) = soft.texts([filled])
    except ModelError as error:
        raise ExportError(f"{saved.id}: {error}") from None
    runs = groupby(enumerate(numbered), _run)
    parts = [_part(*(part for _, part in run)) for _, run in runs]
    if template.prefix is not None and template.prefix.continues:
        parts.insert(0, runtime.SoftPart(runtime.PREFIX_END, 1))
    return parts


def _run(numbered: tuple[int, FilledPart]) -> int | str:
    """Return a key that soft tokens share if their rows follow one another; text has its own."""
    index, part = numbered
    return part.token - index if isinstance(part, Trigger) else str(index)


def _part(part: FilledPart, *following: FilledPart) -> ProgramPart:
    match part:
        case Trigger(row):
            return runtime.SoftPart(row, 1 + len(following))
        case Input(name):
            return runtime.Field(name)
        case Slot(name):
            return runtime.Slot(name)
        case Separator():
            return runtime.SeparatorPart()
        case Text(text):
            return text
        case _:
            raise AssertionError("soft tokens have been numbered, prefixes and heads are apart")
