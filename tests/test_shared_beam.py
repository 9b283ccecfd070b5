"""The shared beam against LM-BFF's loop written plainly: same hypotheses, same sums."""

import json
from dataclasses import replace

import pytest
import torch
from tiny import parts, tiny
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from promptsearch.errors import ModelError
from promptsearch.models import ModelInfo, Options
from promptsearch.models.generation.incremental_decoder import CachingDecoder, RecomputingDecoder
from promptsearch.models.generation.span_beam import SharedBeam
from promptsearch.models.loading.build import wrap
from promptsearch.prompt import Input, Slot, Text

TEXTS = [
    "It was a great film",
    "The plot of this movie is terrible, awful, bad. She was born in South Korea",
    "what a wonderful evening",
]
LABELS = ["great", "bad", "great"]


def gapped(text, label):
    return (Input("text", text), Text(" "), Slot("A"), Text(f" {label} "), Slot("B"))


FILLED = [gapped(*pair) for pair in zip(TEXTS, LABELS, strict=True)]


def naive_next(lines, start, sequence):
    """(word,) log p of each word after the sequence, summed over texts: no cache, no batch."""
    model, _ = parts("t5")
    total = 0
    for line in lines:
        decoder = torch.tensor([[start, *sequence]])
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([line]), decoder_input_ids=decoder).logits
        total = total + logits[0, -1].double().log_softmax(-1)
    return total


def naive_beam(beam, size, longest):
    """The release's loop, one hypothesis and one text at a time, by the sum of log p."""
    words, first = beam.words, beam.family.sentinels[0]
    kept = [((), 0.0, 0)]
    for _ in range(longest):
        longer = [h for h in kept if h[2] == beam.gaps]
        for tokens, score, closed in (h for h in kept if h[2] < beam.gaps):
            follows = naive_next(beam.text_ids, beam.family.start, (first, *tokens))
            barred = words.barred(closed, tokens[-1] if tokens else None)
            for token in (~barred).nonzero()[:, 0].tolist():
                total = score + float(follows[token])
                longer.append(((*tokens, token), total, closed + words.closes(closed, token)))
        kept = sorted(longer, key=lambda h: -h[1])[:size]
    return kept


@pytest.fixture
def model():
    return tiny("t5")[0]


@pytest.mark.parametrize(("gaps", "size", "longest"), [(1, 40, 4), (2, 25_000, 2)])
def test_finds_what_the_plain_loop_finds_with_the_same_sums(model, gaps, size, longest):
    texts = [filled if gaps == 2 else filled[:4] for filled in FILLED[:2]]
    beam = SharedBeam(model, texts, beam=size, longest=longest)
    found = {h.tokens: h.log_prob for h in beam.hypotheses()}
    wanted = naive_beam(beam, size, longest)
    assert found == pytest.approx({tokens: total for tokens, total, _ in wanted}, abs=1e-4)
    done = [(tokens, total / 2) for tokens, total, closed in wanted if closed == gaps]
    assert len(done) > 0
    assert [infill.tokens for infill in beam.run()] == [tokens for tokens, _ in done]
    means = [infill.log_prob for infill in beam.run()]
    assert means == pytest.approx([mean for _, mean in done], abs=1e-4)


def test_each_text_is_encoded_once(model, monkeypatch):
    encoder, seen = model.runtime.model.get_encoder(), []
    handle = encoder.register_forward_hook(
        lambda _m, _a, kwargs, _o: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    beam = SharedBeam(model, FILLED, beam=8, longest=8)
    beam.words  # noqa: B018 (the check of ways, which encodes two short texts, is not counted)
    decoders = beam._decoders()
    handle.remove()
    tokens = sum(map(len, beam.text_ids))
    assert isinstance(decoders[0], CachingDecoder)
    assert seen[-1] <= tokens + 64  # one row, padded


def test_the_cached_and_the_plain_way_agree_however_texts_are_grouped(model):
    beam = SharedBeam(model, FILLED, beam=6, longest=6)
    machine = model.runtime
    cached, again = (
        CachingDecoder.for_texts(machine.fast, beam.text_ids),
        RecomputingDecoder.for_texts(machine.plain, beam.text_ids),
    )
    rng = torch.Generator().manual_seed(0)
    width = 1
    for step in range(9):  # deep enough that the memory is thinned out
        beams = 5 if step else 1
        parents = torch.randint(width, (beams,), generator=rng)
        tokens = torch.randint(len(machine.tokenizer), (beams,), generator=rng)
        one, other = (way.grow(parents, tokens) for way in (cached, again))
        assert torch.allclose(one, other, atol=1e-5)
        width = beams
    assert cached.rows < 9 * 5 * len(FILLED)


def test_a_model_that_is_not_packed_passes_whole_sequences(model):
    plain = replace(model, runtime=replace(model.runtime, fast=None))
    beam = SharedBeam(plain, FILLED, beam=4, longest=6)
    assert isinstance(beam._decoders()[0], RecomputingDecoder)
    one, other = beam.run(), SharedBeam(model, FILLED, beam=4, longest=6).run()
    assert [infill.tokens for infill in one] == [infill.tokens for infill in other]


def test_gaps_hold_no_blanks_runs_of_dots_or_control_tokens(model):
    for infill in SharedBeam(model, FILLED, beam=30, longest=8).run():
        assert len(infill.gaps) == 2
        for gap in infill.gaps:
            assert "<" not in gap
            assert ".." not in gap.replace(" ", "")


def test_other_families_cannot_write_spans():
    with pytest.raises(ModelError, match="is a masked model; spans are written by a T5-like"):
        SharedBeam(tiny("bert")[0], FILLED)


def mt5_like():
    """T5's sentinels as mT5 has them: ordinary pieces of the vocabulary, with a space before."""
    model, tokenizer = parts("t5")
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if "extra_id" not in t["content"]]
    for piece in state["model"]["vocab"]:
        piece[0] = piece[0].replace("<extra_id_", "\u2581<extra_id_")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
    )  # fmt: skip
    return wrap(model, fast, ModelInfo("mt5", "seq2seq", "0", "float32"), Options())


def test_sentinels_may_be_ordinary_pieces(model):
    other = mt5_like()
    assert other.family.sentinels == model.family.sentinels
    texts = [
        *FILLED,
        (Input("text", "<extra_id_0> </s>"), Text(" "), Slot("A"), Text(" x"), Slot("B")),
    ]
    one, two = (SharedBeam(m, texts, beam=8, longest=6) for m in (model, other))
    assert one.text_ids[:3] == two.text_ids[:3]
    assert all(
        line.count(other.family.sentinels[0]) == 1 for line in two.text_ids
    )  # text stays text
    assert [h.tokens for h in SharedBeam(other, FILLED, 8, 6).hypotheses()] == [
        h.tokens for h in SharedBeam(model, FILLED, 8, 6).hypotheses()
    ]
