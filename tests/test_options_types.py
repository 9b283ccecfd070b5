"""Options before tiny random masked models of all types: equal ways, or a refusal."""

import sys
import warnings
from collections import Counter

import pytest
import torch
from model_types import types_of
from test_models_types import READERS, broken, not_built, outcome_of

from promptsearch.models.forward.option_forward import option_tokens, with_options
from promptsearch.models.loading.load import load_model

NEAR = 1e-3  # of a logit, relative
WORDS = ("the film", "a very good movie", "it was", "bad")


def sequence(port, order):
    """The ids of some options in this order, before a text, and where their masks are."""
    tokens, control = option_tokens(port.runtime), port.runtime.tokens
    texts = control.encode_continuation([(f" {word}",) for word in WORDS])
    (frame,) = control.encode([(tokens.separator, "this movie was really bad", tokens.separator)])
    begin = frame.index(tokens.separator)
    middle = [token for number in order for token in (tokens.mask, *texts[number])]
    ids = [*frame[:begin], *middle, *frame[begin:]]
    return ids, [i for i, token in enumerate(ids) if token == tokens.mask][: len(order)]


def gap(kind, folder):
    """How far apart the ways are, and two orders of the options; relative to the logits."""
    with not_built():
        kind.save(READERS[kind.family][0](), folder)
        kind.load(folder)
    with broken():
        port = load_model(str(folder), device="cpu", family=kind.family)
        runtime, orders = port.runtime.for_options, ((0, 1, 2), (2, 0, 1))
        sequences, positions = zip(*(sequence(port, order) for order in orders), strict=True)
        tables = []
        for way in {id(b): b for b in (runtime.plain, runtime.fast) if b is not None}.values():
            backend = with_options(way, option_tokens(runtime), runtime.model)
            with torch.inference_mode():
                hidden = backend.hidden_states(sequences, positions, [0, 0])
                logits = backend.logits(hidden.states)[torch.from_numpy(hidden.positions)]
            for order, rows in zip(orders, logits.split(len(WORDS) - 1), strict=True):
                tables.append(rows[torch.tensor(order).argsort()])
        worst = max((table - tables[0]).abs().max() for table in tables)
        return (worst / (1 + tables[0].abs().max())).item()


def outcome(kind, folder):
    return outcome_of(gap, kind, folder, NEAR)


@pytest.mark.slow
def test_masked_models_of_every_type_read_options_or_are_refused_in_a_line(tmp_path):
    """What no order of the options changes, by every way; the count of each outcome is printed."""
    results = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in types_of("masked"):
            results[kind.name] = outcome(kind, tmp_path / kind.name)
    counts = Counter(result for result, _ in results.values())
    lines = [f"{result:10} {name:26} {why[:150]}" for name, (result, why) in results.items()]
    sys.stderr.write("\n".join(["", *sorted(lines), f"{dict(counts)} of {len(results)}", ""]))
    assert not {name: why for name, (result, why) in results.items() if result == "different"}
    assert counts["equal"] >= 10
