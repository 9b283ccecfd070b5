"""Filled prompts with options, before they are tokens."""

from collections.abc import Sequence

from promptsearch.models import ScoringRequest
from promptsearch.prompt import Filled, Option, Separator


def has_options(text: Filled) -> bool:
    """Return whether the text has options."""
    return any(isinstance(part, Option) for part in text)


def option_count(text: Filled) -> int:
    """Return how many options the text has."""
    return sum(isinstance(part, Option) for part in text)


def with_separators(text: Filled, token: int) -> Filled:
    """Return the text with the model's token at its separators."""
    return tuple(Separator(token) if isinstance(part, Separator) else part for part in text)


def separated(requests: Sequence[ScoringRequest], token: int) -> list[ScoringRequest]:
    """Return the requests with the model's token at the separators of their texts."""
    return [
        ScoringRequest([with_separators(text, token) for text in each.texts], each.answers)
        for each in requests
    ]
