"""Spans: which are asked about, how their scores become tags, and TemplateNER's own numbers."""

import json
import random
from dataclasses import dataclass, replace

import numpy as np
import pytest
from click.testing import CliRunner
from commanding import run
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from tiny import saved

from promptsearch import PromptClassifier, Scoring, load_model, load_task
from promptsearch.cli import cli
from promptsearch.data import Example
from promptsearch.data.tasks.span_rows import SpanRule
from promptsearch.errors import DataError, PromptError, RunError, TaskError
from promptsearch.language.spans import Span, candidate_spans, spans_of, tags_of
from promptsearch.metrics.entity_f1 import entity_scores
from promptsearch.models.families.seq2seq_forms import PlainForm
from promptsearch.prediction.selection import identity_of, select_prompts
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.prompt_file import read_prompts
from promptsearch.scoring.span_scorer import SpanScorer
from promptsearch.scoring.span_selection import best_by_first_word, best_labels, without_overlaps

NAMES = {
    "PER": ["Ann", "Bob", "Emma Stone", "Carl"],
    "LOC": ["Paris", "Oslo", "New York", "Rome", "Berlin"],
}
TASK = """kind = "spans"
train = "train.conll"
dev = "dev.conll"
test = "dev.conll"
max_span = 2
template = "{text} {span} is [Z]."
[answers]
PER = "someone"
LOC = "a place"
O = "nothing"
"""


def sentence(person, place, verb="lives in"):
    """Return words and tags."""
    spans = [(person.split(), "PER"), (verb.split(), ""), (place.split(), "LOC"), (["."], "")]
    words = [word for each, _ in spans for word in each]
    tags = [
        f"{'I' if n else 'B'}-{name}" if name else "O"
        for each, name in spans
        for n in range(len(each))
    ]
    return words, tags


def conll(sentences):
    return "\n".join(
        "".join(f"{w} {t}\n" for w, t in zip(*each, strict=True)) for each in sentences
    )


@pytest.fixture
def task(tmp_path):
    pairs = [sentence(person, place) for person in NAMES["PER"] for place in NAMES["LOC"]]
    (tmp_path / "train.conll").write_text(conll(pairs[::2]))
    (tmp_path / "dev.conll").write_text(conll(pairs[1::2]))
    (tmp_path / "names.toml").write_text(TASK)
    return tmp_path / "names.toml"


def example(words, tags=(), spans=None):
    return Example("0", {"text": " ".join(words)}, ("O",), tuple(words), tuple(tags), spans=spans)


@pytest.mark.parametrize("scheme", ["IOB2", "IOBES"])
def test_tags_of_spans_are_read_back_as_them(scheme):
    rng = random.Random(0)
    for _ in range(200):
        words = rng.randint(1, 9)
        bounds = rng.sample(candidate_spans(words, 4), min(4, words))
        spans = without_overlaps(
            [(rng.random(), Span(*each, "AB"[each[0] % 2])) for each in bounds]
        )
        assert spans_of(tags_of(spans, words, scheme), scheme) == spans


def test_candidates_are_all_spans_up_to_a_length():
    naive = [(i, j) for i in range(5) for j in range(i + 1, 6) if j - i <= 3]
    assert candidate_spans(5, 3) == naive
    assert candidate_spans(2, 8) == [(0, 1), (0, 2), (1, 2)]


def test_of_overlapping_spans_the_likelier_stays():
    scored = [(-1.0, Span(0, 2, "A")), (-0.5, Span(1, 3, "B")), (-2.0, Span(3, 4, "A"))]
    assert without_overlaps(scored) == [Span(1, 3, "B"), Span(3, 4, "A")]
    assert without_overlaps([*scored, (0.0, Span(1, 3, "O"))]) == [Span(1, 3, "B"), Span(3, 4, "A")]


def test_by_first_words_no_span_begins_where_none_is_likeliest():
    scores = np.array([[-3.0, -1.0], [-2.0, -5.0], [-4.0, -9.0]])
    scored = best_labels([(0, 1), (0, 2), (1, 2)], scores, ["A", "O"])
    assert without_overlaps(scored) == [Span(0, 2, "A")]
    assert without_overlaps(best_by_first_word(scored)) == [Span(1, 2, "A")]


def test_strategies_learn_from_spans_with_a_type_and_drawn_ones():
    sentences = [example(*sentence(p, q)) for p in NAMES["PER"] for q in NAMES["LOC"]]
    rows = SpanRule(max_span=2, negatives=1.5).training_rows(sentences)
    types = [row.target for row in rows]
    assert (types.count("PER"), types.count("LOC"), types.count("O")) == (20, 20, 60)
    assert rows == SpanRule(max_span=2).training_rows(sentences)
    assert {row.inputs["span"] for row in rows if row.target == "PER"} == set(NAMES["PER"])
    assert not any("  " in row.inputs["span"] for row in rows)


def naive_tables(model, prompt, words, bounds, scoring):
    """Return log p (span, label), each span scored alone."""
    rows = []
    for start, stop in bounds:
        inputs = {"text": " ".join(words), "span": " ".join(words[start:stop])}
        plan = model.plan([prompt.template.fill(inputs)], prompt.verbalizer.answers, scoring)
        (block,) = model.run(plan)
        rows.append(block.log_probs[0].double().log_softmax(0).numpy())
    return np.array(rows)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_scores_are_those_of_spans_asked_one_by_one(kind, task):
    model = load_model(saved(kind), device="cpu", dtype="float32")
    definition = load_task(task)
    prompt, scoring = definition.prompt, Scoring()
    (predictions,) = SpanScorer(model, scoring, rule=definition.kind.span_rule).judge(
        [prompt], definition.dev.examples
    )
    labels = list(prompt.verbalizer.labels)
    for row, each in enumerate(definition.dev.examples):
        bounds = candidate_spans(len(each.words), 2)
        table = naive_tables(model, prompt, each.words, bounds, scoring)
        types = {(s.start, s.stop): s.type for s in spans_of(each.tags)}
        values = [table[n, labels.index(types.get(b, "O"))] for n, b in enumerate(bounds)]
        typed = np.array([b in types for b in bounds])
        right = (np.array(values)[typed].mean() + np.array(values)[~typed].mean()) / 2
        assert predictions.log_right[row] == pytest.approx(right, abs=1e-4)
        best = without_overlaps(best_labels(bounds, table, labels))
        assert list(predictions.tags[row]) == tags_of(best, len(each.words))


def test_the_score_is_seqevals(task):
    model = load_model(saved("bert"), device="cpu", dtype="float32")
    definition = load_task(task)
    scorer = SpanScorer(model, Scoring(), rule=definition.kind.span_rule)
    (predictions,) = scorer.judge([definition.prompt], definition.dev.examples)
    gold = [list(each.tags) for each in definition.dev.examples]
    counts = predictions.counts.sum(0)
    f1 = 2 * counts[0] / (counts[1] + counts[2])
    seqeval = f1_score(gold, list(map(list, predictions.tags)), mode="strict", scheme=IOB2)
    assert f1 == pytest.approx(seqeval)
    assert counts[1] > 0


@dataclass(frozen=True)
class ReleasedForm(PlainForm):
    """TemplateNER's release: no begin token, and what counts ends before " entity ."."""

    counted: int = 0  # tokens of no span that count: those of " is a location" by the release

    def targets(self, names, answers, tokens, limit):
        targets = []
        for ((_, text),) in answers:
            (ids,) = tokens.encode([(text,)], special=False)
            span = text[: text.index(" is ")]
            (shortest,) = tokens.encode([(f"{span} is a location entity .",)])
            count = len(shortest) - 4 + (" is not " in text)
            targets.append(([*ids, self.end], list(range(count))))
        return targets


def template_ner(shared):
    """Return the golden values, the model, and the prompt as the paper writes it."""
    home = shared / "golden" / "dev" / "more"
    golden = json.loads((home / "template_ner.json").read_text())
    model = load_model(str(home / "tiny-bart"), device="cpu", dtype="float32")
    answers = {
        label: f"{{span}}{text}"
        for label, text in zip(golden["labels"], golden["templates"], strict=True)
    }
    return golden, model, Prompt(Template.parse("{text}[Z]"), Verbalizer.of(answers))


def released(model):
    form = model.family.form
    family = type(model.family)(
        ReleasedForm(form.end, form.spec, form.has_sentinels), model.family.start, ()
    )
    return type(model)(**{**vars(model), "family": family})


def test_a_golden_of_template_ner(shared):
    """Scores and decoding of the authors' code: 1e-4 of log p, and the same tags."""
    golden, model, prompt = template_ner(shared)
    scorer = SpanScorer(released(model), Scoring(), rule=SpanRule(max_span=8))
    for each in golden["sentences"]:
        words = each["text"].split()
        sentences = [example(words)]
        rows = [scorer._rows(sentence) for sentence in sentences]
        scores, _ = scorer._scores([prompt], rows)
        (table,) = scores[prompt]
        bounds = scorer.rule.bounds(sentences[0])
        scored = best_by_first_word(best_labels(bounds, table, golden["labels"]))
        for (score, span), first in zip(scored, each["by_start"], strict=True):
            start, last, label, probability = first["returned"]
            assert (span.start, span.stop - 1, span.type) == (start, last, label)
            assert score == pytest.approx(np.log(probability), abs=1e-4)
        for detail in each["detail"]:
            at = (detail["start"], detail["start"] + len(detail["span"].split()))
            right = [one["log_score_as_released"] for one in detail["scores"]]
            assert table[bounds.index(at)] == pytest.approx(right, abs=1e-4)
        (predictions,) = scorer.judge([prompt], sentences)
        assert list(predictions.tags[0]) == each["tags"]


def test_f1_of_template_ner(shared):
    golden, _, _ = template_ner(shared)
    f1 = golden["f1"]
    scores = entity_scores(f1["true"], f1["predicted"])
    values = scores.precision, scores.recall, scores.f1
    assert values == pytest.approx((f1["precision"], f1["recall"], f1["f1"]))


def test_answers_that_name_the_span_read_a_text_once(shared):
    """A span's words that stand twice in a sentence score alike, and the text passes once."""
    _, model, prompt = template_ner(shared)
    scorer = SpanScorer(model, Scoring(), rule=SpanRule(max_span=1))
    sentences = [example(["the", "cat", "saw", "the", "dog"])]
    scores, _ = scorer._scores([prompt], [scorer._rows(sentences[0])])
    (table,) = scores[prompt]
    assert table.shape == (5, 5)
    assert table[0] == pytest.approx(table[3])
    assert not np.allclose(table[0], table[1])
    plan = model.plan(
        [prompt.template.fill(sentences[0].inputs)],
        [
            (("Z", f"cat{text}"),)
            for text in (" is a location entity .", " is not a named entity .")
        ],
        Scoring(),
    )
    (block,) = model.run(plan)
    assert table[1][[0, 4]] == pytest.approx(block.log_probs[0].numpy(), abs=1e-4)


def test_a_row_may_name_its_spans(tmp_path, task):
    rows = [
        {"tokens": words, "tags": tags, "spans": [[0, 1], [3, 4]]}
        for words, tags in [sentence("Ann", "Paris"), sentence("Bob", "Oslo")]
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    text = TASK.replace("train.conll", "rows.jsonl").replace("dev.conll", "rows.jsonl")
    (tmp_path / "rows.toml").write_text(f'spans = "spans"\n{text}')
    definition = load_task(tmp_path / "rows.toml")
    assert [e.spans for e in definition.dev.examples] == [((0, 1), (3, 4))] * 2
    rule = definition.kind.span_rule
    assert [row.target for row in rule.rows(definition.dev.examples[0], ((0, 1), (3, 4)))] == [
        *("PER", "LOC")
    ]
    rows[1]["spans"] = [[3, 6]]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match=r"rows.jsonl, line 2: .*\[3, 6\].* up to 5"):
        load_task(tmp_path / "rows.toml")


@pytest.mark.parametrize("named", [True, False])
def test_a_row_may_name_no_span(task, named):
    """A detector that finds none: all words are outside, and what there is was missed."""
    answers = {"PER": "{span} a", "LOC": "{span} b", "O": "{span} c"} if named else None
    definition = load_task(task)
    prompt = definition.prompt
    if answers is not None:
        prompt = Prompt(Template.parse("{text} [Z]"), Verbalizer.of(answers))
    scorer = SpanScorer(load_model(saved("bert"), device="cpu"), Scoring())
    empty, usual = example(*sentence("Ann", "Rome"), spans=()), definition.dev.examples[0]
    for examples in ([empty], [usual, empty, usual]):
        (predictions,) = scorer.judge([prompt], examples)
        row = examples.index(empty)
        assert set(predictions.tags[row]) == {"O"}
        assert predictions.counts[row].tolist() == [0, 0, 2, 3, 5]
        assert (
            scorer.cost([prompt], examples).forwards
            == scorer.predict([prompt], examples).cost.forwards
        )


BAD = [
    ('O = "nothing"', "", TaskError, "no answer for O"),
    ('LOC = "a place"\n', "", DataError, "'B-LOC' is none of answers.*add it to answers"),
    ("{span}", "{spam}", TaskError, "no input {spam}"),
    ("max_span = 2", "max_span = 0", TaskError, "max_span: .*whole number from 1, not 0"),
    ("max_span = 2", "negatives = -1", TaskError, "negatives: .*number from 0, not -1"),
    ("max_span = 2", 'spans = "spans"', DataError, "columns of words name no spans"),
    ("max_span = 2", 'scheme = "IOBES"', TaskError, 'scheme = "IOB2" or "IOB1"'),
    ("{span} is", "it is", TaskError, "names.toml: .* all spans read the same"),
    ('"a place"', '"{span} is a place"', TaskError, "name it in one of the two"),
]


@pytest.mark.parametrize(("old", "new", "error", "message"), BAD)
def test_a_wrong_task_file_is_named(task, old, new, error, message):
    assert old in TASK
    task.write_text(TASK.replace(old, new))
    with pytest.raises(error, match=message):
        load_task(task)


def test_a_prompt_must_name_the_span_once(task):
    scorer = SpanScorer(load_model(saved("bert"), device="cpu"), Scoring())
    definition = load_task(task)
    answers = {"PER": "{span} one", "LOC": "{span} two", "O": "none"}
    bad = {
        "{text} is [Z].": ({"PER": "a", "LOC": "b", "O": "c"}, "all spans read the same"),
        "{text} was [Z].": (answers, "nor does the answer 'none'"),
        "{text} {span} [Z].": (answers, "name it in one of the two"),
    }
    for notation, (labels, message) in bad.items():
        prompt = Prompt(Template.parse(notation), Verbalizer.of(labels))
        with pytest.raises(PromptError, match=message):
            scorer.judge([prompt], definition.dev.examples)


def test_words_for_types_are_found_and_taken_on(task, tmp_path, monkeypatch):
    """Search, evaluate, certify, predict, report and export, on the built-in model."""
    monkeypatch.chdir(tmp_path)
    prompts = tmp_path / "r" / "prompts.json"
    run("answers", "prune", "-t", task, "--budget", 4, "-o", "r", "-q")
    file = json.loads(prompts.read_text())
    assert file["task"]["kind"] == "spans"
    assert file["prompts"][0]["scores"]["dev"]["entity_f1"] > 0.5
    manual = file["baselines"]["manual"]["scores"]["dev"]
    assert manual["entity_f1"] < 0.2
    out = run("evaluate", prompts, "--split", "dev", "--json")
    evaluated = json.loads(out.stdout)["prompts"][0]["scores"]["dev"]
    assert evaluated["entity_f1"] == pytest.approx(file["prompts"][0]["scores"]["dev"]["entity_f1"])
    assert "sentences, whose tags are not exchanged" in run("certify", prompts, "--json").stdout
    run("predict", prompts, "-i", "dev.conll", "-o", "out.jsonl", "-q")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    gold = [list(e.tags) for e in load_task(task).dev.examples]
    f1 = f1_score(gold, [row["predicted_tags"] for row in rows], mode="strict", scheme=IOB2)
    assert f1 == pytest.approx(evaluated["entity_f1"])
    run("report", prompts, "-o", "page.html", "-q")
    page = (tmp_path / "page.html").read_text()
    assert "Results by label" in page
    assert ": PER" in page
    run("export", prompts, "--to", "python", "-o", "program.py")
    assert "ensembles put together" in run("ensemble", prompts, "-q", status=1).stderr


def test_a_run_with_other_spans_is_another_run(task, tmp_path):
    run("paraphrase", "-t", task, "--budget", 2, "-o", tmp_path / "r", "-q")
    task.write_text(TASK.replace("max_span = 2", "max_span = 3"))
    again = run("paraphrase", "-t", task, "--budget", 2, "-o", tmp_path / "r", "--resume", status=1)
    assert "spans" in again.stderr


def test_answers_that_name_the_span_have_no_format(shared, task, tmp_path):
    """TemplateNER's layout, from the task file to what can be taken along."""
    model = shared / "golden" / "dev" / "more" / "tiny-bart"
    named = TASK.replace("{text} {span} is [Z].", "{text} [Z]")
    for word in ("someone", "a place", "nothing"):
        named = named.replace(f'"{word}"', f'"{{span}} is {word} ."')
    task.write_text(named)
    run("paraphrase", "-t", task, "-m", model, "--budget", 1, "-o", tmp_path / "r", "-q")
    prompts = tmp_path / "r" / "prompts.json"
    out = run("export", prompts, "--to", "pet", "-o", tmp_path / "pet", status=1)
    assert "names the span" in out.stderr
    run("export", prompts, "--to", "text", "-o", tmp_path / "p.txt")


def test_prompts_are_judged_together_as_one_by_one(task):
    """Words for one template pass once, and the cost is what was said before."""
    scorer = SpanScorer(load_model(saved("bert"), device="cpu", dtype="float32"), Scoring())
    definition = load_task(task)
    words = [{"PER": a, "LOC": b, "O": c} for a, b, c in ("abc", "bca", "cab")]
    prompts = [replace(definition.prompt, verbalizer=Verbalizer.of(each)) for each in words]
    together = scorer.predict(prompts, definition.dev.examples)
    alone = [scorer.predict([prompt], definition.dev.examples) for prompt in prompts]
    assert together.cost.forwards == alone[0].cost.forwards
    assert scorer.cost(prompts, definition.dev.examples).forwards == together.cost.forwards
    for one, (other,) in zip(together.predictions, [b.predictions for b in alone], strict=True):
        assert one.tags == other.tags
        assert one.log_right == pytest.approx(other.log_right)


def test_a_classifier_is_not_of_spans(task, tmp_path):
    run("paraphrase", "-t", task, "--budget", 1, "-o", tmp_path / "r", "-q")
    prompts = PromptClassifier(tmp_path / "r" / "prompts.json")
    with pytest.raises(RunError, match="task of spans; use `promptsearch predict`"):
        prompts.predict(["Ann lives in Rome ."])


def test_check_tells_what_is_never_asked_or_cut(task, tmp_path):
    task.write_text(TASK.replace("max_span = 2", "max_span = 1"))
    assert "4 of 20 spans are not asked about, longer than max_span = 1" in checked_text(task)
    long = [[*("Ann " * 700).split(), "Rome"], ["O"] * 700 + ["B-LOC"]]
    (tmp_path / "dev.conll").write_text(conll([long]))
    assert "longer than the 512 tokens" in checked_text(task)


def checked_text(task):
    done = CliRunner().invoke(cli, ["check", "-t", str(task), "-m", "builtin"])
    return done.output


def test_predictions_with_other_spans_or_texts_are_others(task, tmp_path):
    """What a file's rows were written with stays the same for all of them."""
    run("paraphrase", "-t", task, "--budget", 1, "-o", tmp_path / "r", "-q")
    prompts = read_prompts(tmp_path / "r" / "prompts.json")
    scorer = SpanScorer(load_model("builtin"), Scoring())
    identities = []
    for longest in (2, 3):
        task.write_text(TASK.replace("max_span = 2", f"max_span = {longest}"))
        kind, reader = load_task(task).kind, load_task(task).reader
        selection = select_prompts(prompts, load_task(task).schema, None, None)
        identities.append(identity_of(prompts, selection, scorer, kind, reader, ["predicted_tags"]))
    assert identities[0] != identities[1]
