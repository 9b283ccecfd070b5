"""Validation of prompts.json: types of its values, and priors bound to their prompts."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from math import isfinite
from typing import Any

from promptsearch.errors import PromptError
from promptsearch.files.read import is_whole
from promptsearch.prompt import Prompt

Kind = Mapping[str, Any] | str  # an object's keys ("*": all others), or a word of _IS
_SCORES = {"*": {"n": "count", "selected": "flag", "*": "any"}}
_PROMPT: Kind = {
    "scores": _SCORES,
    "source": {"strategy": "text", "parents": "list", "evidence": {"*": "any"}},
}
FORM: Kind = {
    "task": {
        **dict.fromkeys(("name", "kind", "file"), "text"),
        **dict.fromkeys(("inputs", "labels", "corpus"), "list"),
        "definition": {"*": "any"},
        "data": {"*": {"files": "list", "sha256": "text", "n": "count", "examples_sha256": "text"}},
    },
    "model": {
        **dict.fromkeys(("spec", "family", "sha256", "dtype"), "text"),
        "max_tokens": "count",
    },
    "scoring": {"*": "text"},
    "search": {
        **dict.fromkeys(("strategy", "objective", "stopped_because", "command"), "text"),
        **dict.fromkeys(("seed", "budget"), "count"),
        "options": {"*": "any"},
        "spent": {"seconds": "number", "*": "count"},
    },
    "ensemble": {
        "rule": "text",
        "members": [{"id": "text", "weight": "number"}],
        "scores": _SCORES,
    },
    "baselines": {"*": _PROMPT},
    "versions": {"*": "any"},
    "prompts": [_PROMPT],
}
_IS: Mapping[str, Callable[[Any], bool]] = {
    "any": lambda value: True,
    "text": lambda value: isinstance(value, str) and is_whole(value),
    "list": lambda value: isinstance(value, list),
    "flag": lambda value: isinstance(value, bool),
    "count": lambda value: isinstance(value, int) and 0 <= value < 1 << 63,
    "number": lambda value: isinstance(value, int | float) and isfinite(value),
}
_CALLED = {"list": "a list", "flag": "true or false", "count": "a whole number, 0 or more"}


def misshapen(document: object, form: Any = FORM, path: str = "") -> Iterator[str]:
    """Yield a message for each value of a wrong type: `search.seed must be a number, not 'a'`."""
    if document is None:
        return
    if isinstance(form, str):
        if not _IS[form](document):
            called = _CALLED.get(form, f"a {form}")
            yield f"{path} must be {called}, not {str(document)[:40]!r}"
    elif isinstance(form, Sequence):
        for number, value in enumerate(document if isinstance(document, list) else (), 1):
            if isinstance(value, Mapping):
                yield from misshapen(value, form[0], f"{path} {number}")
    elif not isinstance(document, Mapping):
        yield f"{path} must be an object, not {str(document)[:40]!r}"
    else:
        for key, value in document.items():
            expected = form.get(key, form.get("*", "any"))
            yield from misshapen(value, expected, f"{path}.{key}" if path else key)


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
