"""Shards over processes give what one process gives."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from tiny import parts

from promptsearch.data import Example
from promptsearch.errors import RunError
from promptsearch.models import Scoring
from promptsearch.models.loading.load import load_model
from promptsearch.parallel import Workers
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.scoring import Scorer
from promptsearch.scoring.distributed_scorer import DistributedScorer, _shares

ANSWERS = Verbalizer.of({"a": ["great", "really good"], "b": "awful"})
PROMPTS = [Prompt(Template.parse(t), ANSWERS) for t in ("{text} It was [Z].", "[Z] : {text}")]
TEXTS = ["great film", "The plot is awful, really bad", "Paris", "nobody likes the quick brown fox"]
EXAMPLES = [Example(str(i), {"text": f"{TEXTS[i % 4]} {i}"}, "ab"[i % 2]) for i in range(21)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    for part in parts("bert"):
        part.save_pretrained(folder)
    return load_model(str(folder), device="cpu")


@pytest.fixture(scope="module")
def pool():
    with Workers(2).open() as pool:
        yield pool


def assert_close(found, expected, tolerance=1e-4):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.log_probs, other.log_probs, atol=tolerance)
        np.testing.assert_allclose(one.log_right, other.log_right, atol=tolerance)
        assert one.targets == other.targets


def test_every_example_is_in_one_share():
    assert [list(share) for share in _shares(5, 2)] == [[0, 2, 4], [1, 3]]
    assert [list(share) for share in _shares(2, 5)] == [[0], [1]]


@pytest.mark.parametrize("ranking", [False, True])
def test_two_processes_judge_as_one(model, pool, ranking):
    own = Scorer(model.fast_model if ranking else model, Scoring())
    spread = DistributedScorer(own, pool).predict([*PROMPTS, PROMPTS[0]], EXAMPLES)
    alone = own.predict([*PROMPTS, PROMPTS[0]], EXAMPLES)
    different = own.model.info.dtype != "float32"
    assert_close(spread.predictions, alone.predictions, 0.5 if different else 1e-4)
    assert spread.cost.forwards == alone.cost.forwards


def test_rows_with_choices_are_judged_as_one(model, pool):
    choices = [("awful", "great film"), ("Paris", "bad", "great")]
    rows = [replace(e, target="bad", choices=choices[i % 2]) for i, e in enumerate(EXAMPLES)]
    prompts = [Prompt(p.template, Verbalizer.of_candidates(("Paris", "film"))) for p in PROMPTS]
    own = Scorer(model, Scoring())
    spread, alone = (s.predict(prompts, rows) for s in (DistributedScorer(own, pool), own))
    assert_close(spread.predictions, alone.predictions)
    for one, other in zip(spread.predictions, alone.predictions, strict=True):
        assert one.predicted.tolist() == other.predicted.tolist()


def test_a_process_that_dies_costs_nothing_but_time(model, pool):
    own = Scorer(model, Scoring())
    victims = dict(pool.each(_pid, [0, 1])).values()
    os.kill(next(iter(victims)), signal.SIGKILL)
    spread = DistributedScorer(own, pool).predict(PROMPTS, EXAMPLES)
    assert_close(spread.predictions, own.predict(PROMPTS, EXAMPLES).predictions)


def _pid(_):
    return os.getpid()


def test_other_weights_where_the_workers_run_are_an_error(model, pool):
    info = replace(model.info, sha256="0" * 64)
    other = replace(model, runtime=replace(model.runtime, info=info))
    with pytest.raises(RunError, match="is another one where the workers run"):
        DistributedScorer(Scorer(other, Scoring()), pool).predict(PROMPTS, EXAMPLES)
