"""Other words for an answer: synonyms, and translations there and back."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from promptsearch.errors import RunError
from promptsearch.language.english import Thesaurus, agreed, replacements
from promptsearch.language.words import is_english
from promptsearch.models import LanguageModel
from promptsearch.prompt import Answer
from promptsearch.searchers.common.interleave import interleave
from promptsearch.searchers.common.round_trip import RoundTrip

LONGEST = 3  # words of a phrase that is looked up
STOPS = ".!?\u3002\uff01\uff1f"  # with the wide ones of Chinese


class Phrase(NamedTuple):
    """Other words for a text, and their source."""

    text: str
    evidence: Mapping[str, object]


AnswerSource = Callable[[str], list[Phrase]]  # gives other words for a text, the likeliest first


@dataclass(frozen=True)
class Paraphrase:
    """An answer in other words."""

    answer: Answer
    evidence: Mapping[str, object]

    def __repr__(self) -> str:
        """Return the text that ledger keys digest: its words are those of the first version."""
        return f"Paraphrase(answer={self.answer!r}, about={self.evidence!r})"

    @property
    def key(self) -> Answer:
        """A key that is equal for answers that differ in their capitals only."""
        return without_case(self.answer)

    def __str__(self) -> str:
        return " ".join(text for _, text in self.answer)


def check_language(language: str, thesauri: Sequence[str], forward: str) -> None:
    """Raise RunError if nothing knows other words in the task's language."""
    if not (is_english(language) or thesauri or forward):
        raise RunError(
            f"WordNet is English, but the task is in {language!r}; give `thesaurus`, or `forward` "
            "and `backward`"
        )


def without_case(answer: Answer) -> Answer:
    """Return the answer with its texts case-folded."""
    return tuple((slot, text.casefold()) for slot, text in answer)


def synonyms(thesauri: Sequence[Thesaurus]) -> AnswerSource:
    """Return a source that replaces the text, or phrases in it, inflected alike; articles agree."""
    return partial(_synonyms, tuple(thesauri))


def _synonyms(thesauri: Sequence[Thesaurus], text: str) -> list[Phrase]:
    words = text.split(" ")
    spans = [
        (start, start + size)
        for size in range(min(LONGEST, len(words)), 0, -1)
        for start in range(len(words) - size + 1)
    ]
    return [*interleave(_replacements(words, *span, thesauri) for span in spans)]


def _replacements(
    words: Sequence[str], start: int, stop: int, thesauri: Sequence[Thesaurus]
) -> Iterator[Phrase]:
    phrase, text = " ".join(words[start:stop]), " ".join(words)
    texts = (new for thesaurus in thesauri for new in replacements(phrase, thesaurus))
    for new in dict.fromkeys(texts):
        changed = agreed(" ".join([*words[:start], new, *words[stop:]]), text)
        yield Phrase(changed, {"method": "synonyms", "from": phrase, "to": new})


def translations(trip: RoundTrip) -> AnswerSource:
    """Return a source of translations there and back: the most frequent, then the likeliest."""
    return partial(_translations, trip)


def _translations(trip: RoundTrip, text: str) -> list[Phrase]:
    counts = Counter(bare(again, text) for again, _, _ in trip.of(text))
    return [
        Phrase(new, {"method": "translate", "from": text, "times": times})
        for new, times in counts.most_common()  # equal counts keep their order
        if new and new.casefold() != text.casefold()
    ]


def bare(text: str, like: str) -> str:
    """Return a translation without the stop and the capital of a sentence, unless `like` has them.

    >>> bare("Very good.", "great")
    'very good'
    """
    text = text.strip()
    if not like.endswith(tuple(STOPS)):
        text = text.rstrip(STOPS).rstrip()
    first, rest = text[:1], text[1:]
    if like[:1].isupper():
        return first.upper() + rest
    return (first.lower() if like[:1].islower() and rest.islower() else first) + rest


def paraphrases(answers: Sequence[Answer], sources: Sequence[AnswerSource]) -> list[Paraphrase]:
    """Return paraphrases from all answers, slots and sources in turn; each changes one slot."""
    lists = [
        _changed(answer, index, source)
        for answer in answers
        for index in range(len(answer))
        for source in sources
    ]
    seen = set(map(without_case, answers))
    distinct = []
    for paraphrase in interleave(lists):
        if paraphrase.key not in seen:
            seen.add(paraphrase.key)
            distinct.append(paraphrase)
    return distinct


def _changed(answer: Answer, index: int, source: AnswerSource) -> list[Paraphrase]:
    slot, text = answer[index]
    return [
        Paraphrase((*answer[:index], (slot, phrase.text), *answer[index + 1 :]), phrase.evidence)
        for phrase in source(text)
    ]


def readable(paraphrase: Paraphrase, model: LanguageModel) -> bool:
    """Return whether the model has tokens for all of it, and none of them is the unknown one."""
    texts = [text for _, text in paraphrase.answer]
    return all(model.answer_ids(texts)) and not model.unknown_share(texts)


def unshared(
    paraphrases_of: Mapping[str, Sequence[Paraphrase]], taken: Mapping[str, Sequence[Answer]]
) -> dict[str, list[Paraphrase]]:
    """Leave out answers of another label (`taken`), and those earlier in another's list."""
    owner = {without_case(answer): label for label, answers in taken.items() for answer in answers}
    ranked = interleave(
        [(label, each) for each in choices] for label, choices in paraphrases_of.items()
    )
    for label, each in ranked:
        owner.setdefault(each.key, label)
    return {
        label: [each for each in choices if owner[each.key] == label]
        for label, choices in paraphrases_of.items()
    }
