"""Priors of prompts.json, bound to their prompts."""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from math import isfinite

from promptsearch.errors import PromptError
from promptsearch.prompt import Prompt

Json = Mapping[str, object]


def prior_row(prompt: Prompt, prior: Json | None) -> dict[str, object]:
    """Return what a prompt's row says of its prior: nothing where there is none."""
    return {} if prior is None else {"prior": prior, "prior_of": _fingerprint(prompt)}


def check_prior(row: Json, prompt: Prompt) -> None:
    """Raise PromptError if it is no numbers, or was taken of another template or other answers."""
    if row.get("prior") is None:
        return
    way_out = 'take "prior" and "prior_of" out, or search again'
    if invalid := [value for value in _numbers(row["prior"]) if not _is_number(value)]:
        raise PromptError(f"its prior holds {invalid[0]!r}, which is no finite number; {way_out}")
    if row.get("prior_of", of := _fingerprint(prompt)) != of:
        raise PromptError(f"its prior is of another template or other answers; {way_out}")


def _numbers(prior: object) -> Iterator[object]:
    values = prior.values() if isinstance(prior, Mapping) else (prior,)
    for value in values:
        yield from value if isinstance(value, list) else (value,)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and isfinite(value)


def _fingerprint(prompt: Prompt) -> str:
    content = [str(prompt.template), prompt.plain_answers]
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
