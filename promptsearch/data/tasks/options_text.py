"""The text that {options} stands for: the choices of a row, or the labels' answers, joined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from promptsearch.data.tasks.answer_table import answers_in, first_answer
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.prompt import FixedText

SEPARATOR_KEY, TEXTS_KEY = "option_separator", "option_texts"
OPTION_KEYS = (SEPARATOR_KEY, TEXTS_KEY)
SEPARATORS = {"zh": "\uff0c"}
SEPARATOR = ", "  # of other languages


@dataclass(frozen=True)
class OptionsText:
    """What joins the texts, and the text of each label; a choice that is no label is its own."""

    separator: str
    texts: Mapping[str, str]

    @classmethod
    def of(cls, keys: TomlKeys) -> "OptionsText":
        """Return what a task file says. Raises TaskError at a key that is wrong."""
        default = SEPARATORS.get(keys.string("language", "en"), SEPARATOR)
        separator = keys.string(SEPARATOR_KEY, default)
        if not separator:
            raise keys.error(SEPARATOR_KEY, 'it is empty; write what stands between options, ", "')
        return cls(separator, keys.names(TEXTS_KEY))

    @classmethod
    def named(cls, keys: TomlKeys) -> "OptionsText | None":
        """Return the same where a key of it is there: of a task that has no such column."""
        return cls.of(keys) if any(key in keys.document for key in OPTION_KEYS) else None

    def with_answers(self, keys: TomlKeys) -> "OptionsText":
        """Return the same, with the labels' first answers where the file has no texts for them.

        The answers are those of a manual prompt, and so are some.
        """
        if self.texts:
            return self
        answers = {label: first_answer(each) for label, each in answers_in(keys).items()}
        return replace(self, texts=answers)

    @property
    def keys(self) -> dict[str, object]:
        """The keys of a task file that say just this, wherever the answers are."""
        texts = {TEXTS_KEY: dict(self.texts)} if self.texts else {}
        return {SEPARATOR_KEY: self.separator, **texts}

    def of_choices(self, choices: Sequence[str] = ()) -> FixedText:
        """Return the text of a row's choices; without any, of all labels."""
        texts = [self.texts.get(each, each) for each in choices or self.texts]
        return FixedText(self.separator.join(texts))
