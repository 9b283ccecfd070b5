"""Tasks whose answers are numbers: where the probability lies between two answers."""

import json
import random

import numpy as np
import pytest
from commanding import run
from scipy import stats
from tiny import saved

from promptsearch import Settings, load_model, load_task, search
from promptsearch.data.tasks.value_columns import ValueRange
from promptsearch.errors import DataError, RunError, TaskError
from promptsearch.metrics.correlation import jackknifed, pearson, ranks, spearman
from promptsearch.metrics.outcomes import predictions_of
from promptsearch.metrics.value_predictions import ValuePredictions
from promptsearch.runs.scorer_setup import model_scorer
from promptsearch.searchers import SoftSearch

TASK = """name = "stars"
kind = "value"
train = "rows.csv"
dev = "rows.csv"
test = "rows.csv"
label = "stars"
range = [1, 5]
template = "{text} It was [Z]."
[answers]
low = "terrible"
high = "great"
"""
WORDS = {"good": 2.0, "great": 2.0, "wonderful": 1.5, "bad": -2.0, "awful": -1.5, "dull": -1.0}


def rows(count=24, seed=0):
    draw = random.Random(seed)
    lines = ["text,stars"]
    for _ in range(count):
        words = draw.choices(list(WORDS), k=2)
        stars = min(5.0, max(1.0, 3 + sum(WORDS[word] for word in words) / 2))
        lines.append(f"the film was {words[0]} and {words[1]},{stars:g}")
    return lines


def task_in(folder, text=TASK, table=None):
    (folder / "rows.csv").write_text("\n".join(table or rows()) + "\n")
    (folder / "stars.toml").write_text(text)
    return folder / "stars.toml"


@pytest.fixture(scope="module")
def model():
    return load_model(saved("bert"), device="cpu", dtype="float32")


def test_a_value_lies_between_the_probabilities_of_two_words(tmp_path, model):
    """p(high) of the softmax of both words' log p at the mask, and the cross-entropy to the row."""
    definition = load_task(task_in(tmp_path))
    (found,) = model_scorer(model, Settings(), definition.kind).judge(
        [definition.prompt], definition.dev.examples
    )
    import torch

    tokenizer, network = model.runtime.tokenizer, model.runtime.model
    ids = [tokenizer.convert_tokens_to_ids(tokenizer.tokenize(w)) for w in ("terrible", "great")]
    assert all(len(each) == 1 for each in ids)
    for example, share, log_right in zip(
        definition.dev.examples, found.values, found.log_right, strict=True
    ):
        encoded = tokenizer(f"{example.inputs['text']} It was [MASK].", return_tensors="pt")
        place = encoded["input_ids"][0].tolist().index(tokenizer.mask_token_id)
        with torch.no_grad():
            logits = network(input_ids=encoded["input_ids"]).logits[0, place]
        two = logits[[ids[0][0], ids[1][0]]].double().softmax(0)
        assert share == pytest.approx(two[1].item(), abs=1e-5)
        y = float(example.target)
        naive = y * np.log(two[1].item()) + (1 - y) * np.log(two[0].item())
        assert log_right == pytest.approx(naive, abs=1e-4)


def test_correlations_are_scipys():
    draw = np.random.default_rng(0)
    table = np.stack([draw.integers(0, 6, 50), draw.normal(size=50)], axis=1)
    assert pearson(table) == pytest.approx(stats.pearsonr(*table.T).statistic)
    assert spearman(table) == pytest.approx(stats.spearmanr(*table.T).statistic)
    assert ranks(table[:, 0]) == pytest.approx(stats.rankdata(table[:, 0]))
    for statistic in (pearson, spearman):
        shares = jackknifed(statistic)(table)
        assert shares.mean() == pytest.approx(statistic(table))
        assert 0.5 < shares.std() / (50**0.5 * 0.14) < 2  # 1/sqrt(n) of no correlation


def test_a_constant_has_no_correlation():
    assert pearson(np.array([[0.0, 1.0], [1.0, 1.0]])) == 0
    assert spearman(np.array([[0.5, 1.0], [0.5, 2.0]])) == 0


def test_a_ledger_gives_the_predictions_back(tmp_path, model):
    definition = load_task(task_in(tmp_path))
    scorer = model_scorer(model, Settings(), definition.kind)
    (found,) = scorer.judge([definition.prompt], definition.dev.examples)
    outcomes = json.loads(json.dumps(definition.kind.outcomes(found)))
    again = predictions_of(outcomes, found.labels, found.targets)
    assert isinstance(again, ValuePredictions)
    assert again.values == pytest.approx(found.values, abs=1e-4)
    assert again.on_rows([3, 1]).counts == pytest.approx(again.counts[[3, 1]])


@pytest.mark.parametrize("words", [
    ["paraphrase", "--objective", "pearson"],
    ["generate", "--top", 5],
    ["gradient", "--iterations", 2, "--candidates", 4],
    ["soft", "--steps", 8],
    ["prefix", "--steps", 8, "--length", 2],
    ["search"],
    ["answers", "prune", "--objective", "spearman"],
], ids=lambda words: words[0])  # fmt: skip
def test_strategies_search_its_prompts(words, tmp_path):
    task = task_in(tmp_path)
    run(*words, "-t", task, "-m", saved("bert"), "-o", tmp_path / "run", "--budget", 10, "-q")
    prompts = tmp_path / "run/prompts.json"
    document = json.loads(prompts.read_text())
    assert len(document["prompts"]) > 1
    key = document["search"]["objective"].replace("log-", "log_")
    values = [row["scores"]["dev"][key] for row in document["prompts"]]
    assert values == sorted(values, reverse=True)
    evaluated = run("evaluate", prompts, "--split", "test", "--json", "-q")
    scores = json.loads(evaluated.stdout)["prompts"][0]["scores"]["test"]
    assert scores["pearson_ci95"][0] <= scores["pearson"] <= scores["pearson_ci95"][1]
    assert run("show", prompts).exit_code == 0


def test_pruned_words_are_the_best_pair_of_a_naive_loop(tmp_path, model):
    """Of all pairs of the words that are tried, by the correlation of p(high) on train."""
    from promptsearch.searchers.answers.prune.value_words import ValueWordSearch

    draw = np.random.default_rng(0)
    table, right = draw.normal(size=(30, 12)) * 2, draw.uniform(size=30)
    found = ValueWordSearch(12, 5, 30, 1, 0)._best(table, right)
    naive = {
        (low, high): stats.pearsonr(1 / (1 + np.exp(table[:, low] - table[:, high])), right)[0]
        for low in range(12)
        for high in range(12)
        if low != high
    }
    best = sorted(naive, key=lambda pair: -naive[pair])[:5]
    assert [pair[:2] for pair in found] == best
    assert [pair[2] for pair in found] == pytest.approx([naive[pair] for pair in best])


def test_commands_hold_values(tmp_path):
    task = task_in(tmp_path)
    line = ["-t", task, "-m", saved("bert"), "-o", tmp_path / "run", "--budget", 6, "-q"]
    run("paraphrase", *line, "--objective", "pearson")
    prompts, out = tmp_path / "run/prompts.json", tmp_path / "out.jsonl"
    run("predict", prompts, "-i", tmp_path / "rows.csv", "-o", out, "-q")
    examples = tmp_path / "examples.jsonl"
    run("evaluate", prompts, "--split", "test", "--examples-out", examples, "-q")
    written = [json.loads(line)["value"] for line in out.read_text().splitlines()]
    said = [json.loads(line) for line in examples.read_text().splitlines()][: len(written)]
    assert written == pytest.approx([row["predicted"] for row in said], rel=1e-4)
    assert all(1 <= value <= 5 for value in written)
    assert said[0]["target"] == float(rows()[1].rsplit(",", 1)[1])
    document = json.loads(run("certify", prompts, "--json", "-q", "--random", 4).stdout)
    assert document["metric"] == "pearson"
    run("report", prompts, "-o", tmp_path / "page.html", "-q")
    run("evaluate", prompts, "--split", "dev", "--format", "csv", "-q")
    assert "use the best prompt" in run("ensemble", prompts, status=1).output
    assert "reproduced" in run("reproduce", prompts, "-q").output


def test_training_learns_values(tmp_path, model):
    """Soft prompts lower the cross-entropy that they are trained on."""
    definition = load_task(task_in(tmp_path))
    result = search(SoftSearch(steps=60, lr=0.05), definition, model, Settings(budget=20))
    before, after = (trial.scores["log_likelihood"] for trial in (result.manual, result.best))
    assert after > before + 0.02


BAD = {
    "no range": ("range = [1, 5]\n", "", r"range: it is missing; write the lowest"),
    "no pair": ("range = [1, 5]", "range = [5, 1]", r"range: it must be \[LOW, HIGH\]"),
    "three answers": (
        'high = "great"',
        'high = "great"\nmid = "good"',
        "there are 3: low",
    ),
    "a foreign key": ('label = "stars"', 'label = "stars"\nchoices = "x"', "choices: it has no"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_task_file_is_one_line(case, tmp_path):
    old, new, message = BAD[case]
    with pytest.raises(TaskError, match=message) as caught:
        load_task(task_in(tmp_path, TASK.replace(old, new)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "message"),
    [("six", "write a number"), ("7", r"outside the range \[1, 5\]"), ("nan", "write a number")],
)
def test_a_bad_value_names_its_line(cell, message, tmp_path):
    with pytest.raises(DataError, match=rf"rows.csv, line 3: .*{message}"):
        load_task(task_in(tmp_path, table=[*rows()[:2], f"a,{cell}"]))


def test_what_is_for_labels_is_refused(tmp_path, model):
    kind = load_task(task_in(tmp_path)).kind
    with pytest.raises(RunError, match="`rank_by` finetune learns labels"):
        model_scorer(model, Settings(rank_by="finetune"), kind)
    with pytest.raises(RunError, match="`race` compares row by row, and pearson"):
        model_scorer(model, Settings(race=True, objective="pearson"), kind)
    assert kind.value_range == ValueRange(1, 5)
