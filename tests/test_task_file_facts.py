"""Task files of facts: subjects with their objects, and the candidates to answer with."""

import json
from pathlib import Path

import pytest

from promptsearch.data import load_task, with_candidates
from promptsearch.errors import DataError, PromptSearchError, TaskError

TASK = """
name = "place-of-birth"
kind = "facts"
train = "train.jsonl"
dev = "dev.jsonl"
subject = "sub_label"
object = "obj_label"
template = "{subject} was born in [Z]."
"""
PAIRS = [("Ada", "London"), ("Bo", "Paris"), ("Ada", "Rome"), ("Ada", "London"), ("Cy", "Oslo")]


def lines(*pairs: tuple[object, object]) -> str:
    return "".join(json.dumps({"sub_label": s, "obj_label": o}) + "\n" for s, o in pairs)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PROMPTSEARCH_COMMON_VOCAB", raising=False)
    (tmp_path / "train.jsonl").write_text(lines(*PAIRS))
    (tmp_path / "dev.jsonl").write_text(lines(("Di", "Bern"), ("Ed", "Rome")))
    (tmp_path / "task.toml").write_text(TASK)
    return tmp_path


def edited(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in TASK
    (folder / "task.toml").write_text(TASK.replace(old, new) if old else TASK + new)
    return folder / "task.toml"


def complaint(file: Path) -> str:
    with pytest.raises(PromptSearchError) as error:
        load_task(file)
    return str(error.value)


def test_rows_are_grouped_by_subject_with_each_right_object_once(folder: Path) -> None:
    task = load_task(folder / "task.toml")
    assert [(e.id, e.inputs["subject"], e.targets) for e in task.train.examples] == [
        ("0", "Ada", ("London", "Rome")),
        ("1", "Bo", ("Paris",)),
        ("2", "Cy", ("Oslo",)),
    ]
    assert task.inputs == ("subject",)


def test_a_carriage_return_inside_a_candidate_is_named_by_its_line(folder: Path) -> None:
    (folder / "objects.txt").write_bytes(b"Rome\r\nParis\rOslo\n")
    assert "objects.txt, line 2: a carriage return" in complaint(
        edited(folder, new='candidates = "objects.txt"\n')
    )


def test_the_candidates_are_the_objects_of_train_and_dev_in_order(folder: Path) -> None:
    task = load_task(folder / "task.toml")
    assert task.labels == ("London", "Rome", "Paris", "Oslo", "Bern")
    assert task.prompt.verbalizer.labels == task.labels
    assert task.candidates_rule == "objects"
    assert not task.needs_vocabulary


def test_the_candidates_may_be_in_a_file(folder: Path) -> None:
    (folder / "objects.txt").write_text("Rome\n\nNew York\nRome\r\nOslo\n")
    task = load_task(edited(folder, new='candidates = "objects.txt"'))
    assert task.labels == ("Rome", "New York", "Oslo")
    assert (task.candidates_rule, task.candidates_file) == ("file", folder / "objects.txt")


def test_the_vocabulary_waits_for_a_model(folder: Path) -> None:
    task = load_task(edited(folder, new='candidates = "vocabulary"'))
    assert task.needs_vocabulary
    assert task.labels == ()
    known = with_candidates(task, ["the", "Rome", "Rome"])
    assert known.labels == known.prompt.verbalizer.labels == ("the", "Rome")
    assert not known.needs_vocabulary


def test_the_common_vocabulary_is_read_where_it_lies(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = edited(folder, new='candidates = "common-vocab"')
    message = complaint(file)
    assert message.startswith(f"{file}: candidates: common-vocab is LAMA's word list")
    assert "PROMPTSEARCH_COMMON_VOCAB" in message
    (folder / "common_vocab_cased.txt").write_text("Rome\nOslo\n")
    assert load_task(file).labels == ("Rome", "Oslo")
    (folder / "words.txt").write_text("Rome\nBern\n")
    monkeypatch.setenv("PROMPTSEARCH_COMMON_VOCAB", str(folder / "words.txt"))
    assert load_task(file).labels == ("Rome", "Bern")


def test_a_test_object_outside_the_candidates_is_kept_as_an_example(folder: Path) -> None:
    (folder / "test.jsonl").write_text(lines(("Flo", "Lima")))
    task = load_task(edited(folder, new='test = "test.jsonl"'))
    assert task.test().examples[0].targets == ("Lima",)
    assert "Lima" not in task.labels


def test_candidates_that_hold_no_right_object_are_an_error(folder: Path) -> None:
    (folder / "objects.txt").write_text("rome\noslo\n")
    message = complaint(edited(folder, new='candidates = "objects.txt"'))
    assert "task.toml: candidates: no object of train or dev, such as 'London', is among" in message


def test_one_candidate_is_an_error(folder: Path) -> None:
    with pytest.raises(TaskError, match="1 candidate leaves nothing to choose"):
        with_candidates(load_task(folder / "task.toml"), ["Rome"])


def test_an_empty_candidates_file_is_named(folder: Path) -> None:
    (folder / "objects.txt").write_text("\n")
    assert "objects.txt: it holds no candidate" in complaint(
        edited(folder, new='candidates = "objects.txt"')
    )


def test_a_missing_candidates_file_is_named_with_the_other_choices(folder: Path) -> None:
    (folder / "objects.txt").touch()
    message = complaint(edited(folder, new='candidates = "object.txt"'))
    assert "task.toml: candidates: there is no file" in message
    assert "did you mean 'objects.txt'" in message
    assert '"vocabulary"' in message


def test_lama_evidence_reads_as_facts(folder: Path) -> None:
    row = {
        "sub_label": "Allan Peiper",
        "obj_label": "Alexandra",
        "evidences": [{"obj_surface": "Alexandra, Victoria", "masked_sentence": "born in [MASK]"}],
    }
    (folder / "train.jsonl").write_text(json.dumps(row) + "\n")
    (example,) = load_task(folder / "task.toml").train.examples
    assert (dict(example.inputs), example.targets) == ({"subject": "Allan Peiper"}, ("Alexandra",))


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        (("", "Rome"), "the column 'sub_label' is empty"),
        (("Ada", " "), "the column 'obj_label' is empty"),
        (("Ada", None), "the column 'obj_label' is null"),
        (("Ada", ["Rome"]), "the column 'obj_label' is not text"),
    ],
)
def test_a_fact_without_subject_or_object_names_its_line(
    folder: Path, pair: tuple[object, object], problem: str
) -> None:
    (folder / "dev.jsonl").write_text(lines(("Di", "Bern"), pair))
    assert complaint(folder / "task.toml").startswith(f"{folder / 'dev.jsonl'}, line 2: {problem}")


def test_the_default_columns_are_subject_and_object(folder: Path) -> None:
    file = edited(folder, 'subject = "sub_label"\n')
    assert complaint(file) == (
        f"{folder / 'train.jsonl'}, line 1: there is no column 'subject'; "
        "the columns are sub_label, obj_label"
    )


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("{subject}", "{sub_label}", "there is no input {sub_label}; the inputs are subject"),
        ("{subject}", "Ada", "has no {subject}"),
        ("[Z].", "[Z1] [Z2].", "has 2 slots, but a fact's object is one answer"),
        ("[Z]", "Rome", "has no slot"),
        ("name", 'label = "x"\nname', 'label: it has no meaning for kind = "facts"'),
        ("name", "answers = {a = 'b'}\nname", "answers: it has no meaning"),
    ],
)
def test_a_mistake_in_a_facts_file_names_its_key(
    folder: Path, old: str, new: str, problem: str
) -> None:
    message = complaint(edited(folder, old, new))
    assert message.startswith(f"{folder / 'task.toml'}: ")
    assert problem in message


def test_without_dev_no_subject_is_on_both_sides(folder: Path) -> None:
    pairs = [(f"subject {n % 250}", f"object {n % 7}") for n in range(400)]
    (folder / "train.jsonl").write_text(lines(*pairs))
    task = load_task(edited(folder, 'dev = "dev.jsonl"\n'))
    train, dev = (
        {example.inputs["subject"] for example in split.examples}
        for split in (task.train, task.dev)
    )
    assert (len(train), len(dev), train & dev) == (200, 50, set())


def test_a_subject_that_looks_like_notation_is_text(folder: Path) -> None:
    (folder / "train.jsonl").write_text(lines(("[Z] {subject} [MASK]", "Rome")))
    example = load_task(folder / "task.toml").train.examples[0]
    assert example.inputs["subject"] == "[Z] {subject} [MASK]"


def test_a_broken_line_names_file_and_line(folder: Path) -> None:
    (folder / "train.jsonl").write_text(lines(*PAIRS) + '{"sub_label": "Ada", "obj\n')
    with pytest.raises(DataError, match=r"train.jsonl, line 6: not valid JSON"):
        load_task(folder / "task.toml")
