"""Rows with choices of their own: how they are read, and scores beside a loop over transformers."""

import json
from dataclasses import replace

import naive
import numpy as np
import pytest
import torch
from commanding import run
from tiny import saved, tiny

from promptsearch import PromptClassifier, load_model
from promptsearch.data import Example, load_task
from promptsearch.data.examples import fingerprint
from promptsearch.errors import DataError, RunError, TaskError
from promptsearch.models import Scoring
from promptsearch.prediction.ensemble import Ensemble, EnsemblePredictor, Member
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.scoring import Scorer
from promptsearch.scoring.cache_store import ScoreCache
from promptsearch.scoring.cached_scorer import CachedScorer, MemoryStore
from promptsearch.scoring.calibration import CalibratedScorer, references_of
from promptsearch.scoring.chunked_scorer import ChunkedScorer

CHOICES = [
    ("great", "terrible plot", "the quick brown fox"),
    ("Paris", "New York"),
    ("a wonderful evening", "dull", "bad", "great"),
    ("Paris", "New York"),
]
TEXTS = ["It was a film", "America", "She was born", "France is nobody"]
EXAMPLES = [
    Example(str(i), {"text": text}, choices[i % 2], choices=choices)
    for i, (text, choices) in enumerate(zip(TEXTS, CHOICES, strict=True))
]
PROMPTS = [
    Prompt(Template.parse(notation), Verbalizer.of_candidates(("great", "Paris", "film")))
    for notation in ("{text} is [Z].", "[Z] : {text}")
]


def of_masked(model, tokenizer, before, after, choice):
    """log p of a choice's tokens at masks, from left to right."""
    mask = tokenizer.mask_token_id
    ids = tokenizer(f"{before} {tokenizer.mask_token} {after}")["input_ids"]
    answer = tokenizer(choice, add_special_tokens=False)["input_ids"]
    return naive.masked(model, ids, [ids.index(mask)], [answer], mask, left_to_right=True)


def of_causal(model, tokenizer, before, choice):
    """log p of a choice's tokens after a text."""
    start = tokenizer(before)["input_ids"]
    return naive.causal(model, tokenizer(f"{before} {choice}")["input_ids"], len(start))


def log_softmax(values):
    return torch.tensor(values, dtype=torch.float64).log_softmax(0).numpy()


def assert_scores(model, prompt, examples, expected):
    (predictions,) = Scorer(model, Scoring()).judge([prompt], examples)
    for row, (example, values) in enumerate(zip(examples, expected, strict=True)):
        own = predictions.choice_log_probs[row]
        np.testing.assert_allclose(own[: len(values)], values, atol=2e-4)
        assert np.isneginf(own[len(values) :]).all()
        assert predictions.labels[predictions.predicted[row]] == example.choices[values.argmax()]
        gold = example.choices.index(example.target)
        assert predictions.log_right[row] == pytest.approx(values[gold], abs=2e-4)
        assert predictions.rank[row] == 1 + (values > values[gold]).sum()
        of_labels = dict(zip(predictions.labels, predictions.log_probs[row], strict=True))
        assert {label for label, value in of_labels.items() if value > -np.inf} == {
            *example.choices
        }


def test_masked_scores_are_those_of_a_loop():
    port, model, tokenizer = tiny("bert")
    expected = [
        log_softmax(
            [of_masked(model, tokenizer, e.inputs["text"] + " is", ".", c) for c in e.choices]
        )
        for e in EXAMPLES
    ]
    assert_scores(port, PROMPTS[0], EXAMPLES, expected)


def test_the_built_in_model_gives_the_scores_of_a_loop():
    port = load_model("builtin", device="cpu")
    model, tokenizer = port.runtime.model, port.runtime.tokenizer
    template = Template.parse("The capital of {text} is [Z] .")
    choices = ("Paris", "Buenos Aires", "a small town")
    examples = [Example(t, {"text": t}, "Paris", choices=choices) for t in ("France", "Chad")]
    expected = [
        log_softmax(
            [of_masked(model, tokenizer, f"The capital of {e.id} is", ".", c) for c in choices]
        )
        for e in examples
    ]
    prompt = Prompt(template, Verbalizer.of_candidates(("Paris",)))
    assert_scores(port, prompt, examples, expected)


def test_causal_scores_are_those_of_a_loop(shared):
    port = load_model(str(shared / "models" / "stories260k"), device="cpu")
    model, tokenizer = port.runtime.model, port.runtime.tokenizer
    prompt = Prompt(Template.parse("{text} [Z]"), PROMPTS[0].verbalizer)
    expected = [
        log_softmax([of_causal(model, tokenizer, e.inputs["text"], c) for c in e.choices])
        for e in EXAMPLES
    ]
    assert_scores(port, prompt, EXAMPLES, expected)


def assert_same(batch, others):
    for one, other in zip(batch, others, strict=True):
        np.testing.assert_allclose(one.log_right, other.log_right, atol=1e-4)
        np.testing.assert_allclose(one.choice_log_probs, other.choice_log_probs, atol=1e-4)
        assert one.rank.tolist() == other.rank.tolist()
        names = ([p.labels[i] for p, i in ((p, i) for i in p.predicted)] for p in (one, other))
        assert next(names) == next(names)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_the_order_of_choices_and_of_rows_means_nothing(kind):
    scorer = Scorer(tiny(kind)[0], Scoring())
    turned = [replace(e, choices=e.choices[::-1]) for e in EXAMPLES[::-1]]
    for one, other in zip(
        scorer.judge(PROMPTS, EXAMPLES), scorer.judge(PROMPTS, turned), strict=True
    ):
        for row, example in enumerate(EXAMPLES):
            count, there = len(example.choices), other.choice_log_probs[len(EXAMPLES) - 1 - row]
            values = one.choice_log_probs[row, :count]
            np.testing.assert_allclose(values, there[:count][::-1], atol=1e-4)


def test_a_row_scores_the_same_by_itself():
    """Also where long choices of another row cut its text."""
    long = Example("long", {"text": "word " * 70}, "great", choices=("great", "bad"))
    wide = Example("wide", {"text": "a film"}, "bad", choices=("bad", "a wonderful evening " * 3))
    scorer, rows = Scorer(tiny("bert")[0], Scoring()), [long, wide, *EXAMPLES]
    together = scorer.judge(PROMPTS, rows)
    for row, example in enumerate(rows):
        for one, alone in zip(together, scorer.judge(PROMPTS, [example]), strict=True):
            assert one.log_right[row] == pytest.approx(alone.log_right[0], abs=1e-4)


def test_labels_restricted_are_the_softmax_over_them():
    verbalizer = Verbalizer.of({"a": ["great", "film"], "b": "terrible", "c": "dull"})
    prompt = Prompt(PROMPTS[0].template, verbalizer)
    free = [replace(e, target="a", choices=()) for e in EXAMPLES]
    bound = [replace(e, choices=("c", "a")) for e in free]
    scorer = Scorer(tiny("bert")[0], Scoring())
    whole, part = (scorer.judge([prompt], rows)[0].log_probs for rows in (free, bound))
    expected = torch.tensor(whole[:, [0, 2]]).log_softmax(1).numpy()
    np.testing.assert_allclose(part[:, [0, 2]], expected, atol=1e-4)
    assert np.isneginf(part[:, 1]).all()


@pytest.mark.parametrize("stored", ["memory", "disk"])
def test_cached_scores_are_the_same_and_cost_nothing(stored, tmp_path):
    scorer = Scorer(tiny("bert")[0], Scoring())
    store = MemoryStore() if stored == "memory" else ScoreCache(tmp_path / "cache")
    cached = CachedScorer(scorer, scorer, store, print)
    first, plain = cached.predict(PROMPTS, EXAMPLES), scorer.predict(PROMPTS, EXAMPLES)
    again = cached.predict(PROMPTS, EXAMPLES[::-1][:3])
    assert first.cost.forwards == plain.cost.forwards == scorer.cost(PROMPTS, EXAMPLES).forwards
    assert again.cost.forwards == 0
    assert_same(first.predictions, plain.predictions)
    assert_same(again.predictions, scorer.judge(PROMPTS, EXAMPLES[::-1][:3]))
    shorter = [replace(EXAMPLES[0], choices=EXAMPLES[0].choices[:2])]
    assert cached.cost(PROMPTS, shorter).forwards > 0


def test_chunks_are_the_same(monkeypatch):
    monkeypatch.setattr("promptsearch.scoring.chunked_scorer.TOKENS", 40)
    monkeypatch.setattr("promptsearch.scoring.row_choices.PAIRS", 2)
    scorer = Scorer(tiny("bert")[0], Scoring())
    chunks = []
    predictions = ChunkedScorer(scorer, scorer, chunks.append).predict(PROMPTS, EXAMPLES)
    assert len(chunks) > 1
    monkeypatch.undo()
    assert_same(predictions.predictions, scorer.judge(PROMPTS, EXAMPLES))


def test_a_right_answer_that_is_no_choice_is_wrong():
    lost = [replace(EXAMPLES[0], target="film"), *EXAMPLES[1:]]
    (predictions,) = Scorer(tiny("bert")[0], Scoring()).judge(PROMPTS[:1], lost)
    assert predictions.rank[0] == 0
    assert np.isneginf(predictions.log_right[0])
    assert not predictions.hits[0]
    assert np.isfinite(predictions.log_right[1:]).all()


def test_choices_that_the_model_reads_alike_count_once():
    example = Example("0", {"text": "France"}, "paris", choices=("Paris", "paris", "film"))
    (predictions,) = Scorer(tiny("bert")[0], Scoring(), facts=True).judge(PROMPTS[:1], [example])
    assert np.isneginf(predictions.choice_log_probs[0, 1])
    assert predictions.log_right[0] == predictions.choice_log_probs[0, 0]


def test_a_row_all_of_whose_choices_are_read_alike_is_not_answered():
    """Unknown words are one to a model: to call that right would be a score for nothing."""
    alike = Example("0", {"text": "France"}, "paris", choices=("Paris", "paris"))
    alone = replace(alike, choices=("paris",))
    (predictions,) = Scorer(tiny("bert")[0], Scoring(), facts=True).judge(
        PROMPTS[:1], [alike, alone]
    )
    assert predictions.hits.tolist() == [False, True]


def test_an_ensemble_gives_nothing_to_what_is_no_choice():
    scorer = Scorer(tiny("bert")[0], Scoring())
    members = tuple(Member(str(i), prompt, 1e-4) for i, prompt in enumerate(PROMPTS))
    predictor = EnsemblePredictor(Ensemble("optimised", members), scorer, scorer)
    ((_, values),) = predictor.parts(EXAMPLES)
    for value, example in zip(values, EXAMPLES, strict=True):
        assert np.isneginf(value[len(example.choices) :]).all()
        assert np.exp(value).sum() == pytest.approx(1)
    table = predictor.predict(EXAMPLES).choice_log_probs
    np.testing.assert_allclose(table, values)


def test_calibration_is_for_labels_of_all_rows():
    scorer = Scorer(tiny("bert")[0], Scoring())
    references = references_of("contextual", ["text"], ())
    verbalizer = Verbalizer.of({"a": "great", "b": "terrible", "c": "dull"})
    rows = [Example("0", {"text": "a film"}, "a", choices=("a", "c"))]
    calibrated = CalibratedScorer(scorer, scorer, "contextual", references)
    prompt = Prompt(PROMPTS[0].template, verbalizer)
    (judged,) = calibrated.predict([prompt], rows).predictions
    (whole,) = calibrated.predict([prompt], [replace(rows[0], choices=())]).predictions
    expected = torch.tensor(whole.log_probs[0, [0, 2]]).log_softmax(0)
    np.testing.assert_allclose(judged.choice_log_probs[0], expected, atol=1e-4)
    with pytest.raises(RunError, match="choices of their own"):
        calibrated.predict(PROMPTS, EXAMPLES)


def test_only_choices_change_what_ledgers_and_runs_know_of_an_example():
    plain = Example("0", {"text": "a"}, "b")
    assert repr(plain) == "Example(id='0', inputs={'text': 'a'}, target='b')"
    bound = replace(plain, choices=("b", "c"))
    assert repr(bound) != repr(plain)
    assert fingerprint([bound]) != fingerprint([plain])


TASK = """name = "capitals-mc"
kind = "classification"
train = "{train}"
dev = "{train}"
test = "{train}"
inputs = ["text"]
choices = "options"
{more}
template = "{{text}} is [Z] ."
"""


def task_in(folder, rows, name="rows.jsonl", more=""):
    if name.endswith(".jsonl"):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        lines = [",".join(map(str, row)) for row in rows]
        (folder / name).write_text("\n".join(["text,options,label", *lines]) + "\n")
    (folder / "task.toml").write_text(TASK.format(train=name, more=more))
    return folder / "task.toml"


def rows_of(times=1):
    return [
        {"text": f"{text} {n}", "options": list(choices), "label": i % 2}
        for n in range(times)
        for i, (text, choices) in enumerate(zip(TEXTS, CHOICES, strict=True))
    ]


def test_a_list_and_an_index(tmp_path):
    definition = load_task(task_in(tmp_path, rows_of()))
    assert definition.kind.name == "multiple-choice"
    assert [e.choices for e in definition.train.examples] == CHOICES
    assert definition.train.examples[1].target == "New York"
    assert definition.labels[:3] == CHOICES[0]
    assert "options" not in definition.inputs


def test_a_text_with_separators_and_a_text(tmp_path):
    rows = [("a", "great | bad|great", "bad"), ("b", "1|2|3", "2"), ("c", "x|y", 1)]
    examples = load_task(task_in(tmp_path, rows, "rows.csv")).train.examples
    assert [e.choices for e in examples] == [("great", "bad"), ("1", "2", "3"), ("x", "y")]
    assert [e.target for e in examples] == ["bad", "2", "y"]
    again = task_in(tmp_path, [("a", "x;y|z", 1)], "rows.csv", 'choices_separator = ";"')
    assert load_task(again).train.examples[0].choices == ("x", "y|z")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"options": ["a", "b"], "label": 2}, "line 2.*is 2, but the row has 2 choices"),
        ({"options": ["a", "b"], "label": -1}, "line 2.*is -1, but"),
        ({"options": [], "label": 0}, "line 2.*has no choice"),
        ({"options": ["a", None], "label": 0}, "line 2.*holds None as choice 1"),
        ({"options": ["a", ""], "label": 0}, "line 2.*holds '' as choice 1"),
        ({"options": None, "label": 0}, "line 2.*'options' is null"),
        ({"label": 0}, "line 2.*no column 'options'"),
    ],
)
def test_a_row_that_is_wrong_is_named(tmp_path, row, message):
    with pytest.raises(DataError, match=message):
        load_task(task_in(tmp_path, [rows_of()[0], {"text": "x", **row}]))


def test_keys_that_are_wrong_are_named(tmp_path):
    file = task_in(tmp_path, rows_of(), more='negative_label = "x"')
    with pytest.raises(TaskError, match='no meaning for kind = "multiple-choice"'):
        load_task(file)
    file.write_text(file.read_text().replace('choices = "options"', 'choices_separator = "|"'))
    with pytest.raises(TaskError, match="no choices to separate"):
        load_task(file)
    with pytest.raises(TaskError, match="choices: no row of train or dev has its right answer"):
        load_task(task_in(tmp_path, [{**row, "label": "A"} for row in rows_of()]))


def test_choices_that_were_never_parted_are_named(tmp_path):
    table = [
        {**row, "options": "; ".join(row["options"]), "label": row["options"][0]}
        for row in rows_of()
    ]
    with pytest.raises(TaskError, match=r"every row has one choice, .*choices_separator"):
        load_task(task_in(tmp_path, table))


def test_labels_with_answers_take_choices_among_them(tmp_path):
    answers = "\n[answers]\ngood = 'great'\nbad = 'terrible'\nlong = 'dull'\n"
    rows = [{"text": "x", "options": ["bad", "good"], "label": label} for label in (1, "long")]
    file = task_in(tmp_path, rows)
    file.write_text(file.read_text() + answers)
    definition = load_task(file)
    assert definition.kind.name == "classification"
    assert [e.target for e in definition.train.examples] == ["good", "long"]
    assert [e.is_answerable for e in definition.train.examples] == [True, False]
    task_in(tmp_path, [{**rows[0], "options": ["bad", "goood"]}])
    file.write_text(file.read_text() + answers)
    with pytest.raises(DataError, match=r"line 1.*'goood' has no answers.*'good'"):
        load_task(file)


def test_facts_take_choices(tmp_path):
    rows = [
        {"subject": "France", "options": ["Paris", "Oslo"], "object": "Paris"},
        {"subject": "France", "options": ["Rome", "Paris"], "object": 1},
        {"subject": "France", "options": ["Rome", "Paris"], "object": "Rome"},
    ]
    file = task_in(tmp_path, rows)
    text = file.read_text().replace('inputs = ["text"]\n', "").replace("{text}", "{subject}")
    file.write_text(text.replace("classification", "facts"))
    definition = load_task(file)
    assert [e.targets for e in definition.train.examples] == [("Paris",), ("Paris", "Rome")]
    assert definition.labels == ("Paris", "Rome", "Oslo")


def test_check_names_the_first_row_without_its_answer(tmp_path):
    rows = rows_of()
    rows[2]["label"] = "nothing of the kind"
    rows[1]["options"] = ["Paris", "New York", "Paris"]
    printed = run("check", "-t", task_in(tmp_path, rows), "-m", saved("bert")).output
    assert "rows.jsonl, line 3 ('nothing of the kind'), which counts as wrong" in printed
    assert "a choice that is listed twice, the first in line 2 ('Paris')" in printed


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search over rows of which the model is right about all but one."""
    folder = tmp_path_factory.mktemp("searched")
    model = load_model(saved("bert"), device="cpu")
    rows = rows_of(3)
    asked = [Example("", {"text": r["text"]}, "", choices=tuple(r["options"])) for r in rows]
    prompt = Prompt(Template.parse("{text} is [Z] ."), PROMPTS[0].verbalizer)
    (predictions,) = Scorer(model, Scoring()).judge([prompt], asked)
    for row, likeliest in zip(rows, predictions.choice_log_probs.argmax(1).tolist(), strict=True):
        row["label"] = likeliest
    rows[5]["label"] = "nothing"
    task = task_in(folder, rows)
    words = ["--task", task, "-o", folder / "run", "-m", saved("bert"), "--budget", 6, "-q"]
    run("paraphrase", "--method", "edits", *words)
    return folder


def test_a_planted_prompt_is_right_about_all_that_can_be(searched):
    document = json.loads((searched / "run" / "prompts.json").read_text())
    assert document["task"]["kind"] == "multiple-choice"
    assert document["baselines"]["manual"]["scores"]["dev"]["accuracy"] == pytest.approx(11 / 12)
    assert document["prompts"][0]["candidates"][:3] == list(CHOICES[0])


def test_evaluate_writes_each_row(searched):
    out = searched / "examples.jsonl"
    file = searched / "run" / "prompts.json"
    printed = run("evaluate", file, "--split", "dev", "--examples-out", out).output
    assert "majority" in printed
    assert "line 6 ('nothing'), which counts as wrong" in printed
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert rows[5]["rank"] is None
    assert [*rows[1]["log_probs"]] == list(CHOICES[1])


def test_predict_gives_the_probabilities_of_the_choices(searched):
    file, table = searched / "run" / "prompts.json", searched / "rows.jsonl"
    lines = run("predict", file, "-i", table, "-q").stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        assert len(row["probabilities"]) == len(row["options"])
        assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-4)
        best = int(np.argmax(row["probabilities"]))
        assert row["answer"] == row["options"][best]
    classifier = PromptClassifier(file)
    asked = [{name: row[name] for name in ("text", "options")} for row in rows]
    assert classifier.predict(asked).tolist() == [row["answer"] for row in rows]
    shares = classifier.predict_proba(asked)
    np.testing.assert_allclose(shares[0, :3], rows[0]["probabilities"], atol=1e-4)
    table = searched / "rows.csv"
    table.write_text("text,options\nIt was a film,great|bad\n")
    printed = run("predict", file, "-i", table, "--format", "csv", "-q").stdout
    assert printed.startswith("text,options,answer,probability,probabilities")


def test_commands_that_hold_it_and_an_export_that_does_not(searched):
    file = searched / "run" / "prompts.json"
    run("certify", file, "--folds", 2, "--shuffles", 2, "--random", 2, "-q")
    run("ensemble", file, "--rule", "optimised", "-o", searched / "together", "-q")
    run("evaluate", searched / "together" / "prompts.json", "--split", "dev", "-q")
    run("reproduce", file, "-q")
    run("report", file, "--split", "dev", "-o", searched / "page.html", "-q")
    refused = run("export", file, "--to", "python", "-o", searched / "x.py", status=1).output
    assert "use --to text" in refused
    run("export", file, "--to", "text", "-o", searched / "x.txt")


def test_choices_as_options(tmp_path):
    options = '\nyes = "great"\nno = "bad"\n[options]\nquestion = "Which is right?"\n'
    file = task_in(tmp_path, rows_of())
    text = file.read_text().replace("{text} is [Z] .", "{text}")
    file.write_text(text + options)
    definition = load_task(file)
    assert str(definition.prompt.template) == "[O][SEP]Which is right?[SEP]{text}"
    words = ["--task", file, "-o", tmp_path / "run", "-m", saved("bert"), "--budget", 4, "-q"]
    run("paraphrase", "--method", "edits", *words)
    prompts = tmp_path / "run" / "prompts.json"
    row = json.loads(prompts.read_text())["baselines"]["manual"]
    names = ("layout", "question", "yes", "no")
    assert [row[name] for name in names] == ["options", "Which is right?", "great", "bad"]
    run("evaluate", prompts, "--split", "dev", "-q")
    lines = run("predict", prompts, "-i", tmp_path / "rows.jsonl", "-q").stdout.splitlines()
    assert all(json.loads(line)["answer"] in json.loads(line)["options"] for line in lines)
    run("reproduce", prompts, "-q")
    run("report", prompts, "--split", "dev", "-o", tmp_path / "page.html", "-q")
    refused = run("generate", *words[:2], *words[4:6], "-o", tmp_path / "g", status=1).output
    assert "generate knows no options of each row, [O]" in refused
