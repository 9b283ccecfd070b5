"""pCLUE's JSON lines: imported as tasks, their templates folded back, predictions scored."""

import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from commanding import run
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import saved

from promptsearch import PromptSearchError, load_task
from promptsearch.cli import cli
from promptsearch.metrics.pclue_score import TYPES

NEWS = "新闻：{text}\n选项：{options}\n答案：[Z]"
INFERENCE = "“{text1}”和“{text2}”的关系是？{options}[Z]"


def news(text, target, choices=("体育", "财经", "科技"), shown=None):
    listed = "，".join(shown or dict.fromkeys(choices))
    row = {"input": f"新闻：{text}\n选项：{listed}\n答案：", "target": target, "type": "classify"}
    return {**row, "answer_choices": list(choices)}


def inference(first, second, target):
    choices = ["中立", "蕴含", "矛盾"]
    text = f"“{first}”和“{second}”的关系是？{'，'.join(choices)}"
    return {"input": text, "target": target, "type": "nli", "answer_choices": choices}


def anaphora(text, target):
    row = {"input": f"{text}是的，不是？", "target": target, "type": "anaphora_resolution"}
    return {**row, "answer_choices": ["是的", "不是"]}


ROWS = [
    news("国足0-1负于叙利亚。", "体育"),
    news("央行下调存款准备金率。", "财经"),
    news("新款手机今日发布。", "数码"),
    {**news("剪辑软件。", "视频", ["工具", "视频", "工具"]), "input": "应用：剪辑软件。答案："},
    inference("天在下雨", "天晴了", "矛盾"),
    inference("他在吃饭", "他在进食", "蕴含"),
    anaphora("她指小红吗？", "是的"),
    anaphora("他指小红吗？", "不是"),
    {"input": "县分为哪些？答案：", "target": "都会郡，非都会郡", "type": "mrc"},
    {"input": "如何繁殖？答案：", "target": "播种", "type": "mrc", "answer_choices": ""},
    {"input": "关键词：", "target": ["童帽", "图案"], "type": "generate", "answer_choices": ""},
    {"input": "标题：", "target": "四川地震", "type": "generate"},
]


def file_of(folder, rows, name="pclue.json"):
    path = folder / name
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8")
    return path


def imported(folder, rows=None, *words):
    file = file_of(folder, ROWS if rows is None else rows)
    return run("import", file, "--from", "pclue", "-o", folder / "tasks", *words)


def examples_of(task):
    """The task, and all its rows in their order: a part of them is held out for dev."""
    definition = load_task(task)
    return definition, definition.reader.examples([task.with_suffix(".jsonl")])


def test_each_type_is_a_task(tmp_path):
    output = imported(tmp_path).output
    assert "imported 12 rows from 1 file" in output
    kinds = {}
    for path in sorted((tmp_path / "tasks").glob("*.toml")):
        definition = load_task(path)
        assert definition.prompt.template.notation == "{input}[Z]"
        assert definition.language == "zh"
        kinds[path.stem] = definition.kind.name
    assert kinds == {
        "anaphora_resolution": "multiple-choice",
        "classify": "multiple-choice",
        "generate": "generation",
        "mrc": "generation",
        "nli": "multiple-choice",
    }


def test_rows_have_their_texts_choices_and_answers(tmp_path):
    imported(tmp_path)
    _, examples = examples_of(tmp_path / "tasks" / "classify.toml")
    assert [example.inputs["input"] for example in examples] == [row["input"] for row in ROWS[:4]]
    assert [example.target for example in examples] == ["体育", "财经", "数码", "视频"]
    assert examples[3].choices == ("工具", "视频")
    assert [example.is_answerable for example in examples] == [True, True, False, True]


def test_a_list_of_texts_is_one_answer(tmp_path):
    imported(tmp_path)
    _, examples = examples_of(tmp_path / "tasks" / "generate.toml")
    assert [example.targets for example in examples] == [("童帽，图案",), ("四川地震",)]
    first = json.loads((tmp_path / "tasks/generate.jsonl").read_text().splitlines()[0])
    assert first["target"] == ["童帽", "图案"]  # as it came: the score reads it


def test_answers_outside_the_choices_and_repeated_choices_are_named(tmp_path):
    output = " ".join(imported(tmp_path).output.split())
    assert "1 of 4 targets are none of their rows' choices" in output
    assert "数码 (pclue.json, line 3)" in output
    assert "1 of 4 rows list a choice more than once" in output
    assert "工具 (pclue.json, line 4)" in output


def test_a_part_that_no_task_can_be_of_is_named(tmp_path):
    rows = [news("一", "数码"), news("二", "数码"), ROWS[4]]
    output = " ".join(imported(tmp_path, rows).output.split())
    assert "classify: no target is among its choices" in output
    assert "nli: has one row, too few for train and dev" in output


def test_templates_are_folded_back(tmp_path):
    output = imported(tmp_path, None, "--template", NEWS, "--template", INFERENCE).output
    assert "classify: template 1 fits 3, template 2 fits 0, none fits 1" in output
    assert "nli: template 1 fits 0, template 2 fits 2, none fits 0" in output
    assert "mrc: template 1 fits 0, template 2 fits 0, none fits 2" in output
    definition, examples = examples_of(tmp_path / "tasks" / "classify-template1.toml")
    assert definition.prompt.template.notation == NEWS
    assert examples[0].inputs == {"text": "国足0-1负于叙利亚。", "options": "体育，财经，科技"}
    assert not (tmp_path / "tasks" / "nli.toml").exists()
    definition, examples = examples_of(tmp_path / "tasks" / "nli-template2.toml")
    assert examples[1].inputs["text2"] == "他在进食"


def test_folded_prompts_read_as_they_came(tmp_path):
    imported(tmp_path, None, "--template", NEWS)
    definition, examples = examples_of(tmp_path / "tasks" / "classify-template1.toml")
    for example, row in zip(examples, ROWS[:3], strict=True):
        filled = definition.prompt.template.fill(example.inputs)
        assert "".join(part.text for part in filled[:-1]) == row["input"]
    cells = json.loads((tmp_path / "tasks/classify-template1.jsonl").read_text().splitlines()[0])
    assert "options" not in cells  # they are its choices


@pytest.mark.parametrize(
    "last",
    [
        news(
            "二", "体育", ["体育", "财经", "体育"], ["体育", "财经", "体育"]
        ),  # repeated, as shown
        news("二", "体育", shown=["财经", "体育", "科技"]),  # in another order
        {**news("二", "体育"), "input": "新闻：二\n选项：体育、财经、科技\n答案："},
    ],
)
def test_options_that_are_not_just_the_choices_stay_a_column(tmp_path, last):
    imported(tmp_path, [news("一", "体育"), last], "--template", NEWS)
    definition, examples = examples_of(tmp_path / "tasks" / "classify-template1.toml")
    assert definition.reader.options is None
    filled = definition.prompt.template.fill(examples[1].inputs)
    assert "".join(part.text for part in filled[:-1]) == last["input"]


def test_fields_are_never_empty(tmp_path):
    rows = [{**ROWS[0], "input": "新闻： \n选项：体育\n答案："}, ROWS[1]]
    output = imported(tmp_path, rows, "--template", NEWS).output
    assert "classify: template 1 fits 1, none fits 1" in output


def test_a_field_that_stands_twice_holds_the_same(tmp_path):
    rows = [{**ROWS[8], "input": text} for text in ("甲问甲", "甲问乙")]
    output = imported(tmp_path, rows, "--template", "{1}问{1}[Z]").output
    assert "mrc: template 1 fits 1, none fits 1" in output


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("[Z]: {text}", "must end in its only slot"),
        ("新闻[Z]", "has no field"),
        ("{input}。[Z]", "{input}, a column that pCLUE's rows have"),
        ("{a}{b}[Z]", "two fields with no text between"),
        ("{a[Z]", "--template"),
    ],
)
def test_templates_of_no_filled_prompt_are_refused(tmp_path, template, message):
    file = file_of(tmp_path, ROWS)
    words = ("import", file, "--from", "pclue", "-o", tmp_path / "tasks", "--template", template)
    output = run(*words, status=1).output
    assert message in output
    assert "--template" in output


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"input": " "}, "\"input\" is ' '; write the prompt as a text"),
        ({"input": 3}, '"input" is 3'),
        ({"type": "ner"}, "\"type\" is 'ner'; write one of classify"),
        ({"type": ["nli"]}, "\"type\" is ['nli']"),
        ({"target": None}, '"target" is None; write a text'),
        ({"target": ["a", ""]}, "\"target\" holds '', which is no text"),
        ({"answer_choices": ""}, "\"answer_choices\" is '', and a row of type classify chooses"),
        ({"answer_choices": ["a", 1]}, '"answer_choices" holds 1, which is no text'),
        ({"target": "7"}, "\"target\" is '7', a number that is no choice"),
        ({"reference": "a"}, "the row has a column 'reference', and the import writes one"),
    ],
)
def test_bad_rows_are_named(tmp_path, cells, message):
    file = file_of(tmp_path, [ROWS[0], {**ROWS[1], **cells}])
    result = run("import", file, "--from", "pclue", "-o", tmp_path / "tasks", status=1)
    assert f"{file}, line 2: " in result.output
    assert message in result.output
    assert not (tmp_path / "tasks").exists()


@pytest.mark.parametrize("text", ["", "[]", "3\n", '{"a": 1}\n{', "[1]\n"])
def test_files_that_are_none_are_named(tmp_path, text):
    file = tmp_path / "a.json"
    file.write_text(text)
    output = run("import", file, "--from", "pclue", "-o", tmp_path / "tasks", status=1).output
    assert str(file) in output
    assert output.count("\n") == 1


def test_options_of_prompts_and_what_is_in_the_way_are_refused(tmp_path):
    file = file_of(tmp_path, ROWS)
    words = ["import", file, "--from", "pclue", "-o", tmp_path / "tasks"]
    assert "--labels" in run(*words, "--labels", "a,b", status=2).output
    assert "choose a folder" in run(*words[:-1], tmp_path / "x.json", status=1).output
    run(*words)
    assert "is there already" in run(*words, status=1).output
    run(*words, "--overwrite")


def test_json_says_the_same(tmp_path):
    document = json.loads(imported(tmp_path, None, "--template", NEWS, "--json").stdout)
    rows = {(row["type"], row["template_number"]): row for row in document["imported"]}
    assert rows["classify", 1]["rows"] == 3
    assert rows["classify", 1]["targets_outside_choices"] == 1
    assert rows["classify", None]["rows_with_repeated_choices"] == 1


def test_tasks_are_evaluated_predicted_and_scored(tmp_path):
    """All five with a tiny T5 in plain text: the score is of what `predict` wrote."""
    imported(tmp_path)
    model = ["-m", saved("t5"), "--seq2seq-form", "plain"]
    written = []
    for part in ("classify", "anaphora_resolution", "nli", "mrc", "generate"):
        task = tmp_path / "tasks" / f"{part}.toml"
        run("evaluate", "manual", "--task", task, "--split", "dev", *model)
        words = ["--task", task, "-o", tmp_path / part, *model, "--budget", 2, "-q"]
        run("paraphrase", "--method", "edits", *words)
        written.append(tmp_path / f"{part}.out.jsonl")
        prompts, rows = tmp_path / part / "prompts.json", tmp_path / "tasks" / f"{part}.jsonl"
        run("predict", prompts, "-i", rows, "-o", written[-1], "-m", saved("t5"))
    document = json.loads(run("score-pclue", *written, "--json").stdout)
    assert document["missing"] == []
    assert sum(document["rows"].values()) == 12
    classify = [json.loads(line) for line in written[0].read_text().splitlines()]
    classify += [json.loads(line) for line in written[1].read_text().splitlines()]
    right = [row["answer"] == row["target"] for row in classify]
    assert document["classify"] == pytest.approx(sum(right) / 6)


def test_the_score_of_the_benchmarks_own_files(tmp_path):
    targets = file_of(tmp_path, ROWS[8:11])
    texts = [{"target": text} for text in ("都会郡，非都会郡", "播种", "童帽，图案")]
    predictions = file_of(tmp_path, texts, "p.json")
    words = ["score-pclue", targets, "--predictions", predictions]
    output = run(*words).output
    assert "without classify, nli" in output
    assert "quirks" not in output
    assert json.loads(run(*words, "--json").stdout)["mrc_exact_match"] == 1
    script = json.loads(run(*words, "--json", "--parity").stdout)
    assert script["mrc_exact_match"] == 0.5
    assert len(script["quirks"]) == 4
    assert "full-width comma" in run(*words, "--parity").output


def test_predictions_that_do_not_fit_are_named(tmp_path):
    targets, short = file_of(tmp_path, ROWS), file_of(tmp_path, [{"target": "a"}], "p.json")
    output = run("score-pclue", targets, "--predictions", short, status=1).output
    assert f"{targets}, line 2: there is no prediction for this line" in output
    output = run("score-pclue", short, "--predictions", targets, status=1).output
    assert '"type" is None' in output
    assert "with --predictions" in run("score-pclue", targets, status=1).output
    bad = file_of(tmp_path, [{"target": 3}] * 12, "b.json")
    output = run("score-pclue", targets, "--predictions", bad, status=1).output
    assert f'{bad}, line 1: "target" is 3; write the predicted text' in output


def test_what_was_predicted_is_scored_and_no_column_of_the_row(tmp_path):
    """A row of pCLUE may have an answer of its own: a text that was written is a prediction."""
    row = {"target": "b", "type": "mrc", "answer": "b", "prediction": "zzz"}
    output = run("score-pclue", file_of(tmp_path, [row]), "--json").output
    assert json.loads(output)["score"] == 0
    row = {"target": "b", "type": "nli", "answer": "b", "prediction": "zzz"}
    output = run("score-pclue", file_of(tmp_path, [row]), "--json").output
    assert json.loads(output)["score"] == 1


def test_a_field_of_a_template_does_not_replace_a_column(tmp_path):
    file = file_of(tmp_path, [{**ROWS[0], "text": "mine"}])
    words = ("import", file, "--from", "pclue", "-o", tmp_path / "t")
    output = run(*words, "--template", "{text}[Z]", status=1).output
    assert "line 1: the row has a column 'text'" in output


VALUES = st.one_of(
    st.none(),
    st.integers(-2, 12),
    st.sampled_from([*TYPES, "", " ", "3", "体育", "一\n二", "新闻：一\n选项：体育\n答案："]),
    st.lists(st.sampled_from(["体育", "财经", "3", ""]), max_size=3),
)
CELLS = st.dictionaries(st.sampled_from(["input", "target", "type", "answer_choices"]), VALUES)


@given(st.lists(CELLS.map(lambda cells: {**ROWS[0], **cells}), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_whatever_rows_hold_they_come_in_or_are_named(rows):
    with TemporaryDirectory() as room:
        folder = Path(room)
        file = file_of(folder, rows)
        words = ["import", file, "--from", "pclue", "-o", folder / "tasks", "--template", NEWS]
        result = CliRunner().invoke(cli, [*map(str, words)])
        if result.exit_code:
            assert result.exit_code == 1, repr(result.exception)
            assert f"{file}, line " in result.output
            assert result.output.count("\n") == 1
            return
        tasks = sorted((folder / "tasks").glob("*.toml"))
        counts = [len(task.with_suffix(".jsonl").read_text().splitlines()) for task in tasks]
        assert sum(counts) == len(rows)
        for task in tasks:
            with suppress(PromptSearchError):  # of one row, or without a right answer
                definition = load_task(task)
                assert len(definition.train.examples) + len(definition.dev.examples) in counts
