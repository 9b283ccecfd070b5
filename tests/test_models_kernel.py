"""The way that CUDA's kernel is asked, with a stand-in on the CPU; test_cuda.py has the kernel."""

import threading

import pytest
import torch
from many_lengths import both_ways, imitated
from test_gradients import LAYOUTS, slopes, triggers_of
from test_models_naive import DOUBLE, ONE, SINGLE, TWO, filled, scores
from tiny import KINDS, parts, tiny

from promptsearch.models.batching.prefix_tree import KEYS, SEGMENTS, SegmentRun, parts_of
from promptsearch.models.forward import cuda_attention as kernel
from promptsearch.models.forward.attention import without_cudnn

every_kind = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "t5"])


@every_kind
@pytest.mark.parametrize(("templates", "answers"), [(ONE, SINGLE), (TWO, DOUBLE)])
def test_scores_are_those_of_run_by_run(kind, templates, answers, monkeypatch):
    port, texts = tiny(kind)[0], filled(templates)
    wanted = scores(port, texts, answers)
    calls = imitated(monkeypatch)
    assert torch.allclose(scores(port, texts, answers), wanted, atol=1e-4)
    assert len(calls) > 0


@every_kind
def test_gradients_are_those_of_run_by_run(kind, monkeypatch):
    port, triggers = tiny(kind)[0], triggers_of(parts(kind)[1])
    layout = LAYOUTS["before the slot"]
    wanted = slopes(port, layout, "label", triggers)
    calls = imitated(monkeypatch)
    found = slopes(port, layout, "label", triggers)
    assert torch.allclose(found.gradient, wanted.gradient, atol=1e-4)
    assert len(calls) > 0


def test_biases_by_distance_go_run_by_run(monkeypatch):
    calls = imitated(monkeypatch)
    scores(tiny("t5")[0], filled(ONE), SINGLE)
    assert calls == []


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [4, 2])
def test_values_and_gradients_are_those_of_run_by_run(causal, heads, monkeypatch):
    imitated(monkeypatch)
    for pair in zip(*both_ways(monkeypatch, causal, heads=heads), strict=True):
        assert torch.allclose(*pair, atol=1e-5)


def test_heads_that_the_kernel_cannot_read_go_run_by_run():
    assert kernel.aligned([torch.zeros(1, 1, 8)])
    assert not kernel.aligned([torch.zeros(1, 1, 10)])
    assert kernel.aligned([torch.zeros(1, 1, 20)])
    assert not kernel.aligned([torch.zeros(1, 1, 20, dtype=torch.bfloat16)])
    assert not kernel.is_supported([torch.zeros(1, 1, 8)] * 3)  # on a CPU


def test_a_part_copies_few_keys():
    keys = torch.zeros(KEYS // 8, 4, dtype=torch.int64)  # half of what a part may copy
    runs = [SegmentRun(i * len(keys), len(keys), 1, 4, keys) for i in range(5)]
    own = SegmentRun(5 * len(keys), KEYS, 4, 4)
    sizes = [len(part.query_bounds) - 1 for part in parts_of([*runs, own, own])]
    assert sizes == [2 * len(keys), 2 * len(keys), len(keys), 2 * KEYS]


def test_a_part_has_as_many_segments_as_cuda_launches():
    found = parts_of([SegmentRun(0, SEGMENTS + 5, 2, 2), SegmentRun(2 * (SEGMENTS + 5), 3, 4, 4)])
    assert [len(part.query_bounds) - 1 for part in found] == [SEGMENTS, 8]
    assert [(part.start, part.stop) for part in found] == [
        (0, 2 * SEGMENTS),
        (2 * SEGMENTS, 2 * SEGMENTS + 22),
    ]


def test_cudnn_is_back_when_the_last_one_leaves():
    enabled = torch.backends.cuda.cudnn_sdp_enabled
    before, inside, leave = enabled(), threading.Event(), threading.Event()

    def other():
        with without_cudnn():
            inside.set()
            leave.wait()

    def fails():
        with without_cudnn():
            thread.start()
            inside.wait()
            raise KeyError("here")

    thread = threading.Thread(target=other)
    with pytest.raises(KeyError, match="here"):
        fails()
    assert not enabled()
    leave.set()
    thread.join()
    assert enabled() == before
