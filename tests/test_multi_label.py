"""Several labels at once: how rows are read, log-odds are scored, decided, judged and written."""

import csv
import json

import naive
import numpy as np
import pytest
import torch
from commanding import run
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, f1_score, hamming_loss

from promptsearch import PromptClassifier, Settings, load_model, load_task
from promptsearch.data import MULTI_LABEL
from promptsearch.errors import PromptSearchError
from promptsearch.metrics import METRIC, paired_difference, scores_of
from promptsearch.metrics.label_sets import best_threshold, indicator, set_counts, set_micro_f1
from promptsearch.metrics.multi_label_predictions import MultiLabelPredictions, decided_by
from promptsearch.metrics.outcomes import predictions_of, set_outcomes
from promptsearch.runs.run import task_of
from promptsearch.runs.scorer_setup import model_scorer
from promptsearch.scoring.cached_scorer import CachedScorer, MemoryStore
from promptsearch.searchers.common.example_loss import ExampleLoss

LABELS = ("sports", "business", "science")
TEXTS = {
    "sports": "the team won the match",
    "business": "shares fell on the market",
    "science": "the telescope saw a star",
}
CLOZE = """name = "topics"
kind = "classification"
multi_label = true
train = "train.jsonl"
test = "train.jsonl"
template = "{text} Is it sports? [Z1] Is it business? [Z2] Is it science? [Z3]"
no = "no"
[answers]
sports = "yes"
business = "yes"
science = "yes"
"""
OPTIONS = """name = "topics"
kind = "multi-label"
train = "train.jsonl"
test = "train.jsonl"
template = "{text}"
[options]
question = "What is it about?"
sports = "a match"
business = "money"
science = "science"
"""


def rows_of(count):
    rng = np.random.default_rng(0)
    for number in range(count):
        labels = [label for label in LABELS if rng.random() < 0.4]
        text = ", ".join(TEXTS[label] for label in labels) or "it rained"
        yield {"text": f"{text} today {number}", "label": labels}


def task_in(folder, text=CLOZE, count=24):
    lines = [json.dumps(row) + "\n" for row in rows_of(count)]
    (folder / "train.jsonl").write_text("".join(lines))
    (folder / "task.toml").write_text(text)
    return folder / "task.toml"


@pytest.fixture(scope="module")
def builtin():
    return load_model("builtin", device="cpu")


# Reading


def test_labels_are_lists_texts_or_columns(tmp_path):
    expected = [tuple(row["label"]) for row in rows_of(24)]
    definition = load_task(task_in(tmp_path))
    assert definition.kind is MULTI_LABEL
    assert [e.targets for e in definition.test().examples] == expected
    assert () in expected
    with (tmp_path / "train.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label", *LABELS])
        for row in rows_of(24):
            flags = [int(label in row["label"]) for label in LABELS]
            table.writerow([row["text"], " | ".join(reversed(row["label"])), *flags])
    for key in ('label_separator = "|"', f"label = {list(LABELS)}"):
        text = CLOZE.replace(".jsonl", ".csv").replace("no =", f"{key}\nno =")
        again = load_task(task_in(tmp_path, text)).test().examples
        assert [example.targets for example in again] == expected
    assert again[0].inputs.keys() == {"text"} | {"label"}


def test_the_order_in_a_row_means_nothing(tmp_path):
    task = task_in(tmp_path)
    (tmp_path / "train.jsonl").write_text(
        '{"text": "a", "label": ["science", "sports", "science"]}\n{"text": "b", "label": []}\n'
    )
    assert [e.targets for e in load_task(task).test().examples] == [("sports", "science"), ()]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('["sport"]', r"train.jsonl, line 1: the label 'sport' has no answers.*'sports'"),
        ("null", r"line 1: the column 'label' is None; write a list of labels, \[\] for none"),
        ("[null]", r"line 1: the column 'label' holds None, no label"),
        ('"sports,"', r"line 1: the label '' has no answers"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, value, message):
    task = task_in(tmp_path)
    (tmp_path / "train.jsonl").write_text(f'{{"text": "a", "label": {value}}}\n' * 2)
    with pytest.raises(PromptSearchError, match=message):
        load_task(task)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('no = "no"\n', "", 'no: labels that are decided one by one need .* no = "no"'),
        ("[Z2]", "", "the slots Z1, Z3; give one string per slot"),
        ("no =", 'threshold = "best"\nno =', 'threshold: it must be "dev" or a number'),
        ("no =", "threshold = nan\nno =", 'threshold: it must be "dev" or a number'),
        ("no =", 'label_separator = " "\nno =', "label_separator: it is empty"),
        ("no =", 'label = ["sports", "text"]\nno =', "'business' must be both"),
        ("no =", 'negative_label = "sports"\nno =', "negative_label: it has no meaning"),
        ("true\n", "false\nthreshold = 1\n", "threshold: it has no meaning"),
    ],
)
def test_a_wrong_key_is_named(tmp_path, old, new, message):
    with pytest.raises(PromptSearchError, match=message):
        load_task(task_in(tmp_path, CLOZE.replace(old, new, 1)))


def test_a_column_holds_0_or_1(tmp_path):
    (tmp_path / "rows.csv").write_text("text,sports,business,science\na,1,0,maybe\n" * 2)
    text = CLOZE.replace("train.jsonl", "rows.csv")
    task = task_in(tmp_path, text.replace("no =", f"label = {list(LABELS)}\nno ="))
    with pytest.raises(PromptSearchError, match="line 2: the column 'science' is 'maybe'; write 1"):
        load_task(task)


# Scores


def test_cloze_log_odds_are_those_of_a_loop_over_a_masked_model(tmp_path, builtin):
    definition = load_task(task_in(tmp_path, count=6))
    model, tokenizer = builtin.runtime.model, builtin.runtime.tokenizer
    examples = definition.test().examples
    expected = []
    for example in examples:
        text = definition.prompt.template.notation.replace("{text}", example.inputs["text"])
        for slot in ("[Z1]", "[Z2]", "[Z3]"):
            text = text.replace(slot, tokenizer.mask_token)
        ids = tokenizer(text)["input_ids"]
        slots = [i for i, token in enumerate(ids) if token == tokenizer.mask_token_id]
        words = [[tokenizer.convert_tokens_to_ids(word)] for word in ("yes", "no")]
        for number in range(3):
            answers = [[w if n == number else None for n in range(3)] for w in words]
            yes, no = (
                naive.masked(model, ids, slots, answer, tokenizer.mask_token_id, True)
                for answer in answers
            )
            expected.append(yes - no)
    assert log_odds(builtin, definition) == pytest.approx(
        np.array(expected).reshape(-1, 3), abs=1e-3
    )


def test_cloze_log_odds_are_those_of_a_loop_over_a_causal_model(tmp_path, shared):
    model = load_model(str(shared / "models" / "stories260k"), device="cpu")
    definition = load_task(task_in(tmp_path, count=4))
    tokenizer = model.runtime.tokenizer
    expected = []
    for example in definition.test().examples:
        for number in range(3):
            values = []
            for word in ("yes", "no"):
                text = definition.prompt.template.notation
                for slot in range(3):
                    text = text.replace(f"[Z{slot + 1}]", "\0" if slot == number else "")
                before, after = text.replace("{text}", example.inputs["text"]).split("\0")
                ids = tokenizer(before + word + after)["input_ids"]
                first = len(tokenizer(before.rstrip())["input_ids"])
                values.append(naive.causal(model.runtime.model, ids, first))
            expected.append(values[0] - values[1])
    assert log_odds(model, definition).ravel() == pytest.approx(expected, abs=1e-3)


def test_options_are_yes_against_no_whatever_the_settings(tmp_path, builtin):
    definition = load_task(task_in(tmp_path, OPTIONS, count=6))
    texts = [definition.prompt.template.fill(e.inputs) for e in definition.test().examples]
    answers = [((f"O{n}", word),) for word in ("yes", "no") for n in (1, 2, 3)]
    plan = builtin.plan(texts, answers, Settings().scoring(MULTI_LABEL))
    expected = torch.full((6, 6), torch.nan)
    for block in builtin.run(plan):
        expected[list(block.rows)] = block.log_probs
    values = (expected[:, :3] - expected[:, 3:]).numpy()
    for score in ("logit", "log-odds"):
        odds = log_odds(builtin, definition, Settings(options_score=score))
        assert odds == pytest.approx(values, abs=1e-4)


def log_odds(model, definition, chosen=Settings()):
    scorer = model_scorer(model, chosen, definition.kind)
    (predictions,) = scorer.judge([definition.prompt], definition.test().examples)
    assert isinstance(predictions, MultiLabelPredictions)
    return predictions.log_odds


def test_a_cache_keeps_log_odds(tmp_path, builtin):
    definition, store = load_task(task_in(tmp_path)), MemoryStore()
    scorer = model_scorer(builtin, Settings(), definition.kind)
    examples = definition.test().examples
    cached = CachedScorer(scorer, scorer, store, print)
    first = cached.predict([definition.prompt], examples)
    again = cached.predict([definition.prompt], examples)
    assert (first.cost.forwards, again.cost.forwards) == (24, 0)
    assert again.predictions[0].log_odds == pytest.approx(first.predictions[0].log_odds, abs=1e-5)
    assert again.predictions[0].log_right == pytest.approx(first.predictions[0].log_right, abs=1e-5)


def test_what_trainings_minimise_is_the_log_likelihood_of_predictions(tmp_path, builtin):
    definition = load_task(task_in(tmp_path, count=6))
    task = task_of(definition, builtin, Settings(), None)
    loss = ExampleLoss(task, builtin, definition.test().examples)
    texts = [definition.prompt.template.fill(e.inputs) for e in loss.examples]
    plan = builtin.plan(texts, definition.prompt.verbalizer.answers, task.scoring)
    values = torch.full((6,), torch.nan)
    for block in builtin.run(plan):
        values[list(block.rows)] = loss.log_right(block.rows, block.log_probs)
    scorer = model_scorer(builtin, Settings(), MULTI_LABEL)
    (predictions,) = scorer.judge([definition.prompt], loss.examples)
    assert values.numpy() == pytest.approx(predictions.log_right, abs=1e-4)


def test_slots_are_filled_with_yes_and_no_as_a_row_has_labels(tmp_path):
    verbalizer = load_task(task_in(tmp_path)).prompt.verbalizer
    assert verbalizer.filling(("science", "sports")) == {"Z1": "yes", "Z2": "no", "Z3": "yes"}
    assert verbalizer.filling(()) == {"Z1": "no", "Z2": "no", "Z3": "no"}


def test_calibration_is_refused(builtin):
    with pytest.raises(PromptSearchError, match="of which one is right"):
        model_scorer(builtin, Settings(calibration="pmi"), MULTI_LABEL)


# Metrics

tables = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        arrays(bool, (n, 3)), arrays(float, (n, 3), elements=st.integers(-3, 3).map(float))
    )
)


def predictions_for(gold, odds, threshold=0.0):
    targets = [tuple(np.array(LABELS)[row].tolist()) for row in gold]
    return MultiLabelPredictions.of(LABELS, targets, odds, threshold)


@given(tables, st.sampled_from([-1.5, 0.0, 1.0]))
@settings(max_examples=60, deadline=None)
def test_the_metrics_are_scikit_learns(table, threshold):
    gold, odds = table
    predictions, decided = predictions_for(gold, odds, threshold), odds > threshold
    scores = scores_of(predictions, MULTI_LABEL)
    for average in ("micro", "macro"):
        expected = f1_score(gold, decided, average=average, zero_division=0)
        assert scores[f"{average}_f1"] == pytest.approx(expected)
    assert scores["subset_accuracy"] == pytest.approx(accuracy_score(gold, decided))
    assert scores["hamming"] == pytest.approx(1 - hamming_loss(gold, decided))
    p_right = np.where(gold, 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(odds)))
    assert scores["log_likelihood"] == pytest.approx(np.log(p_right).mean())
    assert predictions.on_rows([0]).hits.tolist() == [bool((decided[0] == gold[0]).all())]


@given(tables)
@settings(max_examples=60, deadline=None)
def test_shares_have_the_mean_of_their_ratio(table):
    predictions = predictions_for(*table)
    for key in ("micro_f1", "macro_f1"):
        shares = METRIC[key].count_shares(predictions.counts)
        assert shares.mean() == pytest.approx(METRIC[key].of_counts(predictions.counts))


@given(tables)
@settings(max_examples=100, deadline=None)
def test_the_best_threshold_is_best_and_nearest_to_0(table):
    gold, odds = table
    learned = best_threshold(odds, gold)
    f1 = {t: set_micro_f1(set_counts(gold, odds > t)) for t in (*np.arange(-5, 5.5, 0.5), learned)}
    assert f1[learned] == pytest.approx(max(f1.values()))
    values = np.unique(odds)
    for rival in (0.0, *((values[1:] + values[:-1]) / 2)):
        if set_micro_f1(set_counts(gold, odds > rival)) > f1[learned] - 1e-9:
            assert abs(learned) <= abs(rival)
    decided = decided_by(predictions_for(gold, odds), "dev")
    assert scores_of(decided, MULTI_LABEL)["micro_f1"] == pytest.approx(f1[learned])


def test_uniform_guesses_score_log_2_whatever_the_threshold():
    gold = indicator([("sports",), ()], LABELS)
    for threshold in (-1.0, 0.0, 2.0):
        predictions = predictions_for(gold, np.zeros((2, 3)), threshold)
        scores = scores_of(predictions, MULTI_LABEL)
        assert scores["log_likelihood"] == pytest.approx(-np.log(2))
        assert scores["threshold"] == threshold


def test_differences_are_paired_and_ledgers_give_the_same_predictions():
    rng = np.random.default_rng(1)
    gold, odds = rng.random((40, 3)) < 0.4, rng.normal(size=(40, 3))
    ours = predictions_for(gold, odds + 2 * gold)
    theirs = predictions_for(gold, odds)
    difference = paired_difference(ours, theirs, "micro_f1")
    low, high = difference["ci95"]
    assert 0 < low < difference["delta"] < high
    recalled = predictions_of(set_outcomes(ours), LABELS, ours.targets)
    assert recalled.log_odds == pytest.approx(ours.log_odds, abs=1e-5)
    assert recalled.hits.tolist() == ours.hits.tolist()


# Commands


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search with a threshold that was learned on dev."""
    folder = tmp_path_factory.mktemp("searched")
    text = CLOZE.replace("no =", 'threshold = "dev"\nno =')
    task = task_in(folder, text, 40)
    words = ["--task", task, "-o", folder / "run", "--budget", 6, "-q"]
    run("paraphrase", "--method", "edits", *words)
    return folder / "run" / "prompts.json"


def test_a_search_keeps_the_threshold_of_each_prompt(searched):
    document = json.loads(searched.read_text())
    assert document["task"]["kind"] == "multi-label"
    for row in document["prompts"]:
        assert row["threshold"] == row["scores"]["dev"]["threshold"]
        assert row["scores"]["dev"]["selected"]
    assert len({row["threshold"] for row in document["prompts"]}) > 1
    evaluated = json.loads(run("evaluate", searched, "--split", "dev", "--json", "-q").stdout)
    again = evaluated["prompts"][0]["scores"]["dev"]
    for key in ("micro_f1", "macro_f1", "subset_accuracy", "log_likelihood"):
        assert again[key] == pytest.approx(document["prompts"][0]["scores"]["dev"][key], abs=1e-5)
    assert "tf-idf" in evaluated["baselines"]


def test_another_threshold_decides_otherwise_and_is_as_likely(searched):
    def scores(*words):
        document = json.loads(run("evaluate", searched, "--json", "-q", *words).stdout)
        return document["prompts"][0]["scores"]["test"]

    nothing, learned = scores("--threshold", "99"), scores("--threshold", "dev")
    assert nothing["micro_f1"] == 0 < learned["micro_f1"]
    assert nothing["log_likelihood"] == learned["log_likelihood"]
    assert scores()["threshold"] == pytest.approx(learned["threshold"], abs=1e-4)


def test_predict_and_the_classifier_say_the_same(searched, tmp_path):
    table, file = searched.parents[1] / "train.jsonl", tmp_path / "out.jsonl"
    run("predict", searched, "-i", table, "-o", file, "-q")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    classifier = PromptClassifier(searched)
    matrix = classifier.predict([row["text"] for row in rows])
    assert classifier.classes_.tolist() == sorted(LABELS)
    assert matrix.tolist() == indicator([r["labels"] for r in rows], sorted(LABELS)).tolist()
    p = classifier.predict_proba([row["text"] for row in rows])
    assert p[:, 2] == pytest.approx([row["p(sports)"] for row in rows], abs=1e-5)
    gold = [row["label"] for row in rows]
    expected = accuracy_score(indicator(gold, sorted(LABELS)), matrix)
    assert classifier.score([r["text"] for r in rows], gold) == pytest.approx(expected)
    run("predict", searched, "-i", table, "-o", tmp_path / "out.csv", "-q")
    with (tmp_path / "out.csv").open() as lines:
        assert [row["labels"] for row in csv.DictReader(lines)] == [
            ",".join(row["labels"]) for row in rows
        ]


def test_certify_report_and_show_run(tmp_path):
    task = task_in(tmp_path, CLOZE, 40)
    words = ["--task", task, "-o", tmp_path / "run", "--budget", 5, "-q"]
    run("paraphrase", "--method", "edits", "--objective", "micro-f1", *words)
    file = tmp_path / "run" / "prompts.json"
    done = run("certify", file, "--json", "-q", "--random", 0)
    document = json.loads(done.stdout)
    assert document["metric"] == document["chosen_by"] == "micro_f1"
    assert "several labels" in document["shuffled_labels"]
    assert {"majority", "TF-IDF + logistic regression"} <= document["baselines"].keys()
    run("report", file, "-o", tmp_path / "page.html", "-q")
    assert "Confusion" not in (page := (tmp_path / "page.html").read_text())
    assert "Results by label" in page
    assert "science" in run("show", file, "--split", "test").output
    assert "reproduced" in run("reproduce", file, "-q").output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["answers", "prune"], "several labels at once, answered with yes or no"),
        (["paraphrase", "--calibration", "pmi"], "of which one is right"),
        (["paraphrase", "--objective", "accuracy"], "does not suit a multi-label task"),
        (["gradient", "--loss", "gold"], "--loss label"),
        (["prefix", "--head", "cls"], "gives a row one label"),
        (["mixture"], "several labels at once have none together"),
        (["mine"], "one slot"),
    ],
)
def test_what_needs_one_label_a_row_is_refused(tmp_path, words, message):
    task = task_in(tmp_path)
    done = run(*words, "--task", task, "-o", tmp_path / "run", "-q", status=1)
    assert message in " ".join(done.output.split())


def test_options_of_several_labels_have_no_word_search_and_a_threshold_is_told(tmp_path):
    """Rows without a label crashed the search; rows of dev that set a threshold are a few shots."""
    task = task_in(tmp_path, OPTIONS)
    words = ["--task", task, "-o", tmp_path / "run", "-q"]
    done = run("answers", "prune", *words, status=1)
    assert "several labels at once" in " ".join(done.output.split())
    shown = run("evaluate", "manual", "--task", task, "--threshold", "dev", "--json", "-q")
    setting = json.loads(shown.stdout)["prompts"][0]["setting"]
    assert setting["shots"] == "few-shot"
    assert setting["chosen_by"] > 0


def test_ensembles_exports_and_certificates_of_learned_thresholds_are_refused(searched, tmp_path):
    assert "several labels at once" in run("ensemble", searched, status=1).output
    assert "learned on dev" in run("certify", searched, status=1).output
    for name in ("python", "openprompt", "lm-eval"):
        words = ["export", searched, "--to", name, "-o", tmp_path / name]
        assert "several labels at once" in run(*words, status=1).output
    done = run("export", searched, "--to", "text", "-o", tmp_path / "text")
    assert "has a label where" in done.output
