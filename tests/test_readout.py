"""States at the slot: their products with a word's row are the logits of plain transformers."""

from copy import deepcopy

import pytest
import torch
from tiny import KINDS, tiny

from promptsearch.errors import ModelError
from promptsearch.models import ModelInfo, Options
from promptsearch.models.gradients.output_embedding import OutputEmbedding
from promptsearch.models.loading.build import wrap
from promptsearch.prompt import Input, Slot, Text

TEXTS = ("It was a great film", "awful", "It was a great film", "the story of this movie is bad")
every_kind = pytest.mark.parametrize("kind", KINDS)


def filled(text, before=""):
    return (Text(before), Input("x", text), Text(" It was "), Slot(), Text(" ."))


def states(port, texts):
    word = port.vocabulary_words()[0]
    box = port.white_box
    return box.states(box.plan_states(texts, (("Z", word),)))


def naive_logits(kind, model, tokenizer, text):
    """(word,): one text at a time, ids put together by hand."""
    if kind == "t5":
        sentinel = tokenizer.convert_tokens_to_ids("<extra_id_0>")
        source = tokenizer(f"{text} It was <extra_id_0> .").input_ids
        assert sentinel in source
        target = torch.tensor([[0, sentinel]])
        found = model(input_ids=torch.tensor([source]), decoder_input_ids=target).logits[0, -1]
    elif KINDS[kind][0] == "masked":
        ids = tokenizer(f"{text} It was {tokenizer.mask_token} .").input_ids
        place = ids.index(tokenizer.mask_token_id)
        found = model(input_ids=torch.tensor([ids])).logits[0, place]
    else:
        ids = tokenizer(f"{text} It was").input_ids
        ids = ids[:-1] if kind == "llama" else ids  # the end token
        found = model(input_ids=torch.tensor([ids])).logits[0, -1]
    return found


@every_kind
def test_states_times_rows_are_the_logits_of_the_plain_model(kind):
    port, model, tokenizer = tiny(kind)
    words = port.vocabulary_words()
    (ids,) = zip(*port.answer_ids(words), strict=True)
    bias = getattr(model.get_output_embeddings(), "bias", None)
    added = 0 if bias is None else bias[list(ids)]
    products = states(port, list(map(filled, TEXTS))) @ port.white_box.output_rows(words).T + added
    with torch.no_grad():
        wanted = torch.stack([naive_logits(kind, model, tokenizer, text) for text in TEXTS])
    assert torch.allclose(products, wanted[:, list(ids)], atol=2e-4, rtol=1e-4)
    assert wanted.std() > 0.1  # there is something to tell apart


@every_kind
def test_a_pass_that_ends_there_has_the_words_of_the_whole_one(kind):
    model = tiny(kind)[1]
    readout = OutputEmbedding.of(model, kind)
    ids = torch.tensor([[5, 9, 7]])
    inputs = {"input_ids": ids, **({"decoder_input_ids": ids} if kind == "t5" else {})}
    with torch.no_grad():
        whole, states = model(**inputs).logits[0], readout.states(inputs)[0]
        assert torch.allclose(readout.logits(states), whole, atol=1e-5)
    assert readout.vocabulary == whole.shape[-1]


@every_kind
def test_states_are_a_row_a_text_in_the_order_asked(kind):
    port = tiny(kind)[0]
    found = states(port, list(map(filled, TEXTS)))
    assert (found.shape[0], found.dtype, found.device.type) == (len(TEXTS), torch.float32, "cpu")
    assert torch.equal(found[0], found[2])
    alone = states(port, [filled(TEXTS[3])])
    assert torch.allclose(found[3:], alone, atol=1e-5)


@every_kind
def test_small_batches_give_the_same_states(kind):
    texts = [filled(text, "really ") for text in TEXTS]
    one, other = (states(tiny(kind, batch_tokens=n)[0], texts) for n in (12, 4096))
    assert torch.allclose(one, other, atol=1e-5)


def test_t5_with_tied_embeddings_is_scaled_as_its_own_code_does():
    _, model, tokenizer = tiny("t5")
    tied = deepcopy(model)
    tied.config.tie_word_embeddings = True
    tied.config.scale_decoder_outputs = True
    tied.lm_head.weight = tied.shared.weight
    port = wrap(tied.eval(), tokenizer, ModelInfo("t5", "seq2seq", "0", "float32"), Options("t5"))
    words = port.vocabulary_words()
    (ids,) = zip(*port.answer_ids(words), strict=True)
    products = states(port, [filled("great")]) @ port.white_box.output_rows(words).T
    with torch.no_grad():
        wanted = naive_logits("t5", tied, tokenizer, "great")[list(ids)]
        plain = naive_logits("t5", model, tokenizer, "great")[list(ids)]
    assert torch.allclose(products[0], wanted, atol=1e-4)
    assert not torch.allclose(wanted, plain, atol=1e-2)


@every_kind
def test_a_pass_a_text_is_paid_for(kind):
    port = tiny(kind)[0]
    word = port.vocabulary_words()[0]
    plan = port.white_box.plan_states(list(map(filled, TEXTS)), (("Z", word),))
    assert plan.forwards == len(set(TEXTS))


def test_only_words_of_one_token_have_a_row():
    with pytest.raises(ModelError, match="'wonderful evening' is not one token of this model"):
        tiny("bert")[0].white_box.output_rows(["great", "wonderful evening"])


def test_a_model_without_an_output_embedding_is_refused(monkeypatch):
    port, model, _ = tiny("bert")
    monkeypatch.setattr(model, "get_output_embeddings", lambda: None)
    with pytest.raises(ModelError, match="'bert' has no output embedding to probe"):
        port.white_box.output_rows(["great"])
