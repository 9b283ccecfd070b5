"""Task files of labelled text: what they come to, and what is said about each mistake."""

import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from promptsearch.data import (
    CLASSIFICATION,
    KINDS,
    ChatKeys,
    builtin_tasks,
    load_document,
    load_task,
)
from promptsearch.errors import DataError, PromptSearchError, TaskError

TASK = """
name = "sst2"
kind = "classification"
train = "train.tsv"
dev = "dev.tsv"
test = "test.tsv"
template = "{text} It was [Z]."
[answers]
negative = ["terrible"]
positive = ["great", "really good"]
"""
TRAIN = "text\tlabel\nso good\tpositive\nso bad\tnegative\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("train.tsv", "dev.tsv", "test.tsv"):
        (tmp_path / name).write_text(TRAIN)
    (tmp_path / "task.toml").write_text(TASK)
    return tmp_path


def edited(folder: Path, old: str = "", new: str = "", **files: str | bytes) -> Path:
    """The task file with `old` replaced by `new`, and other files beside it."""
    assert old in TASK
    (folder / "task.toml").write_text(TASK.replace(old, new) if old else TASK + new)
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name.replace("_", ".")).write_bytes(data)
    return folder / "task.toml"


def complaint(file: Path) -> str:
    with pytest.raises(PromptSearchError) as error:
        load_task(file)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_task_file_says_what_is_asked_on_which_examples(folder: Path) -> None:
    task = load_task(folder / "task.toml")
    assert (task.name, task.kind, task.labels) == (
        "sst2",
        CLASSIFICATION,
        ("negative", "positive"),
    )
    assert (task.inputs, task.language, task.corpus) == (("text",), "en", ())
    assert str(task.prompt.template) == "{text} It was [Z]."
    assert task.prompt.verbalizer.plain() == {
        "negative": ["terrible"],
        "positive": ["great", "really good"],
    }
    assert [(e.id, dict(e.inputs), e.target) for e in task.train.examples] == [
        ("0", {"text": "so good"}, "positive"),
        ("1", {"text": "so bad"}, "negative"),
    ]
    assert not task.dev_from_train


def test_a_split_knows_its_files_as_written_and_their_hash(folder: Path) -> None:
    task = load_task(folder / "task.toml")
    assert task.train.files == ("train.tsv",)
    assert task.train.sha256 == hashlib.sha256(TRAIN.encode()).hexdigest()


def test_paths_are_relative_to_the_task_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert len(load_task(Path("..") / "task.toml").train.examples) == 2


def test_the_document_and_the_file_make_the_same_task_again(folder: Path) -> None:
    task = load_task(folder / "task.toml")
    document = json.loads(json.dumps(task.document))
    assert load_document(document, task.file) == task
    assert task.file.is_absolute()


def test_test_rows_are_read_only_when_asked_for(folder: Path) -> None:
    (folder / "test.tsv").write_bytes(b"\xff no table at all")
    task = load_task(folder / "task.toml")
    assert task.test_files == ("test.tsv",)
    assert task.test_sha256 == hashlib.sha256(b"\xff no table at all").hexdigest()
    with pytest.raises(DataError, match=r"test.tsv, line 1: byte 1 \(0xff\) is not UTF-8"):
        task.test()


def test_asking_for_a_test_split_that_is_not_there_names_the_task_file(folder: Path) -> None:
    task = load_task(edited(folder, 'test = "test.tsv"\n'))
    assert task.test_sha256 is None
    with pytest.raises(TaskError, match=r"task.toml: the task has no test split; add test = "):
        task.test()


def test_several_files_and_globs_make_one_split(folder: Path) -> None:
    file = edited(folder, '"train.tsv"', '["t*n.tsv", "more.tsv"]', more_tsv=TRAIN)
    task = load_task(file)
    assert [example.id for example in task.train.examples] == ["0", "1", "2", "3"]
    assert task.train.files == ("t*n.tsv", "more.tsv")
    assert task.train.sha256 == hashlib.sha256(2 * TRAIN.encode()).hexdigest()


def test_answers_may_be_in_a_file(folder: Path) -> None:
    labels = 'positive = "great"\nnegative = ["bad", "awful"]\n'
    old = TASK[TASK.index("[answers]") :]
    task = load_task(edited(folder, old, 'answers = "labels.toml"', labels_toml=labels))
    assert task.labels == ("positive", "negative")


def test_answers_may_fill_several_slots(folder: Path) -> None:
    file = edited(folder, TASK[TASK.index("template") :])
    with file.open("a") as stream:
        stream.write(
            'template = "the [Z1] {text} [Z2]"\n[answers]\n'
            'positive = [["good", "!"], ["best", "!"]]\nnegative = [["bad", "."]]\n'
        )
    assert load_task(file).prompt.verbalizer.plain() == {
        "positive": [["good", "!"], ["best", "!"]],
        "negative": [["bad", "."]],
    }


def test_chat_markup_corpus_and_the_rest_are_read(folder: Path) -> None:
    new = """
[chat]
system = "You label reviews."
answer_prefix = "The review is"
[markup]
e1 = "head"
"""
    train = "text\tlabel\n<e1>this</e1> is <b>good</b>\tpositive\n<e1>that</e1>\tnegative\n"
    file = edited(folder, new=new, train_tsv=train, dev_tsv=train, a_txt="text")
    keys = (
        'corpus = ["*.txt"]\ncorpus_column = "body"\nlanguage = "de"\nnegative_label = "negative"'
    )
    file.write_text(file.read_text().replace('name = "sst2"', keys))
    task = load_task(file)
    assert task.chat == ChatKeys("You label reviews.", "The review is")
    assert task.corpus == (folder / "a.txt",)
    assert (task.name, task.corpus_column, task.language) == ("task", "body", "de")
    assert task.negative_label == "negative"
    assert task.inputs == ("text", "head")
    assert dict(task.train.examples[0].inputs) == {"text": "this is <b>good</b>", "head": "this"}


def test_marked_words_lose_the_tags_inside_them(folder: Path) -> None:
    train = "text\tlabel\n<e1>the <e2>red</e2> fox</e1>\tpositive\n" * 1
    file = edited(folder, new='[markup]\ne1 = "head"\ne2 = "tail"', train_tsv=train, dev_tsv=train)
    assert dict(load_task(file).train.examples[0].inputs) == {
        "text": "the red fox",
        "head": "the red fox",
        "tail": "red",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no tag", "no text has <e1>...</e1>"),
        ("<e1> </e1>", "marks nothing"),
        ("<e1>a</e1> <e1>b</e1>", "stands twice"),
    ],
)
def test_a_row_without_its_markup_names_its_line(folder: Path, text: str, problem: str) -> None:
    train = f"text\tlabel\n<e1>x</e1>\tpositive\n{text}\tnegative\n"
    message = complaint(edited(folder, new='[markup]\ne1 = "head"', train_tsv=train))
    assert "train.tsv, line 3: " in message
    assert problem in message


def test_inputs_default_to_the_columns_that_every_row_fills(folder: Path) -> None:
    rows = [
        {"label": "positive", "text": "a", "id": 1, "note": None, "spans": []},
        {"label": "negative", "text": "b", "id": 2, "note": "x", "spans": []},
    ]
    train = "\n".join(map(json.dumps, rows))
    file = edited(folder, '"train.tsv"', '"train.jsonl"', train_jsonl=train)
    file.write_text(file.read_text().replace('"dev.tsv"', '"train.jsonl"'))
    task = load_task(file)
    assert task.inputs == ("text", "id")
    assert dict(task.train.examples[1].inputs) == {"text": "b", "id": "2"}


def test_another_column_name_can_be_given_in_the_file(folder: Path) -> None:
    train = "#1 String\tQuality\nso good\tpositive\nso bad\tnegative\n"
    new = '[rename]\n"#1 String" = "text"\nQuality = "label"'
    task = load_task(edited(folder, new=new, train_tsv=train))
    assert task.train.examples[0].inputs == task.dev.examples[0].inputs


def test_what_looks_like_notation_inside_the_data_is_text(folder: Path) -> None:
    texts = ["[MASK]", "[Z]", "{subject}", "{text}", "</s>", "<extra_id_0>", "{{", "<e1>x</e1>"]
    train = "text\tlabel\n" + "".join(f"{text}\tpositive\n" for text in texts)
    task = load_task(edited(folder, train_tsv=train))
    assert [example.inputs["text"] for example in task.train.examples] == texts


def test_a_latin_1_file_reads_when_the_task_file_says_so(folder: Path) -> None:
    train = "text\tlabel\ncafé\tpositive\nbad\tnegative\n".encode("latin-1")
    assert "line 2: byte 4 (0xe9) is not UTF-8; if the file is in another encoding, say so in" in (
        complaint(edited(folder, train_tsv=train))
    )
    task = load_task(edited(folder, "kind", 'encoding = "latin-1"\nkind', train_tsv=train))
    assert task.train.examples[0].inputs["text"] == "café"


MISTAKES = {
    "a missing file": ('"train.tsv"', '"tran.tsv"', "train: there is no file", "'train.tsv'"),
    "a missing test file": ('"test.tsv"', '"tst.tsv"', "test: there is no file", "'test.tsv'"),
    "a glob without a match": ('"dev.tsv"', '"dev*.csv"', "dev: no file matches", "dev*.csv"),
    "a wrong label column": ("kind", 'label = "lable"\nkind', "there is no column 'lable'", "line"),
    "a wrong input column": ("kind", 'inputs = ["text", "tex"]\nkind', "no column 'tex'", "line 2"),
    "the label as an input": ("kind", 'inputs = ["text", "label"]\nkind', "inputs: 'label' is", ""),
    "an unknown key": ("kind", 'lables = "x"\nkind', "lables: there is no such key", "'label'"),
    "an unknown chat key": (
        "[answers]",
        '[chat]\nsytem = "x"\n[answers]',
        "chat.sytem",
        "'system'",
    ),
    "a key of the other kind": ("kind", 'subject = "x"\nkind', "subject: it has no meaning", ""),
    "a wrong kind": ('"classification"', '"labels"', "kind: it is 'labels'", '"facts"'),
    "no kind": ('kind = "classification"\n', "", "kind: it is missing", '"facts"'),
    "no template": ('template = "{text} It was [Z]."\n', "", "template: it is missing", ""),
    "no train": ('train = "train.tsv"\n', "", "train: it is missing", ""),
    "no answers": (TASK[TASK.index("[answers]") :], "", "answers: it is missing", ""),
    "a template without a slot": ("[Z]", "so", "template: the template", "has no slot"),
    "two equal slots": ("It was", "[Z] was", "template: the template", "two equal slots"),
    "a lone brace": ("It was", "It } was", "template: the template", "a lone '}'"),
    "a template without a field": ("{text}", "It", "has no input field", "{text}"),
    "an unknown field": ("{text}", "{txt}", "no input {txt} (did you mean 'text'?)", "are text"),
    "the label as a field": ("{text}", "{label}", "no input {label}", "the inputs are text"),
    "a label without answers": ('["terrible"]', "[]", "answers: the label 'negative'", "no answer"),
    "an empty answer": ('["terrible"]', '[" "]', "answers: the label 'negative'", "empty answer"),
    "equal answer sets": ('["terrible"]', '["really good", "great"]', "answers:", "same answers"),
    "an answer that is no text": ('["terrible"]', "3", "answers.negative: it must be a", "3"),
    "a number among answers": ('["terrible"]', '["bad", 3]', "answers: the label", "3"),
    "answers for slots there are not": ('["terrible"]', '[["a", "b"]]', "answers:", "slots Z"),
    "one label": ('positive = ["great", "really good"]', "", "'negative' is the only label", ""),
    "an unknown negative label": ("kind", 'negative_label = "Other"\nkind', "no label 'Other'", ""),
    "a number for a string": ('"sst2"', "2", "name: it must be a string", "2"),
    "a number for a file": ('"train.tsv"', "[1]", "train: it must be a string or a list", "1"),
    "columns without header = false": ("kind", 'columns = ["a"]\nkind', "header = false", "rename"),
    "header = false without columns": ("kind", "header = false\nkind", "header = false", "columns"),
    "a header that is no flag": ("kind", 'header = "no"\nkind', "header: it must be true or", ""),
    "no TOML": ("kind", "kind kind", "not a task file in TOML", "promptsearch init"),
    "a wrong encoding": ("kind", 'encoding = "utf-9"\nkind', "no text encoding 'utf-9'", ""),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_names_its_place_and_the_way_out(folder: Path, mistake: str) -> None:
    old, new, *expected = MISTAKES[mistake]
    message = complaint(edited(folder, old, new))
    assert "task.toml" in message or "train.tsv" in message
    for part in expected:
        assert part in message


def test_an_unknown_label_names_file_line_value_and_the_labels(folder: Path) -> None:
    file = edited(folder, train_tsv=TRAIN + "so so\tpositve\n")
    assert complaint(file) == (
        f"{folder / 'train.tsv'}, line 4: the label 'positve' has no answers (did you mean "
        "'positive'?); the task has answers for negative, positive: correct the row or add the "
        "label under [answers] or [options]"
    )


@pytest.mark.parametrize("split", ["train", "dev"])
def test_an_empty_split_is_named(folder: Path, split: str) -> None:
    file = edited(folder, **{f"{split}_tsv": "text\tlabel\n"})
    assert f"{split}.tsv: the {split} split is empty" in complaint(file)


def test_an_empty_test_split_is_named_when_read(folder: Path) -> None:
    (folder / "test.tsv").write_text("text\tlabel\n")
    with pytest.raises(DataError, match=r"test\.tsv: the test split is empty"):
        load_task(folder / "task.toml").test()


@pytest.mark.parametrize(("row", "column"), [("\tpositive", "text"), ("so so\t ", "label")])
def test_an_empty_text_or_label_names_its_line(folder: Path, row: str, column: str) -> None:
    message = complaint(edited(folder, train_tsv=f"{TRAIN}{row}\n"))
    assert f"train.tsv, line 4: the column {column!r} is empty" in message


def test_a_null_text_names_its_line(folder: Path) -> None:
    train = '{"text": "a", "label": "positive"}\n{"text": null, "label": "negative"}\n'
    file = edited(folder, '"train.tsv"', '"train.jsonl"', train_jsonl=train)
    assert "train.jsonl, line 2: the column 'text' is null" in complaint(file)


def test_a_task_file_that_is_no_utf8_names_its_line(folder: Path) -> None:
    (folder / "task.toml").write_bytes(b'name = "a"\nkind = "caf\xe9"\n')
    assert "task.toml, line 2: not UTF-8" in complaint(folder / "task.toml")


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("seed = " + "9" * 5000, "not a task file in TOML"),
        ("label = 0x" + "f" * 5000, "label: the number is beyond TOML's 64 bits"),
        ("inputs = [0x" + "f" * 5000 + "]", "inputs: the number is beyond"),
        ("label = " + "[" * 5000 + "]" * 5000, "nested too deep"),
        ("label = " + "[" * 200 + "]" * 200, "nested deeper than 100 levels"),
        (".".join("a" * 5000) + " = 1", "nested deeper than 100 levels"),
        ('label = ["' + "x" * 5000 + '"]', "label: it must be a string"),
        ('label = "a"\nlabel = "b"', "not a task file in TOML"),
        ('corpus = "' + "x" * 5000 + '.csv"', "corpus: there is no file"),
        ('corpus = "a\\u0000b"', "corpus: there is no file"),
    ],
)
def test_hostile_values_are_one_short_line(folder: Path, key: str, problem: str) -> None:
    file = folder / "task.toml"
    text = "\n".join(line for line in TASK.splitlines() if not line.startswith(key[:5]))
    file.write_text(f"{key}\n{text}")
    message = complaint(file)
    assert problem in message
    assert len(message) < 1000
    assert "\n" not in message


def test_a_pattern_of_several_answers_names_them(folder: Path) -> None:
    for name in ("a1.toml", "a2.toml"):
        (folder / name).write_text('positive = "great"\nnegative = "bad"\n')
    file = folder / "task.toml"
    file.write_text(TASK.split("[answers]")[0] + 'answers = "a*.toml"\n')
    assert "task.toml: answers: 'a*.toml' means 2 files" in complaint(file)
    (folder / "a2.toml").unlink()
    assert load_task(file).prompt.verbalizer.plain()["positive"] == ["great"]


def test_an_unknown_task_lists_the_built_in_ones(folder: Path) -> None:
    assert "there is no task 'nonsense': no such file, and the built-in tasks are" in complaint(
        Path("nonsense")
    )
    near = complaint(folder / "tsak.toml")
    assert "(did you mean 'task.toml'?)" in near
    assert "is a folder" in complaint(folder)
    assert "there is no task" in complaint(folder / ("x" * 5000))


def test_an_unreadable_file_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "train.tsv")
    assert "train.tsv: you may not read this file" in complaint(folder / "task.toml")


def test_without_dev_half_of_a_small_train_is_held_out_label_by_label(folder: Path) -> None:
    train = "text\tlabel\n" + "".join(
        f"text {n}\t{'positive' if n % 3 else 'negative'}\n" for n in range(60)
    )
    task = load_task(edited(folder, 'dev = "dev.tsv"\n', train_tsv=train))
    assert task.dev_from_train
    assert task.dev.files == ("train.tsv",)
    assert task.dev.sha256 == task.train.sha256
    for split in (task.train, task.dev):
        assert Counter(e.target for e in split.examples) == {"positive": 20, "negative": 10}
        assert [example.id for example in split.examples] == [str(n) for n in range(30)]
    texts = [e.inputs["text"] for split in (task.train, task.dev) for e in split.examples]
    assert len(set(texts)) == 60


def test_a_train_of_one_example_cannot_be_split(folder: Path) -> None:
    file = edited(folder, 'dev = "dev.tsv"\n', train_tsv="text\tlabel\na\tpositive\n")
    assert "train has one example" in complaint(file)


@pytest.mark.parametrize("name", sorted(builtin_tasks()))
def test_a_built_in_task_loads_by_its_name(name: str) -> None:
    task = load_task(name, KINDS)
    assert task.name == name
    assert task.test().examples


def test_a_near_built_in_name_is_suggested() -> None:
    assert "(did you mean 'capitals'?)" in complaint(Path("capitols"))
