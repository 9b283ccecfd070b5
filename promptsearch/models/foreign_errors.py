"""The one guard around other people's code, which may raise errors of any kind.

A model directory runs through transformers, tokenizers, torch, jinja2 and the model's own code.
These raise plain `Exception`s (tokenizers), panics that are no `Exception` at all (its Rust part),
pickle's errors, a `ZeroDivisionError` of a configuration, and new kinds with every version.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from promptsearch.errors import ModelError, PromptSearchError

_LONGEST = 300  # characters of a foreign error's text
_PLAIN = {"Exception", "ValueError", "OSError", "RuntimeError"}  # classes that say nothing
_FULL = ("can't allocate memory", "not enough memory", "out of memory", "cannot allocate memory")


@contextmanager
def foreign_errors(error_of: Callable[[BaseException], Exception]) -> Iterator[None]:
    """Raise the error that `error_of` returns for whatever foreign code raises inside.

    Errors of ours pass, and so do interrupts.
    """
    try:
        yield
    except BaseException as error:
        if not _is_foreign(error) or (other := error_of(error)) is error:
            raise
        raise other from error


def failure(action: Callable[[], object]) -> str | None:
    """Return what a call of foreign code fails with; None if it does not fail."""
    try:
        with foreign_errors(lambda error: ModelError(first_words(error))):
            action()
    except ModelError as error:
        return str(error)
    return None


def first_words(error: BaseException) -> str:
    """Return the error's kind and text in one line that is not too long."""
    name, text = type(error).__name__, " ".join(str(error).split())
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rsplit(" ", 1)[0] + " ..."
    if not text:
        return name
    return text if name in _PLAIN else f"{name}: {text}"


def is_memory_full(error: BaseException) -> bool:
    """Return True if memory ran out: on CPUs torch raises a plain RuntimeError."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(w in str(error).lower() for w in _FULL)


def _is_foreign(error: BaseException) -> bool:
    is_panic = type(error).__name__ == "PanicException"  # of Rust
    return is_panic or (isinstance(error, Exception) and not isinstance(error, PromptSearchError))
