"""Findings about the answers of one prompt, as the model's tokenizer reads them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from promptsearch.errors import SHOWN
from promptsearch.evaluation.checks.finding import Finding, Level, listed
from promptsearch.models import LanguageModel
from promptsearch.prompt import Answer, Verbalizer

MANY = 3  # tokens of an answer; with more, its score depends more on tokens than on the label
Ids = tuple[tuple[str, tuple[int, ...]], ...]  # (slot, the ids of the answer's text there)


@dataclass(frozen=True)
class ReadAnswer:
    """Answer of a label, and its ids."""

    label: str
    answer: Answer
    ids: Ids

    @property
    def text(self) -> str:
        return " / ".join(text for _, text in self.answer)

    def __str__(self) -> str:
        return repr(self.text) if self.label == self.text else f"{self.text!r} ({self.label})"

    @property
    def longest(self) -> int:
        """Number of tokens of its longest text."""
        return max(len(ids) for _, ids in self.ids)

    @property
    def tokens(self) -> int:
        """Number of tokens of all its texts."""
        return sum(len(ids) for _, ids in self.ids)


@dataclass(frozen=True)
class CheckedVerbalizer:
    """Verbalizer and the model that reads it; of facts, every candidate is a label."""

    verbalizer: Verbalizer
    model: LanguageModel
    facts: bool

    @cached_property
    def read(self) -> tuple[ReadAnswer, ...]:
        """Answers of all labels, in order."""
        texts = list(dict.fromkeys(t for a in self.verbalizer.answers for _, t in a))
        ids = dict(zip(texts, self.model.answer_ids(texts), strict=True))
        return tuple(
            ReadAnswer(label, answer, tuple((slot, ids[text]) for slot, text in answer))
            for label, answers in self.verbalizer.pairs
            for answer in answers
        )

    @cached_property
    def unread(self) -> list[ReadAnswer]:
        """Answers without a single token: no text can be scored with them."""
        return [answer for answer in self.read if not all(ids for _, ids in answer.ids)]

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Findings about the answers, in no order of weight."""
        return (
            *self._unknown(),
            *(self._merged() if self.facts else self._alike()),
            *(self._beginnings() if self.model.info.family == "causal" else ()),
            *self._many(),
            *(() if self.facts else self._lengths()),
            *self._spaces(),
        )

    def _unknown(self) -> Iterator[Finding]:
        """Yield answers that the tokenizer cannot write, in whole or in part."""
        level: Level = "warning" if self.facts else "error"
        if self.unread:
            answers = listed(list(map(str, self.unread)))
            yield Finding("error", f"the model has no tokens for {answers}; use other answers")
        texts = [text for answer in self.read for _, text in answer.answer]
        if not self.model.unknown_share(texts):
            return
        lost = [
            str(answer)
            for answer in self.read
            if any(self.model.unknown_share([text]) for _, text in answer.answer)
        ]
        spec = self.model.info.spec
        yield Finding(
            level, f"unknown tokens of {spec} are in {listed(lost)}; use other answers, or `model`"
        )

    def _merged(self) -> Iterator[Finding]:
        """Yield a note on candidates read alike: they count as one, so for facts it is no error."""
        if merged := len(self.read) - len({answer.ids for answer in self.read}):
            yield Finding("note", f"{merged:,} candidates read like another one: merged")

    def _alike(self) -> Iterator[Finding]:
        groups: dict[Ids, list[ReadAnswer]] = {}
        for answer in self.read:
            groups.setdefault(answer.ids, []).append(answer)
        for group in groups.values():
            if len(group) > 1:
                yield _same_ids_finding(group)

    def _beginnings(self) -> Iterator[Finding]:
        """Yield answers that begin with another label's answer.

        A causal model scores the longer one as a continuation of the shorter one.
        """
        known: dict[Ids, ReadAnswer] = {}
        for answer in self.read:
            known.setdefault(answer.ids, answer)
        pairs = [
            f"{shorter} begins {answer}"
            for answer in self.read
            for beginning in _beginnings_of(answer.ids)
            if (shorter := known.get(beginning)) is not None and shorter.label != answer.label
        ]
        if pairs:
            yield Finding(
                "warning",
                f"answers begin alike: {listed(pairs)}: the longer one can hardly win; use others",
            )

    def _many(self) -> Iterator[Finding]:
        if split := [f"{answer} {answer.longest}" for answer in self.read if answer.longest > MANY]:
            yield Finding(
                "warning",
                f"more than {MANY} tokens an answer: {listed(split)}; use shorter ones, or "
                "`length_norm` token",
            )

    def _lengths(self) -> Iterator[Finding]:
        lengths: dict[str, set[int]] = {}
        for answer in self.read:
            lengths.setdefault(answer.label, set()).update(len(ids) for _, ids in answer.ids)
        if len({n for counts in lengths.values() for n in counts}) > 1:
            each = [f"{label} {'/'.join(map(str, sorted(n)))}" for label, n in lengths.items()]
            lengths_text = listed(each, SHOWN)
            yield Finding(
                "warning", f"answers differ in tokens ({lengths_text}): longer ones score lower"
            )
        elif (count := self.read[0].longest) > 1:
            yield Finding(
                "warning",
                f"answers of {count} tokens each: single words mostly do better; write some, or "
                "search for some: promptsearch answers prune",
            )

    def _spaces(self) -> Iterator[Finding]:
        spaced = [
            str(answer) for answer in self.read if any(t != t.strip() for _, t in answer.answer)
        ]
        if spaced:
            yield Finding(
                "warning",
                f"a space begins or ends {listed(spaced)}: with the template's there are two; "
                "remove it",
            )


def worthless_answers(
    verbalizers: Iterable[Verbalizer], model: LanguageModel, facts: bool
) -> list[Finding]:
    """Return what makes all scores worthless: answers that the model cannot write or tell apart.

    For facts, that all candidates read the same; some always do.
    """
    findings: list[Finding] = []
    for verbalizer in dict.fromkeys(verbalizers):
        answers = CheckedVerbalizer(verbalizer, model, facts)
        if not facts:
            findings += [finding for finding in answers.findings if finding.level == "error"]
        elif len(answers.read) > 1 and len({answer.ids for answer in answers.read}) == 1:
            findings.append(Finding("error", "the model reads all candidates alike; use `model`"))
    return list(dict.fromkeys(findings))


def number_findings(verbalizer: Verbalizer) -> Iterator[Finding]:
    """Yield a warning if the answers are numbers, as `init` takes them from a table."""
    texts = [text for answer in verbalizer.answers for _, text in answer]
    if all(text.isdigit() for text in texts):
        yield Finding(
            "warning",
            f"the answers are numbers ({listed(texts)}), which tell a model little; use words",
        )


def _same_ids_finding(group: Sequence[ReadAnswer]) -> Finding:
    """Return the finding about answers with the same ids, of two labels or of one."""
    labels = list(dict.fromkeys(answer.label for answer in group))
    answers = _all_of(list(map(str, group)))
    if len(labels) == 1:
        return Finding(
            "warning", f"{answers} are one answer to the model, and count twice; keep one"
        )
    if len({answer.answer for answer in group}) == 1:
        return Finding(
            "warning",
            f"the answer {group[0].text!r} stands for {_all_of(labels)}: it cannot tell them "
            "apart; keep it for one",
        )
    return Finding(
        "error", f"the model reads {answers} alike: nothing tells them apart; change one"
    )


def _all_of(items: Sequence[str]) -> str:
    return " and ".join(items) if len(items) <= SHOWN else listed(items, SHOWN)


def _beginnings_of(ids: Ids) -> Iterator[Ids]:
    """Yield the answer's ids with fewer tokens in the last slot."""
    *earlier, (slot, last) = ids
    for end in range(1, len(last)):
        yield (*earlier, (slot, last[:end]))
