"""Ids put together from pieces are those of whole strings, for every tokenizer and any text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_models_text import HOSTILE, KINDS, PLAIN, slot_token, tokens_of
from tiny import tiny

from promptsearch.models.tokenization.cached_tokenizer import (
    CachedTokenizer,
    _cut,
    _sample,
    cuttable,
)

PARTS = st.lists(st.one_of(HOSTILE, PLAIN, st.just(" It was "), st.just(" .")), min_size=1)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(parts=PARTS, place=st.integers(0, 9), special=st.booleans())
def test_ids_are_those_of_the_whole_line(kind, parts, place, special):
    whole, _ = tokens_of(kind)
    pieces = CachedTokenizer(whole)
    slot, _ = slot_token(kind)
    line = (*parts[: place % 5], slot, *parts[place % 5 :])
    for each in (line, tuple(parts)):
        assert assembled(pieces, each, special) == whole.encode([each], special)[0]


def assembled(pieces, line, special):
    """Without the comparison that would hide a difference."""
    ((ids, _),) = pieces._assembled([_cut(line)[0]], special)
    return ids


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(parts=PARTS, place=st.integers(0, 9))
def test_the_first_token_of_a_part_is_found(kind, parts, place):
    whole, _ = tokens_of(kind)
    line, part = tuple(parts), place % len(parts)
    assert CachedTokenizer(whole).encode_from([line], [part]) == whole.encode_from([line], [part])


def test_tokens_that_reach_across_a_space_forbid_cuts():
    assert cuttable(["\u2581the", "the", "\u0120", "\u0120\u0120", " a", "##s", "[MASK]"])
    for token in ("f\u2581t", "of\u0120the", "of\u0120", "a b"):
        assert not cuttable(["a", token])


def test_a_tokenizer_that_changes_beginnings_is_left_alone(shared):
    """stories260k puts a space before every piece of text."""
    from promptsearch.models.loading.load import load_model

    port = load_model(str(shared / "models/stories260k"), device="cpu")
    assert not port.runtime.tokens._trusted


def test_only_lines_that_are_cut_say_anything():
    assert _sample([[("a",)], [("a",), (" b",)]] * 20) == [*range(1, 33, 2), 33]


def test_a_tokenizer_that_joins_across_spaces_is_left_alone():
    class Joining:
        """Reads a line as one token: its length."""

        lead = tail = 0

        def encode(self, lines, special=True):
            return [[sum(map(len, line))] for line in lines]

        def encode_continuation(self, lines):
            return self.encode(lines)

    pieces = CachedTokenizer(Joining())
    assert pieces.encode([("a", " b"), ("c", " d")]) == [[3], [3]]
    assert not pieces._trusted


@pytest.mark.parametrize("kind", KINDS)
def test_templates_and_examples_are_tokenised_once(kind):
    port, _, _ = tiny(kind)
    lines = [(f"film {i}", f" was {w} .") for i in range(50) for w in ("good", "bad", "so so")]
    tokens = port.runtime.tokens
    before = len(tokens._ids_of_piece)
    assert tokens.encode(lines) == tokens._tokenizer.encode(lines)
    assert tokens._trusted
    assert len(tokens._ids_of_piece) - before == 50 + 3
