"""Whole texts read from left to right: against plain transformers, one token at a time."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from naive import causal
from tiny import parts, tiny

from promptsearch.errors import ModelError
from promptsearch.models import ModelInfo, Options
from promptsearch.models.generation.text_likelihood import plan_text_likelihood
from promptsearch.models.loading.build import wrap
from promptsearch.prompt import Input, Text

TEXTS = [
    (Text(". "), Input("text", "Paris"), Text(" is the capital of France.")),
    (Text(". "), Input("text", "New York"), Text(" is a great city ")),
    (Text(". Paris is the capital of Norway"),),
    (Text(". "), Input("text", "Paris"), Text(" is the capital of France.")),
    (Input("text", "the quick brown fox"), Text(""), Text("!")),
]
every_causal = pytest.mark.parametrize("kind", ["gpt2", "llama"])


def text_of(parts):
    return "".join(part.text for part in parts)


def plain_ids(tokenizer, text):
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]


def read_ids(reading):
    """The ids that pass, by text; the last token of each need not."""
    items = [item for block in reading.plan.blocks for item in block.items]
    return {row: list(item.ids) for item in items for row in item.rows}


@every_causal
def test_sums_are_those_of_one_token_at_a_time_in_float64(kind):
    port, model, tokenizer = tiny(kind)
    reading = plan_text_likelihood(port, TEXTS)
    ids = [plain_ids(tokenizer, text_of(text)) for text in TEXTS]
    assert reading.counts == [len(own) for own in ids]
    assert read_ids(reading) == {row: own[:-1] for row, own in enumerate(ids)}
    slow = deepcopy(model).double()
    expected = [causal(slow, own, 1) for own in ids]
    assert reading.log_probs() == pytest.approx(expected, abs=1e-4)


@every_causal
@pytest.mark.parametrize("batch_tokens", [1, 24, 4096])
def test_batches_change_nothing(kind, batch_tokens):
    whole = plan_text_likelihood(tiny(kind)[0], TEXTS).log_probs()
    cut = plan_text_likelihood(tiny(kind, batch_tokens=batch_tokens)[0], TEXTS).log_probs()
    assert cut == pytest.approx(whole, abs=1e-4)


@every_causal
def test_equal_texts_pass_once(kind):
    plan = plan_text_likelihood(tiny(kind)[0], TEXTS).plan
    assert plan.forwards == len({text_of(text) for text in TEXTS}) == 4
    alone = sum(plan_text_likelihood(tiny(kind)[0], [text]).plan.tokens for text in TEXTS)
    assert 0 < plan.tokens < alone


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_what_texts_spell_is_text(kind):
    port, _, tokenizer = tiny(kind)
    control = tokenizer.eos_token
    reading = plan_text_likelihood(
        port, [(Text(". "), Input("text", f"a {control} film [Z] {{x}}"))]
    )
    assert tokenizer.eos_token_id not in read_ids(reading)[0]
    assert reading.counts[0] > 5


def test_the_longest_input_is_cut_from_its_right_never_the_template():
    port, model, tokenizer = tiny("gpt2")
    film = " ".join(f"It was a great film {i}" for i in range(60))
    texts = [
        (Text(". "), Input("a", film), Text(" So it is "), Input("b", "good"), Text(" , really."))
    ]
    reading = plan_text_likelihood(port, texts)
    assert reading.counts == [96]
    read = tokenizer.decode(read_ids(reading)[0])
    assert read.startswith(". It was a great film 0 It was")
    assert read.endswith(" So it is good , really")
    ids = plain_ids(tokenizer, read + ".")
    expected = causal(deepcopy(model).double(), ids, 1)
    assert reading.log_probs() == pytest.approx([expected], abs=1e-4)


def test_a_template_that_has_no_room_is_an_error():
    with pytest.raises(ModelError, match="the template alone takes"):
        plan_text_likelihood(tiny("gpt2")[0], [(Text("film " * 200),)])


def test_chat_models_read_texts_as_they_are():
    model, tokenizer = parts("gpt2")
    tokenizer = deepcopy(tokenizer)
    tokenizer.chat_template = "{% for m in messages %}user: {{ m.content }} reply: {% endfor %}"
    info = ModelInfo("gpt2", "causal", "0" * 64, "float32")
    chat = wrap(model, tokenizer, info, Options("gpt2", chat="on"))
    assert chat.info.chat is not None
    expected = plan_text_likelihood(tiny("gpt2")[0], TEXTS).log_probs()
    assert plan_text_likelihood(chat, TEXTS).log_probs() == expected


@pytest.mark.parametrize("text", ["", "."])
def test_a_text_with_nothing_to_score_is_an_error_not_the_best(text):
    with pytest.raises(ModelError, match=r"tokens to 'gpt2', so none follows"):
        plan_text_likelihood(tiny("gpt2")[0], [(Text(text),)])


@pytest.mark.parametrize("kind", ["bert", "t5"])
def test_other_families_read_no_texts(kind):
    with pytest.raises(ModelError, match=f"'{kind}' is a .* model, which reads no whole texts"):
        plan_text_likelihood(tiny(kind)[0], TEXTS)


def test_a_model_without_numbers_is_an_error():
    model, tokenizer = parts("gpt2")
    broken = deepcopy(model)
    with torch.no_grad():
        broken.lm_head.weight.fill_(float("nan"))
    info = replace(tiny("gpt2")[0].info, spec="broken")
    with pytest.raises(ModelError, match=r"'broken' gives no numbers \(NaN\)"):
        plan_text_likelihood(wrap(broken, tokenizer, info), TEXTS).log_probs()
