"""Answer search by decomposition: label names taken apart, and rules over several slots.

Chen et al. (2021), "AdaPrompt" (published as KnowPrompt): a label's name decomposes into words, and
p(label) is the sum over them. https://arxiv.org/abs/2104.07650
Han et al. (2021), "PTR": a rule gives a label one word for each of several slots, and its score
is the sum of their log p. https://arxiv.org/abs/2105.11259

PTR's sum is over log p among the words of each slot, ours over log p among all tokens: they differ
by a constant of the example, so probabilities of labels are the same. Ours are also: words of
several tokens; rules made of names that say two roles ("Cause-Effect(e1,e2)"); the first and the
last word of a rule alone, with the words between them as text; the choice of the template on dev.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple

from promptsearch.data.tasks.ptr_rules import Rules, read_rules
from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import TaskError
from promptsearch.models import Options
from promptsearch.prompt import Prompt, Source, Template, Verbalizer
from promptsearch.searchers.answers.common.start import require_labels
from promptsearch.searchers.answers.decompose.entity_templates import entity_notations
from promptsearch.searchers.answers.decompose.label_forms import Forms, same_tokens
from promptsearch.searchers.common.start_files import TemplateFiles

STRATEGY = "answers-decompose"


class Proposals(NamedTuple):
    """Prompts, and notes on them for the log."""

    prompts: list[Prompt]
    notes: list[str]


@dataclass(frozen=True)
class DecomposeSearch:
    """Make answers of the label names, or of rules with a word for each of several slots.

    A name's words share one slot (their probabilities are summed), or a rule gives a word to each
    slot (their log-probabilities are). Several templates are tried. Chen et al. (2021), AdaPrompt;
    Han et al. (2021), PTR.
    """

    adaptive: ClassVar[bool] = False  # no prompt depends on what others score on dev

    template: Annotated[
        tuple[str, ...],
        "Try this too, with as many slots as you like; give it several times.",
        TemplateFiles(any_slots=True),
    ] = ()
    rules: Annotated[
        str,
        "A rule file of PTR's form: number, label, a word a slot.  [the task's answers, if they "
        "have several slots; else made of the label names]",
    ] = ""
    head: Annotated[str, "The input that holds the first entity."] = "head"
    tail: Annotated[str, "The input that holds the second one."] = "tail"

    def check(self, task: Task, model: Options) -> None:
        """Raise TaskError or DataError if the task has no labels, or nothing can be proposed."""
        require_labels(task.name, task.kind)
        self.proposals(task.prompt, task.inputs)

    def search(self, task: Task, score: Score) -> None:
        """Score every template with the answers that fit its slots."""
        require_labels(task.name, task.kind)
        prompts, notes = self.proposals(task.prompt, task.inputs)
        for note in notes:
            task.log(note)
        several = any(len(prompt.template.slots) > 1 for prompt in prompts)
        if several and task.scoring.multi_token != "independent":
            task.log("slots are filled one after the other; `multi_token` independent: all at once")
        score(prompts)

    def proposals(self, start: Prompt, inputs: Sequence[str]) -> Proposals:
        """Return the prompts; TaskError or DataError if nothing can be proposed. Needs no model."""
        rules = read_rules(Path(self.rules)) if self.rules else _task_rules(start)
        forms = Forms.of(start.verbalizer.labels, rules)
        notes = [_derived(forms)] if forms.derived else []
        prompts: list[Prompt] = []
        for template in self._templates(start.template, forms, inputs):
            form, answers = forms.answers(template)
            if groups := same_tokens(answers):
                notes.append(_ambiguous(len(template.slots), groups))
                continue
            verbalizer = Verbalizer.of(answers, template.slots)
            parents = ("p0",) if template == start.template else ()
            prompts.append(Prompt(template, verbalizer, Source(STRATEGY, parents, {"form": form})))
        if not prompts:
            why = "; ".join(dict.fromkeys(notes)) or "no label name comes apart"
            raise TaskError(f"{why}; give `rules` FILE, or `template`")
        return Proposals(prompts, list(dict.fromkeys(notes)))

    def _templates(self, manual: Template, forms: Forms, inputs: Sequence[str]) -> list[Template]:
        """Return the task's template if its slots suit, the user's, and those for two entities."""
        suits = len(manual.slots) in (1, forms.width) or (len(manual.slots) == 2 and forms.rules)
        user_templates = map(Template.parse, self.template)
        entity_templates = map(
            Template.parse, entity_notations(forms.width, inputs, self.head, self.tail)
        )
        return list(
            dict.fromkeys([*([manual] if suits else []), *user_templates, *entity_templates])
        )


def _task_rules(start: Prompt) -> Rules | None:
    """Return the task's answers as rules, if each is a word for each of several slots."""
    slots = start.template.slots
    whole = all(len(answer) == len(slots) for answer in start.verbalizer.answers)
    if len(slots) == 1 or not whole:
        return None
    return {
        label: [[dict(answer)[slot] for slot in slots] for answer in answers]
        for label, answers in start.verbalizer.pairs
    }


def _derived(forms: Forms) -> str:
    assert forms.rules is not None
    label, (words, *_) = next(iter(forms.rules.items()))
    return f"rules made of the label names: {label} is {' '.join(words)!r}"


def _ambiguous(slots: int, groups: Sequence[Sequence[str]]) -> str:
    first, second = groups[0][:2]
    more = sum(map(len, groups)) - 2
    rest = f" (and {more} more labels are alike)" if more else ""
    count = "one slot" if slots == 1 else f"{slots} slots"
    return f"left out templates with {count}: their answers cannot tell {first} from {second}{rest}"
