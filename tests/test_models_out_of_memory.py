"""Work that does not fit into memory is done in halves, once each, and with the same sums."""

import pytest
import torch
from test_gradients import LAYOUTS, slopes, triggers_of
from tiny import parts, tiny

from promptsearch.errors import ModelError
from promptsearch.models import Scoring
from promptsearch.models.forward.attention import _bias
from promptsearch.models.forward.score import halving
from promptsearch.models.gradients.backward import Backward
from promptsearch.prompt import Template


def halves(part):
    if len(part) == 1:
        raise ValueError("one is left")
    return part[: len(part) // 2], part[len(part) // 2 :]


def fitting(most, seen):
    def run(part):
        seen.append(part)
        if len(part) > most:
            raise torch.OutOfMemoryError("full")
        return sum(part)

    return run


def test_parts_are_halved_until_they_fit():
    seen = []
    results = list(halving([1, 2, 3, 4, 5], fitting(2, seen), halves))
    assert results == [([1, 2], 3), ([3], 3), ([4, 5], 9)]
    assert seen == [[1, 2, 3, 4, 5], [1, 2], [3, 4, 5], [3], [4, 5]]


def test_what_fits_is_run_once():
    seen = []
    assert list(halving([1, 2], fitting(2, seen), halves)) == [([1, 2], 3)]
    assert seen == [[1, 2]]


def test_one_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match="one is left"):
        list(halving([1, 2], fitting(0, []), halves))


def test_other_errors_are_not_caught():
    def run(part):
        raise RuntimeError("other")

    with pytest.raises(RuntimeError, match="other"):
        list(halving([1, 2], run, halves))


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_gradients_of_halves_add_up(kind, monkeypatch):
    port, triggers = tiny(kind)[0], triggers_of(parts(kind)[1])
    layout = next(iter(LAYOUTS.values()))
    expected, sizes = slopes(port, layout, "label", triggers), []

    def of(self, block, original=Backward.of):
        sizes.append(len(block.items))
        if len(block.items) > 1:
            raise torch.OutOfMemoryError("full")
        return original(self, block)

    monkeypatch.setattr(Backward, "of", of)
    result = slopes(port, layout, "label", triggers)
    assert max(sizes) > 1
    torch.testing.assert_close(result.gradient, expected.gradient)
    torch.testing.assert_close(result.tokens, expected.tokens)


FULL = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"


@pytest.mark.parametrize("error", [RuntimeError(FULL), MemoryError()])
def test_a_full_memory_of_a_cpu_is_halved_too(error):
    def run(part):
        if len(part) > 1:
            raise error
        return part[0]

    assert list(halving([1, 2, 3], run, halves)) == [([1], 1), ([2], 2), ([3], 3)]


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_what_a_forward_raises_is_one_line(kind, monkeypatch):
    port = tiny(kind)[0]
    text = Template.parse("{t} was [Z].").fill({"t": "it"})
    plan = port.plan([text], [(("Z", "great"),)], Scoring())

    def fails(*_args, **_more):
        raise IndexError("index out of range in self")

    for backend in (port.runtime.plain, port.runtime.fast):
        for name in ("hidden_states", "decoder_for"):
            if hasattr(backend, name):
                monkeypatch.setattr(type(backend), name, fails)
    with pytest.raises(ModelError, match="index out of range"):
        list(port.run(plan))


@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (1, 7), (4, 9), (9, 9)])
def test_windows_of_biases_are_the_biases_of_each_pair(queries, keys):
    longest = 9
    by_distance = torch.randn(1, 3, 1, 2 * longest - 1)
    query = torch.arange(queries)[:, None] + keys - queries
    index = torch.arange(keys)[None] - query + longest - 1
    assert torch.equal(_bias(by_distance, queries, keys), by_distance[0, :, 0][:, index])
