"""The scorer over a model whose answers are known: labels, merging, ranks, ties."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from tiny import tiny

from promptsearch.data import CLASSIFICATION, Example
from promptsearch.models import ModelInfo, ScoredTexts, Scoring
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.scoring import Scorer
from promptsearch.scoring.split_scorer import DatasetScorer


@dataclass(frozen=True)
class Listed:
    texts: tuple
    answers: tuple
    forwards: int = 0
    tokens: int = 0
    peak_bytes: int = 0
    cut: bool = False


@dataclass
class Oracle:
    """Gives each answer text the log-probability it is told, whatever the input; blocks of two."""

    log_probs: dict
    info: ModelInfo = ModelInfo("oracle", "masked", "0" * 64, "float32")

    def plan(self, texts, answers, scoring):
        return Listed(tuple(texts), tuple(answers), len(texts))

    def run(self, plan):
        row = [self.log_probs[answer[0][1]] for answer in plan.answers]
        for first in reversed(range(0, len(plan.texts), 2)):  # any order of blocks will do
            rows = range(first, min(first + 2, len(plan.texts)))
            yield ScoredTexts(rows, torch.tensor([row for _ in rows]))

    def answer_ids(self, texts):
        return [tuple(text.lower().encode()) for text in texts]


EXAMPLES = [Example(str(i), {"text": str(i)}, label) for i, label in enumerate(["a", "b", "a"])]


def judged(answers, log_probs, answer_score="sum", examples=EXAMPLES, facts=False):
    verbalizer = Verbalizer.of_candidates(answers) if facts else Verbalizer.of(answers)
    scorer = Scorer(Oracle(log_probs), Scoring(), answer_score, facts)
    return scorer.judge([Prompt(Template.parse("{text} [Z]"), verbalizer)], examples)[0]


P = {"x": np.log(0.2), "y": np.log(0.1), "z": np.log(0.3)}


@pytest.mark.parametrize(
    ("answer_score", "odds"), [("sum", 0.3 / 0.3), ("mean", 0.15 / 0.3), ("max", 0.2 / 0.3)]
)
def test_a_labels_answers_become_one_score(answer_score, odds):
    result = judged({"a": ["x", "y"], "b": "z"}, P, answer_score)
    a = odds / (1 + odds)
    expected = [np.log(a), np.log(1 - a), np.log(a)]
    np.testing.assert_allclose(result.log_right, expected, rtol=1e-6)
    np.testing.assert_allclose(np.exp(result.log_probs).sum(1), 1, rtol=1e-6)


def test_equal_scores_choose_the_first_label():
    result = judged({"a": "x", "b": "y"}, {"x": -1.0, "y": -1.0})
    assert result.predicted.tolist() == [0, 0, 0]
    assert result.rank.tolist() == [1, 2, 1]


def test_right_objects_add_their_probabilities_and_any_of_them_hits():
    facts = [Example("0", {"text": ""}, ("x", "y")), Example("1", {"text": ""}, ("elsewhere",))]
    result = judged(["x", "y", "z"], P, examples=facts, facts=True)
    assert result.log_right[0] == pytest.approx(np.log(0.3 / 0.6))
    assert result.log_right[1] == -np.inf
    assert result.rank.tolist() == [2, 0]


def test_candidates_that_read_alike_are_one():
    facts = [Example("0", {"text": ""}, ("paris",))]
    same = {"Paris": np.log(0.3), "paris": np.log(0.3), "Rome": np.log(0.1)}
    result = judged(["Paris", "Rome", "paris"], same, examples=facts, facts=True)
    assert result.log_right[0] == pytest.approx(np.log(0.3 / 0.4))
    assert result.rank[0] == 1


def test_prompts_of_several_verbalizers_are_judged_in_order():
    template = Template.parse("{text} [Z]")
    prompts = [Prompt(template, Verbalizer.of({"a": a, "b": b})) for a, b in ["xy", "yx", "zx"]]
    results = Scorer(Oracle(P), Scoring()).judge(prompts, EXAMPLES)
    expected = [0.2 / 0.3, 0.1 / 0.3, 0.3 / 0.5]
    np.testing.assert_allclose([np.exp(r.log_right[0]) for r in results], expected, rtol=1e-6)


def test_prompts_that_differ_in_their_answers_alone_pass_the_model_once():
    template, other = Template.parse("{text} [Z]"), Template.parse("{text} so [Z]")
    some, more = Verbalizer.of({"a": "x", "b": "y"}), Verbalizer.of({"a": ["y", "z"], "b": "x"})
    prompts = [Prompt(template, some), Prompt(template, more), Prompt(other, some)]
    scorer = Scorer(Oracle(P), Scoring())
    batch = scorer.predict([*prompts, prompts[0]], EXAMPLES)
    assert batch.cost.forwards == 2 * len(EXAMPLES) == scorer.cost(prompts, EXAMPLES).forwards
    alone = [scorer.judge([prompt], EXAMPLES)[0] for prompt in (*prompts, prompts[0])]
    for together, single in zip(batch.predictions, alone, strict=True):
        assert together.log_right.tolist() == single.log_right.tolist()
    assert batch.predictions[1].log_right[0] == pytest.approx(np.log(0.4 / 0.6))


def test_very_many_answers_are_scored_in_parts(monkeypatch):
    monkeypatch.setattr("promptsearch.scoring.scorer.ANSWERS", 3)
    template = Template.parse("{text} [Z]")
    pairs = [("x", "y"), ("y", "z"), ("z", "x")]
    prompts = [Prompt(template, Verbalizer.of({"a": a, "b": b})) for a, b in pairs]
    batch = Scorer(Oracle(P), Scoring()).predict(prompts, EXAMPLES)
    assert batch.cost.forwards == 3 * len(EXAMPLES)
    first = [predictions.log_right[0] for predictions in batch.predictions]
    assert first == pytest.approx([np.log(2 / 3), np.log(1 / 4), np.log(3 / 5)])


def test_the_judge_picks_rows_and_counts_forwards():
    judge = DatasetScorer(Scorer(Oracle(P), Scoring()), {"train": EXAMPLES}, CLASSIFICATION)
    prompt = Prompt(Template.parse("{text} [Z]"), Verbalizer.of({"a": "x", "b": "y"}))
    assert judge.cost([prompt], "train", [1]).forwards == 1
    judged = judge.predict([prompt], "train", [1])
    assert judged.cost.forwards == 1
    scores = judge.scores(*judged.predictions)
    assert scores["n"] == 1
    assert scores["accuracy"] == 0


def test_plans_are_made_a_slice_at_a_time(monkeypatch):
    """100,000 examples under several prompts: memory holds a slice of texts and its blocks."""
    from promptsearch.scoring import scorer

    monkeypatch.setattr(scorer, "TEXTS", 64)
    oracle, sizes = Oracle(P), []

    def plan(texts, answers, scoring, original=oracle.plan):
        sizes.append(len(texts))
        return original(texts, answers, scoring)

    oracle.plan = plan
    examples = [Example(str(i), {"text": str(i)}, "ab"[i % 2]) for i in range(1000)]
    answers = Verbalizer.of({"a": "x", "b": "y"})
    prompts = [Prompt(Template.parse(f"{{text}} {n} [Z]"), answers) for n in range(7)]
    judged = Scorer(oracle, Scoring()).predict(prompts, examples)
    assert max(sizes) <= 64
    assert sum(sizes) == 7000 == judged.cost.forwards
    expected = [np.log(2 / 3), np.log(1 / 3)] * 500
    for judgement in judged.predictions:
        np.testing.assert_allclose(judgement.log_right, expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_no_text_is_cut_for_the_answers_of_another_prompt(kind):
    template = Template.parse("{text} It was [Z].")
    text = Example("0", {"text": "great film story " * 60}, ("a",))
    answers = ("good", "good " * 20 + "good")
    prompts = [Prompt(template, Verbalizer.of({"a": answer, "b": "bad"})) for answer in answers]
    scorer = Scorer(tiny(kind)[0], Scoring())
    batch = scorer.predict(prompts, [text])
    assert batch.cost == scorer.cost(prompts, [text])
    for prompt, together in zip(prompts, batch.predictions, strict=True):
        (alone,) = scorer.judge([prompt], [text])
        np.testing.assert_allclose(together.log_probs, alone.log_probs, atol=1e-4)
