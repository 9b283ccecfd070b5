"""From tokens to text and back: a trigger counts only if its text is read as the same tokens.

A token brings its own spelling (" great", "ing"), so a trigger's text is its tokens' spellings in
a row. The text is a template; every example's context is encoded with it and compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from promptsearch.errors import PromptError
from promptsearch.models import WhiteBox
from promptsearch.prompt import Answer, Part, Template, Text, Trigger
from promptsearch.searchers.common.trigger_template import (
    TriggerSlot,
    TriggerTemplate,
    Tokens,
    filled,
)

Parts = tuple[Part | Trigger, ...]


@dataclass(frozen=True)
class Detokenizer:
    """Writes tokens in a layout's holes as text."""

    box: WhiteBox
    layout: TriggerTemplate
    contexts: Sequence[Mapping[str, str]]  # inputs of the examples
    answer: Answer  # that causal models read in the slot
    spaced: bool = True  # whether the language puts spaces between words

    def template(self, tokens: Tokens) -> Template | None:
        """The template that says these tokens; None where no text says them in every context."""
        if any(self.box.spellings[token] is None for token in tokens):
            return None
        for form in self._forms(tokens):
            if self._reads_back(form, tokens, self.contexts):
                return _template(form)
        return None

    def is_encodable(self, many: Sequence[Tokens]) -> list[bool]:
        """Whether the first context reads each of them back; tokens that no text can say stay ids.

        One call for all: what a search asks of its candidates before it scores them.
        """
        context = self.contexts[0]
        forms = [
            (i, form)
            for i, tokens in enumerate(many)
            for form in self._forms(tokens)
            if _template(form) is not None
        ]
        texts = [filled(form, context) for _, form in forms]
        texts += [self.layout.fill(context, tokens) for tokens in many]
        sequences = self.box.sequences(texts, self.answer)
        expected = sequences[len(forms) :]
        good = {i for (i, _), ids in zip(forms, sequences, strict=False) if ids == expected[i]}
        return [i in good for i in range(len(many))]

    def likely(self, tokens: Tokens) -> Template:
        """The template that most likely says these tokens, which `sayable` has passed."""
        template = next(filter(None, map(_template, self._forms(tokens))), None)
        assert template is not None
        return template

    def _forms(self, tokens: Tokens) -> list[Parts]:
        """How the tokens may be written, the likeliest first."""
        spelled = [self.box.spellings[token] for token in tokens]
        forms = [self._written(tokens, spelled, glued=False, bare=True)]
        forms.append(self._written(tokens, spelled, glued=False, bare=False))
        if not self.spaced:
            forms.insert(0, self._written(tokens, spelled, glued=True, bare=True))
        return [form for form in dict.fromkeys(forms) if not _clings(form)]

    def _written(
        self, tokens: Tokens, spelled: Sequence[str | None], *, glued: bool, bare: bool
    ) -> Parts:
        """`bare`: without a space where the template begins; `glued`: without one in the script."""
        remaining = iter(zip(tokens, spelled, strict=True))
        parts: list[Part | Trigger] = []
        for part in self.layout.parts:
            if not isinstance(part, TriggerSlot):
                parts.append(part)
                continue
            token, text = next(remaining)
            if text is None:
                parts.append(Trigger(token))
            elif (glued and not text.isascii()) or (bare and not parts):
                parts.append(Text(text.lstrip(" ")))
            else:
                parts.append(Text(text))
        return tuple(parts)

    def _reads_back(
        self, form: Parts, tokens: Tokens, contexts: Iterable[Mapping[str, str]]
    ) -> bool:
        written = [filled(form, context) for context in contexts]
        meant = [self.layout.fill(context, tokens) for context in contexts]
        ids = self.box.sequences([*written, *meant], self.answer)
        return ids[: len(written)] == ids[len(written) :]


def _clings(form: Parts) -> bool:
    """Whether a word goes on right after a token that is not text: how, nobody can say."""
    pairs = ((first, second) for first, second in pairwise(form) if isinstance(first, Trigger))
    return any(isinstance(second, Text) and second.text[:1].isalnum() for _, second in pairs)


def _template(form: Parts) -> Template | None:
    """None where the notation cannot say it (a slot right between literal brackets)."""
    try:
        return Template(tuple(part for part in form if not isinstance(part, Trigger)))
    except PromptError:
        return None
