"""Words that may become answers: candidates from the vocabulary and the training texts."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from promptsearch.engine.strategy import Task
from promptsearch.errors import TaskError
from promptsearch.language.english import wordnet
from promptsearch.language.words import is_english, is_spaced, words
from promptsearch.models import LanguageModel
from promptsearch.prompt import FixedText

LETTERS = 2  # of a word, at least (PETAL); in Chinese a character is a word


@dataclass(frozen=True)
class Candidate:
    """A word that may become an answer; `ids` are its tokens at the slot."""

    text: str
    ids: tuple[int, ...]


def candidates(
    task: Task, model: LanguageModel, max_tokens: int = 1, more: int = 1000, frequent: int = 0
) -> list[Candidate]:
    """Return the model's whole words, then `more` at most of two to `max_tokens` tokens.

    A word that is a whole input of a training example (an entity's name) is left out. With
    `frequent`, only so many of the vocabulary that the training inputs hold most often (PETAL;
    equal counts keep the vocabulary's order). Raises TaskError if no word remains.
    """
    names = {text.strip().lower() for text in _texts(task)}
    shortest = LETTERS if is_spaced(task.language) else 1

    def read(texts: Iterable[str]) -> list[Candidate]:
        usable = [text for text in texts if len(text) >= shortest and text.lower() not in names]
        return list(map(Candidate, usable, model.answer_ids(usable)))

    single = [word for word in read(model.vocabulary_words()) if len(word.ids) == 1]
    if frequent:
        counts = Counter(_words_of(task))
        single = sorted(single, key=lambda word: -counts[word.text])[:frequent]
    longer = [word for word in read(_longer(task, max_tokens)) if 1 < len(word.ids) <= max_tokens]
    if not single + longer:
        raise TaskError(f"{task.name}: {model.info.spec!r} has no whole words for answers")
    return single + longer[:more]


def _longer(task: Task, max_tokens: int) -> list[str]:
    """Return words of the training inputs, most frequent first, then WordNet's (English)."""
    if max_tokens < 2:
        return []
    if not is_spaced(task.language):
        return [text for text, _ in Counter(_runs(task, max_tokens)).most_common()]
    counts = Counter(word.lower() for word in _words_of(task) if word.isalpha())
    frequent = [word for word, _ in counts.most_common()]
    entries = wordnet().entries if is_english(task.language) else ()
    return list(dict.fromkeys([*frequent, *(word for word in entries if word.isalpha())]))


def _texts(task: Task) -> Iterator[str]:
    """Yield the texts of the training inputs; those of choices are no example's."""
    for example in task.train:
        yield from (text for text in example.inputs.values() if not isinstance(text, FixedText))


def _words_of(task: Task) -> Iterator[str]:
    for text in _texts(task):
        yield from words(text, is_spaced(task.language))


def _runs(task: Task, longest: int) -> Iterator[str]:
    """Yield neighbouring characters of the training inputs, two to `longest`: words, and more."""
    for text in _texts(task):
        for run in re.findall(r"[^\W\d_a-zA-Z]{2,}", text):
            yield from _grams(run, longest)


def _grams(run: str, longest: int) -> Iterator[str]:
    for size in range(2, longest + 1):
        for start in range(len(run) - size + 1):
            yield run[start : start + size]
