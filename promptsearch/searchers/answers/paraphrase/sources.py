"""Other words for an answer: synonyms, and what comes back from another language."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from promptsearch.language.english import Thesaurus, agreed, replacements
from promptsearch.models import LanguageModel
from promptsearch.prompt import Answer
from promptsearch.searchers.common.interleave import interleave
from promptsearch.searchers.common.round_trip import RoundTrip

LONGEST = 3  # words of a phrase that is looked up
STOPS = ".!?\u3002\uff01\uff1f"  # with the wide ones of Chinese


class Phrase(NamedTuple):
    """Other words for a text, and how they were found."""

    text: str
    about: Mapping[str, object]


AnswerSource = Callable[[str], list[Phrase]]  # of a text, the likeliest words first


@dataclass(frozen=True)
class Paraphrase:
    """An answer in other words."""

    answer: Answer
    about: Mapping[str, object]

    @property
    def key(self) -> Answer:
        """Equal for answers that differ in their capitals only."""
        return key_of(self.answer)

    def __str__(self) -> str:
        return " ".join(text for _, text in self.answer)


def key_of(answer: Answer) -> Answer:
    return tuple((slot, text.casefold()) for slot, text in answer)


def synonyms(thesauri: Sequence[Thesaurus]) -> AnswerSource:
    """Replaces the text, or phrases in it, inflected as they are; articles agree."""
    return partial(_synonyms, tuple(thesauri))


def _synonyms(thesauri: Sequence[Thesaurus], text: str) -> list[Phrase]:
    words = text.split(" ")
    spans = [
        (start, start + size)
        for size in range(min(LONGEST, len(words)), 0, -1)
        for start in range(len(words) - size + 1)
    ]
    return [*interleave(_replaced(words, *span, thesauri) for span in spans)]


def _replaced(
    words: Sequence[str], start: int, stop: int, thesauri: Sequence[Thesaurus]
) -> Iterator[Phrase]:
    phrase, text = " ".join(words[start:stop]), " ".join(words)
    texts = (new for source in thesauri for new in replacements(phrase, source))
    for new in dict.fromkeys(texts):
        changed = agreed(" ".join([*words[:start], new, *words[stop:]]), text)
        yield Phrase(changed, {"method": "synonyms", "from": phrase, "to": new})


def translations(trip: RoundTrip) -> AnswerSource:
    """What comes back most often first; of equal counts what the translators find likelier."""
    return partial(_translations, trip)


def _translations(trip: RoundTrip, text: str) -> list[Phrase]:
    counts = Counter(bare(again, text) for again, _, _ in trip.of(text))
    return [
        Phrase(new, {"method": "translate", "from": text, "times": times})
        for new, times in counts.most_common()  # equal counts keep their order
        if new and new.casefold() != text.casefold()
    ]


def bare(text: str, like: str) -> str:
    """A translation without the stop and the capital of a sentence, unless `like` has them.

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


def paraphrases(answers: Sequence[Answer], ways: Sequence[AnswerSource]) -> list[Paraphrase]:
    """Of all answers, slots and ways in turn, each once; of an answer one slot changes."""
    lists = [
        _changed(answer, index, way)
        for answer in answers
        for index in range(len(answer))
        for way in ways
    ]
    seen = set(map(key_of, answers))
    distinct = []
    for paraphrase in interleave(lists):
        if paraphrase.key not in seen:
            seen.add(paraphrase.key)
            distinct.append(paraphrase)
    return distinct


def _changed(answer: Answer, index: int, way: AnswerSource) -> list[Paraphrase]:
    slot, text = answer[index]
    return [
        Paraphrase((*answer[:index], (slot, phrase.text), *answer[index + 1 :]), phrase.about)
        for phrase in way(text)
    ]


def readable(paraphrase: Paraphrase, model: LanguageModel) -> bool:
    """Whether the model has tokens for all of it, and none of them is the unknown one."""
    texts = [text for _, text in paraphrase.answer]
    return all(model.answer_ids(texts)) and not model.unknown_share(texts)


def unshared(
    paraphrases_of: Mapping[str, Sequence[Paraphrase]], taken: Mapping[str, Sequence[Answer]]
) -> dict[str, list[Paraphrase]]:
    """Without what is an answer of another label (`taken`) or comes earlier in another's list."""
    owner = {key_of(answer): label for label, answers in taken.items() for answer in answers}
    ranked = interleave(
        [(label, each) for each in choices] for label, choices in paraphrases_of.items()
    )
    for label, each in ranked:
        owner.setdefault(each.key, label)
    return {
        label: [each for each in choices if owner[each.key] == label]
        for label, choices in paraphrases_of.items()
    }
