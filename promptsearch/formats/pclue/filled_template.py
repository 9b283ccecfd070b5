"""The fields of a filled prompt: what stands in it where a template has them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from promptsearch.errors import DataError, PromptError
from promptsearch.formats.pclue.rows import COLUMNS
from promptsearch.prompt import Field, Template, Text


@dataclass(frozen=True)
class FilledTemplate:
    """A template that ends in its slot, as a pattern of the texts before the slot."""

    template: Template

    @classmethod
    def of(cls, template: Template) -> "FilledTemplate":
        """Return the pattern of a template. Raises DataError if no filled prompt can be of it."""
        at = f"`template` {template.notation!r}"
        if not template.ends_in_slot:
            raise DataError(f"{at} must end in its only slot, after the prompt; put [Z] at the end")
        if not template.fields:
            raise DataError(f"{at} has no field; write {{text}} where rows differ")
        if clashing := [name for name in template.fields if name in COLUMNS]:
            raise DataError(
                f"{at} has the field {{{clashing[0]}}}, a column that pCLUE's rows have; give it "
                "another name"
            )
        try:
            parts = template.text_parts
        except PromptError as error:
            raise DataError(f"`template`: {error}") from None
        if any(isinstance(a, Field) and isinstance(b, Field) for a, b in pairwise(parts)):
            raise DataError(f"{at} has two fields with no text between; write what stands there")
        return cls(template)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """The prompt's text, a group for each of the template's fields, in their order."""
        pieces: list[str] = []
        numbers: dict[str, int] = {}
        for part in self.template.text_parts:
            match part:
                case Text(text):
                    pieces.append(re.escape(text))
                case Field(name) if name in numbers:
                    pieces.append(rf"(?:\{numbers[name]})")
                case Field(name):
                    numbers[name] = len(numbers) + 1
                    pieces.append("(.+?)")
        return re.compile("".join(pieces), re.DOTALL)

    def fields_of(self, text: str) -> Mapping[str, str] | None:
        """Return what the fields hold, none of them empty; None if the text is of no such prompt.

        Where several readings fit, the fields to the left are the shortest possible.

        >>> pattern = FilledTemplate.of(Template.parse("Text: {text}. Topic:[Z]"))
        >>> pattern.fields_of("Text: A. B. Topic:")
        {'text': 'A. B'}
        >>> pattern.fields_of("Text: A. Topic: x")
        """
        match = self._pattern.fullmatch(text)
        if match is None or not all(map(str.strip, match.groups())):
            return None
        return dict(zip(self.template.fields, match.groups(), strict=True))
