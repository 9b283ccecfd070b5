"""Scores from a store are those that were computed, and only what it does not know is computed."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pytest
from test_scoring import EXAMPLES, Oracle
from test_scoring import P as DOUBLE

from promptsearch.data import Example
from promptsearch.errors import ModelError
from promptsearch.models import Scoring
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.scoring import Scorer
from promptsearch.scoring.cache_store import ScoreCache
from promptsearch.scoring.cached_scorer import CachedScorer, MemoryStore, described
from promptsearch.scoring.label_aggregation import LISTED

P = {answer: float(value) for answer, value in DOUBLE.items()}  # models speak in float32
ONE = Prompt(Template.parse("{text} [Z]"), Verbalizer.of({"a": ["x", "y"], "b": "z"}))
OTHER = replace(ONE, template=Template.parse("[Z] {text}"))


@dataclass
class Counting:
    """A scorer that says what it was asked."""

    scorer: Scorer
    asked: list = field(default_factory=list)

    def predict(self, prompts, examples):
        self.asked += [(str(p.template), e.id) for p in prompts for e in examples]
        return self.scorer.predict(prompts, examples)

    def cost(self, prompts, examples):
        return self.scorer.cost(prompts, examples)


def cached(store, log=None, scorer=None, **options):
    scorer = scorer or Scorer(Oracle(P, **options), Scoring())
    inner = Counting(scorer)
    return CachedScorer(inner, scorer, store, log or pytest.fail), inner


def assert_same(one, other):
    np.testing.assert_array_equal(one.log_right, other.log_right)
    np.testing.assert_array_equal(one.predicted, other.predicted)
    np.testing.assert_array_equal(one.rank, other.rank)
    np.testing.assert_array_equal(one.log_probs, other.log_probs)
    assert one.targets == other.targets


@pytest.fixture(params=["memory", "disk"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else ScoreCache(tmp_path / "cache")


def test_nothing_is_computed_twice_and_all_is_as_computed(store):
    judge, inner = cached(store)
    first = judge.predict([ONE, OTHER], EXAMPLES)
    assert len(inner.asked) == 6
    assert first.cost.forwards > 0
    again = judge.predict([OTHER, ONE, OTHER], EXAMPLES[::-1])
    assert len(inner.asked) == 6
    assert again.cost.forwards == judge.cost([ONE], EXAMPLES).forwards == 0
    plain = inner.scorer.predict([OTHER, ONE, OTHER], EXAMPLES[::-1])
    for found, expected in zip(again.predictions, plain.predictions, strict=True):
        assert_same(found, expected)


def test_only_what_is_new_is_computed(store):
    judge, inner = cached(store)
    judge.predict([ONE], EXAMPLES[:1])
    inner.asked.clear()
    (found,) = judge.predict([ONE], EXAMPLES).predictions
    assert inner.asked == [("{text} [Z]", "1"), ("{text} [Z]", "2")]
    assert_same(found, inner.scorer.predict([ONE], EXAMPLES).predictions[0])


def test_answers_of_different_slots_share_no_score(store):
    template = Template.parse("{text} [Z1] [Z2]")
    first, second = (
        Prompt(template, Verbalizer.of({"a": [{one: "x"}], "b": [{two: "z"}]}, template.slots))
        for one, two in (("Z1", "Z2"), ("Z2", "Z1"))
    )
    judge, inner = cached(store)
    judge.predict([first], EXAMPLES)
    known = len(inner.asked)
    judge.predict([second], EXAMPLES)
    assert len(inner.asked) == 2 * known


def test_other_targets_are_served_from_the_same_scores(store):
    judge, inner = cached(store)
    judge.predict([ONE], EXAMPLES)
    flipped = [replace(e, target="b") for e in EXAMPLES]
    (found,) = judge.predict([ONE], flipped).predictions
    assert len(inner.asked) == 3
    assert_same(found, inner.scorer.predict([ONE], flipped).predictions[0])


def test_with_many_candidates_what_is_said_of_the_right_ones_is_kept(store):
    words = [f"w{i}" for i in range(LISTED + 1)]
    oracle = Oracle({word: -float(i) for i, word in enumerate(words)})
    scorer = Scorer(oracle, Scoring(), facts=True)
    prompt = Prompt(ONE.template, Verbalizer.of_candidates(words))
    facts = [Example("0", {"text": "p"}, ("w3", "w7")), Example("1", {"text": "q"}, ("none",))]
    judge, inner = cached(store, scorer=scorer)
    (first,) = judge.predict([prompt], facts).predictions
    (again,) = judge.predict([prompt], facts).predictions
    assert len(inner.asked) == 2
    np.testing.assert_allclose(again.log_right, first.log_right, rtol=1e-6)
    assert again.rank.tolist() == first.rank.tolist() == [4, 0]
    judge.predict([prompt], [replace(facts[0], target=("w9",))])  # of these, nothing is known
    assert len(inner.asked) == 3


def test_a_key_is_of_all_that_a_score_depends_on():
    base = Scorer(Oracle(P), Scoring())
    info = base.model.info
    others = [
        replace(base, answer_score="max"),
        replace(base, facts=True),
        replace(base, scoring=Scoring("independent")),
        replace(base, scoring=Scoring(length_norm="char")),
        *(
            replace(base, model=Oracle(P, replace(info, **{name: value})))
            for name, value in {
                "sha256": "1" * 64,
                "dtype": "bfloat16",
                "tokenizer_sha256": "2" * 64,
                "max_tokens": 64,
                "chat": {"template_sha256": "3"},
            }.items()
        ),
    ]
    keys = [described(scorer) for scorer in [base, *others]]
    assert all(one != other for one, other in pairwise(sorted(map(repr, keys))))


def test_the_name_a_model_is_loaded_by_does_not_matter(tmp_path):
    store = ScoreCache(tmp_path)
    judge, _ = cached(store)
    judge.predict([ONE], EXAMPLES)
    renamed = Scorer(Oracle(P, replace(Oracle(P).info, spec="elsewhere")), Scoring())
    judge, inner = cached(store, scorer=renamed)
    judge.predict([ONE], EXAMPLES)
    assert not inner.asked


def test_a_store_that_cannot_be_written_is_said_once_and_does_no_harm(tmp_path):
    place = tmp_path / "cache"
    place.write_text("a file")
    said = []
    judge, inner = cached(ScoreCache(place), said.append)
    for _ in range(2):
        (found,) = judge.predict([ONE], EXAMPLES).predictions
        assert_same(found, inner.scorer.predict([ONE], EXAMPLES).predictions[0])
    assert len(said) == 1
    assert "going on without it" in said[0]


def test_a_model_that_gives_no_numbers_is_an_error(store):
    judge, _ = cached(store, scorer=Scorer(Oracle({**P, "x": np.nan}), Scoring()))
    with pytest.raises(ModelError, match=r"'oracle' gives no numbers \(NaN\) in float32"):
        judge.predict([ONE], EXAMPLES)
