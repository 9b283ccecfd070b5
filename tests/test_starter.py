"""The task file that `promptsearch init` writes from a table: it loads as it stands."""

from pathlib import Path

import pytest

from promptsearch.corpora import TaskDefinition, load_task, starter_task
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
    text = starter_task(data, "label")
    task = loaded(data, text)
    assert task.name == "reviews"
    assert task.labels == ("good", "bad")
    assert task.prompt.verbalizer.plain() == {"good": ["good"], "bad": ["bad"]}
    assert str(task.prompt.template) == "{text} It was [Z]."
    assert 'good = ["good"]  # 2 rows' in text


def test_the_data_are_found_from_where_the_file_will_lie(data: Path, tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    file = tmp_path / "tasks" / "task.toml"
    file.write_text(starter_task(data, "label", folder=file.parent))
    assert load_task(file).train.files == ("../reviews.tsv",)


@pytest.mark.parametrize(
    "label", ["a b", 'the "best"', "b\\w", "é", "a.b", "tab\there", "0", "\x7f"]
)
def test_any_label_and_column_name_makes_valid_toml(tmp_path: Path, label: str) -> None:
    data = tmp_path / "train.csv"
    quoted = label.replace('"', '""')
    data.write_text(f'"#1 ""x""",the label\nlong text,"{quoted}"\nmore text,other\n')
    task = loaded(data, starter_task(data, "the label"))
    assert task.labels == (label.strip(), "other")
    assert task.inputs == ("text",)
    assert task.name == tmp_path.name


def test_a_new_column_name_takes_no_other_columns_place(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text("the text,text,label\nlong and longer,x,1\nlong and long,y,0\n")
    assert loaded(data, starter_task(data, "label")).inputs == ("text_",)


def test_a_table_without_a_header_needs_its_columns(tmp_path: Path) -> None:
    data = tmp_path / "trec.csv"
    data.write_bytes("1,caf\xe9\n0,tea\n".encode("latin-1"))
    text = starter_task(data, "label", columns=("label", "text"), encoding="latin-1")
    assert loaded(data, text).train.examples[0].inputs.keys() == {"text"}


def test_chinese_text_is_said_to_be_chinese(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text("label,review\n1,酒店很好\n0,酒店太老旧了\n", encoding="utf-8")
    assert loaded(data, starter_task(data, "label")).language == "zh"


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
