"""Attributes of other people's objects, set for a while."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def patched(*targets: object, **attributes: object) -> Iterator[None]:
    """Set these attributes on all targets while the context is open.

    All that was there before is put back: values that the targets had themselves, and the
    attributes of their classes by removing what hides them.
    """
    pairs = [(target, name) for target in targets for name in attributes]
    before = [(*pair, getattr(*pair)) for pair in pairs if _is_stored(*pair)]
    try:
        for target, name in pairs:
            setattr(target, name, attributes[name])
        yield
    finally:
        for target, name in pairs:
            if not _is_property(target, name):
                vars(target).pop(name, None)
        for target, name, value in before:
            setattr(target, name, value)


def _is_stored(target: object, name: str) -> bool:
    """Return True if the value is the target's, and not its class's."""
    return name in vars(target) or _is_property(target, name)


def _is_property(target: object, name: str) -> bool:
    return isinstance(getattr(type(target), name, None), property)
