"""A text into another language and back, and what it has become."""

from dataclasses import dataclass
from functools import partial
from typing import cast

from promptsearch.engine import ModelCall
from promptsearch.engine.ledger import digest
from promptsearch.engine.strategy import Score
from promptsearch.models.generation.translation import Translator
from promptsearch.scoring import Cost

Candidate = tuple[str, str, float]  # text, translation, sum of the mean log p of both ways


@dataclass(frozen=True)
class RoundTrip:
    """B translations each way: B x B candidates."""

    forward: Translator
    backward: Translator
    beam: int
    score: Score

    def of(self, said: str) -> list[Candidate]:
        """The candidates, best first; equal texts stand as often as they come back."""
        about = (said, self.beam, self.forward.sha256, self.backward.sha256)
        made = self.score.once(f"translate {digest(about)}", partial(self._chore, said))
        return cast(list[Candidate], made)

    def _chore(self, said: str) -> ModelCall:
        beam = 1 if self.forward.one_best else self.beam
        forwards = beam + beam * (1 if self.backward.one_best else self.beam)
        tokens = forwards * 2 * len(said.split())  # about: nobody else knows their tokens
        return ModelCall(Cost(forwards, tokens), partial(self._translated, said))

    def _translated(self, said: str) -> list[Candidate]:
        (there,) = self.forward.translations([said], self.beam)
        back = self.backward.translations([each.text for each in there], self.beam)
        found = [
            (again.text, each.text, each.log_prob + again.log_prob)
            for each, own in zip(there, back, strict=True)
            for again in own
        ]
        return sorted(found, key=lambda candidate: -candidate[2])
