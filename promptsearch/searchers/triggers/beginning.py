"""Where a climb begins: the template with its holes, and the tokens that stand in them first."""

from dataclasses import dataclass

from promptsearch.corpora.splitting import is_spaced
from promptsearch.engine import Task
from promptsearch.errors import PromptError
from promptsearch.models import LanguageModel
from promptsearch.prompt import Field, Slot, Template
from promptsearch.searchers.triggers.layout import Layout, Tokens, Where

FILLER = "the"  # stands where there is no mask to stand


@dataclass(frozen=True)
class Beginning:
    """What the user says of it: see the fields of `GradientSearch`."""

    template: str  # "" for the task's
    triggers: int
    where: Where
    start: str  # "" for masks, or fillers
    masks: bool  # whether masks may stand

    def of(self, task: Task, model: LanguageModel) -> tuple[Layout, Tokens]:
        """The layout and the first trigger; `PromptError` where they do not fit together."""
        notation = self.template or str(task.prompt.template)
        given = _read(self.start.split(), model)
        if Layout.marked(notation):
            return self._begun(Layout.parse(notation), given, task, model)
        template = Template.parse(notation)
        if self.where != "words":
            count = len(given) or self.triggers
            return self._begun(Layout.beside(template, count, self.where), given, task, model)
        spaced = is_spaced(task.language)
        layout, own = Layout.of_words(template, lambda word: _read([word], model), spaced)
        if not own:
            raise PromptError(f"the template {notation!r} has no words to start from; add [T]s")
        return self._begun(layout, given or own, task, model)

    def _begun(
        self, layout: Layout, given: Tokens, task: Task, model: LanguageModel
    ) -> tuple[Layout, Tokens]:
        _check(layout, task)
        mask = model.white_box.mask if self.masks else None
        first = (mask,) if mask is not None else _read([FILLER], model)[:1]
        start = given or first * layout.places
        if len(start) != layout.places:
            raise PromptError(
                f"--start {self.start!r} is {len(start)} tokens to this model, but the template "
                f"has places for {layout.places}; change one of them"
            )
        return layout, start


def _read(words: list[str], model: LanguageModel) -> Tokens:
    return tuple(token for ids in model.answer_ids(words) for token in ids)


def _check(layout: Layout, task: Task) -> None:
    """`PromptError` where the layout has no holes, other slots than the answers, or odd fields."""
    if not layout.places:
        raise PromptError("there is no trigger token to change; give --triggers 1 or more")
    slots = tuple(part.name for part in layout.parts if isinstance(part, Slot))
    if set(slots) != set(task.prompt.template.slots):
        wanted = ", ".join(f"[{name}]" for name in task.prompt.template.slots)
        raise PromptError(
            f"--template {layout} must have the slots of the task's answers: {wanted}"
        )
    fields = {part.name for part in layout.parts if isinstance(part, Field)}
    if odd := sorted(fields - set(task.inputs)):
        raise PromptError(
            f"--template {layout} uses {{{odd[0]}}}, but the inputs are {', '.join(task.inputs)}"
        )
