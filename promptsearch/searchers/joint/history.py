"""The trials of all steps, and the near-duplicates among their prompts."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from promptsearch.engine.trial import Trial, ranked, ranking_key
from promptsearch.prompt import Part, Prompt, Text, Verbalizer

_SPACES = re.compile(r"\s+")
_MARK = re.compile(r" ?([^\w\s]) ?")
_QUOTES = str.maketrans("‘’“”–—", "''\"\"--")

PromptKey = tuple[Verbalizer, tuple[Part, ...]]


@dataclass
class History:
    """The trials of a joint search, over all its steps."""

    manual: Trial
    objective: str
    trials: dict[Prompt, Trial] = field(default_factory=dict)  # on dev
    duplicates: int = 0  # prompts replaced by a near-duplicate of another strategy
    _first: dict[PromptKey, tuple[str, Prompt]] = field(default_factory=dict)  # with its strategy
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
        """Return the prompt or, if another strategy proposed a near-duplicate before, that one.

        Variants by one strategy are not merged: it compares them.
        """
        if prompt in self._known:
            return prompt
        owner, first = self._first.setdefault(prompt_key(prompt), (strategy, prompt))
        if owner == strategy:
            self._known.add(prompt)
            return prompt
        self.duplicates += 1
        return first


def prompt_key(prompt: Prompt) -> PromptKey:
    """Return the key of near-duplicates: answers, and template but for letter case and spacing.

    Runs of white space, spaces about punctuation marks and at the ends, and the shapes of quotes
    and dashes count for nothing; which marks there are does count, as models read them.
    """
    parts = [_plain(p.text) if isinstance(p, Text) else p for p in prompt.template.parts]
    if isinstance(parts[0], str):
        parts[0] = parts[0].lstrip()
    if isinstance(parts[-1], str):
        parts[-1] = parts[-1].rstrip()
    normalised = (Text(p) if isinstance(p, str) else p for p in parts if p != "")
    return prompt.verbalizer, tuple(normalised)


def _plain(text: str) -> str:
    """Return text with one space between words and none about marks, in one letter case."""
    folded = unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold()
    return _MARK.sub(r"\1", _SPACES.sub(" ", folded))
