"""Prefixes against the values of P-tuning v2's, Li and Liang's and peft's own code."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from test_soft_golden import port_of
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.nn.functional import cross_entropy
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
)

from promptsearch.models.batching.prefix_tensors import PrefixTensors
from promptsearch.models.forward.continuous_forward import with_prefix
from promptsearch.models.training.prefix_encoders import PrefixMlp, PrefixTable

SIZES = {
    "vocab_size": 37,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 32,
}


@pytest.fixture(scope="module")
def golden(shared):
    folder = shared / "golden" / "dev" / "soft"

    def read(name):
        facts = json.loads((folder / f"{name}.json").read_text())
        tensors = load_file(folder / f"{name}.safetensors")
        return facts, {key: torch.tensor(each) for key, each in tensors.items()}

    return read


def words_tokenizer(**names):
    """A tokenizer of 37 words, for models whose ids are given."""
    vocab = {f"w{i}" if i < 36 else "<extra_id_0>": i for i in range(37)}
    tokenizer = Tokenizer(models.WordLevel(vocab, "w1"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="w1", **names)


def port(golden, name):
    """The tiny model of some goldens, behind our forward pass."""
    facts, weights = golden(name)
    config = {k: v for k, v in facts.get("config", {}).items() if k != "transformers_version"}
    config.pop("model_type", None)
    model, family = {
        "model_v2_bert": lambda: (BertForMaskedLM(BertConfig(**SIZES)), "masked"),
        "model_v2_roberta": lambda: (
            RobertaForMaskedLM(RobertaConfig(**SIZES, pad_token_id=1)),
            "masked",
        ),
        "model_gpt2": lambda: (GPT2LMHeadModel(GPT2Config(**config)), "causal"),
        "model_llama_gqa": lambda: (LlamaForCausalLM(LlamaConfig(**config)), "causal"),
        "model_bert_mlm": lambda: (BertForMaskedLM(BertConfig(**config)), "masked"),
        "model_t5": lambda: (T5ForConditionalGeneration(T5Config(**config)), "seq2seq"),
    }[name]()
    body = model.base_model if name.startswith("model_v2") else model
    missing = body.load_state_dict(weights, strict=False).missing_keys
    assert not [key for key in missing if not re.search("head|decoder|embed_tokens", key)], missing
    model.tie_weights()
    special = {"mask_token": "w2", "pad_token": "w3", "eos_token": "w0", "bos_token": "w0"}
    if family == "seq2seq":
        special["additional_special_tokens"] = ["<extra_id_0>"]
    return port_of(model.eval(), words_tokenizer(**special), family), weights


def lines_of(tensors):
    """The golden's sequences without their padding."""
    mask = tensors.get("attention_mask", torch.ones_like(tensors["input_ids"]))
    return [ids[:n].tolist() for ids, n in zip(tensors["input_ids"], mask.sum(1), strict=True)]


def unpadded(rows, lines):
    """The golden's values at the tokens of its sequences."""
    return torch.cat([row[: len(line)] for row, line in zip(rows, lines, strict=True)])


def states(model, keys_values, lines, read=None):
    """Hidden states at all tokens of each sequence behind a prefix, or at those that are read."""
    length = keys_values.shape[3]
    layers = dict(zip(range(len(keys_values)), range(len(keys_values)), strict=True))
    prefix = PrefixTensors(length, layers, {"self": keys_values})
    backend = with_prefix(model.runtime.with_gradients.fast, prefix)
    positions = [range(len(line)) for line in lines] if read is None else read
    hidden = backend.hidden_states(lines, positions, [0] * len(lines))
    return hidden.states[torch.from_numpy(hidden.positions)], backend


def encoder_of(tensors, shape, prefix="prefix."):
    """The golden's prefix encoder, with its parameters."""
    own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    start = torch.zeros(shape)
    if "trans.0.weight" not in own:
        encoder = PrefixTable(start, 16, 10)
    else:
        PrefixMlp._fit = lambda *_: None
        encoder = PrefixMlp(start, 16, len(own["trans.0.bias"]))
    encoder.load_state_dict(own)
    return encoder


@pytest.fixture(autouse=True)
def fit_is_put_back(monkeypatch):
    monkeypatch.setattr(PrefixMlp, "_fit", PrefixMlp._fit)


V2 = [f"{model}_{kind}" for model in ("bert", "roberta") for kind in ("seq", "tok")]


@pytest.mark.parametrize("name", [*V2, "bert_tok_projection", "roberta_seq_projection"])
def test_p_tuning_v2(golden, name):
    facts, tensors = golden(f"ptuning_v2_{name}")
    model, body = port(golden, f"model_v2_{name.split('_')[0]}")
    encoder = encoder_of(tensors, (3, 2, 2, 4, 8))
    keys_values = encoder()
    np.testing.assert_allclose(keys_values.detach(), tensors["past_key_values"], atol=1e-6)
    weight, bias = (tensors[f"classifier.{part}"].requires_grad_() for part in ("weight", "bias"))
    lines = lines_of(tensors)
    if "tok" in name:
        found, _ = states(model, keys_values, lines)
        expected, labels = (unpadded(tensors[key], lines) for key in ("logits", "labels"))
    else:  # through the pooler, which the release never trains
        found, _ = states(model, keys_values, lines, [[0]] * len(lines))
        pooled = found @ body["pooler.dense.weight"].T + body["pooler.dense.bias"]
        found, expected, labels = torch.tanh(pooled), tensors["logits"], tensors["labels"]
    logits = found @ weight.T + bias
    tolerance = facts["tolerance"]
    np.testing.assert_allclose(logits.detach(), expected, atol=tolerance)
    loss = cross_entropy(logits, labels)
    assert loss.item() == pytest.approx(facts["loss"], abs=tolerance)
    loss.backward()
    np.testing.assert_allclose(weight.grad, tensors["grad.classifier.weight"], atol=tolerance)
    for key, parameter in encoder.named_parameters():
        wanted = tensors[f"grad.prefix_encoder.{key}"]
        np.testing.assert_allclose(parameter.grad, wanted, atol=tolerance)


def test_positions_of_texts_are_shifted(golden):
    """The golden also has what positions from 0 would give: not what we give."""
    _, tensors = golden("ptuning_v2_bert_tok")
    model, _ = port(golden, "model_v2_bert")
    found, _ = states(model, tensors["past_key_values"], lines_of(tensors)[:1])
    logits = found @ tensors["classifier.weight"].T + tensors["classifier.bias"]
    unshifted = tensors["logits_row1_positions_not_shifted"][0]
    assert (logits - unshifted).abs().max() > 1e-3


def causal_logits(model, keys_values, tensors):
    lines = tensors["input_ids"].tolist()
    found, backend = states(model, keys_values, lines)
    return backend.logits(found).view(*tensors["input_ids"].shape, -1)


def test_li_and_liangs_gpt2(golden):
    facts, tensors = golden("prefix_tuning_gpt2")
    model, _ = port(golden, "model_gpt2")
    tensors["control_trans.embedding.weight"] = tensors["wte"]
    own = {k.replace("control_trans.", "trans."): v for k, v in tensors.items() if "trans" in k}
    own["embedding.weight"] = own.pop("trans.embedding.weight")
    encoder = encoder_of(own, (2, 2, 2, 3, 8), "")
    keys_values = encoder()
    np.testing.assert_allclose(keys_values.detach(), tensors["past_key_values"], atol=1e-6)
    logits = causal_logits(model, keys_values, tensors)
    np.testing.assert_allclose(logits.detach(), tensors["logits"], atol=facts["tolerance"])
    labels = tensors["labels"][:, 1:].flatten()
    loss = cross_entropy(logits[:, :-1].flatten(0, 1), labels)
    assert loss.item() == pytest.approx(facts["loss"], abs=2e-6)
    loss.backward()
    np.testing.assert_allclose(encoder.embedding.weight.grad, tensors["grad_wte"], atol=2e-6)


def test_the_keys_and_values_of_words_are_the_words(golden):
    facts, tensors = golden("prefix_tuning_gpt2")
    model, _ = port(golden, "model_gpt2")
    backend = model.runtime.with_gradients.fast
    found = backend.keys_values(tensors["words"][0].tolist())["self"]
    np.testing.assert_allclose(found, tensors["words_past_key_values"], atol=2e-6)
    logits = causal_logits(model, found, tensors)
    wanted = tensors["logits_with_words_prefix"]
    np.testing.assert_allclose(logits.detach(), wanted, atol=facts["tolerance"])


PEFT = ["gpt2", "llama_gqa", "bert_mlm"]


@pytest.mark.parametrize("projection", ["", "_projection"])
@pytest.mark.parametrize("base", PEFT)
def test_pefts_prefix_tuning(golden, base, projection):
    if (base, projection) == ("llama_gqa", "_projection"):
        pytest.skip("there is no such golden")
    facts, tensors = golden(f"peft_{base}_prefix_tuning{projection}")
    model, _ = port(golden, f"model_{base}")
    saved = tensors["saved.prompt_embeddings"]
    keys_values = saved.view(len(saved), 2, 2, 2, -1).permute(1, 2, 3, 0, 4)
    lines = lines_of(tensors)
    found, backend = states(model, keys_values, lines)
    logits = backend.logits(found)
    expected = unpadded(tensors["logits"], lines)
    np.testing.assert_allclose(logits.detach(), expected, atol=facts["tolerance"])


def test_pefts_t5_prefix_is_that_of_its_first_layer_twice(golden):
    """Its fault: both of the decoder's layers get one layer's prefix. The encoder has none."""
    facts, tensors = golden("peft_t5_prefix_tuning")
    model, _ = port(golden, "model_t5")
    saved = tensors["saved.prompt_embeddings"]
    keys_values = saved.view(len(saved), 2, 2, 2, -1).permute(1, 2, 3, 0, 4)
    texts = lines_of(tensors)
    written = [[0, *row[:-1]] for row in tensors["labels"].clamp_min(0).tolist()]
    for layers, near in (((0, 0), True), ((0, 1), False)):
        prefix = PrefixTensors(len(saved), dict(enumerate(layers)), {"decoder": keys_values})
        decoder = with_prefix(model.runtime.with_gradients.fast, prefix).decoder_for(texts)
        read = [range(len(line)) for line in written]
        hidden = decoder.hidden_states(written, read, range(len(written)))
        logits = decoder.logits(hidden.states[torch.from_numpy(hidden.positions)])
        gap = (logits.view_as(tensors["logits"]) - tensors["logits"]).abs().max().item()
        assert (gap < facts["tolerance"]) == near
