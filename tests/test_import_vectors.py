"""Vectors inside templates, of OptiPrompt and OpenPrompt, as soft prompts of a model."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from foreign import group, native
from hypothesis import given, settings
from hypothesis import strategies as st
from test_soft_golden import bert, golden, port_of  # noqa: F401  # a fixture
from test_soft_search import run, task  # noqa: F401  # a fixture
from tiny import saved, tiny
from transformers import BertConfig, BertForMaskedLM

from promptsearch.errors import DataError
from promptsearch.formats.importing.contents import Location
from promptsearch.formats.openprompt.notation import template_of
from promptsearch.formats.openprompt.soft_pieces import soft_words
from promptsearch.models import Scoring
from promptsearch.models.forward.embedding_table import embedded
from promptsearch.prompt import Template, Vectors

LINE = {"relation": "P36", "template": "[X] [V1] [V2] [V3] [Y] [V4]"}


def relation_file(folder, *lines):
    path = folder / "relations.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines or (LINE,)))
    (folder / "cities").write_text("Paris\nRome\n")
    return path


def vectors_file(path, rows=10, hidden=16):
    path.parent.mkdir(exist_ok=True)
    values = np.random.default_rng(0).standard_normal((rows, hidden)).astype(np.float32)
    np.save(path, values)
    return values


def optiprompt(path, port, **more):
    options = {"model": port, "candidates": path.with_name("cities"), **more}
    return group("optiprompt", path, **options).prompts[0].prompt.template


def test_optiprompts_vectors_stand_where_its_line_has_them(tmp_path):
    path, port = relation_file(tmp_path), tiny("bert")[0]
    rows = vectors_file(tmp_path / "prompt_vecs.npy")
    template = optiprompt(path, port)
    assert template.notation == "{subject} [S1:3] [Z] [S2]"
    first, second = (part.vectors for part in template.soft)
    assert first == Vectors.of(rows[:3], port.info.sha256)
    assert second == Vectors.of(rows[3:4], port.info.sha256)


def test_each_relation_has_vectors_of_its_own(tmp_path):
    path, port = relation_file(tmp_path, LINE, {**LINE, "relation": "P19"}), tiny("bert")[0]
    rows = vectors_file(tmp_path / "P19" / "prompt_vecs.npy")
    template = optiprompt(path, port, group="P19")
    assert template.soft[0].vectors == Vectors.of(rows[:3], port.info.sha256)
    with pytest.raises(DataError, match=r"line 1: .*P36/prompt_vecs.npy"):
        optiprompt(path, port)
    vectors_file(tmp_path / "prompt_vecs.npy")
    with pytest.raises(DataError, match=r"line 1: .*of which of 2 relations"):
        optiprompt(path, port)


def test_vectors_may_stand_in_any_order_and_twice(tmp_path):
    line = {**LINE, "template": "[V2][V1] [X] [V4] is [V2] [V1] [Y] ."}
    path, port = relation_file(tmp_path, line), tiny("bert")[0]
    rows = vectors_file(tmp_path / "prompt_vecs.npy")
    template = optiprompt(path, port)
    assert template.notation == "[S1:2] {subject} [S2] is [S1:2] [Z] ."
    assert template.soft[0].vectors == Vectors.of(rows[[1, 0]], port.info.sha256)


def test_golden_vectors_are_as_likely_as_in_optiprompts_release(golden, tmp_path):  # noqa: F811
    """But for its vectors, which are words there, and [UNK], whose row the release changes."""
    vocab = golden("model_optiprompt")[0]["vocab"]
    about, tensors = golden("optiprompt_manual")
    port = port_of(*bert(golden, "model_optiprompt", vocab), "masked")
    texts = [[vocab[i] if i < 22 else f"[V{i - 21}]" for i in ids] for ids in tensors["input_ids"]]
    subjects = [next(w for w in text if w in ("france", "germany", "italy")) for text in texts]
    names = {"[CLS]": "", "[SEP]": "", "[PAD]": "", "[MASK]": "[Y]", subjects[0]: "[X]"}
    line = " ".join(names.get(word, word) for word in texts[0]).strip()
    path = relation_file(tmp_path, {"relation": "P36", "template": line})
    np.save(tmp_path / "prompt_vecs.npy", tensors["new_vectors"])
    template = optiprompt(path, port)
    words = [word for word in vocab if word.isalpha()]
    answers = [(("Z", word),) for word in words]
    filled = [template.fill({"subject": subject}) for subject in subjects]
    ours = np.zeros((3, len(words)))
    for block in port.run(port.plan(filled, answers, Scoring("independent"))):
        ours[list(block.rows)] = block.log_probs
    theirs = tensors["log_probs_at_mask"][:, [vocab.index(word) for word in words]]
    for values in (ours, theirs):
        values -= values.mean(1, keepdims=True)
    np.testing.assert_allclose(ours, theirs, atol=about["tolerance"])


def test_imported_vectors_are_evaluated(tmp_path):
    vectors_file(tmp_path / "prompt_vecs.npy")
    path = relation_file(tmp_path, {**LINE, "relation": "capitals"})
    out = tmp_path / "out"
    words = ("--from", "optiprompt", "--task", "capitals", "-m", saved("bert"), "-o", out)
    run("import", path, *words)
    assert json.loads((out / "prompts.json").read_text())["format"] == "promptsearch/2"
    assert "[S1:3] [Z] [S2]" in run("show", out / "prompts.json").output


BAD = [  # the array's file, what is said of it
    (np.zeros((3, 16), np.float32), r"line 1: \[V4\] .* has 3 vectors"),
    (np.zeros((10, 24), np.float32), "24 numbers each, but those of 'bert' have 16"),
    (np.zeros(16, np.float32), r"\(16,\), not \(vector, hidden\)"),
    (np.zeros((0, 16), np.float32), r"\(0, 16\), not \(vector, hidden\)"),
    (np.zeros((600, 16), np.float32), "600 vectors, but a prompt has 1 to 512"),
    (np.full((10, 16), np.nan, np.float32), "NaN"),
    (np.full((10, 16), 1e300), "infinite"),
    (np.zeros((10, 16), np.int64), "int64"),
    (np.array([[None] * 16] * 10), "no array of numbers"),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("array", "reason"), BAD)
def test_arrays_that_are_no_vectors_are_one_line(tmp_path, array, reason):
    path = relation_file(tmp_path)
    np.save(tmp_path / "prompt_vecs.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=reason) as caught:
        optiprompt(path, tiny("bert")[0])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\x80\x03c", b"\x93NUMPY\x01\x00", b"PK\x03\x04zip"])
def test_files_that_are_no_arrays_are_one_line(tmp_path, content):
    path = relation_file(tmp_path)
    (tmp_path / "prompt_vecs.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"prompt_vecs.npy: no array of numbers") as caught:
        optiprompt(path, tiny("bert")[0])
    assert "\n" not in str(caught.value)
    huge = b"{'descr': '<f4', 'fortran_order': False, 'shape': (10, 999999999999), }"
    header = b"\x93NUMPY\x01\x00" + len(huge).to_bytes(2, "little") + huge
    (tmp_path / "prompt_vecs.npy").write_bytes(header)
    with pytest.raises(DataError, match=r"prompt_vecs.npy: "):
        optiprompt(path, tiny("bert")[0])


def test_what_vectors_need_is_said(tmp_path):
    path = relation_file(tmp_path)
    with pytest.raises(DataError, match=r"line 1: \[V1\] is a vector.*`model`"):
        optiprompt(path, None)
    with pytest.raises(DataError, match=r"line 1: there is neither .*prompt_vecs.npy"):
        optiprompt(path, tiny("bert")[0])
    vectors_file(tmp_path / "prompt_vecs.npy")
    with pytest.raises(DataError, match=r"vectors behind its slot"):
        optiprompt(path, tiny("gpt2")[0])
    zero = relation_file(tmp_path, {**LINE, "template": "[X] [V0] [Y]"})
    with pytest.raises(DataError, match=r"\[V0\]"):
        optiprompt(zero, tiny("bert")[0])
    escape = relation_file(tmp_path, {**LINE, "relation": "../P36"})
    (tmp_path / "prompt_vecs.npy").unlink()
    with pytest.raises(DataError, match=r"neither"):
        optiprompt(escape, tiny("bert")[0])


def openprompt(tmp_path, line, port, **more):
    path, words = tmp_path / "template.txt", tmp_path / "verbalizer.json"
    path.write_text(line)
    words.write_text('{"bad": ["terrible"], "good": ["great"]}')
    return native("openprompt", tmp_path, path, words, model=port, **more)


def mixed_cases(shared):
    facts = json.loads((shared / "golden/dev/soft/openprompt_mixed.json").read_text())
    return facts["vocab"], {k: v for k, v in facts["cases"].items() if "soft_token_ids" in v}


def test_golden_mixed_templates_have_the_releases_groups_and_rows(golden, shared):  # noqa: F811
    vocab, cases = mixed_cases(shared)
    from test_soft_golden import bert_tokenizer

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = BertForMaskedLM(BertConfig(vocab_size=len(vocab), intermediate_size=16, **sizes))
    port = port_of(model.eval(), bert_tokenizer(vocab), "masked")
    for line, case in cases.items():
        if not line.startswith("{"):
            continue  # PtuningTemplate forgets words
        template, _ = template_of(Location("t.txt"), line, soft_words(port))
        numbers, rows = {}, {}
        ids = []
        for part in template.parts:
            if part in template.soft:
                for i in range(part.length):
                    number = numbers.setdefault((part.name, i), len(numbers) + 1)
                    ids.append(number)
                    rows[number] = part.vectors and part.vectors.rows[i]
        assert ids == [number for number in case["soft_token_ids"] if number], line
        with_words = dict(case["rows_equal_to_words"])
        assert {number for number, row in rows.items() if row is not None} == set(with_words)
        for number, word in with_words.items():
            expected = embedded(model, [vocab.index(word)])[0]
            np.testing.assert_array_equal(rows[number], expected)


MIXED = '{"placeholder": "text_a"} {"soft": "It was"} {"mask"} .'


@pytest.mark.parametrize("kind", ["bert", "t5"])
def test_soft_words_start_as_the_words_and_score_as_them(task, tmp_path, kind):  # noqa: F811
    port = tiny(kind)[0]
    file = openprompt(tmp_path, MIXED, port)
    template = file.prompts[0].prompt.template
    (soft,) = template.soft
    assert template.notation == f"{{text_a}} [S1:{soft.length}] [Z] ."
    texts = Template.parse("{text_a} It was [Z] ."), template
    answers = [(("Z", word),) for word in ("terrible", "great")]
    found = []
    for each in texts:
        plan = port.plan([each.fill({"text_a": "a great film"})], answers, Scoring())
        (block,) = port.run(plan)
        found.append(block.log_probs[0])
    np.testing.assert_allclose(*found, atol=1e-4)


def test_without_a_model_soft_words_are_text(tmp_path):
    file = openprompt(tmp_path, MIXED, None)
    assert file.prompts[0].prompt.template.notation == "{text_a} It was [Z] ."
    assert file.document["format"] == "promptsearch/1"
    file = openprompt(tmp_path, '{"soft_id": 3} {"placeholder": "text_a"} {"mask"}', None)
    assert file.prompts[0].prompt.template.notation == "{text_a} [Z]"
    assert any("promptsearch soft" in note for note in file.document["import"]["notes"])


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ('{"soft"} {"placeholder": "text_a"} {"soft": "It"} {"mask"}', "[S1] {text} [S2] [Z]"),
        (
            '{"soft": None, "duplicate": 3} {"placeholder": "text_a"} {"mask"}',
            "[S1:3] {text} [Z]",
        ),
        (
            '{"soft": None, "duplicate": 2, "same": True} {"placeholder": "text_a"} {"mask"}',
            "[S1] [S1] {text} [Z]",
        ),
        (
            '{"soft", "soft_id"} {"placeholder": "text_a"} {"mask"}'.replace(
                '"soft", "soft_id"', '"soft": None, "soft_id": 4'
            )
            + ' {"soft_id": 4}',
            "[S1] {text} [Z] [S1]",
        ),
    ],
)
def test_soft_tokens_without_words_are_a_form_to_train(tmp_path, line, form):
    with pytest.raises(DataError) as caught:
        openprompt(tmp_path, line, tiny("bert")[0], inputs=("text",))
    said = str(caught.value)
    assert "no words to start from" in said
    assert f"promptsearch soft --task TASK --template '{form}'" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ('"soft": None, "duplicate": 0', "duplicate is 0"),
        ('"soft": None, "duplicate": 10000000', "duplicate is 10000000"),
        ('"soft": None, "duplicate": True', "duplicate is True"),
        ('"soft": None, "duplicate": f()', "duplicate is"),
        ('"soft": "It", "soft_id": 0', "soft_id is 0"),
        ('"soft": "It", "soft_id": "a"', "soft_id is 'a'"),
        ('"soft_id": __import__("os").system("true")', "soft_id is"),
        ('"soft": None, "same": 3', "same is 3"),
        ('"soft": "   "', "has no tokens"),
    ],
)
def test_a_wrong_key_is_one_line(tmp_path, keys, reason):
    line = f'{{"placeholder": "text_a"}} {{{keys}}} {{"mask"}}'
    with pytest.raises(DataError, match=f"template.txt, line 1: .*{reason}") as caught:
        openprompt(tmp_path, line, tiny("bert")[0])
    assert "\n" not in str(caught.value)


PORT = tiny("bert")[0]


@given(st.floats(0, 1, exclude_max=True), st.binary())
@settings(max_examples=150, deadline=None)
def test_whatever_a_damaged_array_holds_it_comes_in_or_is_named(where, piece):
    with TemporaryDirectory() as room:
        path, file = relation_file(Path(room)), Path(room) / "prompt_vecs.npy"
        vectors_file(file)
        content = file.read_bytes()
        start = int(where * min(len(content), 160))  # the header, mostly
        file.write_bytes(content[:start] + piece + content[start + len(piece) :])
        said = None
        try:
            template = optiprompt(path, PORT)
        except DataError as error:
            said = str(error)
        else:
            assert template.soft[0].vectors.rows.shape == (3, 16)
        assert said is None or (room in said and "\n" not in said)
