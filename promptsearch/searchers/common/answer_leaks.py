"""Words that a template must not hold, for they give the answer away."""

import re
from collections.abc import Iterable

from promptsearch.engine.strategy import Task
from promptsearch.language.english.stop_words import STOP_WORDS
from promptsearch.language.words import is_spaced


def leaked_words(task: Task) -> frozenset[str]:
    """Return words of the answers (labelled tasks) or training objects (facts), lower-cased.

    Stop words are no leak: "of" says nothing of "University of Oslo". Of free texts none is one.
    """
    if task.kind.free_texts:
        return frozenset()
    if task.kind.targets_fill_slot:
        texts: Iterable[str] = (target for example in task.train for target in example.targets)
    else:
        answers = task.prompt.verbalizer.answers
        texts = (text for answer in answers for _, text in answer)
    whole = {text.lower() for text in texts}
    part = re.compile(r"\w+" if is_spaced(task.language) else r"\w")
    return frozenset(whole | {word for text in whole for word in part.findall(text)} - STOP_WORDS)
