"""The order in which peft's models read: vectors first, then what the tokenizer writes."""

from promptsearch.models import LanguageModel
from promptsearch.models.frozen_model import frozen_model

PROBE = "the"


def lead_problem(model: LanguageModel) -> str | None:
    """Return what stands before vectors of ours and behind those of peft; None if nothing does.

    peft puts them before all ids of a text, also before those that the tokenizer adds.
    """
    if not (lead := frozen_model(model).runtime.tokens.lead):
        return None
    tokens = f"{lead} token{'s' if lead > 1 else ''}"
    return f"{model.info.spec!r} begins texts with {tokens} of its own"


def space_behind(model: LanguageModel) -> str:
    """Return what stands between vectors and a text that is read as if nothing were before it."""
    tokens = frozen_model(model).runtime.tokens
    (first,) = tokens.encode([(PROBE,)], special=False)
    (spaced,) = tokens.encode_continuation([(f" {PROBE}",)])
    return " " if spaced == first else ""
