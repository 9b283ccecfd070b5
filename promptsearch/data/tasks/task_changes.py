"""Changes between two versions of a task file."""

from collections.abc import Iterator, Mapping


def task_changes(
    old: Mapping[str, object], new: Mapping[str, object], table: str = ""
) -> Iterator[str]:
    """Yield `label was 'label', now 'label2'` for each key that differs; of tables `table.key`.

    Both are the parsed TOML.
    """
    for key in {**old, **new}:
        was, now = old.get(key), new.get(key)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from task_changes(was, now, f"{table}{key}.")
        elif was != now:
            yield f"{table}{key} was {was!r}, now {now!r}"
