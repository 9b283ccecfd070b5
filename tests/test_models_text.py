"""Data is text: nothing in it becomes a control token, and ids are the whole string's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_models_naive import SINGLE, scores
from tiny import parts, tiny
from transformers import PreTrainedTokenizerFast

from promptsearch.errors import ModelError
from promptsearch.models import Scoring
from promptsearch.models.tokenization.control_tokens import control_tokens
from promptsearch.models.tokenization.slow_tokenizer import SlowTokens
from promptsearch.models.tokenization.tokenizer import FastTokens
from promptsearch.prompt import Input, Slot, Template, Text

KINDS = ["bert", "roberta", "gpt2", "llama", "t5"]
LITERALS = [
    "[MASK]",
    "<mask>",
    "</s>",
    "<s>",
    "<extra_id_0>",
    "[Z]",
    "{text}",
    "[SEP]",
    "[PAD]",
    "[UNK]",
    "<unk>",
    "<pad>",
    "<|endoftext|>",
    "\U0010ff00",
    "\U0010ff003\U0010ff00",
]
WORDS = ["great", "film", " ", "  ", ".", "New York", "\n", "é", "五", "\u2581"]
PLAIN = st.lists(st.sampled_from(WORDS), max_size=6).map("".join)
HOSTILE = st.lists(st.sampled_from(WORDS + LITERALS), max_size=8).map("".join)


def slot_token(kind):
    """The id and the text of what stands for a slot; a causal model has none of its own."""
    _, tokenizer = parts(kind)
    names = {"bert": "[MASK]", "roberta": "<mask>", "gpt2": "<|endoftext|>", "llama": "<s>"}
    name = names.get(kind, "<extra_id_0>")
    return tokenizer.convert_tokens_to_ids(name), name


def tokens_of(kind):
    _, tokenizer = parts(kind)
    return FastTokens(tokenizer.backend_tokenizer, control_tokens(tokenizer)), tokenizer


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(before=PLAIN, after=PLAIN)
def test_ids_are_those_of_the_whole_string(kind, before, after):
    tokens, tokenizer = tokens_of(kind)
    slot, name = slot_token(kind)
    assert tokens.encode([(before, slot, after)]) == [tokenizer(before + name + after)["input_ids"]]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(before=HOSTILE, after=HOSTILE)
def test_control_tokens_stand_at_the_slot_and_the_ends_only(kind, before, after):
    tokens, tokenizer = tokens_of(kind)
    slot, _ = slot_token(kind)
    control = set(control_tokens(tokenizer).values()) - {tokenizer.unk_token_id}
    (ids,) = tokens.encode([(before, slot, after)])
    inner = ids[tokens.lead : len(ids) - tokens.tail]
    assert [token for token in inner if token in control] == [slot]


@settings(max_examples=40, deadline=None)
@given(before=HOSTILE, after=HOSTILE)
def test_python_only_tokenizers_keep_data_text_too(before, after):
    _, tokenizer = parts("bert")
    tokens = SlowTokens(Pythonic(tokenizer), control_tokens(tokenizer))
    (ids,) = tokens.encode([(before, tokenizer.mask_token_id, after)])
    assert ids.count(tokenizer.mask_token_id) == 1
    assert len(tokens.locate([(before, tokenizer.mask_token_id, after)])[0].spans) >= len(ids)


class Pythonic:
    """The little that the plain path asks of a tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        self.unk_token_id = tokenizer.unk_token_id

    def encode(self, text, add_special_tokens, split_special_tokens):
        return self._tokenizer.encode(text, add_special_tokens=add_special_tokens)

    def build_inputs_with_special_tokens(self, ids):
        return [self._tokenizer.cls_token_id, *ids, self._tokenizer.sep_token_id]


@pytest.mark.parametrize("literal", LITERALS)
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_inputs_and_templates_are_scored(kind, literal):
    port, _, _ = tiny(kind)
    texts = [
        (Input("text", f"a {literal} b"), Text(" It was "), Slot("Z"), Text(".")),
        (Input("text", "a"), Text(f"{literal} It was "), Slot("Z"), Text(literal)),
    ]
    assert not scores(port, texts, SINGLE).isnan().any()


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2", "llama"])
def test_the_longest_input_is_cut_until_the_text_fits(kind):
    port, _, tokenizer = tiny(kind)
    text = Template.parse("{a} great {b} It was [Z].").fill({"a": "bad", "b": "film plot " * 60})
    plan = port.plan([text], SINGLE, Scoring())
    ((item,),) = (block.items for block in plan.blocks)
    length = len(item.ids) - len(item.slots) + item.completions.longest
    assert port.runtime.limit - 8 <= length <= port.runtime.limit
    assert tokenizer.decode(item.ids, skip_special_tokens=True).split()[:3] == [
        "bad",
        "great",
        "film",
    ]
    assert scores(port, [text], SINGLE).isfinite().all()


def test_a_cut_text_scores_as_the_text_that_was_cut_by_hand():
    port, _, tokenizer = tiny("bert")
    template = Template.parse("{text} It was [Z].")
    words = ["film"] * 100
    cost = len(tokenizer("film", add_special_tokens=False)["input_ids"])
    frame = len(tokenizer(" It was [MASK].")["input_ids"])
    longest = max(map(len, port.answer_ids([answer[0][1] for answer in SINGLE])))
    fits = (port.runtime.limit - frame - longest + 1) // cost
    cut = template.fill({"text": " ".join(words)})
    by_hand = template.fill({"text": " ".join(words[:fits])})
    result = scores(port, [cut, by_hand], SINGLE)
    if (port.runtime.limit - frame - longest + 1) % cost == 0:
        assert (result[0] - result[1]).abs().max() == 0
    assert result.isfinite().all()


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_template_that_does_not_fit_is_an_error_with_its_length(kind):
    port, _, _ = tiny(kind)
    text = Template.parse("{text} " + "film " * 200 + "[Z].").fill({"text": "a film"})
    with pytest.raises(ModelError, match=r"template alone takes \d+ tokens"):
        port.plan([text], SINGLE, Scoring())


def test_an_answer_without_tokens_is_an_error_that_names_it():
    port, _, _ = tiny("bert")
    text = Template.parse("{text} It was [Z].").fill({"text": "a"})
    with pytest.raises(ModelError, match="has no tokens"):
        port.plan([text], [(("Z", "\u200d"),)], Scoring())


@pytest.mark.parametrize("kind", KINDS)
def test_whole_words_are_single_tokens(kind):
    port, _, _ = tiny(kind)
    words = port.vocabulary_words()
    assert "the" in words or "was" in words or "a" in words
    assert all(word.isalpha() for word in words)
    assert set(map(len, port.answer_ids(words))) == {1}


def test_the_share_of_unknown_characters():
    port, _, _ = tiny("bert")
    assert port.unknown_share(["great film"]) == 0
    assert port.unknown_share(["五五 great"]) == pytest.approx(2 / 7)
    assert port.unknown_share([]) == 0


def test_a_rendered_text_shows_the_slots():
    text = Template.parse("{text} It was [Z].").fill({"text": "a film"})
    assert "[MASK]" in tiny("bert")[0].rendered(text)
    assert "<extra_id_0>" in tiny("t5")[0].rendered(text)
    assert tiny("llama")[0].rendered(text).startswith("<s>")
