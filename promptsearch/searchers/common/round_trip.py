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

    def of(self, text: str) -> list[Candidate]:
        """The candidates, best first; equal texts stand as often as they come back."""
        about = (text, self.beam, self.forward.sha256, self.backward.sha256)
        translated = self.score.once(f"translate {digest(about)}", partial(self._chore, text))
        return cast(list[Candidate], translated)

    def _chore(self, text: str) -> ModelCall:
        beam = 1 if self.forward.one_best else self.beam
        forwards = beam + beam * (1 if self.backward.one_best else self.beam)
        tokens = forwards * 2 * len(text.split())  # about: nobody else knows their tokens
        return ModelCall(Cost(forwards, tokens), partial(self._translated, text))

    def _translated(self, text: str) -> list[Candidate]:
        (there,) = self.forward.translations([text], self.beam)
        back = self.backward.translations([each.text for each in there], self.beam)
        candidates = [
            (again.text, each.text, each.log_prob + again.log_prob)
            for each, returned in zip(there, back, strict=True)
            for again in returned
        ]
        return sorted(candidates, key=lambda candidate: -candidate[2])
