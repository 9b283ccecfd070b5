"""{options} in a template: the choices of a row or the labels' answers, which nothing cuts."""

import copy
import json

import pytest
from commanding import run
from tiny import saved

from promptsearch import PromptClassifier, PromptSearchError, Template, load_model, load_task
from promptsearch.data import schema_of
from promptsearch.data.tasks.in_memory import examples_of
from promptsearch.prompt import FixedText, Input, Text
from promptsearch.scoring.calibration import references_of

LABELS = """name = "reviews"
kind = "classification"
train = "train.csv"
dev = "train.csv"
test = "train.csv"
template = "{template}"
{keys}
[answers]
bad = ["terrible", "awful"]
good = ["great"]
"""
CHOICES = """name = "questions"
kind = "classification"
train = "rows.jsonl"
dev = "rows.jsonl"
test = "rows.jsonl"
inputs = ["question"]
choices = "options"
template = "{template}"
{keys}
"""
REVIEWS = "text,label\n" + "a great film,good\na dull plot,bad\n" * 4
ROWS = [
    {"question": "It is", "options": ["great", "bad", "bad"], "label": "bad"},
    {"question": "A film is", "options": ["really good", "awful"], "label": 0},
]
WITH_LABELS = "{text} Is it {options}? [Z]"
WITH_CHOICES = "{question} ({options}) [Z]"


def labels_task(folder, template=WITH_LABELS, keys="", table=REVIEWS):
    (folder / "train.csv").write_text(table)
    text = LABELS.replace("{template}", template).replace("{keys}", keys)
    (folder / "task.toml").write_text(text)
    return folder / "task.toml"


def choices_task(folder, template=WITH_CHOICES, keys="", rows=ROWS * 3):
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "rows.jsonl").write_text("".join(lines))
    text = CHOICES.replace("{template}", template).replace("{keys}", keys)
    (folder / "task.toml").write_text(text)
    return folder / "task.toml"


def options_in(definition):
    return [example.inputs["options"] for example in definition.train.examples]


def test_the_labels_first_answers_are_the_options(tmp_path):
    definition = load_task(labels_task(tmp_path))
    assert set(options_in(definition)) == {"terrible, great"}
    assert definition.inputs == ("text", "options")


def test_the_choices_of_the_row_are_its_options_each_once(tmp_path):
    definition = load_task(choices_task(tmp_path))
    assert options_in(definition)[:2] == ["great, bad", "really good, awful"]


def test_choices_that_are_labels_have_their_answers(tmp_path):
    table = "text,label,c\n" + "a film,good,good|bad\na plot,bad,bad|good\n" * 3
    definition = load_task(labels_task(tmp_path, keys='choices = "c"', table=table))
    assert options_in(definition)[:2] == ["great, terrible", "terrible, great"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('language = "zh"', "terrible，great"),
        ('language = "zh"\noption_separator = "/"', "terrible/great"),
        ('option_separator = " or "', "terrible or great"),
    ],
)
def test_the_separator(tmp_path, keys, expected):
    assert options_in(load_task(labels_task(tmp_path, keys=keys)))[0] == expected


def test_texts_of_their_own(tmp_path):
    keys = 'option_texts = {bad = "no", good = "yes"}'
    assert options_in(load_task(labels_task(tmp_path, keys=keys)))[0] == "no, yes"


def test_a_column_of_that_name_stays_what_it_was(tmp_path):
    table = "text,options,label\n" + "a film,x or y,good\na plot,y,bad\n" * 3
    definition = load_task(labels_task(tmp_path, table=table))
    assert options_in(definition)[:2] == ["x or y", "y"]
    assert not any(isinstance(text, FixedText) for text in options_in(definition))
    assert "option_separator" not in definition.document
    with pytest.raises(PromptSearchError, match=r"option_separator: the tables have a column"):
        load_task(labels_task(tmp_path, keys='option_separator = "/"', table=table))


def test_a_column_that_is_no_input_is_not_passed_over(tmp_path):
    table = "text,options,label\n" + "a film,x,good\na plot,y,bad\n" * 3
    with pytest.raises(PromptSearchError, match=r"there is no input \{options\}"):
        load_task(labels_task(tmp_path, keys='inputs = ["text"]', table=table))


def test_tasks_without_the_field_have_no_such_input(tmp_path):
    definition = load_task(labels_task(tmp_path, template="{text} It was [Z]."))
    assert definition.inputs == ("text",)
    assert definition.reader.options is None
    assert "option_separator" not in definition.document


def test_what_cannot_be_joined_is_said(tmp_path):
    with pytest.raises(PromptSearchError, match="option_separator: it is empty"):
        load_task(labels_task(tmp_path, keys='option_separator = ""'))
    file = tmp_path / "g.toml"
    file.write_text(
        'kind = "generation"\ntrain = "train.csv"\ntemplate = "{text} {options} [Z]"\n'
        'target = "label"\n'
    )
    with pytest.raises(PromptSearchError, match=r"there is no input \{options\}"):
        load_task(file)


def test_the_text_is_the_templates_and_never_cut(tmp_path):
    filled = Template.parse(WITH_LABELS).fill({"text": "a", "options": FixedText("b, c")})
    assert filled[:3] == (Input("text", "a"), Text(" Is it "), Text("b, c"))
    assert type(filled[2].text) is str
    rows = [{**row, "question": "long " * 200} for row in ROWS] * 3
    definition = load_task(choices_task(tmp_path, rows=rows))
    model = load_model(saved("bert"), device="cpu")
    example = definition.train.examples[0]
    texts = [definition.prompt.template.fill(example.inputs)]
    (block,) = model.plan(texts, [(("Z", "great"),)], _scoring()).blocks
    literal = Template.parse("{question} (great, bad) [Z]").fill(example.inputs)
    (expected,) = model.plan([literal], [(("Z", "great"),)], _scoring()).blocks
    assert list(block.items[0].ids) == list(expected.items[0].ids)
    assert len(block.items[0].ids) <= model.info.max_tokens


def _scoring():
    from promptsearch import Scoring

    return Scoring("independent")


def test_it_survives_other_processes():
    assert isinstance(copy.deepcopy({"o": FixedText("a")})["o"], FixedText)  # as pickle does


def test_scores_are_those_of_the_text_written_out(tmp_path):
    """Of a task whose template has the labels' answers in words."""
    found = [
        run("evaluate", "manual", "--task", task, "-m", saved("bert"), "--json")
        for folder, template in (("a", WITH_LABELS), ("b", "{text} Is it terrible, great? [Z]"))
        for task in [labels_task(_made(tmp_path / folder), template=template)]
    ]
    first, second = (json.loads(result.stdout)["prompts"][0]["scores"] for result in found)
    assert first == second


def _made(folder):
    folder.mkdir()
    return folder


def found_by_search(folder, task, *words):
    words = ["--task", task, "-o", folder / "run", "-m", saved("bert"), "--budget", 6, "-q", *words]
    run("paraphrase", "--method", "edits", *words)
    return folder / "run" / "prompts.json"


@pytest.mark.parametrize("make", [labels_task, choices_task])
def test_a_search_keeps_the_field_and_its_prompts_read_new_rows(tmp_path, make):
    """Rows without a column of that name: what fills it is in the file, not in the rows."""
    task = make(tmp_path)
    prompts = found_by_search(tmp_path, task)
    document = json.loads(prompts.read_text())
    assert any("{options}" in row["template"] for row in document["prompts"])
    assert document["task"]["definition"]["option_separator"] == ", "
    task.unlink()
    rows = [{"text": "a great film"}] if make is labels_task else [ROWS[0]]
    new = tmp_path / "new.jsonl"
    new.write_text("".join(json.dumps(row) + "\n" for row in rows))
    first = document["prompts"][0]["id"]
    run("predict", prompts, "-i", new, "-o", tmp_path / "out.jsonl", "--id", first, "--no-ensemble")
    (line,) = (tmp_path / "out.jsonl").read_text().splitlines()
    by_file = json.loads(line)["probability"]
    classifier = PromptClassifier(prompts, id=first)
    assert max(classifier.predict_proba(rows)[0]) == pytest.approx(by_file, abs=1e-5)


STRATEGIES = {
    "gradient": ["gradient", "--iterations", 1],
    "fluency": ["gradient", "--iterations", 1, "--fluency", 1, "--fluency-model", saved("gpt2")],
    "generate": ["generate"],
    "lm-score": ["lm-score", "--template", "{text} {options} [Z]", "--variants"],
    "mine": ["mine"],
    "soft": ["soft", "--steps", 1],
    "prefix": ["prefix", "--steps", 1],
    "search": ["search", "--budget", 6],
    "workers": ["paraphrase", "--method", "edits", "--budget", 4, "--workers", 2],
}


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("make", [labels_task, choices_task])
def test_every_strategy_fills_it(tmp_path, name, make):
    field = "{text}" if make is labels_task else "{question}"
    words = [str(word).replace("{text}", field) for word in STRATEGIES[name]]
    model = saved("gpt2" if name == "lm-score" else "bert")
    run(*words, "--task", make(tmp_path), "-o", tmp_path / "run", "-m", model, "-q")
    prompts = json.loads((tmp_path / "run" / "prompts.json").read_text())["prompts"]
    assert any("{options}" in row["template"] for row in prompts)


def test_a_search_goes_on_where_it_was(tmp_path):
    task = labels_task(tmp_path)
    prompts = found_by_search(tmp_path, task)
    before = prompts.read_text()
    words = ["--task", task, "-o", tmp_path / "run", "-m", saved("bert"), "--budget", 6, "-q"]
    run("paraphrase", "--method", "edits", *words, "--resume")
    templates = [
        [row["template"] for row in json.loads(t)["prompts"]] for t in (before, prompts.read_text())
    ]
    assert templates[0] == templates[1]


def test_certify_evaluate_and_check_know_it(tmp_path):
    task = labels_task(tmp_path)
    prompts = found_by_search(tmp_path, task)
    run("evaluate", prompts, "--task", task)
    run("check", "--task", task, "-m", saved("bert"))
    run("certify", prompts, "--rows", "all")
    run("report", prompts, "-o", tmp_path / "page.html")


def test_calibration_leaves_it_where_inputs_are_taken_away(tmp_path):
    task = labels_task(tmp_path)
    fixed = load_task(task).reader.fixed_inputs
    for example in references_of("contextual", ("text", "options"), (), fixed):
        assert example.inputs["options"] == "terrible, great"
    found_by_search(tmp_path, task, "--calibration", "contextual")


def test_exports_have_the_labels_in_words(tmp_path):
    prompts = found_by_search(tmp_path, labels_task(tmp_path))
    for name, file in (
        ("text", "a.txt"),
        ("python", "b.py"),
        ("langchain", "c.json"),
        ("dspy", "d.json"),
    ):
        run("export", prompts, "--to", name, "-o", tmp_path / file, "--top", 1)
        path = tmp_path / file
        texts = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        written = "".join(each.read_text() for each in texts)
        assert "{options}" not in written
        assert "terrible, great" in written


def test_exports_of_choices_say_what_the_field_is(tmp_path):
    prompts = found_by_search(tmp_path, choices_task(tmp_path))
    said = run("export", prompts, "--to", "text", "-o", tmp_path / "a.txt").output
    assert "{options} is no column: it is a row's choices, joined by ', '" in said
    refused = run("export", prompts, "--to", "python", "-o", tmp_path / "b.py", status=1).output
    assert "has choices of its own" in refused


def test_a_prompt_on_a_task_that_does_not_offer_it_names_the_way_out(tmp_path):
    prompts = found_by_search(tmp_path, labels_task(tmp_path))
    plain = labels_task(tmp_path, template="{text} It was [Z].")
    said = run("evaluate", prompts, "--task", plain, status=1).output
    assert 'option_separator = ", " in the task file fills it' in said
    offering = labels_task(tmp_path, template="{text} It was [Z].", keys='option_separator = ", "')
    run("evaluate", prompts, "--task", offering)


def test_the_saved_task_reads_rows_of_answers_in_another_file(tmp_path):
    (tmp_path / "words.toml").write_text('bad = ["terrible"]\ngood = ["great"]\n')
    task = labels_task(tmp_path, keys='answers = "words.toml"')
    task.write_text(task.read_text().split("[answers]")[0])
    definition = load_task(task)
    section = {"kind": "classification", "inputs": ["text", "options"], "labels": ["bad", "good"]}
    section["definition"] = definition.document
    frame = schema_of(
        section, tmp_path / "elsewhere" / "prompts.json", kind=definition.kind, fields=(), labels=()
    )
    (example,) = examples_of([{"text": "a film"}], frame.reader)
    assert example.inputs["options"] == "terrible, great"


def test_words_for_answers_come_from_the_inputs_alone(tmp_path):
    from promptsearch.searchers.answers.common.candidates import _words_of

    class Asked:
        train = load_task(labels_task(tmp_path)).train.examples
        language = "en"

    assert set(_words_of(Asked)) == {"a", "great", "film", "dull", "plot"}


def test_texts_of_other_labels_are_refused(tmp_path):
    with pytest.raises(PromptSearchError, match="option_texts: it must have the task's labels"):
        load_task(labels_task(tmp_path, keys='option_texts = {bad = "no", god = "yes"}'))


def test_a_search_is_reproduced(tmp_path):
    prompts = found_by_search(tmp_path, labels_task(tmp_path))
    assert "reproduced: same prompts, same scores" in run("reproduce", prompts).output


def test_several_labels_and_values_have_options_too(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"text": "a", "label": ["x"], "v": 1}\n' * 4)
    common = 'train = "t.jsonl"\ndev = "t.jsonl"\ninputs = ["text"]\n'
    sets = tmp_path / "sets.toml"
    sets.write_text(
        f'kind = "classification"\nmulti_label = true\n{common}'
        'template = "{text} of {options}: [Z1] [Z2]"\nno = "no"\n'
        '[answers]\nx = ["yes"]\ny = ["yes"]\n[option_texts]\nx = "speed"\ny = "price"\n'
    )
    assert set(options_in(load_task(sets))) == {"speed, price"}
    value = tmp_path / "value.toml"
    value.write_text(
        f'kind = "value"\nrange = [0, 1]\nlabel = "v"\n{common}'
        'template = "{text} {options} [Z]"\n[answers]\nlow = ["bad"]\nhigh = ["good"]\n'
    )
    assert set(options_in(load_task(value))) == {"bad, good"}


@pytest.mark.parametrize("answers", ["[]", "[3]", "3", '[""]'])
def test_answers_that_are_none_are_named_as_ever(tmp_path, answers):
    task = labels_task(tmp_path, keys='option_separator = "/"')
    task.write_text(task.read_text().replace('["great"]', answers))
    with pytest.raises(PromptSearchError, match="answers"):
        load_task(task)
