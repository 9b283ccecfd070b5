"""Tables: every format gives the same rows, each with its line, and blames the right place."""

import csv
import gzip
import io
import json
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptsearch.data.tables.rows import Row, TableFormat, read_rows
from promptsearch.errors import DataError

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
tables = st.lists(
    st.fixed_dictionaries({"text": texts, "label": st.sampled_from(["0", "1"])}), min_size=1
)


def rows_of(path: Path, layout: TableFormat = TableFormat()) -> list[dict[str, str | None]]:
    return [{name: row.peek(name) for name in row.cells} for row in read_rows(path, layout)]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    data = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(data)
    return folder / name


def complaint(path: Path, layout: TableFormat = TableFormat()) -> str:
    with pytest.raises(DataError) as error:
        list(read_rows(path, layout))
    return str(error.value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@settings(deadline=None)
@given(table=tables)
def test_csv_reads_what_the_csv_writer_wrote(folder: Path, table: list[dict[str, str]]) -> None:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, ["text", "label"])
    writer.writeheader()
    writer.writerows(table)
    assert rows_of(written(folder, "a.csv", stream.getvalue())) == table


@settings(deadline=None)
@given(table=tables)
def test_the_three_shapes_of_json_read_the_same(folder: Path, table: list[dict[str, str]]) -> None:
    lines = "\n".join(map(json.dumps, table))
    keyed = {str(index): row for index, row in enumerate(table)}
    for name, content in {
        "lines.jsonl": lines,
        "lines.json": lines,
        "list.json": json.dumps(table),
        "indented.json": json.dumps(table, indent=2, ensure_ascii=False),
        "keyed.json": json.dumps(keyed),
        "keyed_indented.json": json.dumps(keyed, indent=4),
    }.items():
        assert rows_of(written(folder, name, content)) == table, name


@settings(deadline=None)
@given(table=tables)
def test_parquet_reads_what_pyarrow_wrote(folder: Path, table: list[dict[str, str]]) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist(table), folder / "a.parquet")
    assert rows_of(folder / "a.parquet") == table
    packed = gzip.compress((folder / "a.parquet").read_bytes())
    assert rows_of(written(folder, "a.parquet.gz", packed)) == table


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\t\r\n"), min_size=1)


@settings(deadline=None)
@given(table=st.lists(st.fixed_dictionaries({"text": cells, "label": cells}), min_size=1))
def test_tsv_keeps_quotes_as_they_are(folder: Path, table: list[dict[str, str]]) -> None:
    lines = ["text\tlabel", *(f"{row['text']}\t{row['label']}" for row in table)]
    assert rows_of(written(folder, "a.tsv", "\n".join(lines))) == table


def test_unbalanced_quotes_in_a_tsv_are_text(tmp_path: Path) -> None:
    path = written(tmp_path, "a.tsv", 'text\tlabel\r\n" bad\t0\r\n5" disk\t1\r\n')
    assert rows_of(path) == [{"text": '" bad', "label": "0"}, {"text": '5" disk', "label": "1"}]


def test_a_tsv_whose_lines_end_in_carriage_returns_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "a.tsv", "text\tlabel\rgood\t1\rbad\t0\r")
    assert "a.tsv, line 1: lines end in" in complaint(path)


def test_a_table_without_a_header_takes_its_names_from_the_layout(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", '3,"Who , where ?"\n1,How ?\n')
    assert rows_of(path, TableFormat(columns=("label", "text")))[0] == {
        "label": "3",
        "text": "Who , where ?",
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "text\n\nfirst\n \r\n\nsecond\n"),
        ("a.csv", "text\n\nfirst\n\n\nsecond\n"),
        ("a.jsonl", '\n\n{"text": "first"}\n\n\n{"text": "second"}\n'),
        ("a.json", '[\n\n{"text": "first"},\n\n\n{"text": "second"}]'),
        ("keyed.json", '{\n\n"a": {"text": "first"},\n\n\n"b": {"text": "second"}}'),
    ],
)
def test_blank_lines_are_skipped_and_counted(tmp_path: Path, name: str, content: str) -> None:
    rows = list(read_rows(written(tmp_path, name, content)))
    assert [(row.line, row.text("text")) for row in rows] == [(3, "first"), (6, "second")]


def test_a_csv_row_over_several_lines_has_its_first_line(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'text,label\n"one\ntwo",0\nthree,1\n')
    rows = [(row.line, row.text("text")) for row in read_rows(path)]
    assert rows == [(2, "one\ntwo"), (4, "three")]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_row_with_a_cell_too_many_names_its_line(tmp_path: Path, name: str) -> None:
    comma = "," if name == "a.csv" else "\t"
    path = written(tmp_path, name, f"text{comma}label\ngood{comma}1\nso{comma}so{comma}0\n")
    assert complaint(path).startswith(f"{path}, line 3: 3 cells where the columns are 2: text, ")


def test_an_unclosed_quote_names_the_line_it_opens_on(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'text,label\ngood,1\n"bad,0\n' + "more,1\n" * 9)
    assert complaint(path).startswith(f"{path}, line 3: the row that starts here is not CSV")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_broken_json_line_names_file_and_line(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, '{"text": "good"}\n{"text": "bad"\n{"text": "good"}\n')
    assert complaint(path).startswith(f"{path}, line 2: not valid JSON (")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('[\n{"a": "1"},\n{"a": }\n]', 3),
        ('[\n{"a": "1"}\n{"a": "2"}\n]', 3),
        ('{"x":\n{"a": "1"},\n"y" {"a": "2"}}', 3),
        ('{\n"x":\n{"a": "1"}', 3),
        ('[{"a": "1"}]\n\nmore', 3),
        ("\n\nnull", 3),
    ],
)
def test_broken_json_over_several_lines_names_its_line(
    tmp_path: Path, content: str, line: int
) -> None:
    path = written(tmp_path, "a.json", content)
    assert complaint(path).startswith(f"{path}, line {line}: not")


def test_a_trailing_comma_is_not_json_but_is_taken(tmp_path: Path) -> None:
    assert len(rows_of(written(tmp_path, "a.json", '[{"a": "1"},\n]'))) == 1


@pytest.mark.parametrize("content", ["3\n", '["a"]\n', '"text"\n', "null\n"])
def test_a_json_line_that_is_no_object_is_an_error(tmp_path: Path, content: str) -> None:
    path = written(tmp_path, "a.jsonl", content)
    assert f"{path}, line 1: a row must be an object" in complaint(path)


def test_json_beyond_pythons_limits_is_an_error_not_a_traceback(tmp_path: Path) -> None:
    deep = "[" * 100_000
    huge = '{"a": ' + "1" * 5000 + "}"
    for name in ("a.jsonl", "a.json"):
        for content in (deep, huge):
            assert "not valid JSON" in complaint(written(tmp_path, name, content))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_what_json_calls_a_number_and_is_none_is_no_text(tmp_path: Path, value: str) -> None:
    for name, content in (("a.jsonl", '{"a": %s}\n'), ("a.json", '[{"a": %s}]')):
        assert rows_of(written(tmp_path, name, content % value)) == [{"a": None}]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.jsonl", '{"a": 1}\n{"a": 1, "b": 2, "a": 3}\n', ", line 2"),
        ("a.jsonl", '{"a": 1}\n{"b": [{"x": 1, "x": 2}]}\n', ", line 2"),
        ("a.json", '[{"a": 1},\n{"a": 1, "a": 1}]', ", line 2"),
        ("a.json", '{"0": {"a": 1},\n\n"0": {"a": 2}}', ", line 3"),
    ],
)
def test_a_key_that_stands_twice_is_an_error(
    tmp_path: Path, name: str, content: str, line: str
) -> None:
    assert f"{name}{line}: not valid JSON (the key" in complaint(written(tmp_path, name, content))


def test_half_a_character_in_a_columns_name_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"a": 1}\n{"x": {"b\\ud83d": 1}}\n')
    assert r"line 2: not valid JSON (the key 'b\ud83d' holds half a surrogate" in complaint(path)


def test_a_row_nested_beyond_any_use_is_an_error(tmp_path: Path) -> None:
    for depth, is_read in ((99, True), (101, False)):
        content = '{"a": 1, "b": ' + "[" * depth + "]" * depth + "}\n"
        path = written(tmp_path, "a.jsonl", content)
        if is_read:
            assert rows_of(path)[0]["a"] == "1"
        else:
            assert "nested deeper than 100 levels" in complaint(path)


def test_numbers_and_truth_values_become_text(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"a": 3, "b": 0.1, "c": true, "d": false, "e": -1e30}\n')
    assert rows_of(path) == [{"a": "3", "b": "0.1", "c": "true", "d": "false", "e": "-1e+30"}]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "the column 'text' is null"),
        ([], "the column 'text' is not text or a number"),
        ({"a": 1}, "the column 'text' is not text or a number"),
        (float("nan"), "the column 'text' is nan, which is no number"),
        (float("-inf"), "the column 'text' is -inf, which is no number"),
        (" ", "the column 'text' is empty"),
        ("\ud83d", "the column 'text' holds half a surrogate pair"),
    ],
)
def test_a_needed_cell_that_is_no_text_names_line_and_column(value: object, problem: str) -> None:
    with pytest.raises(DataError, match=f"^a.jsonl, line 7: {problem}"):
        Row(Path("a.jsonl"), 7, {"text": value}).text("text")


def test_a_missing_column_lists_those_there_are() -> None:
    with pytest.raises(DataError) as error:
        Row(Path("a.csv"), 2, {"text": "", "label": ""}).text("lable")
    assert str(error.value) == (
        "a.csv, line 2: there is no column 'lable' (did you mean 'label'?); "
        "the columns are text, label"
    )


def test_columns_that_something_else_separates_are_told() -> None:
    with pytest.raises(DataError, match=r"separated by ';', it seems: save it with commas"):
        Row(Path("a.csv"), 2, {"text;label": "fine;good"}).text("label")


@pytest.mark.parametrize("mark", ";\t|")
@pytest.mark.parametrize("columns", [(), ("text", "label")])
def test_what_separates_the_cells_is_told_where_texts_hold_commas(
    tmp_path: Path, mark: str, columns: tuple[str, ...]
) -> None:
    rows = [] if columns else [f"text{mark}label"]
    rows += [f"dull{mark}n", f"fine, and so warm, too{mark}p"]
    path = written(tmp_path, "a.csv", "\n".join([*rows, ""]))
    assert f"separated by {mark!r}, it seems" in complaint(path, TableFormat(columns))


def test_a_cell_may_be_longer_than_pythons_limit(tmp_path: Path) -> None:
    text = "word " * 40_000
    path = written(tmp_path, "a.csv", f'text,label\n"{text}",1\n')
    assert rows_of(path) == [{"text": text, "label": "1"}]


def test_two_columns_of_one_name_are_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "text,text\na,b\n")
    assert "line 1: two columns are named 'text'" in complaint(path)


def test_renaming_onto_another_column_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "text,label\na,b\n")
    assert "[rename] gives two columns one name" in complaint(
        path, TableFormat(rename={"label": "text"})
    )


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_an_empty_table_is_an_error(tmp_path: Path, name: str) -> None:
    assert "the file is empty" in complaint(written(tmp_path, name, ""))


@pytest.mark.parametrize("name", ["TREC.train", "notes.doc.gz", "data"])
def test_an_ending_that_is_no_table_lists_the_formats(tmp_path: Path, name: str) -> None:
    assert "use one of .csv, .tsv, .jsonl, .json, .parquet" in complaint(
        written(tmp_path, name, "x")
    )


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    assert "not a Parquet file" in complaint(written(tmp_path, "a.parquet", b"no parquet at all"))


def test_parquet_values_that_are_no_text_become_text(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = arrow.table({"label": [1, 0], "text": ["a", None], "spans": [[1], []]})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert rows_of(tmp_path / "a.parquet")[0] == {"label": "1", "text": "a", "spans": None}
    with pytest.raises(DataError, match="line 2: the column 'text' is null"):
        list(read_rows(tmp_path / "a.parquet"))[1].text("text")


def test_parquet_values_that_python_cannot_hold_matter_where_they_are_read(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {
        "text": arrow.array(["a", "b"]),
        "took": arrow.array([1234567, 1], arrow.duration("ns")),
        "at": arrow.array([1, 2], arrow.time64("ns")),
        "day": arrow.array([10**8, 1], arrow.date32()),
        "second": arrow.array([10**18, 1], arrow.timestamp("us")),
        "there": arrow.array([1, 2], arrow.timestamp("us", "No/Where")),
        "bytes": arrow.array([b"\xff", b"x"], arrow.binary()).view(arrow.string()),
    }
    parquet.write_table(arrow.table(columns), tmp_path / "a.parquet")
    first, second = read_rows(tmp_path / "a.parquet")
    assert [row.text("text") for row in (first, second)] == ["a", "b"]
    assert (first.peek("took"), first.peek("at")) == ("1234567", "00:00:00.000000001")
    assert (second.peek("day"), second.peek("bytes")) == ("1970-01-02", "x")
    with pytest.raises(DataError, match=r"line 1: the column 'day' is a date32\[day\] that cannot"):
        first.text("day")


def test_damage_in_a_parquet_file_is_named(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"text": ["a fine film", "dull"] * 9}), tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    for at in range(4, len(data), 9):
        path = written(tmp_path, "b.parquet", data[:at] + b"\xff" * 10 + data[at + 10 :])
        with suppress(DataError):
            rows_of(path)


def test_parquet_columns_of_one_name_are_an_error(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = arrow.table([arrow.array(["a"]), arrow.array(["b"])], names=["text", "text"])
    parquet.write_table(table, tmp_path / "a.parquet")
    assert "two columns are named 'text'" in complaint(tmp_path / "a.parquet")


def test_parquet_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'pyarrow>=" in complaint(written(tmp_path, "a.parquet", ""))


def test_rows_are_streamed(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"text": "good"}\n' + "broken\n")
    assert next(iter(read_rows(path))).text("text") == "good"


@pytest.mark.parametrize("content", ["\ufefftext\tlabel\na\t1\n", "text\tlabel\na\t1"])
def test_a_byte_order_mark_is_no_part_of_a_column(tmp_path: Path, content: str) -> None:
    assert rows_of(written(tmp_path, "a.tsv", content)) == [{"text": "a", "label": "1"}]


def test_a_single_json_object_is_a_row_unless_it_holds_rows(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path, "a.json", '{"text": "a"}')) == [{"text": "a"}]
    assert rows_of(written(tmp_path, "b.json", '{"0": {"text": "a"}}')) == [{"text": "a"}]
    assert rows_of(written(tmp_path, "c.json", "[]")) == rows_of(written(tmp_path, "d.json", "{}"))
