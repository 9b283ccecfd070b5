"""Task files of tagged words: what they come to, and what is said about each mistake."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from commanding import run

from promptsearch.data import KINDS, TAGS, TaskSchema, load_document, load_task
from promptsearch.data.examples import Example, fingerprint, most_frequent
from promptsearch.data.tables.rows import Row
from promptsearch.data.tasks.dev_split import with_dev
from promptsearch.data.tasks.schema import schema_of
from promptsearch.data.tasks.tags_reader import TagsReader
from promptsearch.errors import DataError, PromptSearchError, TaskError
from promptsearch.language.spans import broken_spans

TRAIN = """-DOCSTART- -X- O O

Ann NNP B-NP B-PER
sings VBZ B-VP O

New NNP B-NP B-LOC
York NNP I-NP I-LOC
"""
DEV = "He PRP B-NP O\nsings VBZ B-VP O\n"


def task_in(folder: Path, keys: str = "", name: str = "train.conll", **files: str | bytes) -> Path:
    """A task file with these keys; `train` and `dev` are what its files hold."""
    files = {"train": TRAIN, "dev": DEV, **files}
    suffix = name.removeprefix("train")
    for split in ("train", "dev"):
        content = files[split]
        data = content if isinstance(content, bytes) else content.encode()
        (folder / f"{split}{suffix}").write_bytes(data)
    lines = ['kind = "tags"', f'train = "train{suffix}"', f'dev = "dev{suffix}"', keys]
    (folder / "task.toml").write_text("\n".join(lines))
    return folder / "task.toml"


def rows(*sentences):
    return "".join(f"{json.dumps({'tokens': words, 'tags': tags})}\n" for words, tags in sentences)


def load(file):
    return load_task(file, KINDS)


def complaint(file):
    with pytest.raises(PromptSearchError) as error:
        load(file)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_columns_become_sentences_of_words_and_tags(tmp_path):
    task = load(task_in(tmp_path))
    assert task.train.examples == (
        Example("0", {"text": "Ann sings"}, ("B-PER",), ("Ann", "sings"), ("B-PER", "O")),
        Example("1", {"text": "New York"}, ("B-LOC", "I-LOC"), ("New", "York"), ("B-LOC", "I-LOC")),
    )
    assert task.dev.examples[0].targets == ("O",)
    assert (task.name, task.kind, task.scheme, task.inputs) == ("task", TAGS, "IOB2", ("text",))
    assert task.labels == ("O", "B-LOC", "I-LOC", "B-PER")
    assert task.prompt.template.notation == "{text} [Z]"
    assert task.prompt.verbalizer.labels == task.labels
    assert not task.dev_from_train


def test_rows_come_to_the_same_task(tmp_path):
    train = rows((["Ann", "sings"], ["B-PER", "O"]), (["New", "York"], ["B-LOC", "I-LOC"]))
    file = task_in(
        tmp_path, name="train.jsonl", train=train, dev=rows((["He", "sings"], ["O", "O"]))
    )
    of_rows = load(file)
    of_columns = load(task_in(tmp_path))
    assert of_rows.train.examples == of_columns.train.examples
    assert of_rows.train.examples_sha256 == of_columns.train.examples_sha256
    assert of_rows.labels == of_columns.labels


def test_numbers_are_places_among_the_labels(tmp_path):
    train = rows((["Ann", "sings"], [3, 0])).replace('"tags"', '"ner_tags"')
    keys = 'tags = "ner_tags"\nlabels = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]'
    task = load(task_in(tmp_path, keys, name="train.jsonl", train=train, dev=train))
    assert task.train.examples[0].tags == ("B-PER", "O")
    assert task.labels == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


def test_parquet_has_lists_too(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"tokens": [["Ann", "sings"]], "ner_tags": [[1, 0]]})
    for split in ("train", "dev"):
        pytest.importorskip("pyarrow.parquet").write_table(table, tmp_path / f"{split}.parquet")
    keys = 'tags = "ner_tags"\nlabels = ["O", "B-PER"]'
    (tmp_path / "task.toml").write_text(
        f'kind = "tags"\ntrain = "train.parquet"\ndev = "dev.parquet"\n{keys}\n'
    )
    assert load(tmp_path / "task.toml").train.examples[0].tags == ("B-PER", "O")


def test_compressed_columns_with_tabs(tmp_path):
    data = gzip.compress(TRAIN.replace(" ", "\t").replace("York", "York City").encode())
    task = load(task_in(tmp_path, name="train.tsv.gz", train=data, dev=data))
    assert task.train.examples[1].words == ("New", "York City")


def test_a_no_break_space_separates_nothing(tmp_path):
    task = load(task_in(tmp_path, train="a\xa0b O\nc B-X\n"))
    assert task.train.examples[0].words == ("a\xa0b", "c")


def test_any_other_ending_has_columns(tmp_path):
    assert load(task_in(tmp_path, name="train.testa")).train.examples[0].words == ("Ann", "sings")


@pytest.mark.parametrize(
    "keys",
    [
        "words = 1\ntags = 4",
        "words = -4\ntags = -1",
        'columns = ["word", "pos", "chunk", "ner"]\ntags = "ner"',
        'columns = ["word", "pos", "chunk", "ner"]\nwords = "word"',
    ],
)
def test_columns_have_numbers_or_names(tmp_path, keys):
    assert load(task_in(tmp_path, keys)).labels == load(task_in(tmp_path)).labels


def test_another_column_is_another_task(tmp_path):
    assert load(task_in(tmp_path, "tags = 3")).labels == ("O", "B-NP", "I-NP", "B-VP")


CONLLU = """# sent_id = 1
# text = Ann's
1-2\tAnn's\t_\t_\t_\t_\t_\t_\t_\t_
1\tAnn\tAnn\tPROPN\tB-PER\t_\t_\t_\t_\t_
2\t's\t's\tPART\tO\t_\t_\t_\t_\t_
2.1\tgone\t_\t_\t_\t_\t_\t_\t_\t_

"""


def test_conllu_has_names_comments_and_lines_that_are_no_words(tmp_path):
    task = load(task_in(tmp_path, 'tags = "XPOS"', name="train.conllu", train=CONLLU, dev=CONLLU))
    assert task.train.examples[0].words == ("Ann", "'s")
    assert task.train.examples[0].tags == ("B-PER", "O")


def test_conllu_plus_names_its_columns(tmp_path):
    text = "# global.columns = ID FORM NER\n# text = Ann\n1\tAnn\tB-PER\n2\t#\tO\n"
    task = load(task_in(tmp_path, 'tags = "NER"', name="train.conllup", train=text, dev=text))
    assert task.train.examples[0].words == ("Ann", "#")


def test_a_number_sign_is_a_word_where_its_line_reads_like_one(tmp_path):
    text = "# id 4d5a\tdomain=en\n# _ _ O\n# _ _ B-X\n\n#tag _ _ O\n\n"
    text += "# id _ domain=en\n# 5 words\na _ _ O\n"
    task = load(task_in(tmp_path, train=text, dev=text))
    assert [e.words for e in task.train.examples] == [("#", "#"), ("#tag",), ("a",)]


def test_iob1_is_read_as_iob2(tmp_path):
    text = "Ann I-PER\nLee I-PER\nBob B-PER\n"
    task = load(task_in(tmp_path, 'scheme = "IOB1"', train=text, dev=text))
    assert task.train.examples[0].tags == ("B-PER", "I-PER", "B-PER")
    assert (task.scheme, task.labels) == ("IOB2", ("O", "B-PER", "I-PER"))


def test_iobes_stays(tmp_path):
    text = "Ann B-PER\nLee E-PER\nBob S-PER\n"
    task = load(task_in(tmp_path, 'scheme = "IOBES"', train=text, dev=text))
    assert (task.scheme, task.labels) == ("IOBES", ("O", "B-PER", "E-PER", "S-PER"))


def test_labels_stand_alike_whatever_the_order_of_rows(tmp_path):
    turned = "\n\n".join(reversed(TRAIN.strip().split("\n\n")))
    assert load(task_in(tmp_path, train=turned)).labels == load(task_in(tmp_path)).labels


def test_dev_may_be_a_part_of_train(tmp_path):
    sentences = [(["Ann", str(n)], ["B-PER", "O"]) for n in range(20)]
    sentences += [(["Rome", str(n)], ["B-LOC", "O"]) for n in range(10)]
    (tmp_path / "train.jsonl").write_text(rows(*sentences))
    (tmp_path / "task.toml").write_text('kind = "tags"\ntrain = "train.jsonl"\n')
    task = load(tmp_path / "task.toml")
    assert task.dev_from_train
    for split in (task.train, task.dev):
        assert sum(example.tags[0] == "B-PER" for example in split.examples) == 10
    (tmp_path / "train.jsonl").write_text(rows(*sentences[::-1]))
    turned = load(tmp_path / "task.toml")
    assert {e.words for e in turned.dev.examples} == {e.words for e in task.dev.examples}


def test_equal_sentences_with_other_tags_go_the_same_way_in_any_order():
    texts = [("B-X", "O", "B-X"), ("B-X", "B-X", "O"), ("B-X", "O", "O"), ("O", "O", "B-X")]
    examples = [
        Example(str(n), {"text": "a a a"}, ("B-X",), ("a",) * 3, t) for n, t in enumerate(texts)
    ]
    chosen = {example.tags for example in with_dev(examples, ["text"])[1]}
    assert {example.tags for example in with_dev(examples[::-1], ["text"])[1]} == chosen


def test_the_hash_of_examples_covers_words_and_tags():
    example = Example("0", {"text": "a b c"}, ("B-X",), ("a b", "c"), ("B-X", "O"))
    others = [replace(example, words=("a", "b c")), replace(example, tags=("O", "B-X"))]
    assert len({fingerprint([each]) for each in (example, *others)}) == 3


def test_the_hash_of_other_examples_is_the_one_before():
    """Runs are resumed by it."""
    known = "c9332de587afb1072e9ccde1366e1b07bf99740725e282c879db1df0f2f9ca2a"
    assert fingerprint([Example("0", {"text": "a"}, "b")]) == known


def test_the_most_frequent_target_is_a_tag(tmp_path):
    assert most_frequent(load(task_in(tmp_path)).train.examples) in ("B-PER", "B-LOC")


def test_the_template_may_add_words(tmp_path):
    task = load(task_in(tmp_path, 'template = "Names in: {text} [Z]"'))
    assert task.prompt.template.notation == "Names in: {text} [Z]"


def test_a_definition_loads_again_from_its_document(tmp_path):
    task = load(task_in(tmp_path))
    assert load_document(task.document, task.file, KINDS) == task


def test_rows_without_tags_can_be_read_by_the_schema(tmp_path):
    schema = load(task_in(tmp_path)).schema
    assert isinstance(schema, TaskSchema)
    assert isinstance(schema.reader, TagsReader)
    row = Row(Path("x.jsonl"), 1, {"tokens": ["Ann", "sings"]})
    assert schema.reader.words_of(row) == ("Ann", "sings")
    assert schema.reader.inputs_of(row) == {"text": "Ann sings"}
    assert schema.reader.columns == {"tokens"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.txt", "Ann\nsings\n\n#\nNew York\n".replace(" ", "\xa0")),
        ("x.conll", "# 5 words\nAnn NNP _ what?\nsings VB _ O\n\n# _ _ _\nNew\xa0York _ _ _\n"),
        (
            "x.jsonl",
            '{"tokens": ["Ann", "sings"]}\n{"tokens": ["#", "New\\u00a0York"], "tags": 1}\n',
        ),
    ],
)
def test_words_are_read_where_nothing_has_tags(tmp_path, name, content):
    reader = load(task_in(tmp_path)).reader
    (tmp_path / name).write_text(content)
    examples = reader.untagged([tmp_path / name])
    assert [e.words for e in examples] == [("Ann", "sings"), ("#", "New\xa0York")]
    assert [(e.tags, e.targets) for e in examples] == [((), ())] * 2


def test_the_schema_can_be_had_from_a_prompts_file(tmp_path):
    section = {"kind": "tags", "labels": ["O", "B-X"], "definition": {"words": "w", "tags": "t"}}
    schema = schema_of(section, Path("p.json"), kind=TAGS, fields=["text"], labels=(), kinds=KINDS)
    assert schema.labels == ("O", "B-X")
    assert schema.reader.columns == {"w"}
    with pytest.raises(TaskError, match="'tags', and this is for classification and facts"):
        schema_of(section, Path("p.json"), kind=TAGS, fields=["text"], labels=())


NAMED = 'columns = ["word", "ner"]'
CASES = {
    "short line": ({"train": "a O\nb\n"}, "train.conll, line 2: 1 column, where the first word"),
    "long line": ({"train": "a O\nb c O\n"}, "line 2: 3 columns, where the first word has 2; corr"),
    "other column": ({"keys": "tags = 2"}, "line 3: 'NNP' is no tag of IOB2, which has O, B-TYPE"),
    "scheme": (
        {"train": "a S-X\n"},
        "line 1: 'S-X' is no tag of IOB2, .*; write scheme = \"IOBES\"",
    ),
    "no such scheme": ({"keys": 'scheme = "BILOU"'}, "scheme: it is 'BILOU'; write \"IOB2\" or"),
    "beyond": ({"keys": "tags = 5"}, "train.conll, line 3: tags = 5, but there are 4 columns"),
    "zero": ({"keys": "tags = 0"}, "tags: it must be a column's name"),
    "same": ({"keys": "words = 4"}, "words and tags are both column 4 of 4; name two"),
    "no names": ({"keys": 'tags = "ner"'}, 'tags = "ner", but the columns have no names; write'),
    "names": ({"keys": NAMED}, "line 3: 4 columns, not the 2 word, ner; correct columns"),
    "near name": (
        {"keys": f'{NAMED}\ntags = "nar"', "train": "a O\n"},
        r"tags: there is no column 'nar' \(did you mean 'ner'\?\); they are word, ner",
    ),
    "numbered": (
        {"keys": "tags = 3", "train": "1\tAnn\tB-X\t-\n2\tLee\tI-X\t-\n"},
        "line 1: column 1 only counts the words; name the column of the words, words = 2",
    ),
    "empty word": ({"train": "a\tO\n\tO\n"}, "line 2: word 2 is empty; fill it in or remove it"),
    "unknown": (
        {"keys": 'labels = ["O", "B-PER", "B-LOC"]'},
        r"line 7: the tag 'I-LOC' is none of labels \(did you mean 'B-LOC'\?\): O, B-PER, B-LOC; c",
    ),
    "wrong label": (
        {"keys": 'labels = ["O", "PER"]'},
        "task.toml: labels: 'PER' is no tag of IOB2",
    ),
    "twice": ({"keys": 'labels = ["O", "O"]'}, "task.toml: labels: 'O' stands twice; keep one"),
    "no sentence": ({"train": "\n-DOCSTART- O\n\n"}, "train.conll: there is no word in it"),
    "all O": ({"train": "a O\n"}, "train and dev have only the tag 'O', so there is nothing to"),
    "foreign": ({"keys": 'label = "x"'}, 'label: it has no meaning for kind = "tags"; remove it'),
    "rename": ({"keys": '[rename]\na = "b"'}, 'rename: it has no meaning for kind = "tags"'),
    "field": ({"keys": 'template = "{word} [Z]"'}, "template: there is no input {word}"),
    "no text": ({"keys": 'template = "so [Z]"'}, r"template: 'so \[Z\]' must have {text} and one"),
    "conllu": ({"name": "train.conllu"}, "CoNLL-U has no column of tags by default; name it"),
    "csv": ({"name": "train.csv"}, "train.csv: a .csv has no sentences of words; give CoNLL"),
    "old Mac": ({"train": "a O\rb O\r"}, "line 1: lines end in"),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_mistake_in_columns_is_named(tmp_path, case):
    options, message = CASES[case]
    dev = options.get("train", DEV) if case in ("near name", "all O") else DEV
    text = complaint(task_in(tmp_path, **{"dev": dev, **options}))
    with pytest.raises(PromptSearchError, match=message):
        raise TaskError(text)


ROW_CASES = {
    "lengths": ({"tokens": ["a", "b"], "tags": ["O"]}, "line 2: 2 words and 1 tags; give each"),
    "no words": ({"tokens": [], "tags": []}, "line 2: the sentence has no words; fill it in"),
    "empty": ({"tokens": ["a", " "], "tags": ["O", "O"]}, "line 2: word 2 is empty; fill it in"),
    "half": ({"tokens": ["\ud83d"], "tags": ["O"]}, "line 2: word 1 holds half a surrogate pair"),
    "text": ({"tokens": "a b", "tags": ["O"]}, "line 2: the column 'tokens' must hold a list"),
    "null": ({"tokens": ["a"], "tags": None}, "line 2: the column 'tags' must hold a list"),
    "number": ({"tokens": [5], "tags": ["O"]}, "line 2: the column 'tokens' holds 5, which is no"),
    "unnamed": ({"tokens": ["a"], "tags": [1]}, "line 2: its tags are numbers; name them in the"),
    "flag": ({"tokens": ["a"], "tags": [True]}, "line 2: True is no tag; write a text, such as"),
    "column": ({"tokens": ["a"], "tag": ["O"]}, r"there is no column 'tags' \(did you mean 'tag'"),
    "no tag": ({"tokens": ["a"], "tags": ["x"]}, "line 2: 'x' is no tag of IOB2, which has O"),
}


@pytest.mark.parametrize("case", sorted(ROW_CASES))
def test_a_mistake_in_rows_is_named(tmp_path, case):
    row, message = ROW_CASES[case]
    train = f"{rows((['Ann'], ['B-X']))}{json.dumps(row)}\n"
    text = complaint(task_in(tmp_path, name="train.jsonl", train=train, dev=rows((["a"], ["O"]))))
    assert "train.jsonl, line 2: " in text
    with pytest.raises(PromptSearchError, match=message):
        raise DataError(text)


def test_a_number_beyond_the_labels_is_named(tmp_path):
    keys, train = 'labels = ["O", "B-X"]', rows((["a"], [2]))
    text = complaint(task_in(tmp_path, keys, name="train.jsonl", train=train, dev=train))
    assert "line 1: there is no tag 2: labels has 0 to 1; correct one" in text


def test_rows_have_no_numbered_columns(tmp_path):
    text = complaint(task_in(tmp_path, "words = 1", name="train.jsonl", train="{}", dev="{}"))
    assert "it has named columns, but the task file names 1" in text


def test_keys_of_tags_have_no_meaning_elsewhere(tmp_path):
    (tmp_path / "a.tsv").write_text("text\tlabel\na\tb\n")
    (tmp_path / "task.toml").write_text(
        'kind = "facts"\ntrain = "a.tsv"\ntemplate = "{subject} [Z]"\nwords = "text"\n'
    )
    assert 'words: it has no meaning for kind = "facts"' in complaint(tmp_path / "task.toml")


def test_who_does_not_ask_for_tags_never_gets_them(tmp_path):
    file = task_in(tmp_path)
    with pytest.raises(TaskError) as error:
        load_task(file)
    assert str(error.value).endswith(
        "task tags words, and this is for labels and facts; train a tagger with "
        f"`promptsearch prefix --task {file} --head token`"
    )


COMMANDS = [
    *("mine", "paraphrase", "gradient", "generate", "lm-score", "search", "soft"),
    *(f"answers {name}" for name in ("paraphrase", "prune", "likelihood-ratio", "probe")),
    "answers decompose",
]
OF_PROMPTS = ["ensemble", "certify", "report"]


def refusal(*words):
    output = run(*words, status=1).output
    assert output.count("\n") == 1
    return output


@pytest.mark.parametrize("command", COMMANDS)
def test_a_search_of_prompts_refuses_tags_in_one_line(command):
    assert refusal(*command.split(), "-t", "names", "-m", "nowhere").endswith(
        "names tags words, and this is for labels and facts; train a tagger with "
        "`promptsearch prefix --task names --head token`\n"
    )


@pytest.mark.parametrize("command", OF_PROMPTS)
def test_what_reads_prompts_refuses_tags(tmp_path, command):
    row = {"template": "{text} [Z]", "verbalizer": {"a": ["b"], "c": ["d"]}}
    document = {"format": "promptsearch/1", "prompts": [row]}
    (tmp_path / "p.json").write_text(json.dumps(document))
    options = {"report": ["-o", tmp_path / "r.html"]}.get(command, ["-m", "nowhere"])
    output = refusal(command, tmp_path / "p.json", "-t", "names", *options)
    assert "`promptsearch prefix --task names --head token`" in output


def test_the_built_in_names_are_whole_and_apart():
    task = load("names")
    splits = [task.train, task.dev, task.test()]
    assert [len(split.examples) for split in splits] == [400, 200, 400]
    assert task.labels == ("O", "B-person", "I-person", "B-place", "I-place")
    texts = [example.inputs["text"] for split in splits for example in split.examples]
    assert len(set(texts)) == len(texts)
    assert not any(broken_spans(e.tags) for split in splits for e in split.examples)


def test_the_built_in_tasks_are_listed_with_their_kinds():
    listed = json.loads(run("tasks", "--json").output)
    assert {row["kind"] for row in listed} == {"classification", "facts", "tags"} <= set(KINDS)
