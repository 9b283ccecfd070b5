"""Metrics of texts are those of the packages that papers use, and SQuAD's."""

import re
import string
from collections import Counter

import numpy as np
import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer

from promptsearch.metrics import METRIC, paired_difference, scores_of
from promptsearch.metrics.correlation import jackknifed
from promptsearch.metrics.generation_predictions import GenerationPredictions
from promptsearch.metrics.text_metrics import (
    bleu_counts,
    bleu_of,
    chrf,
    exact_match,
    rouge_l,
    signatures,
    token_f1,
)

TEXTS = [
    "The cat sat on the mat.",
    "a_b c-d's 3.14!",
    "A dog",
    "",
    "storms hit the coast, leaving thousands without power",
]
REFERENCES = [
    ("the cat sat on a mat", "a cat"),
    ("a b c d 3 14", "something else"),
    ("A dog barks", "dogs"),
    ("not empty", "no"),
    ("Thousands without power as storms hit coast", "storms leave thousands in the dark"),
]
PAIRS = list(zip(TEXTS, REFERENCES, strict=True))


@pytest.mark.parametrize(("text", "references"), PAIRS)
def test_rouge_of_ascii_is_that_of_its_package(text, references):
    package = RougeScorer(["rougeL"]).score_multi(list(references), text)["rougeL"].fmeasure
    assert rouge_l(text, references) == pytest.approx(package, abs=1e-12)


def test_rouge_knows_words_of_other_scripts():
    """Its own tokenizer keeps a-z and 0-9 alone, so that every such text would have 0."""
    assert rouge_l("Москва столица", ("Москва столица России",)) == pytest.approx(0.8)
    assert rouge_l("我爱你", ("我爱他",)) == pytest.approx(2 / 3)
    assert RougeScorer(["rougeL"]).score("我爱你", "我爱他")["rougeL"].fmeasure == 0


def test_bleu_of_all_texts_is_sacrebleus():
    counts = np.array([bleu_counts(*pair) for pair in zip(TEXTS, REFERENCES, strict=True)])
    streams = [list(stream) for stream in zip(*REFERENCES, strict=True)]
    assert bleu_of(counts) == pytest.approx(sacrebleu.corpus_bleu(TEXTS, streams).score, abs=1e-9)
    assert jackknifed(bleu_of)(counts).mean() == pytest.approx(bleu_of(counts), abs=1e-9)


def test_bleu_of_chinese_has_characters():
    ours = bleu_of(np.array([bleu_counts("我爱你们的家", ("我爱你们的屋",))]))
    theirs = sacrebleu.corpus_bleu(["我爱你们的家"], [["我爱你们的屋"]], tokenize="zh").score
    assert ours == pytest.approx(theirs, abs=1e-9)
    assert "tok:zh" in signatures([("我爱你们的屋",)])["bleu"]


@pytest.mark.parametrize(("text", "references"), PAIRS)
def test_chrf_is_sacrebleus(text, references):
    package = sacrebleu.sentence_chrf(text, list(references)).score
    assert chrf(text, references) == pytest.approx(package)


def squad_words(text):
    """`normalize_answer` of SQuAD's evaluate-v1.1.py."""
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


@pytest.mark.parametrize("text", [*TEXTS, "the 5th Avenue", "An apple a day"])
@pytest.mark.parametrize("reference", ["5th avenue", "cat mat", "apple day", "The Cat"])
def test_exact_match_and_f1_are_squads(text, reference):
    ours, theirs = squad_words(text), squad_words(reference)
    assert exact_match(text, (reference,)) == float(ours == theirs)
    common = sum((Counter(ours) & Counter(theirs)).values())
    f1 = 2 * common / (len(ours) + len(theirs)) if common else 0.0
    assert token_f1(text, (reference,)) == pytest.approx(f1)


def test_a_row_has_the_best_of_its_references():
    assert exact_match("Dogs!", ("cats", "dogs")) == 1
    assert token_f1("big dogs", ("cats", "dogs")) == pytest.approx(2 / 3)


def predictions(texts=(), log_right=None):
    values = np.full(len(REFERENCES), -9.0) if log_right is None else log_right
    return GenerationPredictions.of(REFERENCES, values, texts)


def test_scores_without_texts_are_likelihoods_alone():
    from promptsearch.data import GENERATION

    assert scores_of(predictions(), GENERATION) == {"log_likelihood": -9.0, "n": 5}
    scores = scores_of(predictions(TEXTS), GENERATION)
    assert set(GENERATION.metric_keys) <= set(scores)
    low, high = scores["rouge_l_ci95"]
    assert low <= scores["rouge_l"] <= high
    assert scores["exact_match"] == pytest.approx(1 / 5)


def test_a_difference_to_a_prompt_that_wrote_nothing_is_of_likelihoods():
    """A measured text on one side and a likelihood on the other are in different units."""
    ours, theirs = predictions(TEXTS), predictions(log_right=np.full(5, -11.0))
    assert paired_difference(ours, theirs, "rouge_l")["metric"] == "log_likelihood"
    assert paired_difference(ours, theirs, "rouge_l")["delta"] == pytest.approx(2)
    same = paired_difference(ours, predictions(TEXTS), "rouge_l")
    assert (same["metric"], same["delta"]) == ("rouge_l", 0)


def test_rows_keep_their_texts():
    part = predictions(TEXTS).on_rows([2, 0])
    assert part.texts == (TEXTS[2], TEXTS[0])
    whole = predictions(TEXTS)
    for key in ("rouge_l", "chrf", "exact_match", "token_f1"):
        values = METRIC[key].per_example
        assert np.array_equal(values(part), values(whole)[[2, 0]])
    assert np.array_equal(part.counts, whole.counts[[2, 0]])
