"""Attributes of other libraries' objects, replaced for a while."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def patched(*targets: object, **attributes: object) -> Iterator[None]:
    """While open, set these attributes, which all targets have, on each of them.

    Then put back what each target had itself; where its class had it, that shows again.
    """
    before = [
        (target, name, getattr(target, name), _is_stored(target, name))
        for target in targets
        for name in attributes
    ]
    for target in targets:
        for name, value in attributes.items():
            setattr(target, name, value)
    try:
        yield
    finally:
        for target, name, value, stored in before:
            if stored:
                setattr(target, name, value)
            else:
                delattr(target, name)


def _is_stored(target: object, name: str) -> bool:
    """Return True if the value is the target's: its class has none, or a property that sets it."""
    return name in vars(target) or isinstance(getattr(type(target), name, None), property)
