"""`certify`: sheets, rivals, searches anew, and the command."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from commanding import reviews_in, run
from tiny import saved

from promptsearch.commands.shared.certificate_text import but_better
from promptsearch.data import CLASSIFICATION, Example, load_task
from promptsearch.engine.ledger import line_of, sum_of
from promptsearch.evaluation.certificate.baselines import (
    Learners,
    bag_of_words,
    label_names,
    learned,
    majority,
    without_inputs,
)
from promptsearch.evaluation.certificate.candidates import candidates_of
from promptsearch.evaluation.certificate.certify import better_section
from promptsearch.evaluation.certificate.comparison import Comparison, Design
from promptsearch.evaluation.certificate.crossfit import CrossFit
from promptsearch.evaluation.certificate.null_models import Randomiser, shuffled_labels
from promptsearch.evaluation.certificate.repeated_search import over_draws, over_folds, pooled
from promptsearch.evaluation.certificate.score_matrix import ScoreMatrix
from promptsearch.metrics import METRIC, METRICS, scores_of
from promptsearch.metrics.predictions import Predictions
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.prompt_file import read_prompts

LABELS = ("bad", "fair", "good")


def judged(seed, rows=24, sure=0.0):
    """A judgement of random log-probabilities, the right label's raised by `sure`."""
    rng = np.random.default_rng(seed)
    gold = np.random.default_rng(99).integers(3, size=rows)
    scores = rng.normal(size=(rows, 3))
    scores[np.arange(rows), gold] += sure
    return judgement_of(scores - np.logaddexp.reduce(scores, axis=1)[:, None], gold)


def judgement_of(log_probs, gold):
    right = log_probs[np.arange(len(gold)), gold]
    rank = 1 + (log_probs > right[:, None]).sum(axis=1)
    targets = tuple((LABELS[code],) for code in gold)
    return Predictions(LABELS, targets, right, log_probs.argmax(axis=1), rank, log_probs)


@pytest.mark.parametrize(
    ("metric", "negative"), [*product([m.key for m in METRICS if m.shares], [None, "fair"])]
)
def test_shares_of_f1_have_its_mean_and_its_spread(metric, negative):
    """Against the bootstrap's standard error of F1 itself."""
    rng = np.random.default_rng(3)
    gold = rng.integers(3, size=400)
    said = np.where(rng.random(400) < 0.7, gold, rng.integers(3, size=400))
    shares = METRIC[metric].shares(gold, said, LABELS, negative)
    assert shares.mean() == pytest.approx(METRIC[metric].of_labels(gold, said, LABELS, negative))
    draws = rng.integers(400, size=(2000, 400))
    drawn = [METRIC[metric].of_labels(gold[own], said[own], LABELS, negative) for own in draws]
    assert shares.std() / 20 == pytest.approx(np.std(drawn), rel=0.08)


def test_micro_f1_of_nothing_but_the_negative_label():
    nothing = np.ones(6, dtype=np.int64)
    assert METRIC["micro_f1"].shares(nothing, nothing, LABELS, "fair").tolist() == [0.0] * 6


@pytest.mark.parametrize("metric", ["accuracy", "log_likelihood", "macro_f1", "micro_f1"])
def test_a_sheet_scores_and_chooses_as_the_judgements_do(metric):
    own = [judged(seed) for seed in range(6)]
    sheet, rows = ScoreMatrix.of(own, CLASSIFICATION, "fair"), np.array([0, 3, 4, 9, 10, 17, 20])
    parts = [judgement_of(one.log_probs[rows], one.gold[rows]) for one in own]
    wanted = [scores_of(part, CLASSIFICATION, "fair") for part in parts]
    assert [sheet.score(metric, i, rows) for i in range(6)] == pytest.approx(
        [scores[metric] for scores in wanted]
    )
    merits = [(round(scores[metric], 9), scores["log_likelihood"]) for scores in wanted]
    assert sheet.choice(metric)(rows) == merits.index(max(merits))
    whole = scores_of(own[2], CLASSIFICATION, "fair")
    assert sheet.alone(metric, 2).mean() == pytest.approx(whole[metric])


def test_a_sheet_with_other_labels_is_that_of_other_judgements():
    own = [judged(seed) for seed in range(4)]
    gold = np.random.default_rng(1).permutation(own[0].gold)
    found = ScoreMatrix.of(own, CLASSIFICATION).relabelled(gold)
    wanted = ScoreMatrix.of([judgement_of(one.log_probs, gold) for one in own], CLASSIFICATION)
    for metric in ("accuracy", "log_likelihood", "macro_f1"):
        for prompt in range(4):
            assert found.alone(metric, prompt) == pytest.approx(wanted.alone(metric, prompt))


def contest(own, manual):
    sheets = (ScoreMatrix.of(own, CLASSIFICATION), ScoreMatrix.of([manual], CLASSIFICATION))
    fit = CrossFit(np.zeros((1, 24), dtype=np.int64), np.zeros((1, 2), dtype=np.int64))
    return Comparison(None, (), (), *sheets, fit, (), repeated=False)


def test_shuffled_labels_tell_a_gain_from_luck():
    design = Design("accuracy", "log_likelihood", 4, None, 0, 0)
    luck = shuffled_labels(contest([judged(s) for s in range(9)], judged(50)), design, 99)
    gain = shuffled_labels(contest([judged(s, sure=9) for s in range(9)], judged(50)), design, 99)
    assert gain.p == 0.01
    assert luck.p > 0.05
    assert luck.seeming > 0.05  # choosing alone seems to gain


MANUAL = Prompt(
    Template.parse("{text} It was [Z] ."), Verbalizer.of({"bad": "terrible", "good": "great"})
)


def test_random_twins_have_other_words_in_the_same_places():
    other = replace(MANUAL, verbalizer=Verbalizer.of({"bad": ["so bad", "dull"], "good": "fine"}))
    words = [f"w{i}" for i in range(50)]
    first, second, again = Randomiser(MANUAL, words).random_prompts_like([MANUAL, other], 3, seed=0)
    for twin in (first, second, again):
        text = str(twin.template).split()
        assert (text[0], text[3:]) == ("{text}", ["[Z]", "."])
        assert set(text[1:3]) <= set(words)
        assert len(set(text[1:3])) == 2
    assert first.template != again.template
    assert first.verbalizer == MANUAL.verbalizer
    drawn = " ".join(str(own) for pair in second.verbalizer.plain().values() for own in pair)
    assert len(set(drawn.split())) == 4
    assert set(drawn.split()) <= set(words)


def test_random_twins_of_chinese_have_as_many_characters():
    prompt = Prompt(Template.parse("{text}这是[Z]的"), Verbalizer.of({"a": "好", "b": "坏"}))
    (twin,) = Randomiser(prompt, list("天地人山水火"), "zh").random_prompts_like(
        [prompt], 1, seed=0
    )
    assert len(str(twin.template)) == len("{text}这是[Z]的")


def definition_of(folder, times=4):
    return load_task(str(reviews_in(folder, times)))


def test_label_names_are_answers_where_they_are_words(tmp_path):
    definition = definition_of(tmp_path)
    named = label_names(definition)
    assert named.verbalizer.plain() == {"bad": ["bad"], "good": ["good"]}
    assert "manual answers" in label_names(replace(definition, prompt=named))
    assert "no words" in label_names(replace(definition, labels=("0", "1")))
    (example,) = without_inputs([Example("0", {"text": "a film"}, "bad")])
    assert example == Example("0", {"text": ""}, "bad")


def texts(pairs):
    return [Example(str(i), {"text": text}, label) for i, (text, label) in enumerate(pairs)]


def test_learners_never_see_the_rows_they_label(tmp_path):
    definition = definition_of(tmp_path)
    examples = texts([(f"word{i}", "bad" if i % 3 else "good") for i in range(12)])
    strata = np.array([definition.labels.index(own.target) for own in examples])
    seen = []

    def remember(rows):
        seen.append({own.id for own in rows})
        return lambda asked: ["bad" if own.id not in seen[-1] else "good" for own in asked]

    learners = Learners(definition, examples, strata, "accuracy", (), 3, 0)
    hits = learners.metric_values(remember)
    assert hits.shape == (4, 12)
    assert (hits == (strata == definition.labels.index("bad"))).all()


def test_a_bag_of_words_learns_what_words_tell():
    pytest.importorskip("sklearn")
    fit = bag_of_words(texts([("good film", "good"), ("bad film", "bad")] * 4))
    assert fit(texts([("a good one", "?"), ("so bad", "?")])) == ["good", "bad"]
    assert bag_of_words(texts([("a", "bad")]))(texts([("b", "?")])) == ["bad"]
    no_words = texts([("!", "bad"), ("?", "good"), ("...", "bad")])
    assert bag_of_words(no_words)(no_words) == ["bad"] * 3
    assert majority(texts([("a", "bad"), ("b", "good"), ("c", "bad")]))([None]) == ["bad"]


def test_what_names_labels_only_is_left_out_of_likelihoods(tmp_path):
    definition = definition_of(tmp_path)
    examples = definition.train.examples
    learners = Learners(definition, examples, np.zeros(6), "log_likelihood", (), 3, 0)
    assert not learned(learners).values
    assert set(learned(learners).left_out) == {"majority", "TF-IDF + logistic regression"}


def test_searches_anew_never_see_the_rows_that_judge(tmp_path):
    definition = definition_of(tmp_path, times=10)
    rows, asked = pooled(definition), []

    def search(part):
        asked.append([*part.train.examples, *part.dev.examples])
        return part.prompt

    strata = np.array([definition.labels.index(own.target) for own in rows])
    found = over_folds(definition, search, strata, folds=3, seed=0)
    assert sorted(row for fold in found for row in fold.rest) == list(range(30))
    assert [len(own) + len(fold.rest) for own, fold in zip(asked, found, strict=True)] == [30] * 3
    (drawn,) = over_draws(definition, search, strata, shots=2, draws=1, seed=0)
    assert len(drawn.rest) == 30 - 2 * 2 * 2
    assert len(asked[-1]) == 8


@pytest.fixture
def found(tmp_path):
    """A search's file; its rows are numbered, so that they differ."""
    task = reviews_in(tmp_path, 8)
    given = ("--task", task, "-m", saved("bert"), "-o", tmp_path / "run", "-q")
    run("answers", "prune", *given, "--budget", "12")
    return tmp_path / "run" / "prompts.json"


def test_candidates_are_all_that_were_scored(found):
    definition, file = load_task(str(found.parents[1] / "reviews.toml")), read_prompts(found)
    whole = candidates_of(file, definition, seed=0)
    ledger = found.parent / "trials.jsonl"
    rows = [json.loads(line) for line in ledger.read_text().splitlines()[1:]]
    wanted = {json.dumps(r["verbalizer"]) for r in rows if r.get("split") == "dev"}
    assert {json.dumps(own.verbalizer.plain()) for own in whole} == wanted - {"null"}
    assert candidates_of(file, definition, seed=1) != whole
    ledger.unlink()
    kept = candidates_of(replace(file, prompts=file.prompts[:3]), definition, seed=0)
    assert set(kept) == {own.prompt for own in file.prompts[:3]} - {definition.prompt}


def test_a_certificate_in_numbers(found, tmp_path):
    out = tmp_path / "certificate.json"
    done = run("certify", found, "--shots", "2", "--shuffles", "9", "-o", out, "--json", "-q")
    document = json.loads(done.output)
    assert json.loads(out.read_text()) == document
    done = run("certify", found, "-o", out, status=1)
    assert "is there already; add --overwrite" in done.stderr
    done = run("certify", found, "-o", found, "--overwrite", status=1)
    assert "is what is read" in done.stderr
    assert (document["rows"], document["metric"]) == ({"split": "dev", "n": 12}, "accuracy")
    gain = document["gain"]
    assert gain["delta"] == pytest.approx(gain["winner"] - gain["manual"])
    assert gain["ci95"][0] <= gain["delta"] <= gain["ci95"][1]
    for name, rival in document["baselines"].items():
        if name != "left_out":
            difference = gain["winner"] - rival["score"]
            assert rival["delta"] == pytest.approx(difference), name
    evaluated = json.loads(run("evaluate", found, "--split", "dev", "--json", "-q").output)
    manual = evaluated["baselines"]["manual"]["scores"]["dev"]["accuracy"]
    assert gain["manual"] == pytest.approx(manual)
    assert document["draws"]["draws"] == 100
    assert 0.1 <= document["shuffled_labels"]["p"] <= 1
    assert document["random"]["prompts"] == document["prompts"]
    assert {"empty input", "label names", "majority"} <= set(document["baselines"])
    told = run("certify", found, "--shots", "2", "--shuffles", "9", "-q").output
    assert told.startswith("verdict: ")
    assert run("certify", found, "--shots", "2", "--shuffles", "9", "-q").output == told


def test_what_it_chooses_among_is_said(found, tmp_path):
    for name in ("prompts.json", "trials.jsonl"):
        (tmp_path / name).write_bytes((found.parent / name).read_bytes())
    assert "for want of" not in run("certify", tmp_path / "prompts.json", "--shuffles", "9").output
    rows = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    rows[0]["identity"]["seed"] += 1
    other = b""
    for row in rows:
        del row["sum"], row["after"]
        other += line_of(row, sum_of(other))
    for text in (b"", other):
        (tmp_path / "trials.jsonl").write_bytes(text)
        told = run("certify", tmp_path / "prompts.json", "--shuffles", "9").output
        assert "for want of the search's trials.jsonl beside it" in told


def test_a_search_anew(found):
    given = ("--again", "--folds", "2", "--shots", "2", "--seeds", "1", "--metric", "macro-f1")
    document = json.loads(run("certify", found, *given, "--json", "-q").output)
    assert (document["proposals"], document["repeats"]) == ("anew", 1)
    assert document["rows"] == {"split": "all", "n": 24}
    assert document["draws"]["draws"] == 1
    assert "anew" in document["shuffled_labels"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--shots", "4"], "--shots 4: there are 4 rows of good, which leaves none to judge"),
        (["--again", "--shots", "4"], "8 rows of good, which leaves none to judge beside train"),
        (["--folds", "7"], "12 rows are too few for 7 folds"),
        (["--seeds", "3"], "--seeds 3 is of --shots K draws"),
        (["--again", "--rows", "dev"], "leave out --rows dev"),
        (["--metric", "mrr"], "--metric mrr does not suit a classification task"),
    ],
)
def test_mistakes_are_one_line(found, words, reason):
    done = run("certify", found, *words, status=1)
    assert reason in done.output
    assert done.output.count("\n") == 1


def test_the_verdict_tells_what_beats_the_winner():
    rows = {
        "majority": {"score": 0.2, "delta": 0.23, "ci95": [0.1, 0.4]},
        "TF-IDF + logistic regression": {"score": 0.588, "delta": -0.157, "ci95": [-0.3, 0.0]},
        "left_out": {"label names": "the labels are no words"},
    }
    random = {"prompts": 40, "score": 0.5, "delta": -0.07, "ci95": [-0.2, 0.1]}
    (words,) = better_section(None, rows)
    assert words == {"name": "TF-IDF + logistic regression", **rows[words["name"]]}
    both = better_section(random, rows)
    assert [row["score"] for row in both] == [0.588, 0.5]
    assert but_better(both) == (
        ", but TF-IDF + logistic regression scores 0.588 and the best of 40 random prompts 0.500"
    )
    assert but_better(better_section(None, {"majority": rows["majority"]})) == ""


def test_a_bag_of_words_that_beats_the_winner_is_in_the_verdict(tmp_path):
    """Its words tell a text's label, of which the tiny model knows nothing."""
    pytest.importorskip("sklearn")
    task = reviews_in(tmp_path, 1)
    pairs = [("dull", "bad"), ("a great", "good")]
    rows = [f"{text} {'so ' * n}film,{label}" for n in range(12) for text, label in pairs]
    (tmp_path / "train.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    words = ("--task", task, "-m", saved("bert"), "-o", tmp_path / "run", "-q", "--budget", "6")
    run("paraphrase", "--method", "edits", *words)
    file = tmp_path / "run" / "prompts.json"
    document = json.loads(run("certify", file, "--shuffles", "0", "--json", "-q").output)
    words = document["baselines"]["TF-IDF + logistic regression"]
    assert words["delta"] < 0
    assert {"name": "TF-IDF + logistic regression", **words} in document["better"]
    first = run("certify", file, "--shuffles", "0", "-q").output.splitlines()[0]
    assert f"TF-IDF + logistic regression scores {words['score']:.3f}" in first
