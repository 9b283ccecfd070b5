"""Prompts with scikit-learn's face: the scorer's numbers, and what scikit-learn does with it."""

import copy
import json
import math
import shutil
import subprocess
import sys

import joblib
import numpy as np
import pytest
from commanding import edits_in
from test_predict import PROMPTS, expected, prompts_in
from tiny import saved, tiny

from promptsearch import Prompt, PromptClassifier, Template, Verbalizer
from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import DataError, ModelError, RunError
from promptsearch.models.loading.load import load_model
from promptsearch.prompt import Source

TEXTS = ["a great film", "a terrible plot", "a wonderful story", "an awful actor", "a dull movie"]
GOLD = ["good", "bad", "good", "bad", "bad"]
ANSWERS = Verbalizer.of({"good": "great", "bad": "dull"})
PROMPT = Prompt(Template.parse("{text} It was [Z] ."), ANSWERS)


class Reversing:
    """A searcher that proposes the prompt with its answers the other way round."""

    def search(self, task: Task, score: Score) -> None:
        answers = {"good": "dull", "bad": "great"}
        score([Prompt(task.prompt.template, Verbalizer.of(answers), Source("reversing"))])


def classifier(**given):
    return PromptClassifier(PROMPT, tiny("bert")[0], **given)


def shares():
    """(text, label): good, bad; straight from the scorer."""
    answers = {"good": ["great"], "bad": ["dull"]}
    found = expected(str(PROMPT.template), answers, [{"text": text} for text in TEXTS])
    return np.array([[own["good"], own["bad"]] for own in found])


def test_probabilities_stand_in_the_order_of_the_sorted_labels():
    own, wanted = classifier(), shares()
    assert own.classes_.tolist() == ["bad", "good"]
    assert own.predict_proba(TEXTS) == pytest.approx(wanted[:, ::-1], abs=1e-5)
    right = [("good", "bad")[place] for place in wanted.argmax(1)]
    assert own.predict(TEXTS).tolist() == right
    hits = [label == gold for label, gold in zip(right, GOLD, strict=True)]
    assert own.fit(TEXTS, GOLD).score(TEXTS, GOLD) == pytest.approx(np.mean(hits))
    weights = [1, 2, 3, 4, 5]
    assert own.score(TEXTS, GOLD, weights) == pytest.approx(np.average(hits, weights=weights))
    assert own.predict_proba([]).shape == (0, 2)


def test_labels_of_another_type_score_before_a_fit_as_after_it():
    answers = Verbalizer.of({"1": "great", "0": "dull"})
    own = PromptClassifier(Prompt(PROMPT.template, answers), tiny("bert")[0])
    gold = [int(label == "good") for label in GOLD]
    before = own.score(TEXTS, gold)
    assert (
        before == own.score(TEXTS, list(map(str, gold))) == own.fit(TEXTS, gold).score(TEXTS, gold)
    )
    assert before > 0


def test_as_many_labels_as_rows_are_wanted():
    for call in (classifier().fit, classifier().score):
        with pytest.raises(DataError, match="X has 5 rows and y 3 labels"):
            call(TEXTS, GOLD[:3])


def test_labels_keep_the_type_that_they_were_given_in():
    answers = Verbalizer.of({"1": "great", "0": "dull", "2": "city"})
    own = PromptClassifier(Prompt(PROMPT.template, answers), tiny("bert")[0])
    assert own.predict(TEXTS).dtype.kind == "U"
    own.fit(TEXTS, np.array([1, 0, 1, 0, 0]))
    assert own.classes_.tolist() == [0, 1, 2]
    assert own.predict(TEXTS).dtype.kind == "i"
    assert own.predict_proba(TEXTS).argmax(1).tolist() == own.predict(TEXTS).tolist()


class DataFrame:
    """As much of a data frame as is looked at."""

    def __init__(self, columns):
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return self._columns[name]


@pytest.mark.parametrize("shape", ["texts", "dicts", "frame", "array"])
def test_what_rows_may_be(shape):
    given = {
        "texts": TEXTS,
        "dicts": [{"n": 1, "text": text} for text in TEXTS],
        "frame": DataFrame({"text": TEXTS, "n": [1.5] * len(TEXTS)}),
        "array": np.array(TEXTS),
    }[shape]
    assert classifier().predict_proba(given) == pytest.approx(shares()[:, ::-1], abs=1e-5)


class NA:
    """Equal to nothing, as pandas' NA: even asking is an error."""

    def __eq__(self, other):
        return self

    def __bool__(self):
        raise TypeError

    __hash__ = object.__hash__


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("a text", "X must be a list of texts or dicts, or a data frame, not a str"),
        (["a film", 3], "X, line 2: a row must be a text"),
        (["a film", " "], "X, line 2: the column 'text' is empty"),
        ([{"txt": "a film"}], "there is no column 'text' .did you mean 'txt'"),
        ([{"text": math.nan}], "the column 'text' is null"),
        (DataFrame({"text": [NA()]}), "X, line 1: the column 'text' is null"),
    ],
)
def test_rows_that_cannot_be_asked(rows, reason):
    with pytest.raises(DataError, match=reason):
        classifier().predict(rows)


def test_texts_alone_are_not_enough_for_two_inputs():
    two = Prompt(Template.parse("{a} [Z] {b}"), PROMPT.verbalizer)
    own = PromptClassifier(two, tiny("bert")[0])
    assert own.predict([{"a": "x", "b": "y"}]).shape == (1,)
    with pytest.raises(DataError, match="the prompts read a, b; give dicts"):
        own.predict(["x"])


def test_of_a_file_its_ensemble_or_one_prompt(tmp_path):
    members = [{"id": "p1", "weight": 1.0}, {"id": "p2", "weight": 1.0}]
    path = prompts_in(tmp_path, ensemble={"rule": "uniform", "members": members})
    inputs = [{"text": text} for text in TEXTS]
    one, two = (expected(PROMPTS[i]["template"], PROMPTS[i]["verbalizer"], inputs) for i in (0, 1))
    pairs = list(zip(one, two, strict=True))
    products = np.array([[a[label] * b[label] for label in ("bad", "good")] for a, b in pairs])
    found = PromptClassifier(path).predict_proba(TEXTS)
    assert found == pytest.approx(products / products.sum(1, keepdims=True), abs=1e-5)
    single = PromptClassifier(str(path), saved("bert"), id="p2").predict_proba(TEXTS)
    assert single[:, 0] == pytest.approx([own["bad"] for own in two], abs=1e-5)


def test_a_changed_model_is_refused_unless_it_is_asked_for(tmp_path):
    path = prompts_in(tmp_path, model=None)
    document = json.loads(path.read_text())
    document["model"] = {"spec": saved("bert"), "sha256": "0" * 64}
    path.write_text(json.dumps(document))
    with pytest.raises(ModelError, match="its weights are not those the prompts were found with"):
        PromptClassifier(path).predict(TEXTS)
    assert len(PromptClassifier(path, saved("bert")).predict(TEXTS)) == 5


def test_a_changed_tokenizer_or_configuration_is_refused(tmp_path):
    path = edits_in(tmp_path)
    document = json.loads(path.read_text())
    for key, what in (("tokenizer_sha256", "tokenizer"), ("config_sha256", "config.json")):
        document["model"] = {"spec": saved("bert"), key: "0" * 64}
        path.write_text(json.dumps(document))
        with pytest.raises(ModelError, match=f"its {what} is not the one the prompts were found"):
            PromptClassifier(path).predict(TEXTS)
    document["versions"]["tokenizers"] = "0.0"  # it said the same in other words, perhaps
    path.write_text(json.dumps(document))
    assert len(PromptClassifier(path).predict(TEXTS)) == len(TEXTS)


# With a search


def planted():
    """Labels that the reversed prompt gets right."""
    return ["bad" if place == 0 else "good" for place in shares().argmax(1)] * 4


def test_fit_keeps_the_best_that_the_search_finds():
    own = classifier(searcher=Reversing(), budget=2)
    with pytest.raises(RunError, match=r"call fit\(X, y\) first"):
        own.predict(TEXTS)
    gold = planted()
    assert classifier().fit(TEXTS * 4, gold).score(TEXTS * 4, gold) == 0
    assert own.fit(TEXTS * 4, gold).score(TEXTS * 4, gold) == 1
    assert own.prompt_.source.strategy == "reversing"
    assert len(own.result_.trials) == 2
    assert own.predict_proba(TEXTS)[:, 0] == pytest.approx(shares()[:, 0], abs=1e-5)
    assert classifier(searcher=Reversing(), budget=1).fit(TEXTS * 4, gold).prompt_ == PROMPT


def test_what_fit_refuses():
    with pytest.raises(DataError, match=r"the label 'god' is none of the prompts' .did you mean"):
        classifier().fit(TEXTS, ["god"] * 5)
    with pytest.raises(DataError, match="1 example leaves none to decide on"):
        classifier(searcher=Reversing()).fit(TEXTS[:1], GOLD[:1])
    with pytest.raises(RunError, match="a search starts from one prompt"):
        classifier(searcher=Reversing(), ensemble=True).fit(TEXTS, GOLD)
    with pytest.raises(ValueError, match=r"no parameter 'bugdet' .did you mean 'budget'"):
        classifier().set_params(bugdet=3)


def test_calibrated_by_the_rows_that_it_searched_on(tmp_path):
    path = prompts_in(tmp_path, scoring={"calibration": "batch"})
    own = PromptClassifier(path, saved("bert"), searcher=Reversing(), budget=1)
    own.fit(TEXTS * 2, GOLD * 2)
    assert own.predict_proba(TEXTS).sum(1) == pytest.approx(np.ones(5))
    with pytest.raises(RunError, match="batch calibration asks the training inputs"):
        PromptClassifier(path, saved("bert")).predict(TEXTS)


# What scikit-learn does


def test_a_copy_shares_the_frozen_model():
    own = classifier()
    made = copy.deepcopy(own.model)
    assert made.runtime is own.model.runtime


def test_rows_that_cannot_be_asked_may_be_skipped():
    rows = [TEXTS[0], "", TEXTS[1], None]
    with pytest.raises(DataError, match="X, line 2"):
        classifier().predict(rows)
    skipping = classifier(on_error="skip")
    whole = classifier()
    labels = skipping.predict(rows).tolist()
    assert labels == [whole.predict(TEXTS)[0], None, whole.predict(TEXTS)[1], None]
    shares = skipping.predict_proba(rows)
    assert np.isnan(shares[[1, 3]]).all()
    np.testing.assert_allclose(shares[[0, 2]], whole.predict_proba(TEXTS[:2]), atol=1e-6)
    assert skipping.score(rows, [labels[0], "bad", labels[2], "bad"]) == 0.5


@pytest.mark.parametrize("loaded", [False, True])
def test_a_classifier_that_has_predicted_is_pickled(loaded, tmp_path):
    spec = saved("bert")
    one = PromptClassifier(PROMPT, load_model(spec) if loaded else spec)
    before = one.predict_proba(TEXTS)
    joblib.dump(one, tmp_path / "classifier")
    again = joblib.load(tmp_path / "classifier")
    np.testing.assert_allclose(again.predict_proba(TEXTS), before, atol=1e-6)


def test_a_pickled_model_whose_weights_have_changed_is_refused(tmp_path):
    shutil.copytree(saved("bert"), tmp_path / "model")
    joblib.dump(load_model(str(tmp_path / "model")), tmp_path / "pickled")
    weights = tmp_path / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="not those that were pickled"):
        joblib.load(tmp_path / "pickled")


@pytest.mark.slow
def test_cross_validation_in_two_processes():
    pytest.importorskip("sklearn")
    from sklearn.model_selection import cross_val_score

    one = PromptClassifier(PROMPT, saved("bert"))
    one.predict(TEXTS)
    alone = cross_val_score(one, TEXTS * 4, GOLD * 4, cv=2)
    assert cross_val_score(one, TEXTS * 4, GOLD * 4, cv=2, n_jobs=2).tolist() == alone.tolist()


def test_threads_that_ask_first_get_what_one_alone_gets():
    code = f"""
import threading
from promptsearch import Prompt, PromptClassifier, Template, Verbalizer
prompt = Prompt(
    Template.parse("{{text}} It was [Z] ."), Verbalizer.of({{"good": "great", "bad": "dull"}})
)
shared, got = PromptClassifier(prompt, {saved("bert")!r}), []
ask = lambda: got.append(shared.predict({TEXTS!r}).tolist())
threads = [threading.Thread(target=ask) for _ in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(got) == 6, got
assert got == [PromptClassifier(prompt, {saved("bert")!r}).predict({TEXTS!r}).tolist()] * 6
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_cross_validation_clones_and_pipelines():
    pytest.importorskip("sklearn")
    from sklearn.base import clone, is_classifier
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    gold, searching = planted(), classifier(searcher=Reversing(), budget=2, seed=3)
    again = clone(searching)
    assert again.get_params()["seed"] == 3
    assert again.searcher is not searching.searcher
    assert is_classifier(again)
    assert cross_val_score(searching, TEXTS * 4, gold, cv=2).tolist() == [1, 1]
    assert cross_val_score(classifier(), TEXTS * 4, gold, cv=2).tolist() == [0, 0]
    good = shares()[:, 0]  # those that are good to the prompt are bad here: the worst of orders
    halves = ["bad" if share > np.median(good) else "good" for share in good] * 4
    areas = cross_val_score(classifier(), TEXTS * 4, halves, cv=2, scoring="roc_auc")
    assert areas.tolist() == [0, 0]
    search = GridSearchCV(searching, {"budget": [1, 2]}, cv=2).fit(TEXTS * 4, gold)
    assert search.best_params_ == {"budget": 2}
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pipeline = make_pipeline(lower, clone(searching)).fit(TEXTS * 4, gold)
    assert pipeline.predict([text.upper() for text in TEXTS]).tolist() == gold[:5]


def test_it_does_without_scikit_learn():
    lines = ["import sys", "sys.modules['sklearn'] = None", "import promptsearch"]
    code = "\n".join([*lines, "promptsearch.PromptClassifier('prompts.json')"])
    subprocess.run([sys.executable, "-c", code], check=True)
