"""A tokenizer that assembles lines from pieces that it has tokenised before.

A template's words come with every example, and an example with every template: tokenising whole
strings does the same work again and again. A line may be cut where one space stands between two
printable ASCII characters, the space going to the piece on the right. No token can reach across
such a cut unless the vocabulary has one with a space inside or at its end; tokenizers with such
tokens are left alone, and so are those that treat the beginning of a piece in a special way: some
lines of every call are compared with their whole strings.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain

from promptsearch.models.tokenization.tokenizer import Located, TokenizerInput, Tokens

FIRST, EVERY = 16, 64  # lines of a call that are compared: so many first ones, then one in so many
REMEMBERED = 1 << 15  # pieces, some 40 MB
SPACES = " \u2581\u0120"  # as vocabularies write them: plain, Metaspace's, byte-level's
TRIAL: Sequence[TokenizerInput] = (
    ("a", " b"),
    ("It was", " great", " ."),
    ("x ", "y"),
    ("#", " 1 the ", "b"),
    ("(It", " was", " A", " fine", " one .)"),
)


class CachedTokenizer:
    """A tokenizer with a cache of pieces; ids are those of the tokenizer that it wraps."""

    def __init__(self, tokenizer: Tokens) -> None:
        self._tokenizer = tokenizer
        # The key's first part is True for pieces that begin a line.
        self._ids_of_piece: dict[tuple[bool, TokenizerInput], list[int]] = {}
        self.lead, self.tail = tokenizer.lead, tokenizer.tail
        (sample,) = tokenizer.encode([("a",)])
        self._around = sample[: self.lead], sample[len(sample) - self.tail :]
        self._trusted = True
        self.encode(TRIAL)

    def encode(self, lines: Sequence[TokenizerInput], special: bool = True) -> list[list[int]]:
        """Return the token ids of each line, as the whole string has them."""
        if self._trusted and max(map(len, lines), default=0) > 1:
            cuts = [_cut(line)[0] for line in lines]
            assembled = [ids for ids, _ in self._assembled(cuts, special)]
            sample = _sample(cuts)
            if self._tokenizer.encode([lines[i] for i in sample], special) == [
                assembled[i] for i in sample
            ]:
                return assembled
            self._trusted = False
        return self._tokenizer.encode(lines, special)

    def encode_from(
        self, lines: Sequence[TokenizerInput], parts: Sequence[int], special: bool = True
    ) -> list[tuple[list[int], int]]:
        """Return the ids of each line, and the first token of part `parts[i]` and its space."""
        cuts = [_cut(line) for line in lines]
        firsts = [begins[part] for (_, begins), part in zip(cuts, parts, strict=True)]
        if not self._trusted or None in firsts:
            return self._tokenizer.encode_from(lines, parts, special)
        assembled = self._assembled([pieces for pieces, _ in cuts], special)
        result = [(ids, at[first or 0]) for (ids, at), first in zip(assembled, firsts, strict=True)]
        sample = _sample([pieces for pieces, _ in cuts])
        expected = self._tokenizer.encode_from(
            [lines[i] for i in sample], [parts[i] for i in sample], special
        )
        if expected == [result[i] for i in sample]:
            return result
        self._trusted = False
        return self._tokenizer.encode_from(lines, parts, special)

    def locate(self, lines: Sequence[TokenizerInput], special: bool = True) -> list[Located]:
        """Return the ids with their positions in the text."""
        return self._tokenizer.locate(lines, special)

    def encode_continuation(self, lines: Sequence[TokenizerInput]) -> list[list[int]]:
        """Return the ids of lines that follow a text; whole vocabularies come again and again."""
        self._learn({(False, tuple(line)) for line in lines})
        return [list(self._ids_of_piece[False, tuple(line)]) for line in lines]

    def _assembled(
        self, cut: Sequence[Sequence[TokenizerInput]], special: bool
    ) -> Iterator[tuple[list[int], list[int]]]:
        """Yield for each line its ids, and the first token of each of its pieces."""
        self._learn({(i == 0, piece) for pieces in cut for i, piece in enumerate(pieces)})
        before, after = self._around if special else ([], [])
        for pieces in cut:
            piece_ids = [self._ids_of_piece[i == 0, piece] for i, piece in enumerate(pieces)]
            starts = list(accumulate(map(len, piece_ids), initial=len(before)))
            yield [*before, *chain.from_iterable(piece_ids), *after], starts

    def _learn(self, pieces: set[tuple[bool, TokenizerInput]]) -> None:
        if len(self._ids_of_piece) > REMEMBERED:
            self._ids_of_piece.clear()
        new = list(pieces - self._ids_of_piece.keys())
        begin = [piece for piece in new if piece[0]]
        follow = [piece for piece in new if not piece[0]]
        encoded = self._tokenizer.encode([line for _, line in begin], special=False)
        encoded += self._tokenizer.encode_continuation([line for _, line in follow])
        self._ids_of_piece.update(zip(begin + follow, encoded, strict=True))


def _cut(line: TokenizerInput) -> tuple[list[TokenizerInput], list[int | None]]:
    """Return the line's pieces, and for each part the piece that begins with it, if one does."""
    pieces: list[list[str | int]] = [[]]
    piece_of_part: list[int | None] = []
    for part in line:
        previous = pieces[-1][-1] if pieces[-1] else None
        begins = None if pieces[-1] else 0
        if isinstance(previous, str) and isinstance(part, str):
            if _splits(previous[-1:], part):
                begins = len(pieces)
            elif previous.endswith(" ") and _splits(previous[-2:-1], " " + part):
                pieces[-1][-1], part, begins = previous[:-1], " " + part, len(pieces)
        if begins:
            pieces.append([])
        if part != "":
            pieces[-1].append(part)
        piece_of_part.append(begins)
    return [tuple(piece) for piece in pieces], [*piece_of_part, None]  # nothing begins at the end


def _splits(before: str, text: str) -> bool:
    """Return True if a text that follows the character `before` begins a new word."""
    return text[:1] == " " and "!" <= before <= "~" and "!" <= text[1:2] <= "~"


def _sample(cuts: Sequence[Sequence[TokenizerInput]]) -> list[int]:
    """Return the lines of a call that are compared with their whole strings."""
    cut = [i for i, pieces in enumerate(cuts) if len(pieces) > 1]
    return [*cut[:FIRST], *cut[FIRST::EVERY]]


def cuttable(vocabulary: Iterable[str]) -> bool:
    """Return True if no token has a space inside, or at the end of something else."""
    return not any(set(token.lstrip(SPACES)) & set(SPACES) for token in vocabulary)
