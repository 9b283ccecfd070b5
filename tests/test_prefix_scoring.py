"""Prefixes and heads are scored: against a naive computation, on every path, in any batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from many_lengths import imitated
from test_models_naive import scores
from test_soft_scoring import ANSWERS, TEXTS, of_words, soft, without_fast
from tiny import tiny

from promptsearch.data import Example
from promptsearch.errors import ModelError
from promptsearch.models import Scoring
from promptsearch.models.loading.load import load_model
from promptsearch.models.training.deep_prompt import first_head
from promptsearch.models.training.start_prefix import StartPrefix
from promptsearch.prompt import Head, Prefix, Prompt, Slot, Template, Text, Verbalizer
from promptsearch.scoring import Scorer
from promptsearch.scoring.cache_store import ScoreCache
from promptsearch.scoring.cached_scorer import CachedScorer

KINDS = ("bert", "roberta", "gpt2", "llama", "t5")
HIDDEN = 16


def prefix_of(port, length=5, layers=None, seed=0, scale=20.0):
    """A random prefix whose keys and values are of the size of real ones."""
    chosen = (lambda count: range(1, count + 1)) if layers is None else (lambda _: layers)
    small = StartPrefix(port, chosen, seed).random(length)
    tensors = {name: each * scale for name, each in small.tensors.items()}
    return Prefix.of(tensors, port.info.sha256, small.layers)


def filled(template):
    return [template.fill({"text": text}) for text in TEXTS]


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_of_a_causal_models_words_it_scores_as_the_words(kind):
    port, _, _ = tiny(kind)
    text = Template.parse("The plot of {text} is [Z]")
    prefix = StartPrefix(port, lambda count: range(1, count + 1), 0).of_words("The plot of")
    behind = Template((Text(" "), *text.parts[1:]), prefix)
    expected = scores(port, filled(text), ANSWERS)
    np.testing.assert_allclose(scores(port, filled(behind), ANSWERS), expected, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_with_several_prefixes_and_none_are_scored_together(kind):
    port, _, _ = tiny(kind)
    parts = Template.parse("{text} It was [Z]").parts
    prefixes = [prefix_of(port, 5), prefix_of(port, 5, seed=1), prefix_of(port, 3), None]
    texts = [text for each in prefixes for text in filled(Template(parts, each))]
    together = scores(port, texts, ANSWERS)
    alone = torch.cat([scores(port, [text], ANSWERS) for text in texts])
    np.testing.assert_allclose(together, alone, atol=2e-5)
    gaps = [(together[3 * i : 3 * i + 3] - together[:3]).abs().max() for i in (1, 2, 3)]
    assert min(gaps) > 1e-3


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "t5"])
@pytest.mark.parametrize("layers", [None, [2]])
def test_scores_on_a_gpu_are_those_of_run_by_run(kind, layers, monkeypatch):
    port, _, _ = tiny(kind)
    template = Template(Template.parse("{text} It was [Z]").parts, prefix_of(port, 5, layers))
    expected = scores(port, filled(template), ANSWERS)
    calls = imitated(monkeypatch)
    np.testing.assert_allclose(scores(port, filled(template), ANSWERS), expected, atol=1e-4)
    assert calls


def test_the_built_in_model_scores_them_fused_and_in_its_ranking_dtype():
    port = load_model("builtin")
    packed = replace(port, runtime=port.runtime.with_gradients)
    parts = Template.parse("{text} It was [Z] .").parts
    for layers in (None, [5, 6]):
        template = Template(parts, prefix_of(port, 20, layers))
        expected = scores(packed, filled(template), ANSWERS)
        np.testing.assert_allclose(scores(port, filled(template), ANSWERS), expected, atol=1e-4)
        fast = scores(port.fast_model, filled(template), ANSWERS)
        # bfloat16 has 8 bits, and processors with AMX add up in another order than those without
        np.testing.assert_allclose(fast, expected, rtol=0.02, atol=0.1)


def naive_attention(module, query, key, value, mask, scaling, bias, rows):
    """Attention of one unpadded sequence, as it is written: softmax(qk + bias) v, by loops."""
    groups = query.shape[1] // key.shape[1]
    key, value = (each.repeat_interleave(groups, 1) for each in (key, value))
    weights = query @ key.transpose(2, 3) * scaling
    if bias is not None:
        weights = weights + bias
    if mask:
        queries, keys = weights.shape[2:]
        hidden = torch.ones(queries, keys).triu(keys - queries + 1).bool()
        weights = weights.masked_fill(hidden, -torch.inf)
    return (weights.softmax(-1) @ value).transpose(1, 2)


def test_t5s_three_prefixes_against_its_own_code(monkeypatch):
    """transformers' T5 with keys and values put in front by hand, one text and answer at a time."""
    from transformers.models.t5 import modeling_t5

    port, _, _ = tiny("t5")
    prefix, model = prefix_of(port, 4), port.runtime.model
    tensors = {name: torch.tensor(each) for name, each in prefix.tensors.items()}
    stacks = {
        "encoder": [block.layer[0].SelfAttention for block in model.encoder.block],
        "decoder": [block.layer[0].SelfAttention for block in model.decoder.block],
        "cross": [block.layer[1].EncDecAttention for block in model.decoder.block],
    }
    home = {id(m): (name, i) for name, ms in stacks.items() for i, m in enumerate(ms)}

    def forward(self, hidden, mask=None, key_value_states=None, position_bias=None, **_more):
        name, layer = home[id(self)]
        source = hidden if key_value_states is None else key_value_states
        shape = (1, -1, self.n_heads, self.key_value_proj_dim)
        query, key, value = (
            project(each).view(shape).transpose(1, 2)
            for project, each in ((self.q, hidden), (self.k, source), (self.v, source))
        )
        before = tensors[name][layer]
        key, value = (torch.cat([b[None], e], 2) for b, e in zip(before, (key, value), strict=True))
        bias = None
        if name != "cross":
            first = stacks[name][0]
            bias = first.compute_bias(key.shape[2], key.shape[2])[:, :, -hidden.shape[1] :]
        out = naive_attention(self, query, key, value, name == "decoder", 1.0, bias, None)
        return self.o(out.reshape(1, hidden.shape[1], -1)), torch.zeros(1), None

    parts = Template.parse("{text} It was [Z]").parts
    ours = scores(port, filled(Template(parts, prefix)), ANSWERS)
    monkeypatch.setattr(modeling_t5.T5Attention, "forward", forward)
    plain = without_fast(port)
    for row, text in enumerate(filled(Template(parts))):
        for column, answer in enumerate(ANSWERS):
            theirs = scores(plain, [text], [answer])
            assert ours[row, column].item() == pytest.approx(theirs.item(), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_reads_the_state_at_the_answer(kind):
    """Against the model's own hidden states and a product by hand."""
    port, _, _ = tiny(kind)
    head = first_head(HIDDEN, 3, port.info.sha256, "mask", 0)
    head = Head.of(head.weight * 50, np.arange(3.0) / 3, port.info.sha256, "mask")
    template = Template(Template.parse("{text} It was [Z]").parts, head=head)
    answers = [(("Z", label),) for label in "abc"]
    ours = scores(port, filled(template), answers)
    assert ours.exp().sum(1).numpy() == pytest.approx(1, abs=1e-5)
    for row, text in enumerate(filled(Template(template.parts))):
        state = naive_state(port, text)
        logits = torch.tensor(head.weight) @ state + torch.tensor(head.bias)
        np.testing.assert_allclose(ours[row], logits.log_softmax(0), atol=1e-4)


def naive_state(port, text):
    """The hidden state at the first token of the answer, from transformers' own code."""
    model, ids = port.runtime.model, port.white_box.sequences([text], (("Z", "a"),))[0]
    with torch.inference_mode():
        if port.info.family == "seq2seq":
            start = torch.tensor([[port.family.start, port.family.sentinels[0]]])
            given = {"input_ids": torch.tensor([ids]), "decoder_input_ids": start}
            return model(**given, output_hidden_states=True).decoder_hidden_states[-1][0, 1]
        if port.info.family == "causal":
            (ids,) = port.white_box.sequences([(*text[:-1], Slot())], (("Z", "a"),))
            count = len(port.runtime.tokens.encode_continuation([(" a",)])[0])
            ids, read = ids[:-count], -1
        else:
            read = ids.index(port.white_box.mask)
        found = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0, read]
    return found


def test_a_head_on_the_first_token_needs_no_slot():
    port, _, _ = tiny("bert")
    head = first_head(HIDDEN, 2, port.info.sha256, "cls", 0)
    template = Template(Template.parse("{text} [Z]").parts[:1], prefix_of(port), head)
    assert template.notation == "{text}"
    found = scores(port, filled(template), [(("Z", "a"),), (("Z", "b"),)])
    assert found.exp().sum(1).numpy() == pytest.approx(1, abs=1e-5)
    (ids,) = port.white_box.sequences([template.fill({"text": TEXTS[0]})], ())
    assert port.white_box.mask not in ids


def test_soft_tokens_stand_behind_a_prefix():
    port, _, _ = tiny("bert")
    prefix, was = prefix_of(port), of_words(port, "It was")
    text = Template(Template.parse("{text} It was [Z]").parts, prefix)
    vectors = Template((text.parts[0], Text(" "), soft("S", was), Text(" "), Slot()), prefix)
    expected = scores(port, filled(text), ANSWERS)
    np.testing.assert_allclose(scores(port, filled(vectors), ANSWERS), expected, atol=1e-4)


def test_a_cache_on_disk_keeps_two_prefixes_and_two_heads_apart(tmp_path):
    port, _, _ = tiny("bert")
    parts = Template.parse("{text} It was [Z]").parts
    sha = port.info.sha256
    templates = [Template(parts, prefix_of(port, seed=seed)) for seed in (0, 1)]
    templates += [Template(parts, head=first_head(HIDDEN, 2, sha, "mask", n)) for n in (0, 1)]
    assert len({str(each) for each in templates}) == 4
    assert {each.notation for each in templates} == {"{text} It was [Z]"}
    prompts = [Prompt(each, Verbalizer.of({"bad": "bad", "good": "good"})) for each in templates]
    examples = [Example(str(i), {"text": text}, ("good",)) for i, text in enumerate(TEXTS)]
    scorer = Scorer(port, Scoring())
    alone = [scorer.judge([prompt], examples)[0].log_right for prompt in prompts]
    for _ in range(2):  # the second time all is read
        cached = CachedScorer(scorer, scorer, ScoreCache(tmp_path / "cache"), pytest.fail)
        predictions = cached.predict(prompts, examples).predictions
        for found, expected in zip(predictions, alone, strict=True):
            np.testing.assert_allclose(found.log_right, expected, atol=1e-5)
    assert len({round(float(each.sum()), 4) for each in alone}) == 4


def test_what_a_model_cannot_read_is_one_line():
    port, _, _ = tiny("bert")
    info = replace(port.info, max_tokens=60)
    port = replace(port, runtime=replace(port.runtime, info=info))
    parts = Template.parse("{text} It was [Z]").parts
    elsewhere = replace(prefix_of(port), model="1" * 64)
    for template, words in (
        (Template(parts, elsewhere), "the prefix is of another model"),
        (Template(parts, prefix_of(port, 64)), "leaves no room"),
    ):
        with pytest.raises(ModelError, match=words):
            scores(port, filled(template), ANSWERS)
    with pytest.raises(ModelError, match="whose attention is its own"):
        scores(without_fast(port), filled(Template(parts, prefix_of(port))), ANSWERS)
