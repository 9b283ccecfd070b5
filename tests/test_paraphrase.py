"""Paraphrase search as a whole: what is planted is found, and what cannot be is said clearly."""

from dataclasses import replace

import pytest
from judges import ShorterIsBetter, capitals
from tiny import tiny

from promptsearch.engine import search_prompts
from promptsearch.errors import ModelError, RunError
from promptsearch.prompt import Template
from promptsearch.scoring import Cost, PredictionBatch
from promptsearch.searchers import ParaphraseSearch


@pytest.fixture
def task(tmp_path):
    return capitals(tmp_path)


class Likes(ShorterIsBetter):
    """Judges templates by a function of their text."""

    def __init__(self, merit):
        self.merit, self.asked = merit, []

    def predict(self, prompts, on, rows):
        self.asked += [(on, str(prompt.template)) for prompt in prompts]
        return PredictionBatch(tuple(prompts), Cost(len(prompts)))

    def scores(self, prompt):
        return {"log_likelihood": self.merit(str(prompt.template)), "n": 4}


def found(searcher, task, merit):
    return search_prompts(searcher, task, Likes(merit))


def test_finds_the_planted_synonym(task):
    start = replace(task.prompt, template=Template.parse("the city of {subject} : [Z]"))
    searcher = ParaphraseSearch(method=("synonyms",), rounds=1)
    result = found(searcher, replace(task, prompt=start), lambda t: -1.0 + ("metropolis" in t))
    assert str(result.best.prompt.template) == "the metropolis of {subject} : [Z]"
    assert result.best.prompt.source.parents == ("p0",)


def test_a_round_goes_on_from_the_best_of_the_last(task):
    start = replace(task.prompt, template=Template.parse("a b c d {subject} [Z]"))
    searcher = ParaphraseSearch(method=("edits",), rounds=3, keep=1, edits=1000, screen=0)
    result = found(searcher, replace(task, prompt=start), lambda t: -float(len(t)))
    assert str(result.best.prompt.template) == "{subject} [Z]"
    ids = {trial.id: trial for trial in result.trials}
    parent = ids[result.best.prompt.source.parents[0]]
    assert len(str(parent.prompt.template)) == len("d {subject} [Z]")


def test_the_pool_is_screened_on_training_examples(task):
    judge = Likes(lambda t: -float(len(t)))
    searcher = ParaphraseSearch(method=("edits",), rounds=1, edits=1000, screen=1, width=3)
    search_prompts(searcher, task, judge)
    on_train = [text for on, text in judge.asked if on == "train"]
    on_dev = [text for on, text in judge.asked if on == "dev"][1:]
    assert sorted(on_dev, key=len) == sorted(on_train, key=len)[:3]


def test_starts_from_other_templates_too(task):
    searcher = ParaphraseSearch(template=("[Z] rules {subject}",), method=("edits",), rounds=1)
    result = found(searcher, task, lambda t: -1.0 + t.startswith("[Z]"))
    assert str(result.best.prompt.template) == "[Z] rules {subject}"


def test_substitution_with_a_model_is_paid_once_and_proposes_its_words(task):
    searcher = ParaphraseSearch(method=("substitute",), rounds=1, fills=3, screen=0)
    start = replace(task.prompt, template=Template.parse("{subject} was [Z]"))
    result = found(searcher, replace(task, prompt=start), lambda t: -1.0)
    kinds = {trial.prompt.source.evidence.get("edit") for trial in result.trials[1:]}
    assert kinds == {"replace", "insert", "delete"}
    words = tiny("bert")[0].vocabulary_words()
    for trial in result.trials[1:]:
        said = trial.prompt.source.evidence
        assert said["edit"] == "delete" or said["to"] in {*words, *",.:;?!-"}
        assert said["to"] not in ("paris", "oslo")  # training objects would leak


def test_another_language_leaves_synonyms_out_and_says_so(task):
    lines = []
    chinese = replace(task, language="zh", log=lines.append)
    result = found(ParaphraseSearch(rounds=1, fills=2), chinese, lambda t: -1.0)
    assert "synonyms left out: English, but the task is in 'zh'" in lines
    methods = {trial.prompt.source.evidence.get("method") for trial in result.trials[1:]}
    assert methods == {"substitute", "edits"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"rounds": 0}, "--rounds 0 is too small; give 1 or more"),
        ({"backward": "x"}, "`backward` needs `forward` too"),
        ({"forward": "x"}, "`forward` needs `backward` too"),
        ({"method": ("translate",)}, "`method` translate needs `forward` and `backward`"),
        ({"method": ("synonym",)}, "no method 'synonym'; there are synonyms, substitute"),
        ({"method": ("rewrite",)}, "`method` rewrite needs `rewriter`"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, reason):
    with pytest.raises(RunError, match=reason):
        ParaphraseSearch(**options)


@pytest.mark.parametrize(
    ("options", "kind", "reason"),
    [
        ({"filler": "x", "method": ("substitute",)}, "gpt2", "`filler` x is a causal model; give"),
        ({"rewriter": "x", "method": ("rewrite",)}, "bert", "`rewriter` x is a masked model; give"),
    ],
)
def test_a_partner_must_be_able(task, monkeypatch, options, kind, reason):
    partners = "promptsearch.searchers.common.companion_models"
    monkeypatch.setattr(f"{partners}.load_beside", lambda *_: tiny(kind)[0])
    with pytest.raises(ModelError, match=reason):
        found(ParaphraseSearch(**options), task, lambda t: -1.0)
