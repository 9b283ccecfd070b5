"""The manual prompt of a task of labels: a cloze whose slots have answers, or options."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from promptsearch.data.tasks.answer_table import Answers, answers_in, first_answer
from promptsearch.data.tasks.source import TaskSource
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import PromptError, TaskError, brief
from promptsearch.prompt import Field, Prompt, Slot, Soft, Template, Verbalizer
from promptsearch.prompt.options_prompt import options_prompt, yes_and_no

Layout = Literal["cloze", "options"]
LAYOUT_KEYS = ("layout", "options", "question", "yes", "no")
QUESTION = "question"  # a key of [options] too, unless it is a key of the file


@dataclass(frozen=True)
class LabelledPrompts:
    """The keys of a task file that make its manual prompt."""

    layout: Layout
    answers: Answers  # label -> answers; none where there are options only
    options: Mapping[str, str]  # label -> its wording; none where the answers are the wordings
    question: str
    yes: str
    no: str | None  # None: the labels' answers are not against one

    @classmethod
    def of(cls, keys: TomlKeys) -> "LabelledPrompts":
        """Return the keys. Raises TaskError at one that is wrong, or if both tables are missing."""
        table = keys.table("options")
        options = {} if table is None else {name: table.string(name, "") for name in table.document}
        question = keys.string(QUESTION, "")
        if options and QUESTION not in keys.document:
            question = options.pop(QUESTION, "")
        if empty := [label for label, wording in options.items() if not wording.strip()]:
            raise keys.error("options", f"the label {empty[0]!r} has no wording; give it one")
        answers = answers_in(keys)
        layout = layout_of(keys, "cloze" if answers else "options")
        if not options or layout == "cloze":
            keys.required("answers", answers)
        yes, no = yes_and_no(keys.string("language", "en"))
        given_no = keys.optional("no")
        no_of_layout = given_no or no if layout == "options" else given_no
        return cls(layout, answers, options, question, keys.string("yes", yes), no_of_layout)

    @property
    def key(self) -> str:
        """The table that the labels stand in, as errors name it."""
        return "options" if self.layout == "options" and self.options else "answers"

    def prompt(self, source: TaskSource, columns: Callable[[], Sequence[str]]) -> Prompt:
        """Return the manual prompt; `columns` are the inputs, where no template names them.

        Raises TaskError, which names the key that is wrong.
        """
        make = self._options if self.layout == "options" else self._cloze
        try:
            prompt = make(source, columns)
        except PromptError as error:
            raise TaskError(f"{source.file}: {self.key}: {error}") from None
        if not prompt.template.fields:
            raise TaskError(
                f"{source.file}: template: {source.task.template!r} has no input field, so every "
                "example reads the same; name an input in braces, such as {text}"
            )
        return prompt

    def _cloze(self, source: TaskSource, _: Callable[[], Sequence[str]]) -> Prompt:
        template = source.template
        written = self.answers if self.no is None else _a_slot_each(self.answers, template.slots)
        answers = Verbalizer.of(written, template.slots)
        return Prompt(template, Verbalizer(answers.pairs, self.no))

    def _options(self, source: TaskSource, columns: Callable[[], Sequence[str]]) -> Prompt:
        assert self.no is not None, "the layout has one"
        wordings = self.options or {name: first_answer(each) for name, each in self.answers.items()}
        texts = [self.question, *wordings.values()]
        passage = passage_in(source, columns, texts)
        return options_prompt(wordings, self.question, passage, self.yes, self.no)


def _a_slot_each(answers: Answers, slots: Sequence[str]) -> Answers:
    """Return the answers for a slot a label, in order, where all are texts and as many as slots."""
    listed = [[each] if isinstance(each, str) else list(each) for each in answers.values()]
    are_texts = all(isinstance(text, str) for texts in listed for text in texts)
    if len(slots) != len(answers) or not are_texts:
        return answers
    return {
        label: [{slot: text} for text in texts]
        for label, slot, texts in zip(answers, slots, listed, strict=True)
    }


def labels_in(keys: TomlKeys) -> bool:
    """Return whether a task file has answers, or options, for labels."""
    options = keys.document.get("options")
    names = [*options] if isinstance(options, Mapping) else []
    if QUESTION not in keys.document and QUESTION in names:
        names.remove(QUESTION)
    return "answers" in keys.document or bool(names)


def layout_of(keys: TomlKeys, default: Layout) -> Layout:
    """Return the layout that a task file says. Raises TaskError if it is none."""
    if (value := keys.string("layout", default)) not in get_args(Layout):
        names = " or ".join(f'"{name}"' for name in get_args(Layout))
        raise keys.error("layout", f"it is {brief(repr(value))}; write {names}")
    return cast(Layout, value)


def passage_in(
    source: TaskSource, columns: Callable[[], Sequence[str]], texts: Sequence[str]
) -> str:
    """Return what the question is about: the template, or its fields if it is a cloze.

    Without a template these are all inputs. Fields of `texts`, the options and the question, are
    left out.
    """
    notation = source.task.template
    parts = Template.parts_of(notation)
    if parts and not any(isinstance(part, Slot | Soft) for part in parts):
        return notation
    names = [part.name for part in parts if isinstance(part, Field)] or list(columns())
    used = {p.name for text in texts for p in Template.parts_of(text) if isinstance(p, Field)}
    return "[SEP]".join(f"{{{name}}}" for name in dict.fromkeys(names) if name not in used)
