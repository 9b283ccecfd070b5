"""The port gives the recorded numbers of golden/dev/scorer.json."""

import json

import pytest
import torch

from promptsearch.models import Scoring
from promptsearch.models.loading.load import load_model
from promptsearch.prompt import Input, Slot, Text

TOLERANCE = 1e-4


def scores(model, texts, answers, **scoring):
    """(text, answer), through plan and run."""
    plan = model.plan(texts, answers, Scoring(**scoring))
    result = torch.full((len(texts), len(answers)), torch.nan)
    for block in model.run(plan):
        result[list(block.rows)] = block.log_probs
    return result


def answers_of(item):
    return [(("Z", answer["text"].strip()),) for answer in item["answers"]]


def filled(item):
    """`[X] was born in [Y] .` with its subject."""
    before, after = item["template"].split("[Y]")
    parts = []
    for i, piece in enumerate((before, after)):
        for j, text in enumerate(piece.split("[X]")):
            parts += [Input("subject", item["subject"])] * (j > 0) + [Text(text)]
        parts += [Slot("Z")] * (i == 0)
    return tuple(part for part in parts if isinstance(part, Slot) or part.text)


@pytest.fixture(scope="module")
def items(shared):
    return json.loads((shared / "golden/dev/scorer.json").read_text())["items"]


def of_family(items, family):
    return [item for item in items if item["family"] == family]


def compare(model, items, expected, make=filled, **scoring):
    """Every item on its own, then the longest error."""
    worst = 0.0
    for item in items:
        found = scores(model, [make(item)], answers_of(item), **scoring)[0].double()
        wanted = torch.tensor([expected(answer) for answer in item["answers"]]).double()
        worst = max(worst, (found - wanted).abs().max().item())
    assert worst < TOLERANCE, worst
    return worst


def test_single_masks(shared, items):
    model = load_model(str(shared / "golden/dev/tinybert"), device="cpu")
    compare(model, of_family(items, "mlm_single"), lambda a: a["logp"]["float64"])


@pytest.mark.parametrize(
    ("mode", "key"), [("independent", "independent"), ("left-to-right", "left_to_right")]
)
def test_several_masks(shared, items, mode, key):
    model = load_model(str(shared / "golden/dev/tinybert"), device="cpu")
    own = of_family(items, "mlm_multi")
    compare(model, own, lambda a: a[key]["float64"]["sum"], multi_token=mode)


def test_causal_answers_at_the_end(shared, items):
    model = load_model(str(shared / "golden/dev/stories260k"), device="cpu")
    own = of_family(items, "causal_end")
    make = lambda item: (Text(item["prompt"] + " "), Slot("Z"))  # noqa: E731
    compare(model, own, lambda a: a["logp"]["float64"]["sum"], make)
    worst = compare(model, own, lambda a: a["logp"]["float64"]["mean"], make, length_norm="token")
    assert worst < TOLERANCE


def test_causal_answers_in_the_middle(shared, items):
    model = load_model(str(shared / "golden/dev/stories260k"), device="cpu")
    make = lambda item: (Text(item["prompt"] + " "), Slot("Z"), Text(item["suffix"]))  # noqa: E731
    own = of_family(items, "causal_middle")
    compare(model, own, lambda a: a["logp"]["float64"]["total"], make)


def test_t5_answers(shared, items):
    model = load_model(str(shared / "golden/dev/tinyt5"), device="cpu")
    compare(model, of_family(items, "t5"), lambda a: a["logp"]["float64"]["answer_sum"])
