"""Metrics of written texts against references, each the best over a row's references.

ROUGE-L is rouge-score's, BLEU and chrF are sacrebleu's; exact match and F1 normalise as SQuAD does
(Rajpurkar et al., 2016): lower case, without punctuation and English articles. Chinese and Japanese
characters are words by themselves, for BLEU by sacrebleu's tokenizer zh.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptsearch.errors import RunError
from promptsearch.files.packages import install_command, missing_packages
from promptsearch.language.words import is_ideograph

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_WORD = re.compile(r"[^\W_]+")
BLEU_COUNTS = 10  # n-grams that match and all of them, of 1 to 4 words; words, and the reference's

References = Sequence[str]


def check_packages() -> None:
    """Raise RunError if the packages of ROUGE, BLEU and chrF are missing."""
    if missing := missing_packages("generation"):
        raise RunError(
            f"texts are measured by {' and '.join(missing)}, which is missing: "
            f"{install_command('generation')}"
        )


def exact_match(text: str, references: References) -> float:
    """Return 1 where the normalised text is a reference, else 0."""
    words = _normalised(text)
    return float(any(words == _normalised(each) for each in references))


def token_f1(text: str, references: References) -> float:
    """Return F1 of the words that text and reference have in common, in [0, 1]."""
    return max(_overlap(_normalised(text), _normalised(each)) for each in references)


def rouge_l(text: str, references: References) -> float:
    """Return F of the longest common subsequence of words, in [0, 1]."""
    score = _rouge().score_multi(list(references), text)
    return float(score["rougeL"].fmeasure)


def chrf(text: str, references: References) -> float:
    """Return sacrebleu's chrF2 of one text, in [0, 100]."""
    return float(_chrf().sentence_score(text, list(references)).score)


def bleu_counts(text: str, references: References) -> list[int]:
    """Return what BLEU of several texts adds up; see `bleu_of`."""
    score = _bleu(_bleu_words(references), of_one=True).sentence_score(text, list(references))
    return [*score.counts, *score.totals, score.sys_len, score.ref_len]


def bleu_of(counts: NDArray[np.int64]) -> float:
    """Return sacrebleu's corpus BLEU, in [0, 100], from (text, count)."""
    right, total, (length, of_reference) = np.split(counts.sum(0), [4, 8])
    bleu = _bleu("13a")
    score = bleu.compute_bleu(
        right.tolist(),
        total.tolist(),
        int(length),
        int(of_reference),
        smooth_method=bleu.smooth_method,
    )
    return float(score.score)


def signatures(references: Sequence[References]) -> dict[str, str]:
    """Return what sacrebleu calls its settings for these texts' references: papers give it."""
    bleu = _bleu("zh" if any(_bleu_words(each) == "zh" for each in references) else "13a")
    most = max(references, key=len)
    return {name: _signature(metric, most) for name, metric in (("bleu", bleu), ("chrf", _chrf()))}


def per_text(
    metric: Callable[[str, References], float],
    texts: Sequence[str],
    references: Sequence[References],
) -> NDArray[np.float64]:
    """Return (text,) values of a metric."""
    return np.array([metric(*pair) for pair in zip(texts, references, strict=True)], dtype=float)


def _signature(metric: Any, references: References) -> str:
    metric.corpus_score(["a"], [["a"]] * len(references))  # it learns their number by that
    return str(metric.get_signature())


def _bleu_words(references: References) -> str:
    """Return sacrebleu's name of the tokenizer."""
    return "zh" if any(map(is_ideograph, "".join(references))) else "13a"


def words_of(text: str) -> list[str]:
    """Return the words in lower case: letters and digits, and each ideograph by itself.

    Of ASCII texts these are rouge-score's own, without its stemmer.
    """
    words: list[str] = []
    for run in _WORD.findall(text.lower()):
        words += _parted(run) if any(map(is_ideograph, run)) else [run]
    return words


def _parted(run: str) -> list[str]:
    """Return the ideographs of a run of letters each by itself, and what is between them."""
    parts = [""]
    for character in run:
        if is_ideograph(character):
            parts += [character, ""]
        else:
            parts[-1] += character
    return [part for part in parts if part]


def _normalised(text: str) -> list[str]:
    """Return the words that count for SQuAD's exact match and F1."""
    plain = "".join(c for c in text.lower() if not unicodedata.category(c).startswith("P"))
    words = _ARTICLES.sub(" ", plain).split()
    return [part for word in words for part in _parted(word)]


def _overlap(ours: Sequence[str], theirs: Sequence[str]) -> float:
    if not ours or not theirs:
        return float(ours == theirs)
    common = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * common / (len(ours) + len(theirs))


class _Words:
    """The tokenizer that rouge-score asks for its words."""

    def tokenize(self, text: str) -> list[str]:
        return words_of(text)


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=_Words())


@cache
def _bleu(tokenizer: str, of_one: bool = False) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=tokenizer, effective_order=of_one)  # of one text it warns otherwise


@cache
def _chrf() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()
