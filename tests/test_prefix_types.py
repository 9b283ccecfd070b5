"""Prefixes before tiny random models of all types of transformers: what words say, or a refusal.

The keys and values of words, as a prefix, against the words in the row: read by themselves and
seen by the text after them, which for a causal model is the text itself.
"""

import sys
import warnings
from collections import Counter
from dataclasses import replace

import pytest
import torch
from model_types import FAMILIES, ModelType, types_of
from test_models_naive import scores
from test_models_types import READERS, broken, not_built, outcome_of
from test_prefix_scoring import ANSWERS, filled, prefix_of

from promptsearch.models.batching.prefix_tensors import PrefixTensors
from promptsearch.models.forward.continuous_forward import with_prefix
from promptsearch.models.loading.load import load_model
from promptsearch.models.training.start_prefix import StartPrefix
from promptsearch.prompt import Template

NEAR = 1e-3  # of a hidden state, relative
WORDS, TEXT = "The plot of", "this movie was really bad"


def every(count):
    return range(1, count + 1)


def gap(kind, folder):
    """How far hidden states behind a prefix of words are from those behind the words."""
    with not_built():
        kind.save(READERS[kind.family][0](), folder)
        kind.load(folder)
    with broken():
        port = load_model(str(folder), device="cpu", family=kind.family)
        start = StartPrefix(port, every, 0)
        if kind.family == "seq2seq":
            return three_prefixes(port)
        prefix, words = start.of_words(WORDS), start.words_ids(WORDS)
        text = port.runtime.tokens.encode_continuation([(f" {TEXT}",)])[0]
        return of_states(port, prefix, words, text)


def of_states(port, prefix, words, text):
    backend = replace(port.runtime.with_gradients.fast, shares_prefixes=True)
    whole, last = [*words, *text], range(len(words), len(words) + len(text))
    with torch.inference_mode():
        beside = backend.hidden_states([words, whole], [[0], last], [0, 0])
        expected = beside.states[torch.from_numpy(beside.positions[1:])]
        tensors = PrefixTensors.of(prefix, torch.device("cpu"))
        behind = with_prefix(backend, tensors).hidden_states([text], [range(len(text))], [0])
        found = behind.states[torch.from_numpy(behind.positions)]
    return ((found - expected).abs().max() / (1 + expected.abs().max())).item()


def three_prefixes(port):
    """An encoder-decoder's scores are numbers, alike in any batch, and another prefix's others."""
    parts = Template.parse("{text} It was [Z]").parts
    one, two = (filled(Template(parts, prefix_of(port, 3, seed=n, scale=5.0))) for n in (0, 1))
    together = scores(port, [*one, *two], ANSWERS)
    alone = torch.cat([scores(port, [text], ANSWERS) for text in (*one, *two)])
    assert (together[:3] - together[3:]).abs().max() > 1e-5
    return ((together - alone).abs().max() / (1 + alone.abs().max())).item()


def outcome(kind, folder):
    return outcome_of(gap, kind, folder, NEAR)


FEW = {
    ModelType("masked", "albert"): "equal",  # one module for all layers
    ModelType("masked", "convbert"): "refused",  # its attention is its own
    ModelType("causal", "mamba"): "refused",
    ModelType("causal", "qwen3"): "equal",
    ModelType("seq2seq", "t5"): "equal",
}


@pytest.mark.parametrize("kind", FEW, ids=str)
def test_prefixes_of_words_are_the_words_or_refused(kind, tmp_path):
    result, why = outcome(kind, tmp_path)
    assert result == FEW[kind], why


@pytest.mark.slow
def test_all_types(tmp_path):
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for family in FAMILIES:
            for number, kind in enumerate(types_of(family)):
                result, why = outcome(kind, tmp_path / f"{family}-{number}")
                rows.append((result, family, str(kind), why))
    counts = Counter(row[0] for row in rows)
    lines = [f"{r:10} {f:8} {n:26} {why[:150]}" for r, f, n, why in sorted(rows)]
    sys.stderr.write("\n".join(["", *lines, f"{dict(counts)} of {len(rows)}", ""]))
    assert counts["different"] == 0
    assert counts["equal"] > 100
