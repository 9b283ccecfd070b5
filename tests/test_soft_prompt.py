"""Soft prompts: their notation, their vectors, and that no key takes two checkpoints for one."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptsearch.data import CLASSIFICATION
from promptsearch.engine.ledger import Ledger
from promptsearch.engine.strategy import Task
from promptsearch.engine.trial_scorer import TrialScorer
from promptsearch.errors import DataError, PromptError
from promptsearch.prompt import Prompt, Slot, Soft, Template, Text, Vectors, Verbalizer
from promptsearch.prompt.template import without_digests
from promptsearch.prompt_file import read_prompts
from promptsearch.prompt_file.prior import prior_row
from promptsearch.prompt_file.soft_file import SOFT, write_soft
from promptsearch.searchers.joint.history import key_of

MODEL = "a" * 64
VERBALIZER = Verbalizer.of({"bad": "terrible", "good": "great"})


def vectors(length=2, seed=0, model=MODEL, hidden=3):
    rows = np.random.default_rng(seed).standard_normal((length, hidden))
    return Vectors.of(rows.astype(np.float32), model)


def checkpoint(seed, notation="{text} [S:2] [Z]"):
    template = Template.parse(notation).with_vectors({"S": vectors(seed=seed)})
    return Prompt(template, VERBALIZER)


@pytest.mark.parametrize(
    ("notation", "soft"),
    [
        ("{text} [S] [Z]", [("S", 1)]),
        ("[S1:5] {text} [S2] [Z] [S1:5]", [("S1", 5), ("S2", 1)]),
        ("{text} [[S]] [[S1:5]] [[Z]] [Z]", []),
    ],
)
def test_the_notation_is_read_and_written_back(notation, soft):
    template = Template.parse(notation)
    assert [(part.name, part.length) for part in template.soft] == soft
    assert template.notation == str(template) == notation


@given(st.text("[]S:Z@12 x", max_size=30))
def test_any_text_stays_text(text):
    template = Template((Text(f"{text} "), Slot()))
    assert Template.parse(template.notation) == template
    assert not template.soft


@pytest.mark.parametrize(
    ("notation", "problem"),
    [
        ("{text} [S:0] [Z]", "1 to 512"),
        ("{text} [S:513] [Z]", "1 to 512"),
        ("[S:2] {text} [S:3] [Z]", "two different"),
        ("{text} [S:2@abc] [Z]", "vectors that are not here"),
    ],
)
def test_a_wrong_notation_is_one_line(notation, problem):
    with pytest.raises(PromptError, match=problem):
        Template.parse(notation)


def test_vectors_are_numbers_and_as_many_as_their_part_has():
    with pytest.raises(PromptError, match="NaN"):
        Vectors.of(np.array([[np.nan]]), MODEL)
    with pytest.raises(PromptError, match="hidden"):
        Vectors.of(np.zeros(3), MODEL)
    with pytest.raises(PromptError, match="has 3 vectors"):
        Soft("S", 2, vectors(3))
    with pytest.raises(PromptError, match=r"no vectors for \[S2\]"):
        Template.parse("[S:2] [S2] [Z]").with_vectors({"S": vectors()})


def test_a_templates_text_has_digests_and_gives_the_notation_back():
    template = checkpoint(0, "[[S@x]] {text} [S:2] [Z]").template
    assert without_digests(str(template)) == template.notation == "[[S@x]] {text} [S:2] [Z]"
    with pytest.raises(PromptError, match="vectors that are not here"):
        Template.parse(str(template))


def test_two_checkpoints_are_two_prompts_under_every_key():
    one, other, same = checkpoint(0), checkpoint(1), checkpoint(0)
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert str(one.template) == str(same.template) != str(other.template)
    assert one.template.notation == other.template.notation == "{text} [S:2] [Z]"
    priors = [prior_row(prompt, {"bad": 0.0})["prior_of"] for prompt in (one, other)]
    assert priors[0] != priors[1]
    assert checkpoint(0) != Prompt(Template.parse("{text} [S:2] [Z]"), VERBALIZER)


def test_vectors_of_another_model_are_others():
    assert vectors() != vectors(model="b" * 64)


def test_the_ledger_knows_them_apart():
    scorer = TrialScorer.__new__(TrialScorer)
    scorer.start = Prompt(Template.parse("{text} [Z]"), VERBALIZER)
    keys = {scorer.key(checkpoint(seed), "dev", None) for seed in (0, 1)}
    assert len(keys) == 2
    assert Ledger({"seed": 0}) is not None


def test_a_joint_search_folds_no_soft_prompts():
    task = Task("t", CLASSIFICATION, checkpoint(0), ())
    key = key_of(task)
    assert key(checkpoint(0)) != key(checkpoint(1))


def written(folder, prompts, **row):
    soft = write_soft(folder / SOFT, prompts)
    rows = [
        {
            "id": name,
            "template": prompt.template.notation,
            "verbalizer": prompt.plain_answers,
            **soft.get(name, {}),
            **row,
        }
        for name, prompt in prompts.items()
    ]
    document = {"format": "promptsearch/2", "prompts": rows}
    (folder / "prompts.json").write_text(json.dumps(document))
    return folder / "prompts.json"


def test_a_file_gives_back_the_vectors_bit_by_bit(tmp_path):
    prompts = {"p1": checkpoint(1), "p0": checkpoint(0, "[S:2] {text} is [Z] [S:2]")}
    saved = {each.id: each.prompt for each in read_prompts(written(tmp_path, prompts)).prompts}
    assert saved == prompts
    for name, prompt in prompts.items():
        rows = [prompt.template.soft[0].vectors.rows for prompt in (prompt, saved[name])]
        np.testing.assert_array_equal(*rows)
    first = (tmp_path / SOFT).read_bytes()
    write_soft(tmp_path / SOFT, prompts)
    assert (tmp_path / SOFT).read_bytes() == first


def test_without_vectors_nothing_is_written(tmp_path):
    hard = Prompt(Template.parse("{text} [Z]"), VERBALIZER)
    assert write_soft(tmp_path / SOFT, {"p0": hard}) == {}
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(PromptError, match="no vectors to write"):
        write_soft(
            tmp_path / SOFT, {"p0": replace(checkpoint(0), template=Template.parse("[S] [Z]"))}
        )
    foreign = Template.parse("[S:2] [Z]").with_vectors({"S": vectors(model="b" * 64)})
    with pytest.raises(PromptError, match="of one model"):
        write_soft(tmp_path / SOFT, {"p0": checkpoint(0), "p1": Prompt(foreign, VERBALIZER)})
    assert not list(tmp_path.iterdir())


def _edited(path):
    data = bytearray((path.parent / SOFT).read_bytes())
    data[-1] ^= 1
    (path.parent / SOFT).write_bytes(bytes(data))


def _with(path, **soft):
    document = json.loads(path.read_text())
    for row in document["prompts"]:
        row["soft"] |= soft
    path.write_text(json.dumps(document))


def _rewritten(path, data):
    from hashlib import sha256

    (path.parent / SOFT).write_bytes(data)
    _with(path, sha256=sha256(data).hexdigest())


def _half(path):
    from safetensors.numpy import save

    _rewritten(path, save({"p0.S": np.zeros((2, 3), np.float16)}, {"model_sha256": MODEL}))


def _of_another_length(path):
    from safetensors.numpy import save

    _rewritten(path, save({"p0.S": np.zeros((3, 3), np.float32)}, {"model_sha256": MODEL}))


def _nan(path):
    from safetensors.numpy import save

    _rewritten(path, save({"p0.S": np.full((2, 3), np.nan, np.float32)}, {"model_sha256": MODEL}))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda path: (path.parent / SOFT).unlink(), "are missing; put the file beside"),
        (_edited, "have changed since"),
        (lambda path: _rewritten(path, b"\x80\x04pickle"), "holds no vectors"),
        (lambda path: _with(path, S={"tensor": "p9.S"}), "does not hold the vectors of"),
        (lambda path: _with(path, S={}), "does not hold the vectors of"),
        (lambda path: _with(path, file="../soft.safetensors"), "does not lie beside"),
        (_half, "float16, but vectors are float32"),
        (_of_another_length, "has 3 vectors"),
        (_nan, "NaN"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, damage, problem):
    path = written(tmp_path, {"p0": checkpoint(0)})
    damage(path)
    with pytest.raises(DataError, match=problem):
        read_prompts(path)


def test_soft_parts_without_vectors_are_refused_and_their_escape_is_named(tmp_path):
    path = tmp_path / "prompts.json"
    row = {"template": "{text} [S:2] [Z]", "verbalizer": VERBALIZER.plain()}
    path.write_text(json.dumps({"format": "promptsearch/1", "prompts": [row]}))
    with pytest.raises(DataError, match=r"write \[\[S:2\]\] if it is text"):
        read_prompts(path)
