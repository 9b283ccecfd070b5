"""Where a climb begins: the template with its holes, and the tokens that stand in them first."""

from dataclasses import dataclass

from promptsearch.engine.strategy import Task
from promptsearch.errors import PromptError
from promptsearch.language.words import is_spaced
from promptsearch.models import LanguageModel
from promptsearch.prompt import Template
from promptsearch.prompt.template import check_slots_and_fields
from promptsearch.searchers.common.trigger_template import TriggerTemplate, Tokens, Where

FILLERS = ("the", "a", "is", "in", "of")  # stand where there is no mask to stand


@dataclass(frozen=True)
class TriggerStart:
    """What the user says of it: see the fields of `GradientSearch`."""

    template: str  # "" for the task's
    triggers: int
    where: Where
    start: str  # "" for masks, or fillers
    masks: bool  # whether masks may stand

    def of(self, task: Task, model: LanguageModel) -> tuple[TriggerTemplate, Tokens]:
        """The layout and the first trigger; `PromptError` where they do not fit together."""
        notation = self.template or str(task.prompt.template)
        start_tokens = _read(self.start.split(), model)
        if TriggerTemplate.marked(notation):
            return self._checked(TriggerTemplate.parse(notation), start_tokens, task, model)
        template = Template.parse(notation)
        if self.where != "words":
            count = len(start_tokens) or self.triggers
            return self._checked(
                TriggerTemplate.beside(template, count, self.where), start_tokens, task, model
            )
        spaced = is_spaced(task.language)
        layout, word_tokens = TriggerTemplate.of_words(
            template, lambda word: _read([word], model), spaced
        )
        if not word_tokens:
            raise PromptError(f"the template {notation!r} has no words to start from; add [T]s")
        return self._checked(layout, start_tokens or word_tokens, task, model)

    def _checked(
        self, layout: TriggerTemplate, tokens: Tokens, task: Task, model: LanguageModel
    ) -> tuple[TriggerTemplate, Tokens]:
        _check(layout, task)
        start = tokens or (self._first(model),) * layout.slot_count
        if len(start) != layout.slot_count:
            raise PromptError(
                f"--start {self.start!r} is {len(start)} tokens to this model, but the template "
                f"has places for {layout.slot_count}; change one of them"
            )
        if lost := [t for t in tokens if model.white_box.spellings[t] is None]:
            raise PromptError(
                f"some of the words that the trigger starts from are unknown to this model (token "
                f"{lost[0]}); give others with --start, or [T]s in --template"
            )
        return layout, start

    def _first(self, model: LanguageModel) -> int:
        """The mask, or a word that is one token which text can say."""
        box = model.white_box
        if self.masks and box.mask is not None:
            return box.mask
        tokens = [ids[0] for ids in model.answer_ids(FILLERS) if len(ids) == 1]
        tokens += [t for t, text in enumerate(box.spellings) if text and text.strip().isalpha()]
        encodable = (token for token in tokens if box.spellings[token] is not None)
        if (first := next(encodable, None)) is None:
            raise PromptError("no token of this model is a word to start from; give --start")
        return first


def _read(words: list[str], model: LanguageModel) -> Tokens:
    return tuple(token for ids in model.answer_ids(words) for token in ids)


def _check(layout: TriggerTemplate, task: Task) -> None:
    """`PromptError` where the layout has no holes, other slots than the answers, or odd fields."""
    if not layout.slot_count:
        raise PromptError("there is no trigger token to change; give --triggers 1 or more")
    check_slots_and_fields(
        f"--template {layout}", layout.parts, task.prompt.template.slots, task.inputs
    )
