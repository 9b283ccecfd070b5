"""Files that mean nothing end in one line that names them; no bytes end in anything else."""

import json
import re
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from foreign import groups, native, written
from hypothesis import given, settings
from hypothesis import strategies as st

from promptsearch.errors import DataError, ExportError
from promptsearch.formats import IMPORTS
from promptsearch.formats.importing.contents import ImportOptions, read_files
from promptsearch.prompt import Template

GIVEN = {
    "labels": (),
    "templates": (Template.parse("{text_a} is [Z]."),),
}


def read(name, path, **more):
    cities = path.with_name("cities")
    cities.write_text("Paris\nRome\n")
    return groups(name, path, **{**GIVEN, "candidates": cities, **more})


BAD = [  # format, file name, content, what is said of it
    ("lpaqa", "P1.jsonl", '{"template": "[X] in [Y]"}\n{"template": "[X', "line 2: not valid JSON"),
    ("lpaqa", "P1.jsonl", '{"pattern": "[X] in [Y]"}', 'line 1: there is no text "template"'),
    ("lpaqa", "P1.jsonl", '{"template": "[X] in [Y] and [Y]"}', "line 1: .* needs one .* has 2"),
    ("lpaqa", "P1.jsonl", '\n{"template": "in [Y]"}', r"line 2: 'in \[Y\]' has no \[X\]"),
    ("lpaqa", "P1.jsonl", '{"template": "[X] [[Y]]"}', "line 1: .*no unambiguous notation"),
    ("lpaqa", "P1.jsonl", '{"template": "[X] [Y]", "weight": NaN}', "line 1: a value that no JSON"),
    (
        "lpaqa",
        "P1.jsonl",
        '{"template": "[X] [Y]", "weight": "abc"}',
        "line 1: .* is 'abc'",
    ),
    ("lpaqa", "P1.jsonl", '\n{"template": "[X] [Y]", "weight": -3}', "line 2: the weight is -3; "),
    ("lpaqa", "P1.jsonl", '{"template": "[X] [Y]", "weight": true}', "line 1: the weight is True"),
    ("lpaqa", "P1.jsonl", '{"template": "[X] [Y]", "weight": 1e9}', "line 1: .* one of about 1"),
    ("lpaqa", "P1.jsonl", '{"template": "[X] \\ud800 [Y]"}', "line 1: a value that no JSON"),
    ("lpaqa", "P1.jsonl", "\n\n", "it holds no prompt"),
    ("lpaqa", "P1.txt", "[X] in [Y]\nin\n", r"line 2: 'in' has no \[X\]"),
    ("lpaqa", "P1.txt", b"[X] in [Y]\n[X] \xe9 [Y]\n", r"line 2: byte 5 \(0xe9\) is not UTF-8"),
    ("lama", "r.jsonl", '{"template": "[X] in [Y]"}', 'line 1: .* names no "relation"'),
    ("lama", "r.jsonl", "[1]", 'line 1: there is no text "template"'),
    ("optiprompt", "r.jsonl", '{"relation": "P1", "template": "[X] [V1] [Y]"}', r"line 1: \[V1\]"),
    ("pararel", "P1.jsonl", '{"template": "[X] [Y]"}', 'line 1: there is no text "pattern"'),
    ("pararel", "P1.graph", b"\x80\x03c", "a pickled graph"),
    ("autoprompt", "p.jsonl", '{"template": "{s} [T] [P]"}', r"line 1: .* 1 \[T\], .* 0 tokens"),
    ("autoprompt", "p.jsonl", '{"template": "{s} [P] [P]"}', r"line 1: .* one \[P\], .* has 2"),
    ("autoprompt", "p.jsonl", '{"template": "{s} { [P]"}', "line 1: a lone '{'"),
    (
        "autoprompt",
        "p.jsonl",
        '{"template": "{s} [P]", "label_map": 1}',
        'line 1: "label_map" must',
    ),
    (
        "autoprompt",
        "p.jsonl",
        '{"template": "{s} [P]", "label_map": {"a": [1]}}',
        r"line 1: the tokens of 'a' are \[1\]",
    ),
    (
        "autoprompt",
        "p.json",
        '{"template": "{s} [T][P]", "initial_trigger": [3]}',
        '"initial_trigger" must be',
    ),
    ("lm-bff", "t.txt", "*cls**sent_0*_is*mesk*.*sep+*", r"line 1: \*mesk\* means nothing here"),
    ("lm-bff", "t.txt", "*cls**sent_0*_is*mask*\n*cls**sent_0*", "line 2: .* has no"),
    ("lm-bff", "t.txt", "*sent_0**mask*_or*mask*", "line 1: .*two equal slots"),
    ("lm-bff", "t.txt", "*sent_0**label_0*_is*mask*.", r"line 1: \*label_0\* means nothing"),
    ("lm-bff", "m.txt", '{"0": "a", "1": ', "line 1: .* cannot be read"),
    ("lm-bff", "m.txt", '{"0": "a", "1": ["b"]}', r"line 1: a label's word is \['b'\]"),
    ("lm-bff", "m.txt", '{"0": "a", "0": "b"}', "line 1: '0' stands twice"),
    ("lm-bff", "m.txt", '{0: "a", "0": "b"}', "line 1: a label stands twice"),
    ("lm-bff", "m.txt", '{(): "a"}', r"line 1: a label is \(\)"),
    ("lm-bff", "m.txt", '{"0": "a", "1": "a"}', "one word for two labels"),
    ("lm-bff", "m.txt", '{"0": f()}', "line 1: .* is no plain value"),
    ("lm-bff", "t.txt", "", "it holds nothing"),
    ("openprompt", "t.txt", "", "the file is empty"),
    ("openprompt", "t.txt", '{"mask"} {"placeholder": "a b"}', "line 1: .* is no name of an input"),
    ("openprompt", "t.txt", '{"mask"} {"plaec": "text_a"}', "line 1: 'plaec' means nothing"),
    (
        "openprompt",
        "t.txt",
        '{"mask"} {"meta": "word"',
        "line 1: the brace at character 10 is never",
    ),
    ("openprompt", "t.txt", '\n{"mask"} {"meta": }', "line 2: .* cannot be read"),
    ("openprompt", "t.txt", '{"mask"} {"meta": 1}', "line 1: .* the meta must be a text in quotes"),
    ("openprompt", "t.txt", '{"mask"} {"meta"}', r"line 1: .* is no name of an input"),
    ("openprompt", "t.txt", '{"mask"} {}', "line 1: {} must be one of"),
    ("openprompt", "t.txt", '{"mask"} {"meta": "a", "text": "b"}', "line 1: .* must be one of"),
    ("openprompt", "t.txt", '{"mask"}\n{"meta": "w"}', 'line 2: .* has no {"mask"}'),
    ("openprompt", "t.txt", '{"mask"} {"special"} {"text"}', 'line 1: {"text"} needs a value'),
    ("openprompt", "v.json", '{"a": ["x"],\n "b": [}', "line 2: not valid JSON"),
    ("openprompt", "v.json", '{"a": ["x"], "a": ["y"]}', "the key 'a' stands twice"),
    ("openprompt", "v.json", '{"a": [1]}', "the words of 'a' are"),
    ("openprompt", "v.json", "[]", "it holds no verbalizer"),
    ("openprompt", "v.json", "[[]]", "is no verbalizer"),
    ("openprompt", "v.json", '{"a": ["x"], "b": ["x"]}', "the labels 'a' and 'b' have the same"),
    ("openprompt", "v.json", '{"a": ["x"], "b": [" "]}', "'b' has an empty answer"),
    (
        "openprompt",
        "v.txt",
        "good\nbad\n",
        r"line 1: it names no labels .* `labels` A,B,... or `task`",
    ),
    ("openprompt", "v.txt", "good,\nbad\n", "line 1: there is nothing between two commas"),
    ("pet", "v.json", '{"a": 1}', "the words of 'a' are 1"),
    ("pet", "v.json", "{}", "is no verbalizer"),
    ("pet", "v.txt", "0\nlabel\n", "line 2: the label 'label' has no words"),
    ("pet", "v.txt", "0\na b\n0\n", "line 3: the pattern 0 stands here again"),
    ("pet", "v.txt", "3\n", "it holds no verbalizer"),
    ("pet", "p.py", "class A(:\n", "line 1: no Python"),
    ("pet", "p.py", "x = 1\n", "it holds no pattern"),
    (
        "ptr",
        "t.txt",
        "0\ta\tx\ty\n0\tb\tx\n",
        "line 2: 1 words for 'b' where the rules before have 2",
    ),
    ("ptr", "t.txt", "a b c\n", "line 1: 'a b c' is no rule"),
    ("ptr", "t.txt", "", "there are no rules"),
    ("ptr", "r.json", '{"a": "x"}', "the label 'a' has no number"),
    ("ptr", "r.json", "[]", "it is no order of labels"),
]


@pytest.mark.parametrize(("name", "file", "content", "reason"), BAD)
def test_a_bad_file_is_named_with_its_line(tmp_path, name, file, content, reason):
    path = tmp_path / file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=f"(?s)^{re.escape(str(path))}.*{reason}") as caught:
        read(name, path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_empty_folder_are_named(tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*P19.txt"):
        read("lpaqa", tmp_path / "P19.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no file here ends in .jsonl or .txt"):
        read("lpaqa", tmp_path / "empty")


SEEDS = {  # lines of the shape that each format has
    "lpaqa": ["[X] was born in [Y] .", '{"template": "[X] is in [Y]", "weight": 0.5}'],
    "lama": ['{"relation": "P19", "template": "[X] is in [Y]", "type": "N-1"}'],
    "optiprompt": ['{"relation": "P19", "template": "[X] is in [Y] ."}'],
    "autoprompt": [
        '{"relation": "P19", "template": "[X] about [Y]."}',
        '{"template": "<s> {a} [T] [T] [P] </s>", "initial_trigger": ["\u0120x", "y"], '
        '"label_map": {"0": ["\u0120a"], "1": ["b"]}}',
    ],
    "lm-bff": ["0.5 *cls**sent-_0*_It's*mask*,*+sentl_1**sep+*", '{"0": "a", "1": "b"}\t0.25'],
    "openprompt": [
        '{"placeholder": "text_a", "post_processing": lambda x: x} It {"soft": "was"}{"mask"}',
        '{"negative": ["bad", "<!>awful"], "positive": ["good"]}',
        "bad,awful\ngood\n\nterrible\ngreat",
        ' {"text": "No"}\n {"text": "Yes"}',
    ],
    "pet": [
        '{"APVP.VERBALIZER": {"1": ["x"], "2": ["y"]}}',
        "0\nnegative bad awful\npositive good\n1\nnegative no\npositive yes",
        "class A(PVP):\n    V = {'a': ['x'], 'b': ['y']}\n    def get_parts(self, e):\n"
        "        if self.pattern_id < 2:\n            return [self.mask, ':', e.text_a], []\n"
        "    def verbalize(self, label):\n        return A.V[label]\n",
    ],
    "pararel": ['{"pattern": "[X] was born in [Y].", "lemma": "bear"}'],
    "ptr": ["0\ta\tx\ty\n2\tb\tx\ty\ta\n", '{"a": 0, "b": 1}', "0\ta\tx\ty\tz\n0\tb\tu\tv\tw"],
}
FILES = ["f.jsonl", "f.json", "f.txt", "f.py", "f.tsv", "f.jsonl.gz"]
PIECES = st.sampled_from(
    ["*", "{", "}", "[", "]", '"', "'", "\\", "\n", "\t", "\r", "\0", "\u2028"]
)


def mutated(text):
    """The text with a piece cut out, doubled, turned round or put in."""
    places = st.integers(0, len(text))
    pieces = st.one_of(PIECES, st.text(max_size=3), st.just(text[:9]), st.sampled_from(MARKS))
    return st.builds(
        lambda a, b, piece, times: (text[: min(a, b)] + piece * times + text[max(a, b) :]).encode(
            "utf-8", "surrogatepass"
        ),
        places,
        places,
        pieces,
        st.integers(0, 3),
    )


MARKS = ["[X]", "[Y]", "[T]", "[P]", "*mask*", '{"mask"}', "[Z]", "NaN", "1e999", '"\\ud800"']
CASES = [(name, text) for name, texts in SEEDS.items() for text in texts]
CONTENTS = st.one_of(
    st.binary(max_size=60), *(st.tuples(st.just(name), mutated(text)) for name, text in CASES)
)


BESIDE = {  # the other half of files that are one
    "lm-bff": '{"negative": "x", "positive": "y"}',
    "openprompt": '{"negative": ["x"], "positive": ["y"]}',
}


def imports_or_says_why(name, file, content):
    with TemporaryDirectory() as room:
        path, beside, out = Path(room) / file, Path(room) / "beside.json", Path(room) / "out"
        path.write_bytes(content)
        beside.write_text(BESIDE.get(name, ""))
        paths = [path, beside] if name in BESIDE else [path]
        (Path(room) / "cities").write_text("Paris\nRome\n")
        more = {**GIVEN, "candidates": Path(room) / "cities"}
        if name == "openprompt":
            more["labels"] = ("negative", "positive")
        try:
            found = groups(name, *paths, **more)
        except DataError as error:
            said = str(error)
        else:
            said = None
            for own in found:
                out.mkdir(exist_ok=True)
                file = native(name, out, *paths, **{**more, "group": own.name})
                assert [s.prompt for s in file.prompts] == [one.prompt for one in own.prompts]
                json.loads((out / "prompts.json").read_text(), parse_constant=pytest.fail)
                with suppress(ExportError):
                    written(name, file, Path(room) / "back.py")
        assert said is None or room in said or "`" in said


@given(st.sampled_from(list(IMPORTS)), st.sampled_from(FILES), CONTENTS)
@settings(max_examples=250, deadline=None)
def test_whatever_a_file_holds_it_comes_in_or_is_named(name, file, content):
    name, content = content if isinstance(content, tuple) else (name, content)
    imports_or_says_why(name, file, content)


@pytest.mark.parametrize(("name", "text"), CASES)
def test_the_lines_that_the_mutations_begin_with_mean_something(tmp_path, name, text):
    able = 0
    for file in FILES[:5]:
        (tmp_path / file).write_text(text)
        with suppress(DataError):
            found = read_files([tmp_path / file], name, ImportOptions())
            able += len(found.templates) + len(found.verbalizers) + len(found.labels)
    assert able
