"""OpenPrompt's soft tokens as soft parts, numbered as its `MixedTemplate.prepare` numbers them.

Words are the start of as many vectors as they have tokens. `duplicate` is a number of vectors,
with `same` a number of times that one stands; pieces of one `soft_id` share what the first is.
"""

from collections.abc import Callable

from promptsearch.formats.importing.contents import Location, shortened_json
from promptsearch.formats.openprompt.pieces import NotationPiece
from promptsearch.models import LanguageModel
from promptsearch.prompt import Soft, Vectors
from promptsearch.prompt.soft import LONGEST

Words = Callable[[str], Vectors | None]  # None where a text has no tokens


def soft_words(model: LanguageModel) -> Words:
    """Return what makes vectors of words: their tokens' rows, as at the beginning of a text.

    So the release has them: where a tokenizer writes the space before a word into its token, the
    first word's is another token than in the middle of a text.
    """
    from promptsearch.models.training.start_vectors import StartVectors

    start = StartVectors(model, 0)

    def vectors(text: str) -> Vectors | None:
        ids = start.tokens(text, None)
        return Vectors.of(start.of_tokens(ids), model.info.sha256) if ids else None

    return vectors


class SoftPieces:
    """The soft tokens of one line, in order. Those without words have no vectors yet."""

    def __init__(self, location: Location, words: Words) -> None:
        self._location, self._words = location, words
        self._groups: dict[int, list[Soft]] = {}  # by their soft_id
        self._count = 0

    def parts(self, piece: NotationPiece) -> list[Soft]:
        """Return a piece's soft parts.

        Raises DataError if a number is none, and PromptError if they are too many.
        """
        group = self._number(piece, "soft_id") if "soft_id" in piece.beside else None
        if group in self._groups:
            return self._groups[group]
        parts = [self._of_words(piece.value)] if piece.value else self._without_words(piece)
        if group is not None:
            self._groups[group] = parts
        return parts

    def _of_words(self, text: str) -> Soft:
        if (vectors := self._words(text)) is None:
            raise self._location.error(f"{text!r} has no tokens in this model's vocabulary")
        return Soft(self._name(), len(vectors.rows), vectors)

    def _without_words(self, piece: NotationPiece) -> list[Soft]:
        count = self._number(piece, "duplicate") if "duplicate" in piece.beside else 1
        same = piece.beside.get("same", False)
        if not isinstance(same, bool):
            raise self._location.error(f"same is {shortened_json(same)}; write True or False")
        return [Soft(self._name())] * count if same else [Soft(self._name(), count)]

    def _name(self) -> str:
        self._count += 1
        return f"S{self._count}"

    def _number(self, piece: NotationPiece, key: str) -> int:
        number = piece.beside[key]
        if type(number) is not int or not 1 <= number <= LONGEST:
            raise self._location.error(
                f"{key} is {shortened_json(number)}; write a number from 1 to {LONGEST}"
            )
        return number
