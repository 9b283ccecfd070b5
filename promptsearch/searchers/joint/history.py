"""The trials of all steps, and the prompts among them that read alike to the model."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from promptsearch.engine.strategy import Task
from promptsearch.engine.trial import Trial, ranked, ranking_key
from promptsearch.prompt import Prompt

EXAMPLES = 2  # whose sequences are compared

PromptKey = Callable[[Prompt], Hashable]


@dataclass
class History:
    """The trials of a joint search, over all its steps."""

    manual: Trial
    objective: str
    trials: dict[Prompt, Trial] = field(default_factory=dict)  # on dev
    key: PromptKey = lambda prompt: prompt  # equal for prompts that read alike
    duplicates: int = 0  # prompts replaced by one of another strategy that reads alike
    _first: dict[Hashable, tuple[str, Prompt]] = field(default_factory=dict)  # with its strategy
    _known: set[Prompt] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.note([self.manual])
        self.canonical(self.manual.prompt, self.manual.prompt.source.strategy)

    @property
    def best(self) -> list[Trial]:
        """Trials that may win, best first."""
        return ranked(self.trials.values(), self.objective)

    @property
    def leader(self) -> str:
        """The best trial in a few words: `p3 log_likelihood -0.412`."""
        first = self.best[0]
        return f"{first.id} {self.objective} {ranking_key(first.scores, self.objective)[0]:.3f}"

    def note(self, trials: Iterable[Trial]) -> None:
        """Add trials on dev; a complete one is never replaced by an incomplete one."""
        for trial in trials:
            if trial.complete or trial.prompt not in self.trials:
                self.trials[trial.prompt] = trial

    def canonical(self, prompt: Prompt, strategy: str) -> Prompt:
        """Return the prompt or, if another strategy proposed one that reads alike, that one.

        Variants by one strategy are not merged: it compares them.
        """
        if prompt in self._known:
            return prompt
        owner, first = self._first.setdefault(self.key(prompt), (strategy, prompt))
        if owner == strategy:
            self._known.add(prompt)
            return prompt
        self.duplicates += 1
        return first


def key_of(task: Task) -> PromptKey:
    """Return the key of prompts that read alike: their answers, and the ids that the model reads.

    The ids are of the first examples, with the first answer. Prompts that differ in letter case or
    spaces are one prompt to an uncased model, and two to a cased one. Without a model, or without
    examples, only equal prompts are alike.
    """
    model, examples = task.model, task.train[:EXAMPLES]
    if model is None or not examples:
        return lambda prompt: prompt
    white_box = model.white_box

    def key(prompt: Prompt) -> Hashable:
        texts = [prompt.template.fill(example.inputs, example.choices) for example in examples]
        sequences = white_box.sequences(texts, prompt.verbalizer.answers[0])
        template = prompt.template  # what is trained of it, no sequence of ids tells apart
        trained = template.soft, template.prefix, template.head
        return prompt.verbalizer, template.fields, trained, tuple(map(tuple, sequences))

    return key
