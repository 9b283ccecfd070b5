"""Data as other projects publish them, quirks and all; SOURCES.md there says whence."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from promptsearch.data import TaskDefinition, load_task
from promptsearch.errors import DataError

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LMBFF = DATA / "classification" / "lmbff"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the shared data are not at {DATA}")


def task_of(folder: Path, *lines: str) -> TaskDefinition:
    file = folder / "task.toml"
    text = "\n".join(lines)
    file.write_text(text.replace("@", str(DATA)), encoding="utf-8")
    return load_task(file)


def labelled(folder: Path, answers: dict[str, str], *lines: str) -> TaskDefinition:
    table = ["[answers]", *(f"{json.dumps(label)} = '{word}'" for label, word in answers.items())]
    return task_of(folder, 'kind = "classification"', *lines, *table)


def test_lmbff_sst2_tsv(tmp_path: Path) -> None:
    task = labelled(
        tmp_path,
        {"0": "terrible", "1": "great"},
        'train = "@/classification/lmbff/SST-2/16-13/train.tsv"',
        'dev = "@/classification/lmbff/SST-2/16-13/dev.tsv"',
        'template = "{sentence} It was [Z]."',
    )
    assert Counter(e.target for e in task.train.examples) == {"0": 16, "1": 16}
    assert (len(task.dev.examples), task.inputs) == (32, ("sentence",))


@pytest.mark.parametrize("name", ["trec", "mr", "sst-5", "subj"])
def test_lmbff_csv_has_no_header(tmp_path: Path, name: str) -> None:
    count = {"trec": 6, "sst-5": 5}.get(name, 2)
    task = labelled(
        tmp_path,
        {str(n): f"word{n}" for n in range(count)},
        f'train = "@/classification/lmbff/{name}/16-13/train.csv"',
        f'test = "@/classification/lmbff/{name}/test.csv"',
        "header = false",
        'columns = ["label", "text"]',
        'template = "{text} It was [Z]."',
    )
    assert len(task.train.examples) + len(task.dev.examples) == 16 * count
    lines = sum(1 for line in (LMBFF / name / "test.csv").open() if line.strip())
    assert len(task.test().examples) == lines


def test_lmbff_mrpc_has_a_byte_order_mark_and_column_names_with_signs(tmp_path: Path) -> None:
    task = labelled(
        tmp_path,
        {"0": "No", "1": "Yes"},
        'train = "@/classification/lmbff/MRPC/16-13/train.tsv"',
        'test = "@/classification/lmbff/MRPC/test.tsv"',
        'label = "Quality"',
        'rename = {"#1 String" = "first", "#2 String" = "second"}',
        'template = "{first} [Z] , {second}"',
    )
    assert len(task.train.examples) == len(task.dev.examples) == 16
    assert len(task.test().examples) == 408


def test_ag_news_test_is_an_object_keyed_by_row(tmp_path: Path) -> None:
    task = labelled(
        tmp_path,
        {"0": "World", "1": "Sports", "2": "Business", "3": "Tech"},
        'train = "@/classification/agnews/16-13/train.tsv"',
        'dev = "@/classification/agnews/16-13/dev.tsv"',
        'test = "@/classification/agnews/test1000.json"',
        'rename = {ori = "text"}',
        'template = "[Z] News: {text}"',
    )
    assert len(task.test().examples) == 1000
    assert task.test().examples[0].inputs["text"].startswith("A9 Offers Search Results")


def test_imdb_splits_are_objects_keyed_by_row(tmp_path: Path) -> None:
    task = labelled(
        tmp_path,
        {"0": "terrible", "1": "great"},
        'train = "@/classification/imdb/dev1000.json"',
        'test = "@/classification/imdb/test1000.json"',
        'template = "{ori} It was [Z]."',
    )
    assert (len(task.train.examples), len(task.dev.examples)) == (800, 200)
    assert Counter(e.target for e in task.dev.examples) == {"0": 100, "1": 100}


def test_mnli_and_its_eval_sample_agree_after_renaming(tmp_path: Path) -> None:
    task = labelled(
        tmp_path,
        {"entailment": "Yes", "neutral": "Maybe", "contradiction": "No"},
        'train = "@/classification/lmbff/MNLI/16-13/train.tsv"',
        'test = "@/classification/lmbff/MNLI/eval_sample.json"',
        'label = "gold_label"',
        'inputs = ["sentence1", "sentence2"]',
        'rename = {text_a = "sentence1", text_b = "sentence2", label = "gold_label"}',
        'template = "{sentence1} ? [Z] , {sentence2}"',
    )
    assert len(task.test().examples) == 1000


def test_snli_rows_with_more_cells_than_the_header_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train.tsv, line 2: 15 cells where the columns are 11"):
        labelled(
            tmp_path,
            {"entailment": "Yes", "neutral": "Maybe", "contradiction": "No"},
            'train = "@/classification/lmbff/SNLI/16-13/train.tsv"',
            'label = "gold_label"',
            'template = "{sentence1} ? [Z] , {sentence2}"',
        )


def test_trec_is_latin_1(tmp_path: Path) -> None:
    source = DATA / "classification" / "trec_fine" / "TREC.train"
    rows = [line.partition(b":") for line in source.read_bytes().splitlines()]
    table = b"label\ttext\n" + b"".join(label + b"\t" + text + b"\n" for label, _, text in rows)
    (tmp_path / "train.tsv").write_bytes(table)
    lines = ['train = "train.tsv"', 'template = "{text} It was about [Z]."']
    answers = {label.decode(): label.decode().lower() for label, _, _ in rows}
    with pytest.raises(DataError, match=r'train.tsv, line \d+: .* encoding = "latin-1"'):
        labelled(tmp_path, answers, *lines)
    task = labelled(tmp_path, answers, 'encoding = "latin-1"', *lines)
    assert len(task.train.examples) + len(task.dev.examples) == len(rows)


def test_semeval_heads_are_made_from_its_markup(tmp_path: Path) -> None:
    text = (DATA / "relation" / "semeval2010t8_original" / "TRAIN_FILE.TXT").read_text()
    rows = re.findall(r'^\d+\t"(.*)"\r?\n(\S+)', text, re.MULTILINE)
    table = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows)
    (tmp_path / "train.jsonl").write_text(table)
    task = labelled(
        tmp_path,
        {label: f"word {n}" for n, label in enumerate(sorted({label for _, label in rows}))},
        'train = "train.jsonl"',
        'template = "{text} The [Z] {head} {tail}"',
        'negative_label = "Other"',
        'markup = {e1 = "head", e2 = "tail"}',
    )
    assert len(task.labels) == 19
    assert len(task.train.examples) + len(task.dev.examples) == len(rows) == 8000
    assert dict(task.train.examples[0].inputs).keys() == {"text", "head", "tail"}
    for example in task.train.examples:
        assert "<e" not in "".join(example.inputs.values())
        assert example.inputs["head"] in example.inputs["text"]


def test_eprstmt_is_json_lines_named_json(tmp_path: Path) -> None:
    task = labelled(
        tmp_path,
        {"Negative": "差", "Positive": "好"},
        'train = "@/zh/eprstmt/train_0.json"',
        'dev = "@/zh/eprstmt/dev_0.json"',
        'test = "@/zh/eprstmt/test_public.json"',
        'language = "zh"',
        'template = "{sentence}这是[Z]。"',
    )
    sizes = [len(s.examples) for s in (task.train, task.dev, task.test())]
    assert sizes == [32, 32, 610]


def test_chnsenticorp_is_csv_with_a_header(tmp_path: Path) -> None:
    task = labelled(
        tmp_path,
        {"0": "差", "1": "好"},
        'train = "@/zh/chnsenticorp_2000.csv"',
        'template = "{review}这是[Z]。"',
    )
    assert (len(task.train.examples), len(task.dev.examples)) == (1600, 400)


def facts(folder: Path, train: str, test: str, *lines: str) -> TaskDefinition:
    return task_of(
        folder,
        'kind = "facts"',
        'subject = "sub_label"',
        'object = "obj_label"',
        f'train = "{train}"',
        f'test = "{test}"',
        'template = "{subject} maintains relations with [Z]."',
        *lines,
    )


def test_p530_has_up_to_71_right_objects_a_subject(tmp_path: Path) -> None:
    relation = "P530.jsonl"
    task = facts(
        tmp_path, f"@/factual/trex_train_facts/{relation}", f"@/factual/lama_trex_facts/{relation}"
    )
    rows = (DATA / "factual" / "lama_trex_facts" / relation).read_text().splitlines()
    pairs = {(row["sub_label"], row["obj_label"]) for row in map(json.loads, rows)}
    test = task.test().examples
    assert sum(len(example.targets) for example in test) == len(pairs)
    assert max(len(example.targets) for example in test) == 71


def test_every_lama_relation_reads_whole(tmp_path: Path) -> None:
    """P264's training objects are not among the test's: its coverage is 0, which is no error."""
    for path in sorted((DATA / "factual" / "trex_train_facts").glob("*.jsonl")):
        task = facts(tmp_path, str(path), f"@/factual/lama_trex_facts/{path.name}")
        examples = (*task.train.examples, *task.dev.examples)
        rows = map(json.loads, path.read_text().splitlines())
        assert sum(len(example.targets) for example in examples) == len(
            {(row["sub_label"], row["obj_label"]) for row in rows}
        )
        assert task.test().examples


def test_lama_evidence_reads_as_facts(tmp_path: Path) -> None:
    task = facts(
        tmp_path,
        "@/factual/trex_train_evidence/P19/*.jsonl",
        "@/factual/lama_trex_evidence/P19.jsonl",
        f'candidates = "{DATA / "factual" / "common_vocab_cased.txt"}"',
    )
    assert (len(task.labels), len(task.test().examples)) == (21018, 944)


def test_importing_the_corpora_loads_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "pyarrow", "zstandard", "pydantic", "spacy", "numpy")
    code = f"import promptsearch.data, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
