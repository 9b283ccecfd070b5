"""The task file that `promptsearch init` writes from a table: it loads as it stands."""

from pathlib import Path

import pytest

from promptsearch.data import TaskDefinition, load_task, starter_task
from promptsearch.errors import DataError

TABLE = "id\ttext\tlabel\n" + "".join(
    f"{n}\tthis is text number {n}\t{label}\n" for n, label in enumerate(["bad", "good", "good"])
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.tsv"
    path.write_text(TABLE)
    return path


def loaded(data: Path, text: str) -> TaskDefinition:
    file = data.parent / "task.toml"
    file.write_text(text, encoding="utf-8")
    return load_task(file)


def test_the_starter_loads_with_labels_by_frequency_and_their_names_as_answers(data: Path) -> None:
    text = starter_task(data, "label").text
    task = loaded(data, text)
    assert task.name == "reviews"
    assert task.labels == ("good", "bad")
    assert task.prompt.verbalizer.plain() == {"good": ["good"], "bad": ["bad"]}
    assert str(task.prompt.template) == "{text} It was [Z]."
    assert 'good = ["good"]  # 2 rows' in text


def test_the_data_are_found_from_where_the_file_will_lie(data: Path, tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    file = tmp_path / "tasks" / "task.toml"
    file.write_text(starter_task(data, "label", folder=file.parent).text)
    assert load_task(file).train.files == ("../reviews.tsv",)


@pytest.mark.parametrize(
    "label", ["a b", 'the "best"', "b\\w", "é", "a.b", "tab\there", "0", "\x7f"]
)
def test_any_label_and_column_name_makes_valid_toml(tmp_path: Path, label: str) -> None:
    data = tmp_path / "train.csv"
    quoted = label.replace('"', '""')
    data.write_text(f'"#1 ""x""",the label\nlong text,"{quoted}"\nmore text,other\n')
    task = loaded(data, starter_task(data, "the label").text)
    assert task.labels == (label.strip(), "other")
    assert task.inputs == ("text",)
    assert task.name == tmp_path.name


def test_a_new_column_name_takes_no_other_columns_place(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text("the text,text,label\nlong and longer,x,1\nlong and long,y,0\n")
    assert loaded(data, starter_task(data, "label").text).inputs == ("text_",)


def test_a_table_without_a_header_needs_its_columns(tmp_path: Path) -> None:
    data = tmp_path / "trec.csv"
    data.write_bytes("1,caf\xe9\n0,tea\n".encode("latin-1"))
    text = starter_task(data, "label", columns=("label", "text"), encoding="latin-1").text
    assert loaded(data, text).train.examples[0].inputs.keys() == {"text"}


def test_chinese_text_is_said_to_be_chinese(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text("label,review\n1,酒店很好\n0,酒店太老旧了\n", encoding="utf-8")
    assert loaded(data, starter_task(data, "label").text).language == "zh"


@pytest.mark.parametrize(
    ("table", "label", "problem"),
    [
        (TABLE, "lable", "there is no column 'lable' .did you mean 'label'.*id, text, label"),
        (TABLE.replace("bad", "good"), "label", "always holds 'good'; name another column .*text"),
        (TABLE + "9\tz\t\n", "label", "line 5: the column 'label' is empty"),
        ("text\tlabel\n", "label", "it has no rows"),
        ("label\tnote\na\t\nb\tx\n", "label", "no column has a text in every row"),
        ("t\tl\n" + "".join(f"x\t{n}\n" for n in range(30)), "l", "30 different values in 30 rows"),
    ],
)
def test_a_column_that_is_no_label_is_refused(
    data: Path, table: str, label: str, problem: str
) -> None:
    data.write_text(table)
    with pytest.raises(DataError, match=f"reviews.tsv.*{problem}"):
        starter_task(data, label)


PAIRS = {
    "numbers": (("sentence1", "sentence2"), ("sentence1", "sentence2")),
    "letters": (("text_a", "text_b"), ("text_a", "text_b")),
    "capitals": (("textA", "textB"), ("textA", "textB")),
    "words": (("premise", "hypothesis"), ("premise", "hypothesis")),
    "the other order": (("sentence", "question"), ("question", "sentence")),
    "GLUE's MRPC": (("#1 String", "#2 String"), ("text1", "text2")),
}


@pytest.mark.parametrize("case", PAIRS)
def test_a_pair_of_columns_gets_a_template_for_pairs(tmp_path: Path, case: str) -> None:
    (one, two), (first, second) = PAIRS[case]
    data = tmp_path / "pairs.tsv"
    row = "7\tit is a long text\tit is a text\t"
    data.write_text(f"#1 ID\t{one}\t{two}\tlabel\n{row}yes\n8{row}no\n")
    task = loaded(data, starter_task(data, "label").text)
    assert task.inputs == (first, second)
    assert str(task.prompt.template) == f"{{{first}}} ? [Z] , {{{second}}}"


def test_parses_and_ids_are_not_the_text_and_the_other_columns_are_named(tmp_path: Path) -> None:
    data = tmp_path / "nli.tsv"
    tree = "(ROOT (S (NP (DT a) (NN girl)) (VP runs)))"
    head = "pairID\tgenre\ts1_parse\ttree\ts1\ts2\tlabel\n"
    row = f"a12e\tletters\t{tree}\t{tree}\ta girl runs\tshe runs\t"
    data.write_text(f"{head}{row}yes\n{row}no\n")
    starter = starter_task(data, "label")
    assert loaded(data, starter.text).inputs == ("s1", "s2")
    assert starter.inputs == ("s1", "s2")
    assert starter.others == ("genre", "s1_parse", "tree")
    assert "# Other columns with text, left out: genre, s1_parse, tree;" in starter.text


def test_two_options_beside_a_longer_text_are_no_pair(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text("text,option1,option2,label\na text of length,an a,a b,1\nit is,a c,a d,0\n")
    starter = starter_task(data, "label")
    assert starter.inputs == ("text",)
    assert starter.others == ("option1", "option2")


def test_lists_of_tokens_are_the_text_under_another_name(tmp_path: Path) -> None:
    data = tmp_path / "val.txt"
    row = '{"token": ["the", "crane"], "h": {"name": "arm", "pos": [1]}, "relation": "%s"}\n'
    data.write_text(row % "Other" + row % "Part(e1,e2)")
    starter = starter_task(data, "relation")
    task = loaded(data, starter.text)
    assert [e.inputs for e in task.train.examples] == [{"text": "the crane"}]
    assert starter.others == ("h.name",)
    assert "[rename]" in starter.text


HEADLESS = [
    ("train.tsv", "bc\t0\t*\tBill goes.\nks\t1\t*\tShe went away.\nx\t0\t*\tNo.\n", "0"),
    ("train.csv", "3,nice piece\n1,a bad piece\n3,a good one\n", "3"),
]


@pytest.mark.parametrize(("name", "table", "label"), HEADLESS)
def test_a_table_without_a_header_is_refused_with_the_way_out(
    tmp_path: Path, name: str, table: str, label: str
) -> None:
    data = tmp_path / name
    data.write_text(table)
    columns = "column1,label,column3,text" if name.endswith("tsv") else "label,text"
    for asked in (label, "label"):
        with pytest.raises(DataError, match=f"{name}.*`columns` {columns} `label` label") as told:
            starter_task(data, asked)
        assert "\n" not in str(told.value)
    assert starter_task(data, "label", columns=tuple(columns.split(","))).inputs == ("text",)


def test_a_header_that_counts_its_columns_is_a_header(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text("0,1\nsome text,1\nmore text,0\n")
    assert loaded(data, starter_task(data, "1").text).labels == ("1", "0")


@pytest.mark.parametrize("other", ["id", "genre"])
def test_one_empty_text_is_named_by_its_line_and_column(tmp_path: Path, other: str) -> None:
    data = tmp_path / "a.csv"
    rows = "".join(f"row{n if other == 'id' else ''},some text {n},{n % 2}\n" for n in range(9))
    data.write_text(f"{other},text,label\n{rows}row9,,1\n")
    with pytest.raises(
        DataError, match=r"a.csv, line 11: the column 'text' is empty .1 of 10 rows"
    ):
        starter_task(data, "label")


def test_a_text_with_gaps_is_named_beside_one_without(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text("title,text,label\na title,a long long text,1\na name,,0\n")
    starter = starter_task(data, "label")
    assert starter.inputs == ("title",)
    assert starter.others == ("text (empty in 1 of 2 rows)",)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("data (v1.2).csv", "data (v1.2)"),
        ("reviews.v2.TSV", "reviews.v2"),
        (".train.csv", "folder"),
        (".reviews.csv", "reviews"),
        ("train.csv", "folder"),
    ],
)
def test_the_name_is_the_files_without_its_endings(tmp_path: Path, file: str, name: str) -> None:
    data = tmp_path / "folder" / file
    data.parent.mkdir()
    data.write_text(TABLE if file.endswith("TSV") else TABLE.replace("\t", ","))
    assert loaded(data, starter_task(data, "label").text).name == name
