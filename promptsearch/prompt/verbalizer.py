"""Verbalizers: which answers stand for which label."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from promptsearch.errors import PromptError
from promptsearch.prompt.row_options import EACH_CHOICE

ANY_TEXT = ""  # the label and the answer of a prompt that any text answers

Answer = tuple[tuple[str, str], ...]  # (slot, text) pairs; a slot may be missing


@dataclass(frozen=True)
class Verbalizer(Mapping[str, tuple[Answer, ...]]):
    """Label -> answers, in label order. For facts every candidate is a label with itself as answer.

    Frozen and hashable, so that a prompt can key a cache. Build it with `Verbalizer.of`.
    """

    pairs: tuple[tuple[str, tuple[Answer, ...]], ...]
    no: str | None = None  # the word against each label's, at the slot that it alone answers
    yes: str | None = None  # the word for a label, where its text is an option; see `rating`

    @classmethod
    def of(
        cls, answers: Mapping[str, str | Sequence[object]], slots: Sequence[str] = ("Z",)
    ) -> "Verbalizer":
        """Return the verbalizer of plain values: a string, several, or a list or dict a slot.

        >>> Verbalizer.of({"pos": "great", "neg": ["bad", "awful"]}).labels
        ('pos', 'neg')
        """
        return cls(
            tuple(
                (label, tuple(_answer(label, a, slots) for a in _listed(label, value)))
                for label, value in answers.items()
            )
        )

    @classmethod
    def of_candidates(cls, candidates: Sequence[str], slot: str = "Z") -> "Verbalizer":
        """Return the verbalizer of a fact task: each candidate answers for itself."""
        return cls(tuple((text, (((slot, text),),)) for text in candidates))

    @classmethod
    def of_slots(
        cls, labels: Sequence[str], slots: Sequence[str], yes: str, no: str
    ) -> "Verbalizer":
        """Return the verbalizer of labels that each have a slot, answered with yes or no."""
        pairs = zip(labels, slots, strict=True)
        return cls(tuple((label, (((slot, yes),),)) for label, slot in pairs), no)

    @classmethod
    def of_any_text(cls, slot: str = "Z") -> "Verbalizer":
        """Return the verbalizer of a task of generation: its one label is any text in the slot."""
        return cls(((ANY_TEXT, (((slot, ANY_TEXT),),)),))

    @property
    def is_any_text(self) -> bool:
        """Whether any text answers."""
        return self.labels == (ANY_TEXT,)

    def rating(self, yes: str, no: str) -> "Verbalizer":
        """Return candidates that are options of a row: yes or no is said at each, [O1], ..."""
        if yes == no or not (yes.strip() and no.strip()):
            raise PromptError(f"options are answered with {yes!r} and {no!r}; give two words")
        return Verbalizer(self.pairs, no, yes)

    def __repr__(self) -> str:
        """Return the constructor's call; keys of ledgers have the `repr` of those without `no`."""
        no = "" if self.no is None else f", no={self.no!r}"
        yes = "" if self.yes is None else f", yes={self.yes!r}"
        return f"Verbalizer(pairs={self.pairs!r}{no}{yes})"

    def __post_init__(self) -> None:
        if not self.pairs:
            raise PromptError("there are no answers; give every label at least one")
        if empty := [label for label, answers in self.pairs if not answers]:
            raise PromptError(f"the label {empty[0]!r} has no answer; give it at least one")
        if len(self._by_label) < len(self.pairs):
            raise PromptError("a label (or candidate) stands twice among the answers; keep one")
        seen: dict[frozenset[Answer], str] = {}
        for label, answers in self.pairs:
            if (twin := seen.setdefault(frozenset(answers), label)) != label:
                raise PromptError(
                    f"the labels {twin!r} and {label!r} have the same answers, so nothing can "
                    "tell them apart; change one of them"
                )

        if self.no is not None and self.yes is None:
            self._check_no(self.no)

    def _check_no(self, no: str) -> None:
        """Raise PromptError unless each label has a slot, which it answers with another word."""
        slots: dict[str, str] = {}
        for label, answers in self.pairs:
            if len({slot for answer in answers for slot, _ in answer}) > 1:
                raise PromptError(f"the label {label!r} answers several slots; with `no`, use one")
            slot = self.slot_of(label)
            if (twin := slots.setdefault(slot, label)) != label:
                raise PromptError(
                    f"the labels {twin!r} and {label!r} both answer [{slot}]; with `no`, each "
                    "label has a slot, [Z1], [Z2], ..."
                )
            if no in (text for answer in answers for _, text in answer):
                raise PromptError(f"{no!r} answers {label!r} and is `no` too; change one of them")

    @cached_property
    def _by_label(self) -> dict[str, tuple[Answer, ...]]:
        return dict(self.pairs)

    @cached_property
    def _hash(self) -> int:  # thousands of candidates: hash them once
        return hash((self.pairs, self.no, self.yes))

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def labels(self) -> tuple[str, ...]:
        return tuple(self._by_label)

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """All answers of all labels, each once, in order; then `no` at each label's slot."""
        right = tuple(dict.fromkeys(answer for _, answers in self.pairs for answer in answers))
        return (*right, *self.no_answers)

    @cached_property
    def no_answers(self) -> tuple[Answer, ...]:
        """`no` at the slot of each label, in order; () without it."""
        if self.no is None or self.yes is not None:
            return ()
        return tuple(((self.slot_of(label), self.no),) for label in self.labels)

    def slot_of(self, label: str) -> str:
        """Return the slot of a label, the first that it answers."""
        return self[label][0][0][0]

    @property
    def yes_word(self) -> str:
        """The word for a label, where `no` is against it."""
        return self.yes or self.answers[0][0][1]

    def filling(self, labels: Sequence[str]) -> dict[str, str]:
        """Return slot -> text where these labels are right: their first answers, `no` elsewhere."""
        against = {slot: text for answer in self.no_answers for slot, text in answer}
        answers = (self[label][0] for label in labels if label in self)
        return {**against, **{slot: text for answer in answers for slot, text in answer}}

    @cached_property
    def rates_options(self) -> bool:
        """Whether the slots that are answered stand before options."""
        return all(slot.startswith(EACH_CHOICE) for slot in self._answered_slots)

    def __getitem__(self, label: str) -> tuple[Answer, ...]:
        return self._by_label[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.pairs)

    def plain(self, slots: Sequence[str] = ()) -> dict[str, list[object]]:
        """Return the notation of files, for a template with these slots (by default, all answered).

        A string for one slot, a list an answer for several, and an object of slot and text for an
        answer that leaves a slot out: `Verbalizer.of` reads each back as it was.
        """
        slots = tuple(slots) or self._answered_slots
        return {
            label: [_plain(answer, slots) for answer in answers] for label, answers in self.pairs
        }

    @cached_property
    def _answered_slots(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(slot for answer in self.answers for slot, _ in answer))


def _listed(label: str, answers: object) -> Sequence[object]:
    if isinstance(answers, str):
        return [answers]
    if not isinstance(answers, Sequence):
        raise PromptError(f"the label {label!r} has the answer {answers!r}; write it as a text")
    return answers


def _answer(label: str, answer: object, slots: Sequence[str]) -> Answer:
    if isinstance(answer, str):
        answer = [answer]
    if isinstance(answer, Mapping):
        by_slot = {str(slot): _text(label, text) for slot, text in answer.items()}
        order = dict.fromkeys((*(slot for slot in slots if slot in by_slot), *by_slot))
        pairs = tuple((slot, by_slot[slot]) for slot in order)
    elif isinstance(answer, Sequence) and len(answer) == len(slots):
        pairs = tuple(zip(slots, (_text(label, text) for text in answer), strict=True))
    else:
        raise PromptError(
            f"the label {label!r} has the answer {answer!r}, but the template has the slots "
            f"{', '.join(slots)}; give one string per slot"
        )
    if not pairs:
        raise PromptError(f"the label {label!r} has an answer that fills no slot; fill one in")
    if blank := [slot for slot, text in pairs if not text.strip()]:
        raise PromptError(f"the label {label!r} has an empty answer for [{blank[0]}]; fill it in")
    return pairs


def _text(label: str, text: object) -> str:
    if not isinstance(text, str):
        raise PromptError(f"the label {label!r} has {text!r} in an answer; write it as a text")
    return text


def answer_text(answer: object, separator: str = " ") -> str:
    """Return an answer in the notation of files to read: `yes`, `person city`, `[Z2] city`."""
    if isinstance(answer, Mapping):
        return separator.join(f"[{slot}] {text}" for slot, text in answer.items())
    return answer if isinstance(answer, str) else separator.join(map(str, _listed("", answer)))


def _plain(answer: Answer, slots: tuple[str, ...]) -> object:
    if tuple(slot for slot, _ in answer) != slots:
        return dict(answer)
    return answer[0][1] if len(answer) == 1 else [text for _, text in answer]
