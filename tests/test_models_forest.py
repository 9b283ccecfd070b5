"""Packed rows and forests: every sequence is there, and sees its own tokens only."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_models_naive import ONE, SINGLE, filled, scores
from tiny import tiny

from promptsearch.errors import ModelError
from promptsearch.models import Scoring
from promptsearch.models.batching.prefix_tree import (
    common_prefix_length,
    pack_separately,
    pack_sharing_prefixes,
)
from promptsearch.models.forward.linear import prepacks

TOKENS = st.lists(st.integers(0, 3), min_size=1, max_size=8).map(tuple)
LINES = st.lists(TOKENS, min_size=1, max_size=12)


def shape_is_whole(forest):
    """Runs follow one another and cover every token."""
    ends = [0, *(run.stop for run in forest.runs)]
    assert [run.start for run in forest.runs] == ends[:-1]
    assert ends[-1] <= len(forest.ids) == len(forest.depths)
    return ends[-1]


@given(LINES)
def test_a_row_holds_every_sequence_apart(lines):
    forest = pack_separately(lines)
    assert shape_is_whole(forest) == sum(map(len, lines))
    seen = [token for path in forest.paths for token in path.tolist()]
    assert len(set(seen)) == len(seen)
    for line, path in zip(lines, forest.paths, strict=True):
        assert forest.ids[path].tolist() == list(line)
        assert forest.depths[path].tolist() == list(range(len(line)))


@given(LINES, st.data())
def test_a_forest_holds_every_beginning_once(lines, data):
    roots = data.draw(st.lists(st.integers(0, 2), min_size=len(lines), max_size=len(lines)))
    forest = pack_sharing_prefixes(lines, roots)
    beginnings = {
        (root, line[:end])
        for root, line in zip(roots, lines, strict=True)
        for end in range(1, len(line) + 1)
    }
    assert shape_is_whole(forest) == len(beginnings)
    for line, path in zip(lines, forest.paths, strict=True):
        assert forest.ids[path].tolist() == list(line)
        assert forest.depths[path].tolist() == list(range(len(line)))


@given(LINES)
def test_parts_have_the_segments_of_their_runs(lines):
    forest = pack_sharing_prefixes(lines, [0] * len(lines))
    fresh, seen = [], []
    for part in forest.kernel_batches():
        keys = part.keys if part.keys is not None else torch.arange(part.start, part.stop)
        fresh += [part.start + first for first in part.query_bounds[:-1].tolist()]
        bounds = zip(part.key_bounds[:-1].tolist(), part.key_bounds[1:].tolist(), strict=True)
        seen += [keys[a:b].tolist() for a, b in bounds]
        assert part.max_lengths[1] == part.key_bounds.diff().max()
        assert part.max_lengths[0] == part.query_bounds.diff().max()
    own = [range(run.start, run.stop, run.query_length) for run in forest.runs]
    assert fresh == [first for firsts in own for first in firsts]
    assert seen == [
        list(range(first, first + run.query_length)) if run.keys is None else run.keys[n].tolist()
        for run, firsts in zip(forest.runs, own, strict=True)
        for n, first in enumerate(firsts)
    ]


@given(LINES)
def test_a_segment_sees_its_path_and_nothing_else(lines):
    forest = pack_sharing_prefixes(lines, [0] * len(lines))
    paths = {path[-1]: path.tolist() for path in forest.paths}
    for run in forest.runs:
        for number in range(run.count):
            own = list(
                range(
                    run.start + number * run.query_length,
                    run.start + (number + 1) * run.query_length,
                )
            )
            seen = own if run.keys is None else run.keys[number].tolist()
            assert seen[-run.query_length :] == own
            assert len(seen) == run.key_length
            longer = [path for path in paths.values() if path[: run.key_length] == seen]
            assert longer or any(own[-1] in path for path in paths.values())
            assert forest.depths[seen].tolist() == list(range(run.key_length))


@given(TOKENS, TOKENS)
def test_agreeing_counts_equal_beginnings(one, other):
    both = common_prefix_length(one, other)
    assert one[:both] == other[:both]
    assert both == min(len(one), len(other)) or one[both] != other[both]


def suffixes(templates):
    from promptsearch.prompt import Template

    return [Template.parse(text).fill({"text": "The plot is awful"}) for text in templates]


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_what_is_planned_is_what_passes(kind, monkeypatch):
    """Sharing is worth nothing if it is only counted."""
    port, _, _ = tiny(kind)
    passed = []

    def counted(original):
        def make(*given):
            forest = original(*given)
            passed.append(sum(run.count * run.query_length for run in forest.runs))
            return forest

        return make

    for name in ("forward.backends", "forward.encoder_decoder"):
        for maker in ("pack_sharing_prefixes", "pack_separately"):
            where = f"promptsearch.models.{name}.{maker}"
            monkeypatch.setattr(
                where,
                counted(
                    {
                        "pack_sharing_prefixes": pack_sharing_prefixes,
                        "pack_separately": pack_separately,
                    }[maker]
                ),
            )
    texts = filled(ONE)
    plan = port.plan(texts, SINGLE, Scoring())
    passed.clear()
    list(port.run(plan))
    assert 0.5 * plan.tokens < sum(passed) <= plan.tokens  # an upper bound: batches share more


def test_what_texts_begin_with_is_passed_once():
    port, _, _ = tiny("gpt2")
    one, *_ = texts = suffixes(["{text} It was [Z]", "{text} It was really [Z]", "{text} a [Z]"])
    alone = port.plan([one], SINGLE, Scoring()).tokens
    together = port.plan(texts, SINGLE, Scoring()).tokens
    apart = sum(port.plan([text], SINGLE, Scoring()).tokens for text in texts)
    assert alone < together < 0.7 * apart


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_a_full_memory_halves_the_batch_and_changes_nothing(kind, monkeypatch):
    port, _, _ = tiny(kind)
    texts = filled(ONE)
    expected = scores(port, texts, SINGLE)
    sizes = []
    _limit(port, monkeypatch, 3, sizes)
    assert torch.allclose(scores(port, texts, SINGLE), expected, atol=1e-4)
    assert max(sizes) > 3
    _limit(port, monkeypatch, 0, sizes)
    with pytest.raises(ModelError, match="does not fit into the device's memory"):
        scores(port, texts, SINGLE)


def test_a_memory_too_full_to_encode_halves_the_block(monkeypatch):
    port, _, _ = tiny("t5")
    texts = filled(ONE)
    expected = scores(port, texts, SINGLE)
    reader, sizes = type(port.runtime.fast), []

    def after(self, sources, original=reader.decoder_for):
        sizes.append(len(sources))
        if len(sources) > 2:
            raise torch.OutOfMemoryError("full")
        return original(self, sources)

    monkeypatch.setattr(reader, "decoder_for", after)
    assert torch.allclose(scores(port, texts, SINGLE), expected, atol=1e-4)
    assert max(sizes) > 2


def _limit(port, monkeypatch, most, sizes):
    """Memory for so many sequences at a time."""
    from promptsearch.models.forward import score as running

    def read(cells, *rest, original=running._gather):
        sizes.append(len(cells))
        if len(cells) > most:
            raise torch.OutOfMemoryError("full")
        original(cells, *rest)

    monkeypatch.undo()
    monkeypatch.setattr(running, "_gather", read)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_ranking_in_bfloat16_is_near(kind):
    port, _, _ = tiny(kind)
    if port.fast_model is port:
        pytest.skip("this machine has no bfloat16 products")
    assert port.fast_model.info.dtype == "bfloat16"
    assert port.info.dtype == "float32"
    texts = filled(ONE)
    near = (scores(port.fast_model, texts, SINGLE) - scores(port, texts, SINGLE)).abs()
    assert 0 < near.mean() < 0.5


def test_the_ranking_dtype_is_that_of_the_fast_model_once_it_is_there():
    port = tiny("bert")[0]
    runtime = replace(port.runtime, make_fast=lambda: None)  # memory may have no room for it
    port = replace(port, runtime=runtime)
    assert port.ranking_dtype == "bfloat16"
    assert port.fast_model is port
    assert port.ranking_dtype == "float32"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_dtype_that_is_asked_for_is_the_only_one(dtype):
    port, _, _ = tiny("bert", dtype=dtype)
    assert port.fast_model is port


def test_prepacked_layers_are_torchs_own():
    from promptsearch.models.forward.linear import _Plain, linear

    if not prepacks(torch.float32):
        pytest.skip("this torch has no prepacked layers")
    torch.manual_seed(0)
    weight, bias, x = torch.randn(12, 8), torch.randn(12), torch.randn(64, 8)
    for activation in ("none", "gelu"):
        ours, plain = linear(weight, bias, activation), _Plain(weight, bias, activation)
        torch.testing.assert_close(ours(x), plain(x))
    residual = torch.randn(64, 12)
    torch.testing.assert_close(
        linear(weight, bias)(x, residual), _Plain(weight, bias, "none")(x, residual)
    )
