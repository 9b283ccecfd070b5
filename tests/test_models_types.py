"""Tiny random models of all types of transformers: its plain loop's numbers, or a refusal."""

import math
import sys
import traceback
import warnings
from collections import Counter

import pytest
import tiny
import torch
import transformers
from model_types import FAMILIES, ModelType, types_of
from test_models_naive import (
    ONE,
    SINGLE,
    TEXTS,
    causal_reference,
    masked_reference,
    scores,
    seq2seq_reference,
)

from promptsearch.errors import ModelError
from promptsearch.models.foreign_errors import first_words, foreign_errors
from promptsearch.models.loading.load import load_model

READERS = {  # family -> its tokenizer, and the loop over plain transformers
    "masked": (tiny.bert_tokenizer, lambda *given: masked_reference(*given, True)),
    "causal": (tiny.gpt2_tokenizer, causal_reference),
    "seq2seq": (tiny.t5_tokenizer, seq2seq_reference),
}
FILLED = [template.fill({"text": text}) for text in TEXTS[:2] for template in ONE]
OUTCOMES = ("different", "not built", "refused", "equal")
NEAR = 1e-4  # of a log-probability


class NotBuilt(Exception):
    """transformers itself cannot make the model at these sizes, or run it on text alone."""


class Broken(Exception):
    """A traceback of ours."""


def not_built():
    """A block of transformers' own work."""
    return foreign_errors(lambda error: NotBuilt(first_words(error)))


def broken():
    """A block of ours."""
    return foreign_errors(lambda error: Broken("".join(traceback.format_exception(error)[-3:])))


def expected(kind, folder):
    """The numbers of the loop over plain transformers. Raises NotBuilt if there are none."""
    make_tokenizer, reference = READERS[kind.family]
    tokenizer = make_tokenizer()
    with not_built():
        kind.save(tokenizer, folder)
        model = kind.load(folder)
        return torch.tensor([[reference(model, tokenizer, t, a) for a in SINGLE] for t in FILLED])


def actual(kind, folder):
    with broken():
        return scores(load_model(str(folder), device="cpu", family=kind.family), FILLED, SINGLE)


def difference(kind, folder):
    numbers = expected(kind, folder)
    return (actual(kind, folder) - numbers).abs().max().item()


def outcome(kind, folder):
    return outcome_of(difference, kind, folder, NEAR)


def outcome_of(measure, kind, folder, near):
    """One of `OUTCOMES`, and the distance that is measured or the reason."""
    try:
        distance = measure(kind, folder)
    except NotBuilt as error:
        return "not built", str(error)
    except (ModelError, Broken) as error:
        is_line = isinstance(error, ModelError) and "\n" not in str(error)
        return "refused" if is_line else "different", str(error).replace(str(folder), kind.name)
    is_near = math.isfinite(distance) and distance < near
    return "equal" if is_near else "different", f"{distance:.1e}"


def table(rows, counts):
    lines = [f"{OUTCOMES[n]:10} {family:8} {name:26} {why[:150]}" for n, family, name, why in rows]
    totals = ", ".join(f"{counts[name]} {name}" for name in OUTCOMES)
    return "\n".join(["", *lines, f"{totals} of {len(rows)}", ""])


FEW = {  # what went wrong once
    ModelType("causal", "roberta", decoder=True): "",  # its padding begins texts
    ModelType("causal", "deepseek_v3"): "",
    ModelType("masked", "modernbert"): "",
    ModelType("masked", "perceiver"): "",  # it has no table of word embeddings where others do
    ModelType("seq2seq", "t5gemma"): "",  # its code says what its decoder begins with
    ModelType("seq2seq", "switch_transformers"): "",
    ModelType("seq2seq", "fsmt"): "looks ahead",
    ModelType("seq2seq", "encoder-decoder"): "looks ahead",
    ModelType("seq2seq", "plbart"): "write decoder_start_token_id into its config.json",
}


@pytest.mark.parametrize("kind", FEW, ids=str)
def test_a_few_types_are_equal_to_plain_transformers_or_refused(tmp_path, kind):
    result, detail = outcome(kind, tmp_path / "model")
    assert result == ("refused" if FEW[kind] else "equal"), detail
    assert FEW[kind] in detail


@pytest.mark.slow
def test_every_type_is_equal_to_plain_transformers_or_refused(tmp_path, capsys):
    rows = []
    transformers.logging.set_verbosity_error()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, kind in enumerate(kind for family in FAMILIES for kind in types_of(family)):
            result, detail = outcome(kind, tmp_path / str(number))
            rows.append((OUTCOMES.index(result), kind.family, str(kind), detail))
    rows.sort()
    counts = Counter(OUTCOMES[row[0]] for row in rows)
    with capsys.disabled():
        sys.stdout.write(table(rows, counts))
    assert not [row for row in rows if OUTCOMES[row[0]] == "different"]
    assert counts["equal"] >= 100
    assert counts["not built"] <= len(rows) / 3
