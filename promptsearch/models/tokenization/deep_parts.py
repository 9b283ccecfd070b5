"""What a filled prompt has beside tokens: a prefix, a head that reads it, options in blocks."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptsearch.errors import ModelError
from promptsearch.models import ModelInfo, ScoringRequest
from promptsearch.models.tokenization.option_texts import has_options
from promptsearch.prompt import Filled, Head, Prefix, Slot, Text, Trigger

PREFIX_END = -3  # in ids: where a text goes on that continues its prefix


@dataclass(frozen=True)
class DeepParts:
    """A prefix and a head, either of which may be missing, and whether options are in blocks."""

    prefix: Prefix | None = None
    head: Head | None = None
    slotless: bool = False  # a head needs no slot to read the first token
    options: bool = False

    @classmethod
    def of(cls, text: Filled) -> "DeepParts":
        """Return those of a filled prompt."""
        prefix = next((part for part in text if isinstance(part, Prefix)), None)
        head = next((part for part in text if isinstance(part, Head)), None)
        slotless = not any(isinstance(part, Slot) for part in text)
        return cls(prefix, head, slotless, has_options(text))

    def check(self, info: ModelInfo) -> None:
        """Raise ModelError if they are of another model."""
        named = (("prefix", self.prefix), ("head", self.head))
        for name, part in named:
            if part is not None and part.model != info.sha256:
                raise ModelError(
                    f"the {name} is of another model (sha256 {part.model[:12]}), not of "
                    f"{info.spec!r} ({info.sha256[:12]}), to which it means nothing; use it with "
                    "its own model"
                )


def without_deep(text: Filled) -> Filled:
    """Return the tokens of a filled prompt."""
    return tuple(part for part in text if not isinstance(part, Prefix | Head))


def by_deep_parts(
    requests: Sequence[ScoringRequest], causal: bool
) -> dict[DeepParts, tuple[list[ScoringRequest], list[int]]]:
    """Return the texts of each prefix and head, as requests without them, and their rows."""
    groups: dict[DeepParts, tuple[list[ScoringRequest], list[int]]] = {}
    row = 0
    for request in requests:
        texts: dict[DeepParts, list[Filled]] = {}
        for text in request.texts:
            deep = DeepParts.of(text)
            texts.setdefault(deep, []).append(_marked(text, deep, causal))
            groups.setdefault(deep, ([], []))[1].append(row)
            row += 1
        for deep, of_group in texts.items():
            groups[deep][0].append(ScoringRequest(of_group, request.answers))
    return groups


def _marked(text: Filled, deep: DeepParts, causal: bool) -> Filled:
    """Return the tokens of a text; one stands for a prefix that it continues.

    Every text is planned with a slot; where it has none, that is taken out again. A causal model's
    answer takes the space before it along, and leaves the last word as it is.
    """
    tokens = without_deep(text)
    if deep.slotless:
        tokens = (*tokens, *([Text(" ")] if causal else []), Slot())
    if deep.prefix is not None and deep.prefix.continues:
        return (Trigger(PREFIX_END), *tokens)
    return tokens
