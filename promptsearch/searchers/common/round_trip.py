"""A text translated into another language and back."""

from dataclasses import dataclass
from functools import partial

from promptsearch.engine import ModelCall
from promptsearch.engine.strategy import Score
from promptsearch.models.generation.translation import Translator
from promptsearch.scoring import Cost
from promptsearch.searchers.common.ledger_calls import ledgered

Candidate = tuple[str, str, float]  # text, translation, sum of the mean log p of both ways


@dataclass(frozen=True)
class RoundTrip:
    """Two translators that lead there and back, B translations each way: B x B candidates."""

    forward: Translator
    backward: Translator
    beam: int
    score: Score

    def of(self, text: str) -> list[Candidate]:
        """Return the candidates, best first; equal texts stand as often as they come back."""
        inputs = (text, self.beam, self.forward.sha256, self.backward.sha256)
        prepare = partial(self._model_call, text)
        candidates: list[Candidate] = ledgered(self.score, "translate", prepare, inputs)
        return candidates

    def _model_call(self, text: str) -> ModelCall:
        beam = 1 if self.forward.one_best else self.beam
        forwards = beam + beam * (1 if self.backward.one_best else self.beam)
        tokens = forwards * 2 * len(text.split())  # a guess: only the translators know their tokens
        return ModelCall(Cost(forwards, tokens), partial(self._translated, text))

    def _translated(self, text: str) -> list[Candidate]:
        (translations,) = self.forward.translations([text], self.beam)
        back = self.backward.translations([each.text for each in translations], self.beam)
        candidates = [
            (again.text, each.text, each.log_prob + again.log_prob)
            for each, returned in zip(translations, back, strict=True)
            for again in returned
        ]
        return sorted(candidates, key=lambda candidate: -candidate[2])
