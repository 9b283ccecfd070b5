"""Exported vectors, loaded by peft itself: the same log-probabilities of the answers."""

import json

import numpy as np
import pytest
import torch
from test_soft_search import run, task  # noqa: F401  # a fixture
from test_soft_search import soft as trained
from tiny import saved

from promptsearch.models import Scoring
from promptsearch.models.loading.load import load_model
from promptsearch.prompt_file import read_prompts

INFRONT = ("--places", "before", "--length", 3, "--start", "vocabulary")


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_peft_gives_the_same_log_probabilities(task, tmp_path, kind):  # noqa: F811
    peft = pytest.importorskip("peft", reason="pip install peft")
    trained(task, tmp_path / "soft", *INFRONT, kind=kind)
    file, folder = tmp_path / "soft" / "prompts.json", tmp_path / "adapter"
    said = run("export", file, "--to", "peft", "-o", folder).output
    assert "the text that follows them is ' {text} It was [Z] .'" in said
    assert {path.name for path in folder.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["num_virtual_tokens"] == 3
    port = load_model(saved(kind), dtype="float32")
    prompt = read_prompts(file).prompts[0].prompt
    text = prompt.template.fill({"text": "a great film"})
    answers = [(("Z", word),) for word in ("great", "terrible")]
    plan = port.plan([text], answers, Scoring())
    (block,) = port.run(plan)
    model = peft.PeftModel.from_pretrained(port.runtime.model, str(folder)).eval()
    expected = [
        reference(model, port, kind, f" a great film It was{w}", w) for w in (" great", " terrible")
    ]
    np.testing.assert_allclose(block.log_probs[0], expected, atol=1e-4)


def reference(model, port, kind, text, word):
    """log p of the answer and what follows it, by peft's own forward."""
    tokens = port.runtime.tokens
    if kind == "gpt2":
        ids = tokens.encode_continuation([(f"{text} .",)])[0]
        start = len(tokens.encode_continuation([(text.removesuffix(word),)])[0])
        logits = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        before = logits.shape[0] - len(ids)  # peft's logits have the virtual tokens in front
        return sum(logits[before + i - 1, ids[i]].item() for i in range(start, len(ids)))
    first = port.family.sentinels[0]
    inputs = tokens.encode_continuation([(text.removesuffix(word) + " ", first, " .")])[0]
    inputs += [port.runtime.tokenizer.eos_token_id]
    answer = tokens.encode_continuation([(word,)])[0]
    start = model.config.decoder_start_token_id
    decoded = torch.tensor([[start, first, *answer]])
    logits = model(input_ids=torch.tensor([inputs]), decoder_input_ids=decoded).logits[0]
    logits = logits.log_softmax(-1)
    return sum(logits[1 + i, token].item() for i, token in enumerate(answer))


def test_what_peft_cannot_hold_is_refused_with_the_reason(task, tmp_path):  # noqa: F811
    for kind, words, problem in (
        ("gpt2", (), "puts vectors in front of everything"),
        ("llama", INFRONT, "begins texts with"),
        ("bert", INFRONT, "no task for masked language models"),
    ):
        trained(task, tmp_path / kind, *words, kind=kind)
        file = tmp_path / kind / "prompts.json"
        done = run("export", file, "--to", "peft", "-o", tmp_path / "adapter", status=1)
        assert problem in done.output
        assert not (tmp_path / "adapter").exists()
