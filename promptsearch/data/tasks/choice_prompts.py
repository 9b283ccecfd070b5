"""The manual prompt of a task whose rows have free choices: a cloze, or the choices as options."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from promptsearch.data.tasks.labelled_prompts import (
    LAYOUT_KEYS,
    QUESTION,
    Layout,
    layout_of,
    passage_in,
)
from promptsearch.data.tasks.source import TaskSource
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import PromptError, TaskError
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.prompt.options_prompt import row_options_template, yes_and_no


@dataclass(frozen=True)
class ChoicePrompts:
    """The keys of a task file that make its manual prompt, all but the template."""

    layout: Layout
    question: str
    yes: str
    no: str

    @classmethod
    def of(cls, keys: TomlKeys) -> "ChoicePrompts":
        """Return the keys. Raises TaskError at one that is wrong."""
        table, words = keys.table("options"), yes_and_no(keys.string("language", "en"))
        question = keys.string(QUESTION, "" if table is None else table.string(QUESTION, ""))
        is_cloze = not any(key in keys.document for key in LAYOUT_KEYS)
        layout = layout_of(keys, "cloze" if is_cloze else "options")
        return cls(layout, question, keys.string("yes", words[0]), keys.string("no", words[1]))

    def template(self, source: TaskSource, columns: Callable[[], Sequence[str]]) -> Template:
        """Return the manual template; `columns` are the inputs, where no template names them."""
        if self.layout == "cloze":
            return source.template
        try:
            return row_options_template(self.question, passage_in(source, columns, [self.question]))
        except PromptError as error:
            raise TaskError(f"{source.file}: options: {error}") from None

    def prompt(self, template: Template, candidates: Sequence[str]) -> Prompt:
        """Return the manual prompt of these candidates."""
        verbalizer = Verbalizer.of_candidates(candidates, template.slots[0])
        if self.layout == "options":
            verbalizer = verbalizer.rating(self.yes, self.no)
        return Prompt(template, verbalizer)
