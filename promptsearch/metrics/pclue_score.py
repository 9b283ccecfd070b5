"""The score of pCLUE, a Chinese benchmark of prompts (CLUEbenchmark/pCLUE, `evaluate_pclue.py`).

Four parts count alike: exact match of classification together with anaphora resolution; exact match
of inference (nli); the mean of exact match and character F1 of reading comprehension (mrc); ROUGE-L
over characters of generation. `score_pclue` compares what is equal but for commas; with
`parity=True` it computes what the script does, whose quirks are `QUIRKS`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from promptsearch.errors import DataError, brief

CLASSIFY, ANAPHORA, NLI = "classify", "anaphora_resolution", "nli"
MRC, GENERATE = "mrc", "generate"
TYPES = (CLASSIFY, ANAPHORA, NLI, MRC, GENERATE)
WITH_CHOICES = (CLASSIFY, ANAPHORA, NLI)
COMMA = "\uff0c"  # full-width; it joins a list of texts, which is one answer
QUIRKS = (
    "a full-width comma in a target becomes an ASCII one, but not in a prediction, so that the "
    "right answer does not match; those that join a list of texts stay",
    "ROUGE-L counts distinct characters",
    "ROUGE-L splits both texts at each '.', and unites the subsequences of all pairs of sentences",
    "ROUGE-L's F has 1e-8 in its denominator: equal texts get 0.999999995",
)
_EPSILON = 1e-8  # of the script's ROUGE-L

Target = str | Sequence[str]  # a list is one answer of several texts


@dataclass(frozen=True)
class PclueScore:
    """Means over rows in [0, 1]; None for a part that has no rows, which the score leaves out."""

    classify: float | None  # exact match, anaphora resolution among it
    nli: float | None  # exact match
    mrc_exact_match: float | None
    mrc_f1: float | None
    generate: float | None  # ROUGE-L
    rows: Mapping[str, int]  # of each type

    @property
    def mrc(self) -> float | None:
        """The mean of exact match and F1."""
        if self.mrc_exact_match is None or self.mrc_f1 is None:
            return None
        return (self.mrc_exact_match + self.mrc_f1) / 2

    @property
    def parts(self) -> Mapping[str, float | None]:
        """The four that count alike."""
        return {
            "classify": self.classify,
            "nli": self.nli,
            "mrc": self.mrc,
            "generate": self.generate,
        }

    @property
    def missing(self) -> tuple[str, ...]:
        """The parts that have no rows: such a score is none of the whole benchmark."""
        return tuple(name for name, value in self.parts.items() if value is None)

    @property
    def score(self) -> float:
        """The mean of the parts that have rows."""
        values = [value for value in self.parts.values() if value is not None]
        return sum(values) / len(values)

    @property
    def described(self) -> dict[str, object]:
        """The score as files and `--json` have it."""
        by_part = {
            "classify": self.classify,
            "nli": self.nli,
            "mrc_exact_match": self.mrc_exact_match,
            "mrc_f1": self.mrc_f1,
            "generate": self.generate,
        }
        return {"score": self.score, **by_part, "rows": dict(self.rows)}


def score_pclue(
    targets: Sequence[Target],
    predictions: Sequence[str],
    types: Sequence[str],
    *,
    parity: bool = False,
) -> PclueScore:
    """Return the score of (row,) predictions. Raises DataError at a type that is none of `TYPES`.

    >>> score_pclue(["A\uff0cB"], ["a,b"], ["mrc"]).score
    1.0
    """
    if not len(targets) == len(predictions) == len(types):
        raise DataError(
            f"{len(targets)} targets, {len(predictions)} predictions and {len(types)} types; give "
            "one of each a row"
        )
    if not types:
        raise DataError("there are no rows to score; give some")
    if wrong := [each for each in types if each not in TYPES]:
        raise DataError(f"the type {brief(repr(wrong[0]))} is none of {', '.join(TYPES)}")
    matches: dict[str, list[float]] = {name: [] for name in TYPES}
    overlaps: dict[str, list[float]] = {name: [] for name in TYPES}
    rouge = script_rouge_l if parity else character_rouge_l
    for target, text, kind in zip(targets, predictions, types, strict=True):
        reference, answer = target_as_compared(target, parity), text_as_compared(text, parity)
        matches[kind].append(float(reference == answer))
        if kind in (MRC, GENERATE):
            overlap = character_f1 if kind == MRC else rouge
            overlaps[kind].append(overlap(answer, reference))
    return PclueScore(
        classify=_mean(matches[CLASSIFY] + matches[ANAPHORA]),
        nli=_mean(matches[NLI]),
        mrc_exact_match=_mean(matches[MRC]),
        mrc_f1=_mean(overlaps[MRC]),
        generate=_mean(overlaps[GENERATE]),
        rows=Counter(types),
    )


def joined_target(target: Target) -> str:
    """Return the answer of a row as one text.

    >>> joined_target(["a", "b"]) == "a\uff0cb"
    True
    """
    return target if isinstance(target, str) else COMMA.join(target)


def target_as_compared(target: Target, parity: bool = False) -> str:
    """Return the right answer in lower case and with single spaces, its commas as ASCII.

    The script makes those of the texts ASCII, and joins a list by full-width ones only then.
    """
    if not parity:
        return text_as_compared(joined_target(target))
    if isinstance(target, str):
        return _normalised(target.replace(COMMA, ","))
    return _normalised(COMMA.join(text.replace(COMMA, ",") for text in target))


def text_as_compared(text: str, parity: bool = False) -> str:
    """Return a prediction in lower case and with single spaces; its commas as ASCII but by parity.

    >>> text_as_compared(" A  b\uff0c")
    'a b,'
    """
    return _normalised(text if parity else text.replace(COMMA, ","))


def character_f1(text: str, reference: str) -> float:
    """Return twice the longest common subsequence by the sum of both lengths, in characters.

    >>> character_f1("abd", "abcd")
    0.8571428571428571
    """
    size = len(text) + len(reference)
    return 2 * len(_common(text, reference)) / size if size else 0.0


def character_rouge_l(text: str, reference: str) -> float:
    """Return ROUGE-L's F over characters that are no spaces, each of which is a word."""
    return character_f1(text.replace(" ", ""), reference.replace(" ", ""))


def script_rouge_l(text: str, reference: str) -> float:
    """Return what the package `rouge` 1.0.1 calls ROUGE-L's F, of characters as the script does.

    Sentences end at "."; precision and recall are shares of the *distinct* characters that the
    longest common subsequences of any two sentences have, united. 0 where a text is empty, at which
    the package raises.
    """
    sentences, references = _sentences(text), _sentences(reference)
    if not sentences or not references:
        return 0.0
    united = {
        character
        for reference_sentence in references
        for sentence in sentences
        for character in _common(reference_sentence, sentence)
    }
    recall = len(united) / len({each for sentence in references for each in sentence})
    precision = len(united) / len({each for sentence in sentences for each in sentence})
    return 2 * precision * recall / (precision + recall + _EPSILON)


def _normalised(text: str) -> str:
    return " ".join(text.lower().split())


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _sentences(text: str) -> list[list[str]]:
    """Return the characters of each sentence; of an empty one between two "." an empty word."""
    spaced = " ".join(text).split(".")
    return [sentence.split() or [""] for sentence in spaced if sentence]


def _common(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Return a longest common subsequence; of several the one that `rouge` takes."""
    lengths = [[0] * (len(second) + 1)]
    for character in first:
        above, row = lengths[-1], [0]
        for column, each in enumerate(second):
            longer = max(above[column + 1], row[column])
            row.append(above[column] + 1 if each == character else longer)
        lengths.append(row)
    return list(_path(first, second, lengths))[::-1]


def _path(
    first: Sequence[str], second: Sequence[str], lengths: Sequence[Sequence[int]]
) -> Iterator[str]:
    """Yield the common characters from the last to the first; at ties `second` gets shorter."""
    row, column = len(first), len(second)
    while row and column:
        if first[row - 1] == second[column - 1]:
            row, column = row - 1, column - 1
            yield first[row]
        elif lengths[row - 1][column] > lengths[row][column - 1]:
            row -= 1
        else:
            column -= 1
