"""The tokenizer of a model directory is the one of its files, or one line says what is wrong."""

import json

import pytest
import torch
from tiny import byte_level, gpt2, parts, saved, unigram
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    ByT5Tokenizer,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from promptsearch.errors import ModelError
from promptsearch.models import Scoring
from promptsearch.models.frozen_model import frozen_model
from promptsearch.models.loading.build import tokenizer_sha256
from promptsearch.models.loading.files import MINI
from promptsearch.models.loading.load import load_model
from promptsearch.models.tokenization.tokenizer import FastTokens
from promptsearch.prompt import Template

ROLES = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
TEXTS = ("It was a Great film.", "naïve CAFÉ  and  spaces", "(1,000 e-mails)")


def edited(path, **values):
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, **values}))


def saved_bert(folder, backend=None):
    model, tokenizer = parts("bert")
    if backend is not None:
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **ROLES)
        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        config = BertConfig(vocab_size=len(tokenizer), intermediate_size=32, **sizes)
        model = BertForMaskedLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def loaded(folder, **options):
    return frozen_model(load_model(str(folder), device="cpu", **options))


def refused(folder, **options):
    with pytest.raises(ModelError) as caught:
        load_model(str(folder), device="cpu", **options)
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    return message


def ids_of(model, texts=TEXTS):
    return model.runtime.tokens.encode([(text,) for text in texts])


def ids_in(folder, texts=TEXTS):
    return [e.ids for e in Tokenizer.from_file(str(folder / "tokenizer.json")).encode_batch(texts)]


CLASSES = ["RobertaTokenizer", "BertTokenizer", "GPT2Tokenizer", "LayoutLMv2Tokenizer", None]


@pytest.mark.parametrize("named", [*CLASSES, "XLMRobertaTokenizer", "PegasusTokenizer"])
@pytest.mark.parametrize("kind", ["wordpiece", "unigram", "words"])
def test_the_tokenizer_is_that_of_its_file_whatever_class_is_named(tmp_path, kind, named):
    if kind == "unigram":
        backend = unigram(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
        backend.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    elif kind == "words":
        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "it", "was", "a", "film", "It"]
        backend = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, "[UNK]"))
        backend.pre_tokenizer = pre_tokenizers.Whitespace()
    else:
        backend = None
    saved_bert(tmp_path, backend)
    edited(tmp_path / "tokenizer_config.json", tokenizer_class=named)
    model = loaded(tmp_path)
    assert ids_of(model) == ids_in(tmp_path)
    assert model.runtime.tokenizer.mask_token == "[MASK]"


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2", "llama", "t5"])
def test_the_hash_of_a_tokenizer_is_of_its_state_as_it_was_read(kind):
    plain = AutoTokenizer.from_pretrained(saved(kind))
    assert loaded(saved(kind)).info.tokenizer_sha256 == tokenizer_sha256(plain)
    builtin = loaded("builtin").info.tokenizer_sha256
    assert builtin == tokenizer_sha256(AutoTokenizer.from_pretrained(MINI))


def test_a_class_adds_no_frame_that_the_file_has_not(tmp_path):
    for part in parts("t5"):
        part.save_pretrained(tmp_path)
    edited(tmp_path / "tokenizer_config.json", tokenizer_class="ConvBertTokenizer")
    assert ids_of(loaded(tmp_path)) == ids_in(tmp_path)


def test_a_tokenizer_that_cannot_read_every_text_is_refused(tmp_path):
    backend = Tokenizer(models.WordLevel({"great": 0, "film": 1, "a": 2, "</s>": 3}, "[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>").save_pretrained(tmp_path)
    parts("gpt2")[0].save_pretrained(tmp_path)
    assert "WordLevel error: Missing [UNK]" in refused(tmp_path)
    with pytest.raises(ModelError, match="cannot read a text: WordLevel error"):
        FastTokens(backend, {"</s>": 3}).encode([("a fine film",)])


def test_a_cased_file_is_not_lowercased_by_its_class(tmp_path):
    saved_bert(tmp_path)
    document = json.loads((tmp_path / "tokenizer.json").read_text())
    document["normalizer"] = json.loads(
        Tokenizer.from_file(str(tmp_path / "tokenizer.json")).to_str()
    )["normalizer"] | {"lowercase": False}
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    edited(tmp_path / "tokenizer_config.json", tokenizer_class="BertTokenizer", do_lower_case=True)
    assert ids_of(loaded(tmp_path)) == ids_in(tmp_path)


def test_dropout_of_training_is_off(tmp_path):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=byte_level(["<|endoftext|>"]), eos_token="<|endoftext|>"
    )
    gpt2(tokenizer).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    before = loaded(tmp_path)
    document = json.loads((tmp_path / "tokenizer.json").read_text())
    document["model"]["dropout"] = 0.5
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    after = loaded(tmp_path)
    assert ids_of(after) == ids_of(before) == ids_of(after)
    assert after.info.tokenizer_sha256 == before.info.tokenizer_sha256


@pytest.mark.parametrize("name", ["BertTokenizer", "T5Tokenizer", "GPT2Tokenizer"])
def test_a_missing_vocabulary_is_an_error(tmp_path, name):
    parts("bert")[0].save_pretrained(tmp_path)
    config = {"tokenizer_class": name, "model_max_length": 64}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    message = refused(tmp_path)
    assert "vocabulary" in message
    assert "tokenizer.json" in message


def test_an_empty_vocabulary_file_is_an_error(tmp_path):
    parts("bert")[0].save_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    assert "no vocabulary" in refused(tmp_path)


def test_words_without_their_merges_are_an_error(tmp_path):
    for part in parts("gpt2"):
        part.save_pretrained(tmp_path)
    document = json.loads((tmp_path / "tokenizer.json").read_text())
    (tmp_path / "vocab.json").write_text(json.dumps(document["model"]["vocab"]))
    (tmp_path / "tokenizer.json").unlink()
    edited(tmp_path / "tokenizer_config.json", tokenizer_class="GPT2Tokenizer")
    assert "merges.txt" in refused(tmp_path)


def test_tokens_beyond_the_embedding_are_named(tmp_path):
    tokenizer = parts("bert")[1]
    saved_bert(tmp_path)
    longer = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, **ROLES)
    longer.add_tokens(["sesquipedalian"])
    longer.save_pretrained(tmp_path)
    assert "'sesquipedalian'" in refused(tmp_path)


def test_a_late_padding_token_that_nothing_writes_does_no_harm(tmp_path):
    model, tokenizer = parts("gpt2")
    model.save_pretrained(tmp_path)
    longer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, eos_token="<|endoftext|>"
    )
    longer.add_special_tokens({"pad_token": "<late>"})
    longer.save_pretrained(tmp_path)
    assert ids_of(loaded(tmp_path)) == [tokenizer(text)["input_ids"] for text in TEXTS]


def with_gaps():
    """A BERT of word tokens whose ids are three apart."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = ["the", "a", "film", "was", "great", "good", "bad", "story"]
    ids = {name: i for i, name in enumerate(special)} | {w: 5 + 3 * i for i, w in enumerate(words)}
    backend = Tokenizer(models.WordLevel(ids, "[UNK]"))
    backend.normalizer, backend.pre_tokenizer = (
        normalizers.Lowercase(),
        pre_tokenizers.Whitespace(),
    )
    backend.decoder = decoders.WordPiece()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **ROLES)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    rows = max(ids.values()) + 1
    model = BertForMaskedLM(BertConfig(vocab_size=rows, intermediate_size=32, **sizes))
    return model, tokenizer, words, ids


def test_ids_with_gaps_lose_no_word(tmp_path):
    model, tokenizer, words, ids = with_gaps()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    gapped = loaded(tmp_path)
    assert gapped.vocabulary_words() == words
    spellings = gapped.white_box.spellings
    assert {i: text for i, text in enumerate(spellings) if text} == {
        ids[word]: f" {word}" for word in words
    }


def test_byt5_marks_slots_with_the_last_bytes(tmp_path):
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    torch.manual_seed(0)
    model = T5ForConditionalGeneration(
        T5Config(vocab_size=384, decoder_start_token_id=0, tokenizer_class="ByT5Tokenizer", **sizes)
    )
    model.save_pretrained(tmp_path)
    ByT5Tokenizer().save_pretrained(tmp_path)
    byt5 = loaded(tmp_path)
    texts = [Template.parse("é [Z1] and [Z2].").fill({})]
    answers = [(("Z1", "x"), ("Z2", "y"))]
    (item,) = next(iter(byt5.plan(texts, answers, Scoring()).blocks)).items
    first, second = ([byte + 3 for byte in text.encode()] for text in ("é ", " and "))
    assert list(item.ids) == [*first, 258, *second, 257, ord(".") + 3, 1]
    (completion,) = item.completions.completions
    assert list(completion.fill) == [258, ord("x") + 3, 257]  # and y


@pytest.mark.parametrize("token", ["", "[UNK]"])
def test_a_mask_that_the_vocabulary_lacks_is_refused(tmp_path, token):
    edited(saved_bert(tmp_path) / "tokenizer_config.json", mask_token=token)
    assert f"{token!r} as its mask_token" in refused(tmp_path)
