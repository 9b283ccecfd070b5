"""Which words may come to stand for a label."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from promptsearch.corpora.splitting import is_english, is_spaced, words
from promptsearch.engine import Task
from promptsearch.errors import TaskError
from promptsearch.models import LanguageModel
from promptsearch.wording import wordnet

LETTERS = 2  # a word of one letter says little (PETAL); a character is a word in Chinese


@dataclass(frozen=True)
class Lexicon:
    """Candidate words, those of one token first, and how many tokens each has."""

    words: tuple[str, ...]
    tokens: tuple[int, ...]
    ids: tuple[tuple[int, ...], ...]  # what the model reads: equal where words are the same to it


def lexicon(
    task: Task, model: LanguageModel, max_tokens: int = 1, more: int = 1000, frequent: int = 0
) -> Lexicon:
    """The model's whole words, and `more` at most of two to `max_tokens` tokens.

    No name of a training example's input (an entity) is among them. With `frequent`, only so many
    words that the training inputs hold most often (PETAL; equal counts keep the vocabulary's
    order). `TaskError` where nothing is left.
    """
    names = {text.strip().lower() for example in task.train for text in example.inputs.values()}
    least = LETTERS if is_spaced(task.language) else 1
    own = [word for word in model.vocabulary_words() if _fits(word, least, names)]
    if frequent:
        counts = Counter(_words_of(task))
        own = sorted(own, key=lambda word: -counts[word])[:frequent]
    longer = [word for word in _longer(task, max_tokens) if _fits(word, least, names)]
    ids = model.answer_ids([*own, *longer])
    known = set(own)
    found = [(word, read) for word, read in zip(own, ids, strict=False) if len(read) == 1]
    rest = zip(longer, ids[len(own) :], strict=True)
    found += [
        (word, read) for word, read in rest if word not in known and 1 < len(read) <= max_tokens
    ][:more]
    if not found:
        raise TaskError(f"{task.name}: {model.info.spec!r} has no whole words for answers")
    texts, reads = zip(*found, strict=True)
    return Lexicon(texts, tuple(map(len, reads)), reads)


def _fits(word: str, least: int, names: set[str]) -> bool:
    return len(word) >= least and word.lower() not in names


def _longer(task: Task, max_tokens: int) -> list[str]:
    """Words of the training inputs, most frequent first, then WordNet's (English)."""
    if max_tokens < 2:
        return []
    if not is_spaced(task.language):
        return [text for text, _ in Counter(_runs(task, max_tokens)).most_common()]
    counts = Counter(word.lower() for word in _words_of(task) if word.isalpha())
    own = [word for word, _ in counts.most_common()]
    others = wordnet().entries if is_english(task.language) else ()
    return list(dict.fromkeys([*own, *(word for word in others if word.isalpha())]))


def _words_of(task: Task) -> Iterator[str]:
    for example in task.train:
        for text in example.inputs.values():
            yield from words(text, is_spaced(task.language))


def _runs(task: Task, longest: int) -> Iterator[str]:
    """Neighbouring characters of the training inputs, two to `longest`: Chinese words and more."""
    for example in task.train:
        for text in example.inputs.values():
            for run in re.findall(r"[^\W\d_a-zA-Z]{2,}", text):
                yield from _grams(run, longest)


def _grams(run: str, longest: int) -> Sequence[str]:
    return [
        run[start : start + size]
        for size in range(2, longest + 1)
        for start in range(len(run) - size + 1)
    ]
