"""The prompts' own model reads them as it did when they were found: in a chat, or without one."""

import json

import pytest
from commanding import reviews_in, run
from test_models_chat import TEMPLATE
from tiny import gpt2, gpt2_tokenizer

from promptsearch.prompt_file.load_model import model_for
from promptsearch.prompt_file.prompts_json import read_prompts


@pytest.fixture(scope="module")
def chatty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chatty")
    tokenizer = gpt2_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = TEMPLATE
    gpt2(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("chat", ["auto", "off"])
def test_a_chat_is_there_where_it_was(chatty, tmp_path, chat):
    task, path = reviews_in(tmp_path, 4), tmp_path / "run" / "prompts.json"
    task.write_text(task.read_text().replace("[Z].", "[Z]"))
    words = ["--task", task, "-m", chatty, "-o", path.parent, "--budget", 4, "-q", "--chat", chat]
    run("paraphrase", "--method", "edits", *words)
    saved = json.loads(path.read_text())
    assert bool(saved["model"]["chat"]) is (chat == "auto")
    found = saved["prompts"][0]["scores"]["dev"]["log_likelihood"]
    seen = json.loads(run("evaluate", path, "--split", "dev", "-q", "--json").stdout)
    assert seen["prompts"][0]["scores"]["dev"]["log_likelihood"] == pytest.approx(found, abs=1e-5)
    assert "reproduced" in run("reproduce", path, "-q").stdout
    assert "model: chat" in run("reproduce", path, "-q", "--chat", flipped(chat), status=1).stdout
    file = read_prompts(path)
    assert (model_for(file, None).info.chat is None) is (chat == "off")


def flipped(chat):
    return "on" if chat == "off" else "off"
