"""Templates: text with input fields and answer slots, and what they become once filled."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from promptsearch.errors import PromptError
from promptsearch.prompt.head import Head
from promptsearch.prompt.options import check_options, options_end
from promptsearch.prompt.parts import (
    Field,
    Filled,
    FilledPart,
    FixedText,
    Input,
    Option,
    Part,
    Separator,
    Slot,
    Text,
    TextPart,
    WordPart,
    field_hint,
)
from promptsearch.prompt.prefix import Prefix
from promptsearch.prompt.row_options import has_row_options, with_row_options
from promptsearch.prompt.soft import Soft, Vectors

# What brackets may hold that is no text; the last is of keys alone, see `Template.__str__`.
_MARK = r"Z\d*|S\d*(?::\d+)?(?:@\w*)?|O\d*|SEP|(?:prefix|head):\w+@\w+"
_NOTATION = re.compile(
    rf"\{{\{{|\}}\}}|\{{(?P<field>\w+)\}}|\[\[(?P<literal>{_MARK})\]\]"
    r"|\[(?:(?P<slot>Z\d*)|(?P<option>O\d*)|(?P<separator>SEP)|(?P<soft>S\d*)(?::(?P<length>\d+))?(?P<bound>@\w*)?)\]"
)
_MISTYPED = re.compile(r"\[S\d*:[^\s\[\]]*\]")  # no soft token, and hardly text
_DEEP = re.compile(r"(?:\[prefix:(?P<length>\d+)@\w+\])?(?:\[head:(?P<reads>\w+)@\w+\])?")
_MARKED = re.compile(rf"\[({_MARK})\]")


@dataclass(frozen=True)
class Template:
    """A prompting function: text with `{named}` input fields and answer slots.

    A prefix may stand before all of it, and a head may read the model in place of answers.

    >>> str(Template.parse("{text} It was [Z]."))
    '{text} It was [Z].'
    """

    parts: tuple[Part, ...]
    prefix: Prefix | None = None
    head: Head | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(_merged(self.parts)))
        if not self.slots and (self.head is None or self.head.reads == "mask"):
            raise PromptError(
                f"the template {self.notation!r} has no slot; write [Z] where the model should "
                "answer"
            )
        if len(set(self.slots)) < len(self.slots):
            raise PromptError(
                f"the template {self.notation!r} has two equal slots; "
                "use one [Z], or name several slots [Z1], [Z2], ..."
            )
        self._check_soft()
        check_options(self.parts, self.notation)
        unbound = tuple(_unbound(part) for part in self.parts)
        if Template.parts_of(self.notation) != unbound:
            raise PromptError(f"the template parts {self.parts} have no unambiguous notation")

    @staticmethod
    def parts_of(notation: str) -> tuple[Part, ...]:
        """Return the parts that `notation` stands for; `{{`, `}}`, `[[Z]]`, `[[S]]` are literal."""
        parts: list[Part] = []
        end = 0
        for match in _NOTATION.finditer(notation):
            parts.append(_literal(notation, end, match.start()))
            parts.append(_part(match))
            end = match.end()
        parts.append(_literal(notation, end, len(notation)))
        return tuple(_merged(parts))

    @classmethod
    def parse(
        cls, notation: str, prefix: Prefix | None = None, head: Head | None = None
    ) -> "Template":
        """Return a template from its notation; `PromptError` says what is wrong with it."""
        if mistyped := _MISTYPED.search(_NOTATION.sub(" ", notation)):
            raise PromptError(
                f"{mistyped[0]} is no soft token; write [S1:5] for five vectors that are called S1"
            )
        return cls(cls.parts_of(notation), prefix, head)

    def __repr__(self) -> str:
        """Return the constructor's call; keys of ledgers have the `repr` of templates of text."""
        prefix, head = self.prefix, self.head
        deep = f", prefix={prefix!r}, head={head!r}" if prefix or head else ""
        return f"Template(parts={self.parts!r}{deep})"

    def __str__(self) -> str:
        """Return what tells the template from every other one: the digests of vectors are in it.

        So whatever is keyed by a template's text keeps two checkpoints of a soft prompt apart, or
        two prefixes or heads.
        """
        prefix, head = self.prefix, self.head
        deep = [f"[prefix:{prefix.length}@{prefix.digest}]"] if prefix else []
        deep += [f"[head:{head.reads}@{head.digest}]"] if head else []
        return "".join((*deep, *map(_key_of, self.parts)))

    @cached_property
    def notation(self) -> str:
        """The template as files and screens have it."""
        return "".join(map(notation_of, self.parts))

    @property
    def described(self) -> str:
        """The template as screens have it: with the prefix and the head that it has."""
        length = self.prefix.length if self.prefix else 0
        return described(self.notation, length, self.head.reads if self.head else "")

    @cached_property
    def text_parts(self) -> tuple[TextPart, ...]:
        """The parts of a template that is text; `PromptError` if it has options or was trained."""
        if self.has_options:
            raise PromptError(
                f"the template {self.notation!r} has options, which are blind to one another: no "
                "text says that"
            )
        return tuple(part for part in self.word_parts if not isinstance(part, Separator))

    @cached_property
    def word_parts(self) -> tuple[WordPart, ...]:
        """The parts of a template that words say; `PromptError` if trained ones are among them."""
        if self.prefix or self.head:
            what = "a prefix: keys and values" if self.prefix else "a head: a linear layer"
            raise PromptError(f"the prompt {self.notation!r} has {what}, which no words say")
        if self.soft:
            raise PromptError(
                f"the template {self.notation!r} has {self.soft[0].notation}: vectors, which no "
                "words say"
            )
        return tuple(part for part in self.parts if not isinstance(part, Soft))

    @cached_property
    def soft(self) -> tuple[Soft, ...]:
        """The soft parts, each name once, in order."""
        by_name = {part.name: part for part in self.parts if isinstance(part, Soft)}
        return tuple(by_name.values())

    def with_vectors(self, vectors: Mapping[str, Vectors]) -> "Template":
        """Return the template with the vectors of each name; `PromptError` if one is missing."""
        if missing := [part.name for part in self.soft if part.name not in vectors]:
            raise PromptError(
                f"the template {self.notation!r} has no vectors for [{missing[0]}]; "
                f"there are {', '.join(vectors) or 'none'}"
            )
        parts = (
            replace(part, vectors=vectors[part.name]) if isinstance(part, Soft) else part
            for part in self.parts
        )
        return replace(self, parts=tuple(parts))

    def check_shallow(self, subject: str) -> None:
        """Raise PromptError if there is a prefix or a head, which `subject` would lose."""
        if self.prefix is not None or self.head is not None:
            what = "a prefix" if self.prefix is not None else "a head"
            raise PromptError(
                f"the prompt {self.described!r} has {what}, which {subject} would lose; train it "
                "further with `promptsearch prefix --from`"
            )

    @cached_property
    def has_options(self) -> bool:
        """Whether the model reads options, and says yes or no to each."""
        return bool(options_end(self.parts))

    @property
    def ends_in_slot(self) -> bool:
        """Whether its only slot is its last part, where a text of any length fits."""
        return len(self.slots) == 1 and isinstance(self.parts[-1], Slot)

    @cached_property
    def takes_choices(self) -> bool:
        """Whether its options are the choices of a row, without which it cannot be filled."""
        return has_row_options(self.parts)

    @property
    def is_trained(self) -> bool:
        """Whether a part of it is numbers, which mean something to one model only."""
        return bool(self.soft or self.prefix or self.head)

    def _check_soft(self) -> None:
        for part in self.parts:
            if isinstance(part, Soft) and part not in self.soft:
                raise PromptError(
                    f"the template {self.notation!r} has two different [{part.name}]; soft parts "
                    "of one name share their vectors: name them [S1], [S2], ..."
                )

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Names of the input fields, each once, in order."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Field)))

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """Names of the slots, in order."""
        return tuple(part.name for part in self.parts if isinstance(part, Slot))

    def fill(self, inputs: Mapping[str, str], choices: Sequence[str] = ()) -> Filled:
        """Put the inputs into their fields; `PromptError` if one is missing.

        `choices` are those of a row, for a template whose options they are.
        """
        if missing := [name for name in self.fields if name not in inputs]:
            raise PromptError(
                f"the template {self.notation!r} uses {{{missing[0]}}}, but the inputs are "
                f"{', '.join(sorted(inputs)) or 'none'}; use one of these in braces"
            )
        deep = (part for part in (self.prefix, self.head) if part is not None)
        parts = with_row_options(self.parts, choices) if self.takes_choices else self.parts
        return (*deep, *filled_parts(tuple(parts), inputs))


def filled_parts(parts: Sequence[FilledPart | Field], inputs: Mapping[str, str]) -> Filled:
    """Return the parts with the inputs in their fields.

    Those inside options and the texts of choices are never cut.
    """
    end = options_end(parts)
    return tuple(
        filled_field(part.name, inputs[part.name], in_option=index < end)
        if isinstance(part, Field)
        else part
        for index, part in enumerate(parts)
    )


def filled_field(name: str, text: str, *, in_option: bool = False) -> Text | Input:
    """Return a field with its text, which is cut where it is too long unless it is a choice's."""
    return Text(str(text)) if in_option or isinstance(text, FixedText) else Input(name, text)


def emptied(inputs: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs with nothing in them but the texts of choices, which are no example's."""
    return {name: text if isinstance(text, FixedText) else "" for name, text in inputs.items()}


def _merged(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield the same parts with neighbouring texts joined and empty ones left out."""
    text = ""
    for part in parts:
        if isinstance(part, Text):
            text += part.text
            continue
        if text:
            yield Text(text)
        text = ""
        yield part
    if text:
        yield Text(text)


def _literal(notation: str, start: int, end: int) -> Text:
    text = notation[start:end]
    if lone := re.search(r"[{}]", text):
        raise PromptError(
            f"the template {notation!r} has a lone {lone[0]!r} at character "
            f"{start + lone.start() + 1}; write {{name}} for an input, {{{{ or }}}} for a brace"
        )
    return Text(text)


def _part(match: re.Match[str]) -> Part:
    if name := match["field"]:
        return Field(name)
    if name := match["slot"]:
        return Slot(name)
    if name := match["option"]:
        return Option(name)
    if match["separator"]:
        return Separator()
    if match["bound"]:
        raise PromptError(
            f"{match[0]} is a name of vectors that are not here; write [{match['soft']}], or "
            f"[[...]] for the text"
        )
    if name := match["soft"]:
        return Soft(name, int(match["length"] or 1))
    if name := match["literal"]:
        return Text(f"[{name}]")
    return Text(match[0][0])  # {{ or }}


def notation_of(part: Part) -> str:
    """Return how a part is written in a template."""
    match part:
        case Text(text):
            return _MARKED.sub(r"[[\1]]", text.replace("{", "{{").replace("}", "}}"))
        case Field(name):
            return f"{{{name}}}"
        case Slot(name):
            return f"[{name}]"
        case Separator():
            return "[SEP]"
        case Soft():
            return part.notation


def described(notation: str, prefix: int, reads: str) -> str:
    """Return a template's notation with a prefix of so many positions, and a head on a state."""
    behind = f"[prefix of {prefix}] {notation.lstrip(' ')}" if prefix else notation
    return f"{behind} [head on {reads}]" if reads else behind


def without_digests(text: str) -> str:
    """Return a template as screens have it from its `str`, which has the digests of vectors."""

    deep = _DEEP.match(text)
    assert deep is not None, "it matches nothing at all too"

    def plain(match: re.Match[str]) -> str:
        if not match["bound"]:
            return match[0]
        return Soft(match["soft"], int(match["length"] or 1)).notation

    notation = _NOTATION.sub(plain, text[deep.end() :])
    return described(notation, int(deep["length"] or 0), deep["reads"] or "")


def _unbound(part: Part) -> Part:
    return replace(part, vectors=None) if isinstance(part, Soft) else part


def _key_of(part: Part) -> str:
    """Return the notation; of soft tokens with their vectors' digest, which no template spells."""
    if isinstance(part, Soft) and part.vectors is not None:
        return f"[{part.name}:{part.length}@{part.vectors.digest}]"
    return notation_of(part)


def check_slots_and_fields(
    subject: str, parts: Iterable[object], slots: Sequence[str], inputs: Sequence[str]
) -> None:
    """Raise PromptError if parts lack one of a task's slots, or have a field that it has not."""
    listed = list(parts)
    if sorted(part.name for part in listed if isinstance(part, Slot)) != sorted(slots):
        expected = ", ".join(f"[{name}]" for name in slots)
        raise PromptError(f"{subject} must have the slots of the task: {expected}")
    names = [part.name for part in listed if isinstance(part, Field)]
    if not names:
        raise PromptError(
            f"{subject} has no input field, so every example reads the same; name an input in "
            f"braces, such as {{{inputs[0] if inputs else 'text'}}}"
        )
    if unknown := [name for name in names if name not in inputs]:
        raise PromptError(
            f"{subject} uses {{{unknown[0]}}}, but the inputs are {', '.join(inputs)}"
            f"{field_hint(unknown[0])}"
        )
