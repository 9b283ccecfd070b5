"""Finding names, sentences and the pairs of a fact in raw bytes."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptsearch.corpora.fact_mentions import FactIndex, MentionPair, fact_pairs
from promptsearch.corpora.mention_matcher import Matcher, all_surfaces, as_array, outermost
from promptsearch.corpora.sentence_boundaries import PAD, sentence_starts
from promptsearch.language.words import words


def padded(text: str) -> bytes:
    return PAD + text.encode() + PAD


def mentions(text: str, names: list[str], spaced: bool = True) -> list[str]:
    matcher = Matcher(all_surfaces(names), spaced)
    chunk = padded(text)
    hits = outermost(matcher.hits(chunk, as_array(chunk)))
    return [matcher.names[name] for name in hits.name.tolist()]


def sentences(text: str, spaced: bool = True) -> list[str]:
    chunk = padded(text)
    starts = sentence_starts(as_array(chunk), spaced).tolist()
    cut = [chunk[a:b].decode().strip() for a, b in pairwise(starts)]
    return [sentence for sentence in cut if sentence]


def found(text: str, facts: list[tuple[str, str]]) -> list[tuple[str, str, int]]:
    names = all_surfaces(name for fact in facts for name in fact)
    index = FactIndex(facts, {name: at for at, name in enumerate(names)})
    chunk = padded(text)
    array = as_array(chunk)
    hits = outermost(Matcher(names).hits(chunk, array))
    pairs = list(fact_pairs(hits, index, sentence_starts(array, spaced=True)))
    return [(cut(chunk, pair.subject), cut(chunk, pair.object), pair.direction) for pair in pairs]


def cut(chunk: bytes, span: tuple[int, int]) -> str:
    return chunk[slice(*span)].decode()


NAMES = ["York", "New York", "New York City"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He left New York City.", ["New York City"]),
        ("New York, York and New York City", ["New York", "York", "New York City"]),
        ("New Yorkers; Yorkshire", []),
        ("New York Citys", ["New York"]),
        ("the York-based firm, York's “York” –York— (York)", ["York"] * 5),
        ("Yorké éYork York_x", []),
    ],
)
def test_the_longest_whole_word_name_is_the_mention(text: str, expected: list[str]) -> None:
    assert mentions(text, NAMES) == expected


def test_a_name_lost_inside_no_whole_word_is_still_found() -> None:
    assert mentions("the Al Jazeeras", ["Al", "Al Jazeera"]) == ["Al"]


def test_lower_case_names_are_also_found_capitalised_but_no_others() -> None:
    assert mentions("The euro. Euro! EURO; paris Paris", ["euro", "Paris"]) == [
        "euro",
        "Euro",
        "Paris",
    ]


def test_names_that_end_in_marks_need_no_boundary_there() -> None:
    assert mentions("Acme Inc.is C++11", ["Acme Inc.", "C++"]) == ["Acme Inc.", "C++"]


def test_chinese_names_need_no_boundaries() -> None:
    assert mentions("法国的首都是巴黎。", ["法国", "巴黎"], spaced=False) == ["法国", "巴黎"]


WORD = st.text("abA é", min_size=1, max_size=8).filter(lambda name: name.strip() == name)


@given(st.text("abA é.-–", max_size=60), st.lists(WORD, min_size=1, max_size=6, unique=True))
def test_hits_are_those_of_a_naive_search(text: str, names: list[str]) -> None:
    matcher = Matcher(names)
    chunk = padded(text)
    hits = matcher.hits(chunk, as_array(chunk))
    ours = sorted(
        (names[name], chunk[len(PAD) : start].decode())
        for name, start in zip(hits.name.tolist(), hits.start.tolist(), strict=True)
    )
    naive = sorted(
        (name, text[: match.start(1)])
        for name in names
        for match in re.finditer(rf"(?=(?<!\w)({re.escape(name)})(?!\w))", text)
    )
    assert ours == naive


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('One two. Three four! "Five?" Six', ["One two.", "Three four!", '"Five?"', "Six"]),
        ("Mr. Smith met J. K. Rowling.", ["Mr. Smith met J. K. Rowling."]),
        ("The U.S. Army left St. Louis in 1990. It won.", None),
        ("He said “no.” Then left.\nNew line", ["He said “no.”", "Then left.", "New line"]),
        ("It cost 3.5 million. élan. Ébène fell.", ["It cost 3.5 million. élan.", "Ébène fell."]),
        ("about c. 1900 and etc. and", ["about c. 1900 and etc. and"]),
    ],
)
def test_sentences_end_where_a_reader_would_say(text: str, expected: list[str] | None) -> None:
    if expected is None:
        expected = ["The U.S. Army left St. Louis in 1990.", "It won."]
    assert sentences(text) == expected


def test_chinese_sentences_end_at_wide_stops() -> None:
    assert sentences("今天很好。你呢？“好！”走", spaced=False) == [
        "今天很好。",
        "你呢？",
        "“好！”",
        "走",
    ]


@given(st.text(max_size=200))
def test_sentence_starts_are_ascending_and_cover_any_text(text: str) -> None:
    chunk = padded(text)
    for spaced in (True, False):
        starts = sentence_starts(as_array(chunk), spaced)
        assert starts[0] == 0
        assert starts[-1] == len(chunk)
        assert (np.diff(starts) > 0).all()


def test_words_keep_names_numbers_and_clitics_together() -> None:
    assert words("France's U.S. co-op, don't pay 1,000.", spaced=True) == [
        "France", "'s", "U.S.", "co-op", ",", "don't", "pay", "1,000", ".",
    ]  # fmt: skip
    assert words("的首都BBC", spaced=False) == ["的", "首", "都", "BBC"]


FACTS = [("France", "Paris"), ("Peru", "Lima"), ("lima bean", "Peru")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Paris is the capital of France.", [("France", "Paris", -1)]),
        ("France, Paris, France", [("France", "Paris", 1), ("France", "Paris", -1)]),
        ("Paris fell. France won.", []),
        ("Paris in Peru, Lima in Chad", [("Peru", "Lima", 1)]),
        ("A lima bean of Peru", [("lima bean", "Peru", 1)]),
        ("France\nParis", []),
    ],
)
def test_pairs_are_facts_in_one_sentence_in_both_directions(
    text: str, expected: list[tuple[str, str, int]]
) -> None:
    assert sorted(found(text, FACTS)) == sorted(expected)


def test_a_name_that_spans_a_sentence_end_joins_the_two() -> None:
    facts = [("Panic! At the Disco", "Vegas")]
    assert found("Panic! At the Disco is from Vegas.", facts) == [
        ("Panic! At the Disco", "Vegas", 1)
    ]


def test_direction_and_the_words_between_follow_from_the_spans() -> None:
    assert MentionPair((5, 8), (0, 2), (0, 9)).direction == -1
    assert MentionPair((5, 8), (0, 2), (0, 9)).between == (2, 5)
