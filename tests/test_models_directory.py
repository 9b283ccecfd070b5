"""A model directory whose files are damaged, of another kind or do not fit: one line says which."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import parts, tiny
from transformers import (
    BertConfig,
    BertLMHeadModel,
    FlaubertConfig,
    FlaubertWithLMHeadModel,
    GPT2Config,
    GPT2ForQuestionAnswering,
    GPT2ForSequenceClassification,
    GPT2ForTokenClassification,
    GPT2LMHeadModel,
    MptConfig,
    MptForCausalLM,
    XLMConfig,
    XLMWithLMHeadModel,
    XLNetConfig,
    XLNetLMHeadModel,
)

from promptsearch.errors import ModelError
from promptsearch.models import Scoring
from promptsearch.models.frozen_model import frozen_model
from promptsearch.models.loading.load import load_model
from promptsearch.prompt import Template

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
GPT2 = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 96}


def saved(folder, model, kind="gpt2", spread=0.5):
    """The folder with a model of wide random weights and a tokenizer of ours."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                torch.nn.init.normal_(weights, 0, spread)
    model.save_pretrained(folder)
    parts(kind)[1].save_pretrained(folder)
    return folder


def saved_parts(folder, kind="bert"):
    for part in parts(kind):
        part.save_pretrained(folder)
    return folder


def loaded(folder, **options):
    return frozen_model(load_model(str(folder), device="cpu", **options))


def refused(folder, **options):
    with pytest.raises(ModelError) as caught:
        load_model(str(folder), device="cpu", **options)
    message = str(caught.value)
    assert str(folder)[:80] in message
    assert "\n" not in message
    return message


def edited(path, **values):
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, **values}))


# files that are damaged


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b'{"model_type": "be'),
        ("config.json", b"[]"),
        ("config.json", b"\xff\xfe{}"),
        ("tokenizer.json", b'{"version": "1.0", "added_tokens": ['),
        ("tokenizer.json", b'{"version": "1.0", "model": {"type": "Later", "vocab": {}}}'),
        ("tokenizer_config.json", b"{"),
        ("model.safetensors", b"nothing"),
        ("model.safetensors", None),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content):
    path = saved_parts(tmp_path) / name
    path.write_bytes(path.read_bytes()[:-500] if content is None else content)
    message = refused(tmp_path)
    assert f"{name} is damaged" in message


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"\x80\x04\x95 pickled"])
def test_damaged_pickles_are_named(tmp_path, content):
    (saved_parts(tmp_path) / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(content)
    assert "pytorch_model.bin is damaged" in refused(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "vocab.txt"])
def test_a_git_lfs_pointer_is_named(tmp_path, name):
    saved_parts(tmp_path)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (tmp_path / name).write_text(pointer)
    message = refused(tmp_path)
    assert name in message
    assert "git lfs pull" in message


@pytest.mark.parametrize(
    "values", [{"num_attention_heads": 0}, {"hidden_size": "16"}, {"vocab_size": -1}]
)
def test_a_config_without_sense_is_one_line(tmp_path, values):
    edited(saved_parts(tmp_path) / "config.json", **values)
    assert "cannot be read" in refused(tmp_path)


def test_weights_of_other_shapes_are_named(tmp_path):
    edited(saved_parts(tmp_path) / "config.json", vocab_size=5)
    assert "its weights have other shapes than its config.json says" in refused(tmp_path)


def test_code_in_the_directory_needs_its_option(tmp_path):
    values = {"auto_map": {"AutoConfig": "configuration_x.XConfig"}, "model_type": "x"}
    edited(saved_parts(tmp_path) / "config.json", **values)
    assert "`trust_remote_code`" in refused(tmp_path)


def test_a_place_that_cannot_be_looked_up_is_one_line(tmp_path):
    assert "check the path" in refused("/" + "a" * 5000)
    assert "check the path" in refused("~nobody-of-this-name/model")


def test_a_directory_without_any_vocabulary_is_told_what_to_put_there(tmp_path):
    (saved_parts(tmp_path, "gpt2") / "tokenizer.json").unlink()
    assert "put tokenizer.json into the directory" in refused(tmp_path)


# limits


@pytest.mark.parametrize("length", [0, -1, None, 1e30, "many"])
def test_a_limit_that_is_none_leaves_the_model_s(tmp_path, length):
    edited(saved_parts(tmp_path) / "tokenizer_config.json", model_max_length=length)
    assert loaded(tmp_path).info.max_tokens == 64


@pytest.mark.parametrize("length", [32, "32", 32.0])
def test_a_limit_is_read_however_it_is_written(tmp_path, length):
    edited(saved_parts(tmp_path) / "tokenizer_config.json", model_max_length=length)
    assert loaded(tmp_path).info.max_tokens == 32


def test_mpt_cuts_texts_at_its_limit(tmp_path):
    vocabulary = len(parts("gpt2")[1])
    config = MptConfig(vocab_size=vocabulary, d_model=16, n_layers=2, n_heads=2, max_seq_len=32)
    mpt = loaded(saved(tmp_path, MptForCausalLM(config)))
    assert mpt.info.max_tokens == 32
    texts = [Template.parse("{t} It was [Z]").fill({"t": "a great film " * 50})]
    (block,) = mpt.run(mpt.plan(texts, [(("Z", "great"),)], Scoring()))
    assert block.log_probs.isfinite().all()


# weights


@pytest.mark.parametrize(
    "kind",
    [GPT2ForSequenceClassification, GPT2ForTokenClassification, GPT2ForQuestionAnswering],
)
def test_a_classifier_is_no_language_model(tmp_path, kind):
    config = GPT2Config(vocab_size=len(parts("gpt2")[1]), **GPT2)
    saved(tmp_path, kind(config))
    assert kind.__name__ in refused(tmp_path)
    edited(tmp_path / "config.json", architectures=["GPT2LMHeadModel"])
    assert "head" in refused(tmp_path)
    edited(tmp_path / "config.json", architectures=None)
    assert "head" in refused(tmp_path, family="causal")


def test_fewer_layers_than_there_are_weights_for_is_an_error(tmp_path):
    edited(saved_parts(tmp_path, "gpt2") / "config.json", n_layer=1)
    assert "more layers" in refused(tmp_path)


def test_an_adapter_is_not_left_out_in_silence(tmp_path):
    saved_parts(tmp_path)
    shutil.copytree(tmp_path, tmp_path / "beside")
    (tmp_path / "beside" / "adapter_config.json").write_text("{}")
    assert "adapter_config.json" in refused(tmp_path / "beside")
    weights = load_file(tmp_path / "model.safetensors")
    weights["bert.encoder.layer.0.attention.self.query.lora_A.default.weight"] = torch.zeros(2, 16)
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    assert "adapter" in refused(tmp_path)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_weights_that_are_not_numbers_are_an_error(tmp_path, kind):
    saved_parts(tmp_path, kind)
    weights = load_file(tmp_path / "model.safetensors")
    weights[max(weights, key=lambda name: "norm" in name.lower() or "ln_1" in name)][:] = torch.nan
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    assert "NaN" in refused(tmp_path)


@pytest.mark.parametrize("count", [3000, 10**400, 1e308])
def test_more_layers_than_any_model_has_are_refused_before_they_are_built(tmp_path, count):
    config = saved_parts(tmp_path) / "config.json"
    document = json.loads(config.read_text())
    for part in ({"num_hidden_layers": count}, {"text_config": {"n_layers": count}}):
        config.write_text(json.dumps({**document, **part}))
        assert ", more than any model" in refused(tmp_path)
    whole = {**document, "expert_ffn_hidden_size": 6144, "num_experts": 16384}
    config.write_text(json.dumps(whole))
    loaded(tmp_path)


# behaviour


def ahead(kind):
    vocabulary = len(parts("gpt2")[1])
    match kind:
        case "xlnet":
            config = XLNetConfig(vocab_size=vocabulary, d_model=16, n_layer=2, n_head=2, d_inner=32)
            return XLNetLMHeadModel(config)
        case "xlm":
            return XLMWithLMHeadModel(
                XLMConfig(vocab_size=vocabulary, emb_dim=16, n_layers=2, n_heads=2)
            )
        case _:
            return BertLMHeadModel(
                BertConfig(vocab_size=vocabulary, intermediate_size=32, is_decoder=False, **SIZES)
            )


@pytest.mark.parametrize("spread", [0.02, 0.5])
@pytest.mark.parametrize("kind", ["xlnet", "xlm", "bert"])
def test_a_model_that_looks_ahead_is_not_causal(tmp_path, kind, spread):
    message = refused(saved(tmp_path, ahead(kind), spread=spread), family="causal")
    assert "looks ahead" in message
    assert ("`family` masked" in message) == (kind != "xlnet")


def test_a_family_that_a_type_has_not_is_told_with_those_that_it_has(tmp_path):
    assert "`family` masked or causal" in refused(saved_parts(tmp_path), family="seq2seq")
    assert "`family` causal" in refused(saved_parts(tmp_path / "g", "gpt2"), family="masked")


def test_a_model_with_other_words_in_its_cache_is_refused(tmp_path, monkeypatch):
    def forward(self, input_ids, use_cache=True, original=GPT2LMHeadModel.forward, **more):
        output = original(self, input_ids, use_cache=False, **more)
        output.logits[..., 0] += 1.0 * use_cache
        return output

    saved_parts(tmp_path, "gpt2")
    monkeypatch.setattr(GPT2LMHeadModel, "forward", forward)
    assert "with its cache" in refused(tmp_path)


def test_a_decoder_made_of_bert_is_causal(tmp_path):
    vocabulary = len(parts("gpt2")[1])
    config = BertConfig(vocab_size=vocabulary, intermediate_size=32, is_decoder=True, **SIZES)
    assert loaded(saved(tmp_path, BertLMHeadModel(config))).info.family == "causal"


@pytest.mark.parametrize("kind", ["flaubert", "xlm"])
def test_lm_heads_of_masked_models_are_masked(tmp_path, kind):
    sizes = {"vocab_size": len(parts("bert")[1]), "emb_dim": 16, "n_layers": 2, "n_heads": 2}
    model = {
        "flaubert": lambda: FlaubertWithLMHeadModel(FlaubertConfig(**sizes)),
        "xlm": lambda: XLMWithLMHeadModel(XLMConfig(**sizes)),
    }[kind]()
    assert loaded(saved(tmp_path, model, "bert")).info.family == "masked"


# masks, which transformers 5 reads in other ways than it seems


@pytest.mark.parametrize("mask", [torch.ones(1, 4, 4), torch.ones(1, 1, 4, 4).bool()])
def test_masks_that_transformers_misreads_do_not_pass(mask):
    outputs = tiny("bert")[0].runtime.plain.outputs
    ids = torch.tensor([[2, 5, 6, 3]])
    assert (
        outputs.states({"input_ids": ids, "attention_mask": torch.ones(1, 4).long()})
        .isfinite()
        .all()
    )
    with pytest.raises(ValueError, match="attention masks are"):
        outputs.states({"input_ids": ids, "attention_mask": mask})
