"""The start of a trigger search: a template with trigger slots, and the tokens in them."""

from dataclasses import dataclass

from promptsearch.engine.strategy import Task
from promptsearch.errors import PromptError
from promptsearch.language.words import is_spaced
from promptsearch.models import LanguageModel
from promptsearch.prompt import Template
from promptsearch.prompt.template import check_slots_and_fields
from promptsearch.searchers.common.trigger_template import Tokens, TriggerTemplate, Where

FILLERS = ("the", "a", "is", "in", "of")  # for models without a mask


@dataclass(frozen=True)
class TriggerStart:
    """The user's choice of a start: see the fields of `GradientSearch`."""

    template: str  # "" for the task's
    triggers: int
    where: Where
    start: str  # "" for masks, or fillers
    masks: bool  # true if masks may stand in the slots

    def of(self, task: Task, model: LanguageModel) -> tuple[TriggerTemplate, Tokens]:
        """Return the trigger template and the first trigger; PromptError if they do not match."""
        notation = self.template or str(task.prompt.template)
        start_tokens = _read(self.start.split(), model)
        if TriggerTemplate.marked(notation):
            return self._checked(TriggerTemplate.parse(notation), start_tokens, task, model)
        template = Template.parse(notation)
        if self.where != "words":
            count = len(start_tokens) or self.triggers
            where = "before" if task.slot_stands_last else self.where
            beside = TriggerTemplate.beside(template, count, where)
            return self._checked(beside, start_tokens, task, model)
        spaced = is_spaced(task.language)
        trigger_template, word_tokens = TriggerTemplate.of_words(
            template, lambda word: _read([word], model), spaced
        )
        if not word_tokens:
            raise PromptError(f"the template {notation!r} has no words to start from; add [T]s")
        return self._checked(trigger_template, start_tokens or word_tokens, task, model)

    def _checked(
        self, trigger_template: TriggerTemplate, tokens: Tokens, task: Task, model: LanguageModel
    ) -> tuple[TriggerTemplate, Tokens]:
        _check(trigger_template, task)
        start = tokens or (self._first(model),) * trigger_template.slot_count
        if len(start) != trigger_template.slot_count:
            raise PromptError(
                f"`start` {self.start!r} is {len(start)} tokens to this model, but the template "
                f"has places for {trigger_template.slot_count}; change one of them"
            )
        if unknown := [t for t in tokens if model.white_box.spellings[t] is None]:
            raise PromptError(
                f"some of the words that the trigger starts from are unknown to this model (token "
                f"{unknown[0]}); give others with `start`, or [T]s in `template`"
            )
        return trigger_template, start

    def _first(self, model: LanguageModel) -> int:
        """Return the mask, or a word that is one token which text can say."""
        white_box = model.white_box
        if self.masks and white_box.mask is not None:
            return white_box.mask
        tokens = [ids[0] for ids in model.answer_ids(FILLERS) if len(ids) == 1]
        tokens += [
            t for t, text in enumerate(white_box.spellings) if text and text.strip().isalpha()
        ]
        encodable = (token for token in tokens if white_box.spellings[token] is not None)
        if (first := next(encodable, None)) is None:
            raise PromptError("no token of this model is a word to start from; give `start`")
        return first


def _read(words: list[str], model: LanguageModel) -> Tokens:
    return tuple(token for ids in model.answer_ids(words) for token in ids)


def _check(trigger_template: TriggerTemplate, task: Task) -> None:
    """Raise PromptError if it has no trigger slots, or its slots or fields are not the task's."""
    if not trigger_template.slot_count:
        raise PromptError("there is no trigger token to change; give `triggers` 1 or more")
    check_slots_and_fields(
        f"`template` {trigger_template}",
        trigger_template.parts,
        task.prompt.template.slots,
        task.inputs,
    )
