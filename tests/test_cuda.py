"""A GPU gives what the CPU gives, in the same ways. Without one these skip."""

from contextlib import contextmanager
from copy import deepcopy
from functools import cache

import numpy as np
import pytest
import torch
from many_lengths import both_ways
from test_gradients import LAYOUTS, slopes, triggers_of
from test_models_naive import DOUBLE, ONE, SINGLE, TEXTS, TWO, filled, scores
from test_readout import states
from test_tuning import (
    FinetuneConfig,
    lesson_of,
    scores_of,
    several_batches_learn_with_one_dropout,
    still,
    tuned,
)
from tiny import KINDS, parts, tiny

from promptsearch import load_model
from promptsearch.errors import ModelError
from promptsearch.models import ModelInfo, Options
from promptsearch.models.generation.incremental_decoder import CachingDecoder, decoder_factory
from promptsearch.models.generation.span_beam import SharedBeam
from promptsearch.models.loading.build import wrap
from promptsearch.models.loading.random_models import Size, random_parts
from promptsearch.prompt import Input, Slot, Template, Text

DEVICE = "cuda"
AMPERE = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
every_kind = pytest.mark.parametrize("kind", KINDS)
WORDS = [(("Z", word),) for word in ("great", "terrible")]


@cache
def on_gpu(kind):
    """The tiny model, its weights on the GPU."""
    model, tokenizer = parts(kind)
    info = ModelInfo(spec=kind, family=KINDS[kind][0], sha256="0" * 64, dtype="float32")
    return wrap(deepcopy(model).to(DEVICE), tokenizer, info, Options(spec=kind))


@cache
def builtin(device, **options):
    return load_model(device=device, **options)


def reviews(count):
    template = Template.parse("{text} It was [Z].")
    return [template.fill({"text": f"{TEXTS[i % 4]} number {i} " * 3}) for i in range(count)]


@every_kind
@pytest.mark.parametrize("mode", ["independent", "left-to-right"])
@pytest.mark.parametrize(("templates", "answers"), [(ONE, SINGLE), (TWO, DOUBLE)])
def test_scores_are_those_of_the_cpu(kind, mode, templates, answers):
    texts = filled(templates)
    found, wanted = (
        scores(port, texts, answers, multi_token=mode) for port in (on_gpu(kind), tiny(kind)[0])
    )
    assert torch.allclose(found, wanted, atol=1e-4)
    assert wanted.std() > 0.1


@every_kind
def test_the_way_through_a_model_is_the_fast_one(kind):
    own, cpu = on_gpu(kind).runtime, tiny(kind)[0].runtime
    assert own.device.type == own.info.device == DEVICE
    assert cpu.fast is not None
    assert type(own.fast) is type(cpu.fast)
    assert type(own.with_gradients.fast) is type(cpu.with_gradients.fast)


@every_kind
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_gradients_are_those_of_the_cpu(kind, layout):
    triggers = triggers_of(parts(kind)[1])
    found, wanted = (
        slopes(port, layout, "label", triggers) for port in (on_gpu(kind), tiny(kind)[0])
    )
    scale = wanted.tokens.abs().max()
    assert (found.gradient - wanted.gradient).abs().max() < 1e-4 * wanted.gradient.abs().max()
    assert (found.tokens - wanted.tokens).abs().max() < 1e-4 * scale


@every_kind
def test_states_are_those_of_the_cpu(kind):
    texts = [(Input("x", text), Text(" It was "), Slot()) for text in TEXTS]
    found, wanted = (states(port, texts) for port in (on_gpu(kind), tiny(kind)[0]))
    assert found.device.type == "cpu"
    assert torch.allclose(found, wanted, atol=1e-4)


def test_a_shared_beam_writes_what_it_writes_on_the_cpu():
    texts = [(Input("text", text), Text(" "), Slot("A")) for text in TEXTS]
    found, wanted = (
        {h.tokens: h.log_prob for h in SharedBeam(port, texts, beam=20, longest=4).hypotheses()}
        for port in (on_gpu("t5"), tiny("t5")[0])
    )
    assert found == pytest.approx(wanted, abs=1e-3)


def test_a_beam_keeps_what_was_passed():
    machine = on_gpu("t5").runtime
    with torch.inference_mode():
        make = decoder_factory(machine, [[5, 6, 7], [8, 9]])
    assert make.func == CachingDecoder.for_texts


@pytest.mark.skipif(not AMPERE, reason="needs a GPU that multiplies bfloat16")
def test_ranks_in_bfloat16_and_scores_in_float32():
    model, texts = builtin(DEVICE), reviews(64)
    assert (model.info.dtype, model.ranking_dtype) == ("float32", "bfloat16")
    wanted = scores(builtin("cpu"), texts, WORDS)
    assert torch.allclose(scores(model, texts, WORDS), wanted, atol=1e-3)
    near = scores(model.fast_model, texts, WORDS)
    assert not torch.equal(near, wanted)
    assert torch.allclose(near, wanted, atol=0.3)


@contextmanager
def memory_of(megabytes):
    """While open, the process may use so much of the GPU more than it uses now."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    limit = torch.cuda.memory_reserved() + (megabytes << 20)
    torch.cuda.set_per_process_memory_fraction(min(1.0, limit / total))
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def test_where_memory_ends_the_batch_is_halved():
    texts = reviews(4096)
    wanted = scores(builtin(DEVICE), texts, WORDS)
    greedy = builtin(DEVICE, batch_tokens=1 << 20)
    with memory_of(150):
        found = scores(greedy, texts, WORDS)
    assert torch.allclose(found, wanted, atol=1e-3)
    with memory_of(1 << 20):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        scores(greedy, texts, WORDS)
        assert torch.cuda.max_memory_allocated() - before > 400 << 20  # it could not have fitted


def test_a_text_that_does_not_fit_is_an_error_in_one_line():
    size = Size(layers=1, hidden=64, heads=2, feed_forward=1 << 16)
    model = random_parts("masked", size, DEVICE).wrapped()  # 130 MB for the text below
    text = Template.parse("{text} It was [Z].").fill({"text": "great " * 1000})
    with memory_of(1), pytest.raises(ModelError, match=r"does not fit into the device's memory"):
        scores(model, [text], WORDS)


@every_kind
def test_a_copy_learns_its_lesson_there(kind):
    model = deepcopy(still(kind)[1]).to(DEVICE)
    port = wrap(model, parts(kind)[1], on_gpu(kind).info, Options(spec=kind))
    made = tuned(port, lesson_of(port), FinetuneConfig(steps=40, batch=4, lr=0.01))
    assert made.runtime.device.type == DEVICE
    assert np.mean(scores_of(port, made)) > np.mean(scores_of(port)) + 0.1


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [4, 2])
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-5), (torch.bfloat16, 5e-2)])
def test_the_kernel_for_many_lengths_is_attention_run_by_run(
    causal, heads, dtype, atol, monkeypatch
):
    if dtype == torch.bfloat16 and not AMPERE:
        pytest.skip("needs a GPU that multiplies bfloat16")
    ways = both_ways(monkeypatch, causal, DEVICE, dtype, heads)
    for found, wanted in zip(*ways, strict=True):
        assert torch.allclose(found.float(), wanted.float(), atol=atol, rtol=atol)


@every_kind
def test_several_batches_learn_with_one_dropout(kind, monkeypatch):
    several_batches_learn_with_one_dropout(kind, DEVICE, monkeypatch)
