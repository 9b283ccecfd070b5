"""Masked language models (BERT, RoBERTa, ...): an answer of k tokens stands at k masks."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from promptsearch.models import (
    Block,
    LanguageModel,
    ModelInfo,
    MultiToken,
    Options,
    Plan,
    Scoring,
    vocabulary,
)
from promptsearch.models.encoding import Places, answer_ids, encode, line_of
from promptsearch.models.machine import Machine, divisors, items_of, require, tokens_of
from promptsearch.models.passes import Passes
from promptsearch.models.probes import Probe, Probes, Reading, probe
from promptsearch.models.running import run, work_of
from promptsearch.models.vocabulary import unknown_share, words, written
from promptsearch.models.work import Item, Work
from promptsearch.prompt import Answer, Filled

Ids = Mapping[str, tuple[int, ...]]  # slot -> the ids of one answer's text there
Fill = tuple[tuple[int, ...], tuple[int, ...]]  # ids at all masks in order, masks per slot


class MaskedModel:
    """Scores answers at mask tokens: all of them at once, or from left to right."""

    def __init__(self, machine: Machine[Passes], mask: int) -> None:
        self._machine = machine
        self._mask = mask

    @property
    def info(self) -> ModelInfo:
        return self._machine.info

    @property
    def options(self) -> Options:
        """What it was loaded with."""
        return self._machine.options

    @property
    def ranking_dtype(self) -> str:
        """The dtype of the ranker."""
        return self._machine.ranking_dtype

    @cached_property
    def ranker(self) -> LanguageModel:
        """The same model in a faster dtype; itself where there is none."""
        machine = self._machine.ranking
        return self if machine is self._machine else MaskedModel(machine, self._mask)

    def plan(self, texts: Sequence[Filled], answers: Sequence[Answer], scoring: Scoring) -> Work:
        """Tokenise, sort and batch; `ModelError` where a text or an answer cannot be held."""
        require(answers)
        machine = self._machine
        asked = _Asked(answers, scoring, self._mask, machine)
        encoded = encode(texts, machine.tokens, [self._mask], asked.room)
        probes = [asked.probes(text.places) for text in encoded]
        return machine.lay_out(items_of(encoded, probes))

    def run(self, plan: Plan) -> Iterator[Block]:
        """Every text exactly once, in blocks of any order."""
        work = work_of(plan)
        passes = self._machine.way(work)
        return run(work, _assemble, lambda _: passes, self._machine.device)

    @property
    def without_chat(self) -> LanguageModel:
        """Itself: it reads no chats."""
        return self

    def rendered(self, filled: Filled) -> str:
        """The text as the model reads it, one mask a slot, special tokens written out."""
        (ids,) = self._machine.tokens.encode([line_of(filled, [self._mask])])
        return written(self._machine.tokenizer, ids)

    def vocabulary_words(self) -> list[str]:
        """The whole words of the vocabulary: each is one token."""
        return words(self._machine.tokenizer, self._machine.tokens)

    def unknown_share(self, texts: Sequence[str]) -> float:
        """Share of the characters that fall to the unknown token, in [0, 1]."""
        return unknown_share(self._machine.tokenizer.unk_token_id, self._machine.tokens, texts)

    def answer_ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """The ids of answers where a space stands before their slot."""
        return vocabulary.answer_ids(self._machine.tokens, texts)


def _assemble(item: Item, probe: Probe) -> tuple[list[int], list[int]]:
    """The text with its slots filled, and the positions to read."""
    ids: list[int] = []
    positions: list[int] = []
    end = first = 0
    for slot, count in zip(item.slots, probe.counts, strict=True):
        ids += item.ids[end:slot]
        positions += range(len(ids), len(ids) + count)
        ids += probe.fill[first : first + count]
        end, first = slot + 1, first + count
    ids += item.ids[end:]
    return ids, [positions[place] for place in probe.places]


class _Asked:
    """The probes of one call, made once per kind of text."""

    def __init__(
        self, answers: Sequence[Answer], scoring: Scoring, mask: int, machine: Machine[Passes]
    ) -> None:
        self._answers, self._scoring, self._mask, self._machine = answers, scoring, mask, machine
        self._known: dict[Places, Probes] = {}
        self._same: dict[object, Probes] = {}

    def room(self, places: Places) -> int:
        """Tokens a text may have, so that it holds the longest answer."""
        longest = max(len(probe.fill) for probe in self.probes(places).probes)
        return self._machine.limit - longest + len(places)

    def probes(self, places: Places) -> Probes:
        """What to ask of a text with these slots; texts whose answers have equal ids share it."""
        if places not in self._known:
            ids = answer_ids(self._answers, places, self._machine.tokens)
            names = [name for name, _ in places]
            key = (tuple(names), tuple(tuple(own.items()) for own in ids))
            if key not in self._same:
                self._same[key] = self._make(names, ids)
            self._known[places] = self._same[key]
        return self._known[places]

    def _make(self, names: Sequence[str], ids: Sequence[Ids]) -> Probes:
        tables = readings(names, ids, self._scoring.multi_token, self._mask)
        device = self._machine.device
        made = (probe(*fill, table, device) for fill, table in tables.items())
        norm = self._scoring.length_norm
        own = divisors(self._answers, [tokens_of(each) for each in ids], norm)
        return Probes(tuple(made), own)


def readings(
    names: Sequence[str], answers: Sequence[Ids], multi_token: MultiToken, mask: int
) -> dict[Fill, list[Reading]]:
    """What to read for each answer, by the filling it needs: answers with equal fillings share it.

    A slot that an answer leaves out stays one mask, and is not read.
    """
    found: dict[Fill, list[Reading]] = {}
    for number, ids in enumerate(answers):
        counts = tuple(len(ids.get(name, (mask,))) for name in names)
        fill = [mask] * sum(counts)
        for place, token in _placed(names, ids):
            found.setdefault((tuple(fill), counts), []).append((place, token, number))
            if multi_token == "left-to-right":
                fill[place] = token
    return found


def _placed(names: Sequence[str], ids: Ids) -> Iterator[tuple[int, int]]:
    """(place among all masks, token) from left to right."""
    place = 0
    for name in names:
        for token in ids.get(name, ()):
            yield place, token
            place += 1
        place += name not in ids
