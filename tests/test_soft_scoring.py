"""Soft prompts are scored: vectors that are words' rows score as the words, on every path."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from model_types import ModelType
from test_models_naive import scores
from tiny import bert_tokenizer, tiny

from promptsearch.data import Example
from promptsearch.errors import ModelError
from promptsearch.models import Scoring
from promptsearch.models.forward.embedding_table import embedded
from promptsearch.models.loading.load import load_model
from promptsearch.prompt import Prompt, Slot, Soft, Template, Text, Vectors, Verbalizer
from promptsearch.scoring import Scorer
from promptsearch.scoring.cache_store import ScoreCache
from promptsearch.scoring.cached_scorer import CachedScorer

TEXTS = ("great film", "The plot is awful, really bad", "Paris")
ANSWERS = [(("Z", text),) for text in ("great", "really good", "terrible")]
KINDS = ("bert", "roberta", "gpt2", "llama", "t5")


def ids_of(port, text, start=False):
    tokens = port.runtime.tokens
    if start:
        return tokens.encode([(text,)], special=False)[0]
    return tokens.encode_continuation([(f" {text}",)])[0]


def of_words(port, text, start=False):
    """Vectors that are the rows of a text's tokens."""
    rows = embedded(port.runtime.model, ids_of(port, text, start)).numpy()
    return Vectors.of(rows, port.info.sha256)


def soft(name, vectors):
    return Soft(name, len(vectors.rows), vectors)


def without_fast(port):
    """The model as transformers runs it, padded."""
    limits = replace(port.runtime.batch_limits, packed=False, shares_prefixes=False)
    return replace(port, runtime=replace(port.runtime, fast=None, batch_limits=limits))


def filled(template):
    return [template.fill({"text": text}) for text in TEXTS]


def forms(port):
    """Templates of text, and the same with vectors for words: inside, in front, twice."""
    was, the = of_words(port, "It was"), of_words(port, "The plot", start=True)
    inside = Template.parse("{text} [S:9] [Z] .").parts
    middle = tuple(soft("S", was) if isinstance(part, Soft) else part for part in inside)
    in_front = (soft("S2", the), Text(" of {text} is ".replace("{text} ", "")), Slot())
    return [
        ("{text} It was [Z] .", Template(middle)),
        ("The plot of is [Z]", Template(in_front)),
        (
            "{text} It was It was [Z]",
            Template((*middle[:2], soft("S", was), Text(" "), soft("S", was), Text(" "), Slot())),
        ),
    ]


@pytest.mark.parametrize("path", ["packed", "plain"])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_words_score_as_the_words(kind, path):
    port, _, _ = tiny(kind)
    model = port if path == "packed" else without_fast(port)
    for text, template in forms(port):
        expected = scores(model, filled(Template.parse(text)), ANSWERS)
        np.testing.assert_allclose(scores(model, filled(template), ANSWERS), expected, atol=1e-4)


def test_the_built_in_model_scores_them_fused_and_in_its_ranking_dtype():
    port = load_model("builtin")
    for model, tolerance in ((port, 1e-4), (port.fast_model, 0.05)):
        for text, template in forms(port):
            expected = scores(model, filled(Template.parse(text)), ANSWERS)
            found = scores(model, filled(template), ANSWERS)
            np.testing.assert_allclose(found, expected, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_and_plain_agree_on_any_vectors_in_one_batch_with_words(kind):
    port, _, _ = tiny(kind)
    hidden = of_words(port, "was").rows.shape[1]
    rng = np.random.default_rng(0)
    some = [Vectors.of(rng.standard_normal((3, hidden)), port.info.sha256) for _ in range(2)]
    templates = [Template.parse("{text} [S:3] [Z]").with_vectors({"S": each}) for each in some]
    texts = [text for t in (*templates, Template.parse("{text} It was [Z]")) for text in filled(t)]
    together = scores(port, texts, ANSWERS)
    np.testing.assert_allclose(together, scores(without_fast(port), texts, ANSWERS), atol=2e-5)
    alone = torch.cat([scores(port, [text], ANSWERS) for text in texts])
    np.testing.assert_allclose(together, alone, atol=2e-5)
    assert (together[:3] - together[3:6]).abs().min() > 1e-4  # two checkpoints are not one


def test_a_cache_on_disk_keeps_two_checkpoints_apart(tmp_path):
    port, _, _ = tiny("bert")
    answers = Verbalizer.of({"bad": "terrible", "good": "great"})
    examples = [Example(str(i), {"text": text}, ("good",)) for i, text in enumerate(TEXTS)]
    words = ("It was", "The plot")
    form = Template.parse("{text} [S:2] [Z]")
    prompts = [
        Prompt(
            form.with_vectors({"S": Vectors.of(of_words(port, w).rows[:2], port.info.sha256)}),
            answers,
        )
        for w in words
    ]
    scorer = Scorer(port, Scoring())
    for _ in range(2):  # the second time all is read
        cached = CachedScorer(scorer, scorer, ScoreCache(tmp_path / "cache"), pytest.fail)
        one, other = cached.predict(prompts, examples).predictions
        direct = scorer.predict(prompts, examples).predictions
        np.testing.assert_allclose(one.log_right, direct[0].log_right, atol=1e-6)
        np.testing.assert_allclose(other.log_right, direct[1].log_right, atol=1e-6)
        assert abs(one.log_right - other.log_right).max() > 1e-4


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_what_the_model_reads_is_shown_with_the_notation(kind):
    port, _, _ = tiny(kind)
    _, template = forms(port)[0]
    assert f" {template.soft[0].notation}" in port.rendered(filled(template)[0])
    assert port.white_box.sequences(filled(template), ANSWERS[0])


def test_hidden_states_are_of_the_vectors():
    port, _, _ = tiny("bert")
    text, template = forms(port)[0]
    white_box = port.white_box
    states = [
        white_box.states(white_box.plan_states(filled(each), ANSWERS[0]))
        for each in (Template.parse(text), template)
    ]
    np.testing.assert_allclose(*states, atol=1e-5)


def test_what_cannot_be_scored_is_one_line():
    causal, masked = tiny("gpt2")[0], tiny("bert")[0]
    vectors = of_words(causal, "was")
    behind = Template.parse("{text} [Z] [S:9]").parts
    behind = Template((*behind[:-1], soft("S", vectors)))
    foreign = Vectors.of(vectors.rows, "b" * 64)
    for model, template, problem in (
        (causal, behind, "stands after the slot"),
        (causal, Template.parse("{text} [S:2] [Z]"), r"there are none; write \[\[S:2\]\]"),
        (masked, Template((soft("S", foreign), Slot())), "another model"),
        (
            masked,
            Template((soft("S", Vectors.of(np.ones((1, 5)), masked.info.sha256)), Slot())),
            "have 5 numbers each",
        ),
    ):
        with pytest.raises(ModelError, match=problem):
            model.plan(filled(template), ANSWERS, Scoring())


def test_a_model_without_a_table_of_words_takes_text_alone(tmp_path):
    """Perceiver's input embedding is one of latents."""
    kind = ModelType("masked", "perceiver")
    kind.save(bert_tokenizer(), tmp_path)
    port = load_model(str(tmp_path), device="cpu", family="masked")
    filled = Template.parse("{text} is [Z]").fill({"text": "a film"})
    assert "a film is" in port.rendered(filled)
    part = Soft("S", 1, Vectors.of(np.ones((1, 8)), port.info.sha256))
    with pytest.raises(ModelError, match="no table of word embeddings"):
        port.plan([(part, *filled)], [(("Z", "good"),)], Scoring())
