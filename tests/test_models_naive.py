"""All families equal the one-at-a-time reference, whatever the batch size."""

import naive
import pytest
import torch
from tiny import tiny

from promptsearch.models import Scoring
from promptsearch.prompt import Template

TEXTS = ["great film", "The plot is awful, really bad", "Paris", "nobody likes the quick brown fox"]
ONE = [Template.parse("{text} It was [Z]."), Template.parse("[Z] : {text}")]
TWO = [Template.parse("{text} is the [A] of New [Z2]!".replace("[A]", "[Z1]"))]
SINGLE = [(("Z", text),) for text in ("great", "really good", "terrible", "a wonderful evening")]
DOUBLE = [
    (("Z1", "capital"), ("Z2", "York")),
    (("Z1", "really good"), ("Z2", "South Korea")),
    (("Z1", "plot"),),
]


def filled(templates):
    return [template.fill({"text": text}) for text in TEXTS for template in templates]


def scores(model, texts, answers, **scoring):
    plan = model.plan(texts, answers, Scoring(**scoring))
    result = torch.full((len(texts), len(answers)), torch.nan)
    for block in model.run(plan):
        result[list(block.rows)] = block.log_probs
    return result


def written(parts, slots):
    """The prompt as one string, its slots replaced."""
    texts = iter(slots)
    return "".join(next(texts) if not hasattr(part, "text") else part.text for part in parts)


def names(parts):
    return [part.name for part in parts if not hasattr(part, "text")]


def before(parts, slot):
    """Everything before a slot, as a string; earlier slots are empty."""
    index = next(i for i, p in enumerate(parts) if not hasattr(p, "text") and p.name == slot)
    return "".join(part.text for part in parts[:index] if hasattr(part, "text"))


def masked_reference(model, tokenizer, parts, answer, left_to_right):
    mask = tokenizer.mask_token_id
    ids = tokenizer(written(parts, [tokenizer.mask_token] * len(names(parts))))["input_ids"]
    slots = [i for i, token in enumerate(ids) if token == mask]
    own = dict(answer)
    given = []
    for name in names(parts):
        if name not in own:
            given.append(None)
            continue
        space = " " * before(parts, name).endswith(" ")
        given.append(tokenizer(space + own[name], add_special_tokens=False)["input_ids"])
    return naive.masked(model, ids, slots, given, mask, left_to_right)


@pytest.mark.parametrize("mode", ["independent", "left-to-right"])
@pytest.mark.parametrize("kind", ["bert", "roberta"])
@pytest.mark.parametrize(("templates", "answers"), [(ONE, SINGLE), (TWO, DOUBLE)])
def test_masked(kind, mode, templates, answers):
    port, model, tokenizer = tiny(kind)
    texts = filled(templates)
    expected = torch.tensor(
        [
            [masked_reference(model, tokenizer, t, a, mode == "left-to-right") for a in answers]
            for t in texts
        ]
    )
    assert torch.allclose(scores(port, texts, answers, multi_token=mode), expected, atol=1e-4)


def causal_reference(model, tokenizer, parts, answer):
    own = dict(answer)
    first = names(parts)[0]
    encoding = tokenizer(
        written(parts, [own.get(name, "") for name in names(parts)]), return_offsets_mapping=True
    )
    ids = encoding["input_ids"]
    end = len(ids) - (ids[-1] == tokenizer.eos_token_id)
    prefix = before(parts, first)
    start = len(prefix) - prefix.endswith(" ")
    spans = encoding["offset_mapping"][:end]
    place = next(i for i, (_, right) in enumerate(spans) if right > start)
    if place == 0:
        return naive.causal(model, [tokenizer.eos_token_id, *ids[:end]], 1)
    return naive.causal(model, ids[:end], place)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize(("templates", "answers"), [(ONE, SINGLE), (TWO, DOUBLE)])
def test_causal(kind, templates, answers):
    port, model, tokenizer = tiny(kind)
    texts = filled([*templates, *([Template.parse("{text} It was [Z]")] * (templates is ONE))])
    expected = torch.tensor(
        [[causal_reference(model, tokenizer, text, answer) for answer in answers] for text in texts]
    )
    assert torch.allclose(scores(port, texts, answers), expected, atol=2e-4)


def start_of(model):
    """What transformers itself puts before a target; T5 without a start of its own: the padding."""
    start = getattr(model.config, "decoder_start_token_id", None)
    if start is not None:
        return start
    try:
        return model.prepare_decoder_input_ids_from_labels(labels=torch.tensor([[7]]))[0, 0].item()
    except (AttributeError, ValueError):
        return 0


def seq2seq_reference(model, tokenizer, parts, answer):
    start = start_of(model)
    own = dict(answer)
    sentinels = [f"<extra_id_{i}>" for i in range(len(names(parts)))]
    source = tokenizer(written(parts, sentinels))["input_ids"]
    target, scored = [], []
    for sentinel, name in zip(sentinels, names(parts), strict=True):
        target.append(tokenizer.convert_tokens_to_ids(sentinel))
        if name in own:
            ids = tokenizer(own[name], add_special_tokens=False)["input_ids"]
            scored += range(len(target), len(target) + len(ids))
            target += ids
    return naive.seq2seq(model, source, start, target, scored)


@pytest.mark.parametrize(("templates", "answers"), [(ONE, SINGLE), (TWO, DOUBLE)])
def test_seq2seq(templates, answers):
    port, model, tokenizer = tiny("t5")
    texts = filled(templates)
    expected = torch.tensor(
        [
            [seq2seq_reference(model, tokenizer, text, answer) for answer in answers]
            for text in texts
        ]
    )
    assert torch.allclose(scores(port, texts, answers), expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2", "llama", "t5"])
def test_any_batch_size_gives_the_same(kind):
    texts = filled(ONE)
    port, _, _ = tiny(kind)
    expected = scores(port, texts, SINGLE)
    assert not expected.isnan().any()
    for batch_tokens in (1, 30, 100):
        other, _, _ = tiny(kind, batch_tokens=batch_tokens)
        assert torch.allclose(scores(other, texts, SINGLE), expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_length_norms_divide_by_the_answers_own_length(kind):
    port, _, tokenizer = tiny(kind)
    texts = [Template.parse("{text} It was [Z].").fill({"text": text}) for text in TEXTS]
    plain = scores(port, texts, SINGLE)
    by_char = torch.tensor([float(len(answer[0][1])) for answer in SINGLE])
    assert torch.allclose(scores(port, texts, SINGLE, length_norm="char"), plain / by_char)
    space = " " * (kind == "gpt2")
    ids = [tokenizer(space + a[0][1], add_special_tokens=False)["input_ids"] for a in SINGLE]
    by_token = torch.tensor([float(len(own)) for own in ids])
    assert torch.allclose(scores(port, texts, SINGLE, length_norm="token"), plain / by_token)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_the_head_runs_at_the_slots_only_and_repeats_are_scored_once(kind):
    port, _, _ = tiny(kind)
    assert port.runtime.plain.outputs.separate
    text = Template.parse("{text} It was [Z].").fill({"text": "great film"})
    once = port.plan([text], SINGLE, Scoring())
    twice = port.plan([text, text], SINGLE, Scoring())
    assert twice.forwards == once.forwards > 0
    assert twice.tokens == once.tokens > 0
    assert 0 < twice.peak_bytes < 1 << 30
    assert scores(port, [text, text], SINGLE).diff(dim=0).abs().max() == 0


def test_a_group_of_one_token_answers_shares_one_pass():
    port, _, _ = tiny("bert")
    text = Template.parse("{text} It was [Z].").fill({"text": "great film"})
    answers = [(("Z", word),) for word in port.vocabulary_words()]
    assert len(answers) > 20
    assert port.plan([text], answers, Scoring()).forwards == 1
