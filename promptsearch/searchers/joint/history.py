"""What all steps have tried, and which prompts say the same in almost the same letters."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from promptsearch.engine.trial import Trial, ranking_key, ranked
from promptsearch.prompt import Part, Prompt, Text, Verbalizer

_SPACES = re.compile(r"\s+")
_MARK = re.compile(r" ?([^\w\s]) ?")
_QUOTES = str.maketrans("‘’“”–—", "''\"\"--")

Fold = tuple[Verbalizer, tuple[Part, ...]]


@dataclass
class History:
    """The trials of a joint search, over all its steps."""

    manual: Trial
    objective: str
    trials: dict[Prompt, Trial] = field(default_factory=dict)  # on dev
    deduplicated: int = 0  # prompts that another strategy's stood for
    _first: dict[Fold, tuple[str, Prompt]] = field(default_factory=dict)  # and who asked for it
    _known: set[Prompt] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.note([self.manual])
        self.twin(self.manual.prompt, self.manual.prompt.source.strategy)

    @property
    def best(self) -> list[Trial]:
        """Those that may win, best first."""
        return ranked(self.trials.values(), self.objective)

    @property
    def leader(self) -> str:
        """`p3 log_likelihood -0.412`, of the best."""
        first = self.best[0]
        return f"{first.id} {self.objective} {ranking_key(first.scores, self.objective)[0]:.3f}"

    def note(self, trials: Iterable[Trial]) -> None:
        """Keep trials on dev; one that is complete is not forgotten for one that is not."""
        for trial in trials:
            if trial.complete or trial.prompt not in self.trials:
                self.trials[trial.prompt] = trial

    def twin(self, prompt: Prompt, strategy: str) -> Prompt:
        """The prompt itself or, where another strategy came to its like first, that one.

        A strategy's own variants are what it wants to compare: they are not folded.
        """
        if prompt in self._known:
            return prompt
        who, first = self._first.setdefault(deduplicated(prompt), (strategy, prompt))
        if who == strategy:
            self._known.add(prompt)
            return prompt
        self.deduplicated += 1
        return first


def deduplicated(prompt: Prompt) -> Fold:
    """What near-duplicates share: the answers, and the template but for letter case and spacing.

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
    """Text with one space between words and none about marks, in one letter case."""
    same = unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold()
    return _MARK.sub(r"\1", _SPACES.sub(" ", same))
