"""Which words may come to stand for a label."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from promptsearch.engine.strategy import Task
from promptsearch.errors import TaskError
from promptsearch.language.english import wordnet
from promptsearch.language.words import is_english, is_spaced, words
from promptsearch.models import LanguageModel

LETTERS = 2  # a word of one letter says little (PETAL); a character is a word in Chinese


@dataclass(frozen=True)
class Candidate:
    """A word that may become an answer; `ids` is what the model reads where it stands."""

    text: str
    ids: tuple[int, ...]


def candidates(
    task: Task, model: LanguageModel, max_tokens: int = 1, more: int = 1000, frequent: int = 0
) -> list[Candidate]:
    """The model's whole words, then `more` at most of two to `max_tokens` tokens.

    What is a whole input of a training example (an entity's name) is left out. With `frequent`,
    only so many of the vocabulary that the training inputs hold most often (PETAL; equal counts
    keep the vocabulary's order). `TaskError` where nothing is left.
    """
    names = {text.strip().lower() for example in task.train for text in example.inputs.values()}
    least = LETTERS if is_spaced(task.language) else 1

    def read(texts: Iterable[str]) -> list[Candidate]:
        usable = [text for text in texts if len(text) >= least and text.lower() not in names]
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
    """Words of the training inputs, most frequent first, then WordNet's (English)."""
    if max_tokens < 2:
        return []
    if not is_spaced(task.language):
        return [text for text, _ in Counter(_runs(task, max_tokens)).most_common()]
    counts = Counter(word.lower() for word in _words_of(task) if word.isalpha())
    frequent = [word for word, _ in counts.most_common()]
    others = wordnet().entries if is_english(task.language) else ()
    return list(dict.fromkeys([*frequent, *(word for word in others if word.isalpha())]))


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


def _grams(run: str, longest: int) -> Iterator[str]:
    for size in range(2, longest + 1):
        for start in range(len(run) - size + 1):
            yield run[start : start + size]
