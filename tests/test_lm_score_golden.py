"""Sentence scores against those that Davison, Feldman and Rush's own code gives."""

import json

import numpy as np
import pytest

from promptsearch import load_model
from promptsearch.models.generation.text_likelihood import plan_text_likelihood
from promptsearch.prompt import Template
from promptsearch.searchers.lm_score.coherence import Coherence
from promptsearch.searchers.lm_score.ranking import TemplateRanking
from promptsearch.searchers.lm_score.sentences import SentenceSet

TOLERANCE, ITEMS = 1e-4, 4


@pytest.fixture(scope="module")
def golden(shared):
    return json.loads((shared / "golden" / "dev" / "davison.json").read_text())


@pytest.fixture(scope="module")
def lm(shared):
    return load_model(str(shared / "golden" / "dev" / "stories260k"), dtype="float32")


@pytest.fixture(params=range(ITEMS))
def item(golden, request):
    return golden["items"][request.param]


def ours(notation):
    return Template.parse(notation.replace("{0}", "{head}").replace("{1}", "[Z]"))


def coherence_of(item, golden, lm, heads=None, tails=None):
    heads, tails = heads or item["head_forms"], tails or item["tail_forms"]
    case = SentenceSet("0", {"head": tuple(heads)}, ({"Z": tuple(tails)},))
    return Coherence(lm, [case], golden["prefix"], golden["length_exponent"])


def test_the_cases_are_all_there(golden):
    assert len(golden["items"]) == ITEMS
    assert not golden["adds_bos"]


def test_every_candidate_has_its_ids_its_sum_and_its_score(item, golden, lm):
    coherence = coherence_of(item, golden, lm)
    expected = {(c["template"], c["sentence"]): c for c in item["candidates"]}
    seen = set()
    for notation in item["templates"]:
        (texts,) = coherence.sentences(ours(notation), coherence.sentence_sets[0])
        reading = plan_text_likelihood(lm, texts)
        items = [each for block in reading.plan.blocks for each in block.items]
        ids = {row: each.ids for each in items for row in each.rows}
        for row, value in enumerate(reading.log_probs()):
            sentence = "".join(part.text for part in texts[row][1:])
            wanted = expected[notation, sentence]
            assert list(ids[row]) == wanted["token_ids"][:-1]
            assert reading.counts[row] == wanted["n_tokens"]
            assert value == pytest.approx(wanted["sum_logprob_float64"], abs=TOLERANCE)
            score = coherence.score(value, reading.counts[row])
            assert score == pytest.approx(wanted["score_float64"], abs=TOLERANCE)
            seen.add((notation, sentence))
    assert len(seen) == len(item["candidates"])


def test_the_best_sentence_is_found(item, golden, lm):
    coherence = coherence_of(item, golden, lm)
    templates = list(map(ours, item["templates"]))
    worths = [own for (own,) in coherence.model_call(templates).run()]
    best = max(range(len(worths)), key=lambda place: worths[place].score)
    wanted = item["candidates"][item["best_index"]]
    assert item["templates"][best] == wanted["template"]
    assert worths[best].score == pytest.approx(wanted["score_float64"], abs=TOLERANCE)
    sentence = coherence.sentence(templates[best], coherence.sentence_sets[0], worths[best].best)
    assert sentence == item["best_sentence"]


def test_the_best_template_by_the_mean_over_forms_is_found(item, golden, lm):
    """Each combination of forms is an example of its own here: the mean is over all of them."""
    columns = []
    for head in item["head_forms"]:
        for tail in item["tail_forms"]:
            coherence = coherence_of(item, golden, lm, [head], [tail])
            worths = coherence.model_call([ours(each) for each in item["templates"]]).run()
            columns.append([own.score for (own,) in worths])
    ballot = TemplateRanking(np.array(columns).T)
    best = ballot.order("relation")[0]
    assert item["templates"][best] == item["best_template_by_mean_over_forms"]
