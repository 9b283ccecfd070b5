"""Label names taken apart, rules over several slots, and the files that relations come in."""

import json
from collections import Counter
from itertools import chain, islice

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from judges import ShorterIsBetter
from tiny import saved, tiny

from promptsearch import DecomposeSearch, Scorer, Scoring, load_task
from promptsearch.cli import cli
from promptsearch.data import CLASSIFICATION, Example
from promptsearch.data.tables.rows import TableFormat, read_rows
from promptsearch.data.tasks.ptr_rules import read_rules
from promptsearch.engine import search_prompts
from promptsearch.engine.strategy import Task
from promptsearch.errors import DataError, TaskError
from promptsearch.metrics import scores_of
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.scoring.label_aggregation import LabelAggregation, PredictionsBuilder
from promptsearch.searchers.answers.decompose.label_forms import Forms, same_tokens
from promptsearch.searchers.answers.decompose.label_names import (
    SMALL,
    label_words,
    name_words,
    named_rules,
    roles_of,
)

SLOTS = ("Z1", "Z2", "Z3", "Z4", "Z5")
NAMES = {
    "per:city_of_death": "person city of death",
    "per:person_of_note": "person of note",
    "org:founded_by": "organization founded by",
    "org:top_members/employees": "organization top members employees",
    "per:stateorprovinces_of_residence": "person states or provinces of residence",
    "superpower": "superpower",
    "no_relation": "no relation",
    "NA": "no relation",
    "Other": "other",
    "CauseEffect": "cause effect",
    "HTTPError": "http error",
    "Cause-Effect(e2,e1)": "cause effect",
    "+": "+",
}
BLOCKS = """1\t"The <e1>fire</e1> was caused by "old" <e2>wires</e2>."
Cause-Effect(e2,e1)
Comment: easy

2\t"A <e1>storm</e1> made the <e2>flood</e2>."
Cause-Effect(e1,e2)
Comment:

3\t"The <e1>dog</e1> saw the <e2>car</e2>."
Other
"""
TASK = """name = "relations"
kind = "classification"
train = "rows.TXT"
dev = "rows.TXT"
test = "rows.TXT"
template = "{text} The {head} is the [Z] of the {tail}."
negative_label = "Other"
markup = { e1 = "head", e2 = "tail" }
[answers]
Other = ["nothing"]
"Cause-Effect(e1,e2)" = ["cause"]
"Cause-Effect(e2,e1)" = ["effect"]
"""


@pytest.fixture
def task(tmp_path):
    (tmp_path / "rows.TXT").write_text(BLOCKS)
    path = tmp_path / "task.toml"
    path.write_text(TASK)
    return path


@pytest.mark.parametrize(("label", "words"), NAMES.items())
def test_names_fall_into_words(label, words):
    assert " ".join(name_words(label)) == words


@pytest.mark.parametrize("name", ["tacred", "retacred", "tacrev"])
def test_label_sets_have_distinct_words_and_lose_none(shared, name):
    path = shared / f"data/relation/label_sets/{name}_rel2id.json"
    labels = list(json.loads(path.read_text()))
    words = label_words(labels)
    assert not same_tokens(words)
    for label in labels:
        assert set(name_words(label)) - set(words[label]) <= SMALL
    assert words["org:founded_by"] == ("organization", "founded", "by")
    assert words["per:city_of_death"] == ("person", "city", "death")


def test_small_words_stay_where_labels_differ_in_them_alone():
    words = label_words(["born_in", "born_at", "died_in"])
    assert words == {"born_in": ("born", "in"), "born_at": ("born", "at"), "died_in": ("died",)}


def test_roles_follow_the_arguments():
    assert roles_of("Body_Part-Whole(e1,e2)") == ("body part", "whole")
    assert roles_of("Body_Part-Whole(e2,e1)") == ("whole", "body part")
    assert roles_of("per:city_of_death") is None


def test_rules_made_of_names_are_those_that_ptr_wrote(shared):
    written = read_rules(shared / "golden/dev/ptr_rules.tsv")
    assert named_rules(list(written)) == written
    assert named_rules(["Cause-Effect(e1,e2)", "per:age"]) is None
    assert named_rules(["Other", "None"]) is None


def test_ptr_golden(shared):
    """The original's scores up to a constant of the example, its predictions and its F1."""
    golden = json.loads((shared / "golden/dev/ptr.json").read_text())
    logits = torch.from_numpy(np.load(shared / "golden/dev/ptr.npz")["logits"])  # (row, slot, word)
    rules = read_rules(shared / "golden/dev/ptr_rules.tsv")
    verbalizer = Verbalizer.of({label: rules[label] for label in golden["labels"]}, SLOTS)
    column = {word: place for place, word in enumerate(golden["word_columns"])}
    log_probs = logits.double().log_softmax(2)
    said = [
        sum(log_probs[:, SLOTS.index(slot), column[text]] for slot, text in answer)
        for answer in verbalizer.answers
    ]
    labelling = LabelAggregation.of(verbalizer, tiny("bert")[0], "sum", facts=False)
    ours = labelling.label_log_probs(torch.stack(said, dim=1)).numpy()
    for key in ("sum_of_logits", "sum_of_logprob_in_slot_set_float64"):
        theirs = torch.tensor(golden[f"label_scores_{key}"], dtype=torch.float64)
        np.testing.assert_allclose(ours, theirs.log_softmax(1).numpy(), atol=1e-4)
    examples = [Example(str(i), {}, gold) for i, gold in enumerate(golden["gold"])]
    findings = PredictionsBuilder.of(labelling, examples)
    findings.put(range(len(examples)), ours)
    judged = findings.judgement()
    assert [judged.labels[i] for i in judged.predicted] == golden["predictions"]
    f1 = scores_of(judged, CLASSIFICATION, golden["negative_label"])["micro_f1"]
    assert f1 == pytest.approx(golden["micro_f1_without_negative_label"], abs=1e-12)


def relations(labels, template, inputs=("text", "head", "tail")):
    prompt = Prompt(
        Template.parse(template), Verbalizer.of({x: str(i) for i, x in enumerate(labels)})
    )
    train = [Example("0", dict.fromkeys(inputs, "a"), labels[0])]
    return Task("r", CLASSIFICATION, prompt, train, inputs, tuple(labels), model=tiny("bert")[0])


DIRECTED = ("Other", "Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)")


def test_directed_labels_get_two_and_five_slots_and_what_one_cannot_tell_is_said():
    task = relations(DIRECTED, "{text} [Z] {head} {tail}")
    prompts, notes = DecomposeSearch().proposals(task.prompt, task.inputs)
    assert {len(prompt.template.slots) for prompt in prompts} == {2, 5}
    two = next(prompt for prompt in prompts if len(prompt.template.slots) == 2).verbalizer
    assert two["Cause-Effect(e2,e1)"] == ((("Z1", "effect"), ("Z2", "cause")),)
    assert two["Other"] == ((("Z1", "nothing"), ("Z2", "nothing")),)
    assert "{text} the [Z1] {head} [Z2] [Z3] [Z4] the [Z5] {tail}" in {
        str(prompt.template) for prompt in prompts
    }
    assert notes[0].startswith("rules made of the label names: Other is 'nothing has")
    assert notes[1].endswith("cannot tell Cause-Effect(e1,e2) from Cause-Effect(e2,e1)")


def test_plain_labels_share_one_slot_and_are_summed():
    labels = ("per:city_of_birth", "per:age", "NA")
    task = relations(labels, "{text} It is [Z] .", ("text",))
    result = search_prompts(DecomposeSearch(), task, ShorterIsBetter())
    (prompt,) = [trial.prompt for trial in result.trials[1:]]
    assert prompt.verbalizer.plain()["per:city_of_birth"] == ["person", "city", "birth"]
    scorer = Scorer(task.model, Scoring())
    (judged,) = scorer.judge([prompt], task.train)
    single = Verbalizer.of({w: w for w in ("person", "city", "birth", "age", "no", "relation")})
    (alone,) = scorer.judge([Prompt(prompt.template, single)], task.train)
    p = dict(zip(single.labels, np.exp(alone.log_probs[0]), strict=True))
    sums = [p["person"] + p["city"] + p["birth"], p["person"] + p["age"], p["no"] + p["relation"]]
    np.testing.assert_allclose(np.exp(judged.log_probs[0]), sums / np.sum(sums), rtol=1e-5)


def test_rules_of_a_file_come_before_names(tmp_path):
    path = tmp_path / "rules.txt"
    path.write_text("0\tA\tso bad\tindeed\n0\tB\tgood\tindeed\n0\tB\tgreat\ttoo\n")
    task = relations(("A", "B"), "{text} [Z]")
    prompts, _ = DecomposeSearch(rules=str(path)).proposals(task.prompt, task.inputs)
    two = [prompt for prompt in prompts if len(prompt.template.slots) == 2]
    both = {"A": [["so bad", "indeed"]], "B": [["good", "indeed"], ["great", "too"]]}
    assert [prompt.verbalizer.plain() for prompt in two] == [both] * 3
    with pytest.raises(TaskError, match="no rule for the label 'C'"):
        Forms.of(["A", "C"], read_rules(path))


def test_answers_of_several_slots_are_rules():
    answers = {"A": [["x", "of", "y"]], "B": [["y", "of", "x"]]}
    template = Template.parse("{text} {head} [Z3] [Z1] [Z2] {tail}")
    start = Prompt(template, Verbalizer.of(answers, ("Z3", "Z1", "Z2")))
    prompts, notes = DecomposeSearch().proposals(start, ("text", "head", "tail"))
    assert Counter(len(prompt.template.slots) for prompt in prompts) == {1: 2, 2: 3, 3: 3}
    assert prompts[0] == start
    ends = [prompt.verbalizer for prompt in prompts if len(prompt.template.slots) == 2]
    assert ends[0]["B"] == ((("Z1", "y"), ("Z2", "x")),)
    assert notes == []


def test_what_cannot_be_proposed_is_said():
    task = relations(("a_b", "b_a"), "{text} [Z]", ("text",))
    with pytest.raises(TaskError, match="cannot tell a_b from b_a; give `rules`"):
        DecomposeSearch().proposals(task.prompt, task.inputs)
    with pytest.raises(TaskError, match="has 3 slots, but there are answers for 1; give rules"):
        DecomposeSearch(template=("{text} [Z1] [Z2] [Z3]",)).proposals(task.prompt, task.inputs)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("0\tA\tx\n\n0 B y\n", 3, "'0 B y' is no rule"),
        ("x\tA\tb\n", 1, "is no rule"),
        ("0\tA\tx\ty\n2\tB\tx\n", 2, "1 words for 'B' where the rules before have 2"),
        ("0\tA\tx\t \n", 1, "a cell is empty"),
        ("0\tA\tx\n0\tA\tx\n", 2, "the rule of 'A' stands here again"),
    ],
)
def test_mistakes_in_rules_have_their_line(tmp_path, text, line, told):
    path = tmp_path / "rules.tsv"
    path.write_text(text)
    with pytest.raises(DataError, match=r"rules\.tsv") as error:
        read_rules(path)
    assert f", line {line}: " in str(error.value)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("a table\n", 1, "does not start a block"),
        ('1\t"a"\nOther\n\n2\t"b"\n', 4, "has no label"),
        ('1\t"a"\nOther\n2\t"b"\nOther\n', 3, "write a blank line between blocks"),
    ],
)
def test_mistakes_in_blocks_have_their_line(tmp_path, text, line, told):
    path = tmp_path / "rows.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"rows\.txt, line {line}: .*{told}"):
        list(read_rows(path))


def test_blocks_and_their_markup(task):
    definition = load_task(task)
    first, second, _ = definition.train.examples
    assert first.inputs == {
        "text": 'The fire was caused by "old" wires.',
        "head": "fire",
        "tail": "wires",
    }
    assert (first.target, second.target) == ("Cause-Effect(e2,e1)", "Cause-Effect(e1,e2)")


def test_tokens_and_nested_names_of_json_lines(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text('{"token": ["a", "dog"], "h": {"name": "dog", "pos": [1]}, "relation": "R"}\n')
    (row,) = read_rows(path, TableFormat(rename={"token": "text", "h.name": "head"}))
    assert (row.text("text"), row.text("head"), row.text("relation")) == ("a dog", "dog", "R")
    (row,) = read_rows(path, TableFormat(rename={"h.nom": "head"}))
    with pytest.raises(DataError, match=r"train\.txt, line 1: there is no column 'head'"):
        row.text("head")


def run(*words, status=0):
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done


def test_a_run_and_its_evaluation(task):
    folder = task.parent / "run"
    run(
        *("answers", "decompose", "-t", task, "-m", saved("bert"), "-o", folder, "-q"),
        *("--objective", "micro-f1", "--multi-token", "independent"),
    )
    document = json.loads((folder / "prompts.json").read_text())
    assert document["search"]["strategy"] == "answers-decompose"
    assert {row["source"]["strategy"] for row in document["prompts"]} >= {"answers-decompose"}
    done = run("evaluate", folder / "prompts.json", "-t", task, "--split", "test", "--top", "3")
    assert "micro_f1" in done.output
    run("reproduce", folder / "prompts.json", "-q")


def test_mistakes_are_said_before_a_model_loads(task, tmp_path):
    given = ("answers", "decompose", "-t", task, "-m", tmp_path / "no-such-model")
    done = run(*given, "--rules", tmp_path / "none.tsv", status=1)
    assert "there is no file" in done.output
    assert "none.tsv" in done.output
    done = run(*given, "--template", "{text} [Z1] [Z2] [Z3]", status=1)
    assert "has 3 slots, but there are answers for 1 or 2 or 5" in done.output


KNOWPROMPT = '[rename]\ntoken = "text"\n"h.name" = "head"\n"t.name" = "tail"\nrelation = "label"'
BOTH = {"semeval2010t8_original/TRAIN_FILE.TXT": 4, "semeval2010t8_lowercased/train.txt": 1}


@pytest.mark.parametrize(("name", "lines"), BOTH.items())
def test_both_forms_of_semeval_with_rules_as_answers(shared, tmp_path, name, lines):
    home = shared / "data/relation"
    with (home / name).open() as stream:
        (tmp_path / "rows.txt").write_text("".join(islice(stream, 12 * lines)))
    rules = home / "semeval2010t8_lowercased/temp.txt"
    original = "original" in name
    names = 'e1 = "head"\ne2 = "tail"' if original else KNOWPROMPT
    text = f"""name = "semeval"
kind = "classification"
train = "rows.txt"
dev = "rows.txt"
template = "{{text}} the [Z1] {{head}} [Z2] [Z3] [Z4] the [Z5] {{tail}}"
negative_label = "Other"
answers = "{rules}"
{"[markup]" if original else ""}
{names}
"""
    path = tmp_path / "semeval.toml"
    path.write_text(text)
    definition = load_task(path)
    assert len(definition.labels) == 19
    assert len(definition.train.examples) == 12
    first = definition.train.examples[0]
    assert {"text", "head", "tail"} == set(first.inputs)
    assert first.target == "Component-Whole(e2,e1)"
    assert "<e1>" not in first.inputs["text"]
    done = run("check", "-t", path)
    assert "no example of" in done.output
    given = ("-m", saved("bert"), "-o", tmp_path / "run", "--multi-token", "independent", "-q")
    run("answers", "decompose", "-t", path, *given, "--budget", "3")


def test_the_planted_template_wins(task):
    """Of all forms, the one whose answers a judge likes is best."""

    class Likes(ShorterIsBetter):
        def scores(self, prompt):
            words = set(chain.from_iterable(prompt.verbalizer["Cause-Effect(e1,e2)"]))
            right = ("Z1", "cause") in words and ("Z2", "effect") in words
            return {"log_likelihood": 0.0 if right else -1.0, "n": 4}

    planted = relations(DIRECTED, "{text} [Z] {head} {tail}")
    best = search_prompts(DecomposeSearch(), planted, Likes()).best.prompt
    assert best.template.slots == ("Z1", "Z2")
    assert best.source.evidence["form"] == "roles"
