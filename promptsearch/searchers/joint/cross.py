"""The step `cross`: templates and answers of different prompts, tried together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from promptsearch.engine.trial import Trial
from promptsearch.errors import RunError
from promptsearch.prompt import Prompt, Source, Template, Verbalizer

CROSS = "cross"  # the strategy's name in plans and in sources


@dataclass(frozen=True)
class Cross:
    """The best templates with the best answers, as far as they were not tried together."""

    templates: Annotated[int, "Of the best templates so far."] = 5
    answers: Annotated[int, "Of the best verbalizers so far."] = 5

    def __post_init__(self) -> None:
        for name in ("templates", "answers"):
            if (value := getattr(self, name)) < 1:
                raise RunError(f"--{name} {value} is too small; give 1 or more")

    def prompts(self, best: Sequence[Trial]) -> Iterator[Prompt]:
        """Yield new pairs of the trials (best first), in the order of the sum of their ranks."""
        templates, answers = _first(best, self.templates, self.answers)
        tried = {trial.prompt for trial in best}
        pairs = [(i, j) for i in range(len(templates)) for j in range(len(answers))]
        for i, j in sorted(pairs, key=lambda pair: (sum(pair), pair)):
            template, verbalizer = templates[i].prompt.template, answers[j].prompt.verbalizer
            if template.head is None and _slots(verbalizer) <= set(template.slots):
                parents = (templates[i].id, answers[j].id)
                prompt = Prompt(template, verbalizer, Source(CROSS, parents))
                if prompt not in tried:
                    yield prompt


def _first(
    best: Sequence[Trial], templates: int, answers: int
) -> tuple[Sequence[Trial], Sequence[Trial]]:
    """Return the best trial of each of the best templates, and of each of the best verbalizers."""
    by_template: dict[Template, Trial] = {}
    by_answers: dict[Verbalizer, Trial] = {}
    for trial in best:
        by_template.setdefault(trial.prompt.template, trial)
        by_answers.setdefault(trial.prompt.verbalizer, trial)
    return list(by_template.values())[:templates], list(by_answers.values())[:answers]


def _slots(verbalizer: Verbalizer) -> set[str]:
    return {slot for answer in verbalizer.answers for slot, _ in answer}
