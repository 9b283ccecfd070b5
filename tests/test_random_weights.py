"""`random:SPEC`: a model with random weights, as a control of what a method finds without one."""

import json

import pytest
import torch
from commanding import reviews_in, run
from tiny import saved

from promptsearch import load_model
from promptsearch.models.frozen_model import frozen_model


def weights_of(model):
    return frozen_model(model).runtime.model.state_dict()


@pytest.mark.parametrize("family", ["bert", "gpt2", "t5"])
def test_its_weights_are_drawn_and_always_the_same(family):
    spec = str(saved(family))
    usual, first, second = (
        load_model(spec),
        load_model(f"random:{spec}"),
        load_model(f"random:{spec}"),
    )
    assert first.info.sha256 == second.info.sha256 != usual.info.sha256
    assert first.info.tokenizer_sha256 == usual.info.tokenizer_sha256
    for name, tensor in weights_of(first).items():
        assert torch.equal(tensor, weights_of(second)[name])
    table = "word_embeddings" if family == "bert" else "wte" if family == "gpt2" else "shared"
    (name,) = [name for name in weights_of(usual) if table in name]
    assert not torch.equal(weights_of(first)[name], weights_of(usual)[name])


def test_a_soft_prompt_is_trained_and_evaluated_with_the_random_model(tmp_path):
    task, model = reviews_in(tmp_path, 4), saved("bert")
    words = ("--task", task, "-m", model, "-o", tmp_path / "run", "--steps", 4, "-q")
    run("soft", *words, "--control", "random-model")
    prompts = tmp_path / "run" / "prompts.json"
    document = json.loads(prompts.read_text())
    assert document["model"]["spec"] == f"random:{model}"
    assert document["prompts"][0]["source"]["evidence"]["control"] == "random-model"
    shown = json.loads(run("evaluate", prompts, "--task", task, "--json").stdout)
    assert shown["model"]["spec"] == f"random:{model}"


def test_the_control_asks_for_a_model_of_random_weights():
    from promptsearch import SoftSearch

    searcher = SoftSearch(control="random-model")
    assert searcher.variant("builtin") == searcher.variant("random:builtin") == "random:builtin"
    assert SoftSearch().variant("builtin") == "builtin"


def test_a_missing_model_is_named(tmp_path):
    done = run("evaluate", tmp_path / "no.json", "-m", "random:no/such/model", status=1)
    assert "Traceback" not in done.output
