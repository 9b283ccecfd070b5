"""Calibration: against plain arithmetic on the scorer's own numbers, and what it is for."""

import json
from dataclasses import replace

import numpy as np
import pytest
from commanding import reviews_in, run
from judges import reviews
from tiny import saved, tiny

from promptsearch import Scorer, Scoring, Settings
from promptsearch.data import Example
from promptsearch.errors import RunError
from promptsearch.metrics.predictions import Predictions
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.scoring import Cost, PredictionBatch
from promptsearch.scoring.cached_scorer import CachedScorer, MemoryStore
from promptsearch.scoring.calibration import CalibratedScorer, references_of
from promptsearch.scoring.label_aggregation import PredictionsBuilder

METHODS = ("contextual", "pmi", "batch")


def scorers(kind, method, answer_score="sum"):
    task = reviews()
    own = Scorer(tiny(kind)[0], Scoring(), answer_score)
    return (
        task,
        own,
        CalibratedScorer(own, own, method, references_of(method, ("text",), task.train)),
    )


def log_softmax(values):
    return values - np.logaddexp.reduce(values, axis=-1, keepdims=True)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
@pytest.mark.parametrize("method", ["contextual", "batch"])
def test_the_prior_of_labels_is_taken_away(kind, method):
    task, own, calibrated = scorers(kind, method)
    texts = (
        ["N/A", "", "[MASK]"] if method == "contextual" else [e.inputs["text"] for e in task.train]
    )
    inputs = [Example(str(i), {"text": text}, ("bad",)) for i, text in enumerate(texts)]
    prior = np.log(np.exp(own.judge([task.prompt], inputs)[0].log_probs).mean(0))
    raw = own.judge([task.prompt], task.train)[0]
    found = calibrated.predict([task.prompt], task.train).predictions[0]
    wanted = log_softmax(raw.log_probs - prior)
    assert found.log_probs == pytest.approx(wanted, abs=1e-5)
    assert found.predicted.tolist() == wanted.argmax(1).tolist()
    gold = [("bad", "good").index(e.targets[0]) for e in task.train]
    assert found.log_right == pytest.approx(wanted[range(4), gold], abs=1e-5)
    assert calibrated.prior(task.prompt) == pytest.approx(
        dict(zip(("bad", "good"), prior, strict=True)), abs=1e-5
    )


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
@pytest.mark.parametrize("answer_score", ["sum", "mean", "max"])
def test_pointwise_mutual_information_is_of_each_answer(kind, answer_score):
    task, own, calibrated = scorers(kind, "pmi", answer_score)
    prompt = replace(
        task.prompt, verbalizer=Verbalizer.of({"bad": ["awful", "dull"], "good": ["great", "dull"]})
    )
    words = ("awful", "dull", "great")
    apart = replace(prompt, verbalizer=Verbalizer.of({word: word for word in words}))
    premise = own.judge([apart], [Example("p", {"text": ""}, ("dull",))])[0].log_probs
    said = own.judge([apart], [Example("0", task.train[0].inputs, ("dull",))])[0].log_probs
    gains = dict(zip(words, (said - premise)[0], strict=True))
    put = {"sum": np.logaddexp, "max": max, "mean": lambda a, b: np.logaddexp(a, b) - np.log(2)}
    scores = np.array(
        [put[answer_score](gains[a], gains[b]) for a, b in (("awful", "dull"), ("great", "dull"))]
    )
    found = calibrated.predict([prompt], task.train[:1]).predictions[0]
    assert found.log_probs[0] == pytest.approx(log_softmax(scores), abs=1e-5)
    assert [len(own) for own in calibrated.prior(prompt).values()] == [2, 2]


@pytest.mark.parametrize("method", METHODS)
def test_an_example_is_judged_alone_as_among_others(method):
    task, _, calibrated = scorers("bert", method)
    alone = [calibrated.predict([task.prompt], [e]).predictions[0].log_probs[0] for e in task.train]
    together = calibrated.predict([task.prompt], task.train).predictions[0].log_probs
    assert np.stack(alone) == pytest.approx(together, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_cache_below_gives_the_same_and_asks_once(method):
    task, own, calibrated = scorers("bert", method)
    cached = CalibratedScorer(
        CachedScorer(own, own, MemoryStore(), print), own, method, calibrated.references
    )
    wanted = calibrated.predict([task.prompt], task.train).predictions[0]
    assert cached.predict([task.prompt], task.train).predictions[0].log_probs == pytest.approx(
        wanted.log_probs, abs=1e-6
    )
    assert cached.cost([task.prompt], task.train) == Cost()


@pytest.mark.parametrize("method", METHODS)
def test_references_are_paid_once(method):
    task, own, calibrated = scorers("bert", method)
    before = calibrated.cost([task.prompt], task.train)
    first = calibrated.predict([task.prompt], task.train)
    again = calibrated.predict([task.prompt], task.train)
    assert first.cost.forwards == before.forwards > again.cost.forwards
    assert again.cost == own.predict([task.prompt], task.train).cost


class Biased:
    """Says what is right by a little, and "good" by a lot."""

    def __init__(self, own):
        self._own = own

    def predict(self, prompts, examples):
        return PredictionBatch(tuple(self._one(prompt, examples) for prompt in prompts), Cost())

    def _one(self, prompt, examples) -> Predictions:
        lean = {"bad": 0.5, "good": -0.5}
        odds = np.array([lean.get((*e.targets, "")[0], 0.0) - 3.0 for e in examples])
        values = log_softmax(np.stack([odds, np.zeros(len(examples))], axis=1))
        findings = PredictionsBuilder.of(self._own.labelling(prompt.verbalizer), examples)
        findings.put(range(len(examples)), values)
        return findings.judgement()


@pytest.mark.parametrize("method", ["contextual", "pmi"])
def test_it_mends_a_prompt_that_says_good_of_everything(method):
    task, own, _ = scorers("bert", method)
    biased = Biased(own)
    assert biased.predict([task.prompt], task.train).predictions[0].hits.mean() == 0.5
    calibrated = CalibratedScorer(biased, own, method, references_of(method, ("text",), task.train))
    assert calibrated.predict([task.prompt], task.train).predictions[0].hits.all()


def test_candidates_that_read_alike_stay_merged():
    model = tiny("bert")[0]
    own = Scorer(model, Scoring("independent"), facts=True)
    prompt = Prompt(
        Template.parse("{subject} is [Z]"), Verbalizer.of_candidates(("great", "Great", "dull"))
    )
    calibrated = CalibratedScorer(
        own, own, "contextual", references_of("contextual", ("subject",), [])
    )
    judged = calibrated.predict([prompt], [Example("0", {"subject": "film"}, ("Great",))])
    log_probs = judged.predictions[0].log_probs[0]
    assert log_probs[1] == -np.inf
    assert np.exp(log_probs).sum() == pytest.approx(1.0)


def test_what_does_not_go_together_is_said():
    with pytest.raises(RunError, match="do not go together"):
        Settings(calibration="batch", rank_by="finetune")


@pytest.fixture
def folder(tmp_path):
    reviews_in(tmp_path, 3)
    return tmp_path


def search(folder, *words, status=0):
    options = ["--task", folder / "reviews.toml", "-o", folder / "run", "-m", saved("bert"), "-q"]
    return run("answers", "prune", *options, "--budget", "6", *words, status=status)


@pytest.mark.parametrize("method", METHODS)
def test_a_calibrated_search_is_written_evaluated_and_reproduced(folder, method):
    search(folder, "--calibration", method)
    path = folder / "run" / "prompts.json"
    document = json.loads(path.read_text())
    assert document["scoring"]["calibration"] == method
    assert all(set(row["prior"]) == {"bad", "good"} for row in document["prompts"])
    done = run("evaluate", path, "--split", "dev", "--json", "-q")
    scores = json.loads(done.stdout)["prompts"][0]["scores"]["dev"]
    saved_scores = document["prompts"][0]["scores"]["dev"]
    for metric in ("log_likelihood", "accuracy", "ece"):
        assert scores[metric] == pytest.approx(saved_scores[metric], abs=1e-5)
    assert f"{method} calibration" in run("evaluate", path, "-q").stdout
    run("reproduce", path, "-q")
    search(folder, "--calibration", method, "--resume")
    assert json.loads(path.read_text())["prompts"] == document["prompts"]


def test_a_prior_is_of_its_prompt_alone(folder):
    search(folder, "--calibration", "contextual")
    path = folder / "run" / "prompts.json"
    document = json.loads(path.read_text())
    first = document["prompts"][0]
    changes = {
        "its prior is of another template": {"template": "{text} truly [Z]."},
        "or other answers": {"verbalizer": {"bad": "dull", "good": "great"}},
        "prior.bad must be a number or a list, not": {"prior": {"bad": float("nan"), "good": -1.0}},
    }
    for reason, change in changes.items():
        path.write_text(json.dumps({**document, "prompts": [{**first, **change}]}))
        for command in ("evaluate", "show"):
            assert reason in run(command, path, status=1).stderr
        assert reason in run("check", path, "--task", folder / "reviews.toml", status=1).stdout


def test_a_run_is_not_resumed_with_another_calibration(folder):
    search(folder)
    assert "scoring" in search(folder, "--calibration", "pmi", "--resume", status=1).stderr


def test_too_many_candidates_are_refused_before_the_run(tmp_path):
    (tmp_path / "many.txt").write_text("".join(f"word{i}\n" for i in range(2000)) + "Paris\n")
    (tmp_path / "facts.csv").write_text("subject,object\nFrance,Paris\nItaly,Rome\n")
    (tmp_path / "facts.toml").write_text(
        'kind = "facts"\ntrain = "facts.csv"\ndev = "facts.csv"\ncandidates = "many.txt"\n'
        'template = "{subject} [Z]"\n'
    )
    words = [
        "generate",
        "--task",
        tmp_path / "facts.toml",
        "-o",
        tmp_path / "run",
        "-m",
        saved("bert"),
    ]
    done = run(*words, "--calibration", "batch", status=1)
    assert "up to 1,024 labels or candidates, but there are 2,001" in done.stderr
    assert not (tmp_path / "run").exists()
