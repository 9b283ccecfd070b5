"""Detokenization: a trigger counts only if the model reads its text as the same tokens.

A token brings its own spelling (" great", "ing"), so a trigger's text is its tokens' spellings in
a row. The text is a template; every example's context is encoded with it and compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from promptsearch.errors import PromptError
from promptsearch.models import WhiteBox
from promptsearch.prompt import Answer, Part, Template, Text, Trigger
from promptsearch.searchers.common.trigger_template import (
    Tokens,
    TriggerSlot,
    TriggerTemplate,
    filled,
)

Parts = tuple[Part | Trigger, ...]


@dataclass(frozen=True)
class Detokenizer:
    """Writes the tokens of a trigger as text."""

    white_box: WhiteBox
    trigger_template: TriggerTemplate
    contexts: Sequence[Mapping[str, str]]  # inputs of the examples
    answer: Answer  # that causal models read in the slot
    spaced: bool = True  # true if the language puts spaces between words

    def template(self, tokens: Tokens) -> Template | None:
        """Return a template that every context reads as these tokens; None if there is none."""
        if any(self.white_box.spellings[token] is None for token in tokens):
            return None
        for form in self._forms(tokens):
            if self._reads_back(form, tokens):
                return _template(form)
        return None

    def encodable(self, triggers: Sequence[Tokens], count: int) -> list[Tokens]:
        """Return the first `count` triggers that the first context reads back."""
        encodable: list[Tokens] = []
        for start in range(0, len(triggers), 2 * count):
            batch = triggers[start : start + 2 * count]
            flags = zip(batch, self.is_encodable(batch), strict=True)
            encodable += (trigger for trigger, is_good in flags if is_good)
            if len(encodable) >= count:
                break
        return encodable[:count]

    def is_encodable(self, triggers: Sequence[Tokens]) -> list[bool]:
        """Return, for each trigger, whether the first context reads it back from its text.

        Tokens that no text can say stay ids. One call for all: a search checks its candidates so
        before it scores them.
        """
        context = self.contexts[0]
        forms = [
            (i, form)
            for i, tokens in enumerate(triggers)
            for form in self._forms(tokens)
            if _template(form) is not None
        ]
        texts = [filled(form, context) for _, form in forms]
        texts += [self.trigger_template.fill(context, tokens) for tokens in triggers]
        sequences = self.white_box.sequences(texts, self.answer)
        expected = sequences[len(forms) :]
        good = {i for (i, _), ids in zip(forms, sequences, strict=False) if ids == expected[i]}
        return [i in good for i in range(len(triggers))]

    def likely(self, tokens: Tokens) -> Template:
        """Return the likeliest template for tokens that `is_encodable` has passed."""
        template = next(filter(None, map(_template, self._forms(tokens))), None)
        assert template is not None
        return template

    def _forms(self, tokens: Tokens) -> list[Parts]:
        """Return the ways to write the tokens, the likeliest first."""
        spelled = [self.white_box.spellings[token] for token in tokens]
        forms = [self._form(tokens, spelled, glued=False, bare=True)]
        forms.append(self._form(tokens, spelled, glued=False, bare=False))
        if not self.spaced:
            forms.insert(0, self._form(tokens, spelled, glued=True, bare=True))
        return [form for form in dict.fromkeys(forms) if not _clings(form)]

    def _form(
        self, tokens: Tokens, spelled: Sequence[str | None], *, glued: bool, bare: bool
    ) -> Parts:
        """Return the parts with each token as text, if it has one.

        `bare`: no space where the template begins; `glued`: none before letters of the script.
        """
        remaining = iter(zip(tokens, spelled, strict=True))
        parts: list[Part | Trigger] = []
        for part in self.trigger_template.parts:
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

    def _reads_back(self, form: Parts, tokens: Tokens) -> bool:
        """Return whether every context reads the form as the tokens."""
        texts = [filled(form, context) for context in self.contexts]
        texts += [self.trigger_template.fill(context, tokens) for context in self.contexts]
        ids = self.white_box.sequences(texts, self.answer)
        return ids[: len(ids) // 2] == ids[len(ids) // 2 :]


def _clings(form: Parts) -> bool:
    """Return whether a word goes on right after a token that is not text: nobody can write that."""
    pairs = ((first, second) for first, second in pairwise(form) if isinstance(first, Trigger))
    return any(isinstance(second, Text) and second.text[:1].isalnum() for _, second in pairs)


def _template(form: Parts) -> Template | None:
    """Return the form as a template; None for a slot right between literal brackets."""
    try:
        return Template(tuple(part for part in form if not isinstance(part, Trigger)))
    except PromptError:
        return None
