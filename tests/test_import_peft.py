"""Adapters of peft, imported: the log-probabilities are those of peft's own model."""

import json
import shutil
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
import transformers
from foreign import groups
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from test_soft_golden import port_of
from test_soft_peft import INFRONT, reference
from test_soft_search import ROWS, run, task  # noqa: F401  # a fixture
from test_soft_search import soft as trained
from tiny import saved, tiny
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from promptsearch.errors import DataError
from promptsearch.models import Scoring
from promptsearch.models.loading.load import load_model
from promptsearch.prompt import Template, Vectors
from promptsearch.prompt_file import read_prompts

HIDDEN = 16
TASKS = {"gpt2": "CAUSAL_LM", "t5": "SEQ_2_SEQ_LM"}
CLASSES = {"gpt2": "AutoModelForCausalLM", "t5": "AutoModelForSeq2SeqLM"}


def adapter(folder, rows=3, tensors=None, **config):
    """A folder as peft's `save_pretrained` writes it."""
    folder.mkdir(exist_ok=True)
    values = np.random.default_rng(0).standard_normal((rows, HIDDEN)).astype(np.float32)
    save_file(tensors or {"prompt_embeddings": values}, folder / "adapter_model.safetensors")
    defaults = {"peft_type": "PROMPT_TUNING", "task_type": "CAUSAL_LM", "num_virtual_tokens": 3}
    (folder / "adapter_config.json").write_text(json.dumps(defaults | config))
    return folder


def imported(folder, port, notation="{text} It was [Z] .", **more):
    """The template of the only prompt, and notes, as the reader has them."""
    templates = (Template.parse(notation),)
    cities = folder.parent / "cities"
    cities.write_text("Paris\nRome\n")
    (group,) = groups(
        "peft", folder, **{"model": port, "templates": templates, "candidates": cities, **more}
    )
    (prompt,) = group.prompts
    return prompt.prompt.template, group.notes


facts = partial(imported, notation="{subject} is [Z]")


def trained_by_peft(folder, kind, method):
    """An adapter that peft trains for three steps and saves."""
    peft = pytest.importorskip("peft", reason="pip install peft")
    torch.manual_seed(0)
    model = getattr(transformers, CLASSES[kind]).from_pretrained(saved(kind))
    if method == "PROMPT_TUNING":
        config = peft.PromptTuningConfig(task_type=TASKS[kind], num_virtual_tokens=3)
    else:
        config = peft.PromptEncoderConfig(
            task_type=TASKS[kind], num_virtual_tokens=3, encoder_hidden_size=8
        )
    tuned = peft.get_peft_model(model, config)
    optimizer = torch.optim.AdamW([p for p in tuned.parameters() if p.requires_grad], 0.3)
    ids = torch.tensor([[10, 11, 12, 13], [20, 21, 22, 23]])
    for _ in range(3):
        optimizer.zero_grad()
        tuned(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids).loss.backward()
        optimizer.step()
    tuned.save_pretrained(folder)
    base = getattr(transformers, CLASSES[kind]).from_pretrained(saved(kind))
    return peft.PeftModel.from_pretrained(base, str(folder)).eval()


def log_probs(port, file, text):
    prompt = read_prompts(file).prompts[0].prompt
    answers = [(("Z", word),) for word in ("terrible", "great")]
    plan = port.plan([prompt.template.fill({"text": text})], answers, Scoring())
    (block,) = port.run(plan)
    return block.log_probs[0]


def answers_by_peft(model, port, kind, text):
    line = f"{text} It was"
    return [reference(model, port, kind, f"{line}{w}", w) for w in (" terrible", " great")]


@pytest.mark.parametrize("method", ["PROMPT_TUNING", "P_TUNING"])
@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_an_adapter_that_peft_trained_scores_as_peft_has_it(task, tmp_path, kind, method):  # noqa: F811
    model = trained_by_peft(tmp_path / "adapter", kind, method)
    file = tmp_path / "run" / "prompts.json"
    words = ("--from", "peft", "--task", task, "--model", saved(kind), "-o", tmp_path / "run")
    printed = run("import", tmp_path / "adapter", *words).output
    if kind == "t5":
        assert "peft reads the first 3 of the adapter's 6 vectors" in printed
    port = load_model(saved(kind), dtype="float32")
    rows = {text: answers_by_peft(model, port, kind, text) for text, _ in ROWS}
    for text, expected in rows.items():
        np.testing.assert_allclose(log_probs(port, file, text), expected, atol=1e-4)
    dev = run("evaluate", file, "--task", task, "--split", "dev", "--json").output
    score = json.loads(dev[dev.index("{") :])["prompts"][0]["scores"]["dev"]["log_likelihood"]
    right = [
        torch.tensor(rows[text]).log_softmax(-1)[["bad", "good"].index(label)].item()
        for text, label in ROWS
    ]
    assert score == pytest.approx(np.mean(right), abs=1e-4)
    assert "[S:3]" in run("show", file).output
    table = ("--input", tmp_path / "dev.tsv", "--prefix", "x_")
    assert run("predict", file, "--task", task, *table).output.count("\n") >= len(ROWS)


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_an_exported_adapter_comes_back(task, tmp_path, kind):  # noqa: F811
    trained(task, tmp_path / "soft", *INFRONT, kind=kind)
    file, folder = tmp_path / "soft" / "prompts.json", tmp_path / "adapter"
    run("export", file, "--to", "peft", "-o", folder)
    words = ("--from", "peft", "--task", task, "--model", saved(kind), "-o", tmp_path / "x.json")
    printed = run("import", folder, *words, "--template", " {text} It was [Z] .").output
    assert "with a space" not in printed
    first, second = (read_prompts(path).prompts[0].prompt for path in (file, tmp_path / "x.json"))
    assert second == first
    assert (tmp_path / "x.soft.safetensors").is_file()


def text_port(golden, name):
    """The tiny model of peft's goldens; its word w7 is token 7, and texts begin with nothing."""
    about, weights = golden(f"model_{name}")
    keys = {k: v for k, v in about["config"].items() if k != "transformers_version"}
    config = transformers.AutoConfig.for_model(keys.pop("model_type", "llama"), **keys)
    masked = name == "bert_mlm"
    family = "seq2seq" if name == "t5" else "masked" if masked else "causal"
    auto = {"t5": "AutoModelForSeq2SeqLM", "bert_mlm": "AutoModelForMaskedLM"}
    model = getattr(transformers, auto.get(name, "AutoModelForCausalLM")).from_config(config)
    state = {key: torch.tensor(value) for key, value in weights.items()}
    assert not model.load_state_dict(state, strict=False).unexpected_keys
    model.tie_weights()
    names = {f"w{i}": i for i in range(config.vocab_size)}
    if name == "t5":
        names = {"<extra_id_0>" if i == 36 else word: i for word, i in names.items()}
    tokenizer = Tokenizer(models.WordLevel(names, "w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece()
    special = {"unk_token": "w0", "pad_token": "w0", "eos_token": "w35"}
    special |= {"mask_token": "w36"} if masked else {}
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)
    return port_of(model.eval(), fast, family), model


@pytest.fixture
def golden(shared):
    folder = shared / "golden" / "dev" / "soft"

    def read(name):
        if not (folder / f"{name}.json").is_file():
            pytest.skip(f"needs {name} among the reference data")
        tensors = load_file(folder / f"{name}.safetensors")
        return json.loads((folder / f"{name}.json").read_text()), tensors

    return read


def golden_adapter(golden, folder, name):
    about, tensors = golden(name)
    rows = {"prompt_embeddings": tensors["saved.prompt_embeddings"]}
    return adapter(folder, tensors=rows, **about["adapter_config"]), tensors, about["tolerance"]


WORDS = [f"w{i}" for i in range(1, 35)]  # but for special ones
METHODS = ["prompt_tuning", "p_tuning_mlp", "p_tuning_lstm"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["gpt2", "llama_gqa"])
def test_golden_causal_adapters_are_scored_as_peft_scores_them(golden, tmp_path, name, method):
    folder, tensors, tolerance = golden_adapter(golden, tmp_path / "a", f"peft_{name}_{method}")
    port, _ = text_port(golden, name)
    whole, _ = imported(folder, port, "{subject} [Z]")
    text = " ".join(f"w{i}" for i in tensors["input_ids"][0])
    answers = [(("Z", word),) for word in WORDS]
    (block,) = port.run(port.plan([whole.fill({"subject": text})], answers, Scoring()))
    expected = torch.tensor(tensors["logits"][0, -1]).log_softmax(-1)[1:35]
    np.testing.assert_allclose(block.log_probs[0], expected, atol=tolerance)


@pytest.mark.parametrize("method", METHODS)
def test_golden_masked_adapters_are_scored_as_peft_scores_them(golden, tmp_path, method):
    """Where nothing stands before a text: peft puts the vectors in front of that, too."""
    folder, tensors, tolerance = golden_adapter(golden, tmp_path / "a", f"peft_bert_mlm_{method}")
    port, model = text_port(golden, "bert_mlm")
    template, _ = imported(folder, port, "{subject} [Z]")
    ids = [*map(int, tensors["input_ids"][0]), 36]
    rows = torch.tensor(template.soft[0].vectors.rows)
    words = model.get_input_embeddings()
    with torch.no_grad():
        known = model(inputs_embeds=torch.cat([rows, words(torch.tensor(ids[:-1]))])[None]).logits
        expected = model(inputs_embeds=torch.cat([rows, words(torch.tensor(ids))])[None]).logits
    np.testing.assert_allclose(known, tensors["logits"][:1], atol=tolerance)
    text = " ".join(f"w{i}" for i in ids[:-1])
    answers = [(("Z", word),) for word in WORDS]
    plan = port.plan([template.fill({"subject": text})], answers, Scoring())
    (block,) = port.run(plan)
    logits = expected[0, -1].log_softmax(-1)[1:35]
    np.testing.assert_allclose(block.log_probs[0], logits, atol=tolerance)


@pytest.mark.parametrize("method", METHODS)
def test_golden_seq2seq_adapters_have_the_vectors_that_peft_reads(golden, tmp_path, method):
    folder, tensors, tolerance = golden_adapter(golden, tmp_path / "a", f"peft_t5_{method}")
    port, model = text_port(golden, "t5")
    template, notes = facts(folder, port)
    assert any("peft reads the first 3 of the adapter's 6 vectors" in note for note in notes)
    rows = torch.tensor(template.soft[0].vectors.rows)
    assert len(rows) == 3
    words = model.get_input_embeddings()(torch.tensor(tensors["input_ids"]))
    with torch.no_grad():
        logits = model(
            inputs_embeds=torch.cat([rows[None].expand(2, -1, -1), words], dim=1),
            attention_mask=torch.cat(
                [torch.ones(2, 3, dtype=torch.long), torch.tensor(tensors["attention_mask"])], dim=1
            ),
            labels=torch.tensor(tensors["labels"]),
        ).logits
    np.testing.assert_allclose(logits, tensors["logits"], atol=tolerance)


def test_what_follows_the_vectors_is_read_as_the_beginning_of_a_text(tmp_path):
    folder = adapter(tmp_path / "a")
    assert facts(folder, tiny("gpt2")[0])[0].notation == "[S:3]{subject} is [Z]"
    assert imported(folder, tiny("gpt2")[0], " {subject} is [Z]")[0].notation.startswith("[S:3] {")
    seq2seq = adapter(tmp_path / "b", task_type="SEQ_2_SEQ_LM", num_transformer_submodules=1)
    assert facts(seq2seq, tiny("t5")[0])[0].notation == "[S:3] {subject} is [Z]"


REFUSED = [  # the configuration, the model, what is said of it
    ({"peft_type": "CARTRIDGE"}, "gpt2", "CARTRIDGE.*keys and values of whole documents"),
    ({"peft_type": "LORA"}, "gpt2", "LORA.*changes the model's weights.*merge"),
    ({"peft_type": "IA3"}, "gpt2", "IA3.*changes the model's weights"),
    ({"peft_type": "MULTITASK_PROMPT_TUNING"}, "gpt2", "MULTITASK_PROMPT_TUNING"),
    ({"peft_type": None}, "gpt2", "names no peft_type"),
    ({"peft_type": ["LORA"]}, "gpt2", "names no peft_type"),
    ({"task_type": "SEQ_CLS"}, "gpt2", "SEQ_CLS"),
    ({"task_type": "SEQ_2_SEQ_LM"}, "gpt2", "SEQ_2_SEQ_LM.*causal.*`model`"),
    ({"num_virtual_tokens": 4}, "gpt2", r"has \(3, 16\).*4 virtual tokens"),
    ({"num_virtual_tokens": 0}, "gpt2", "num_virtual_tokens is 0"),
    ({"num_virtual_tokens": True}, "gpt2", "num_virtual_tokens is True"),
    ({"num_virtual_tokens": 10**9}, "gpt2", "num_virtual_tokens is 1000000000"),
    ({"num_transformer_submodules": 2}, "gpt2", "num_transformer_submodules is 2"),
    ({"modules_to_save": ["classifier"]}, "gpt2", "classifier"),
    ({}, "llama", "begins texts with 1 token"),
    ({"task_type": None}, "bert", "begins texts with 1 token"),
]


@pytest.mark.parametrize(("config", "kind", "reason"), REFUSED)
def test_other_adapters_are_refused_with_the_reason(tmp_path, config, kind, reason):
    folder = adapter(tmp_path / "a", **config)
    with pytest.raises(DataError, match=f"adapter_config.json: .*{reason}") as caught:
        facts(folder, tiny(kind)[0])
    assert "\n" not in str(caught.value)


def test_damaged_and_foreign_files_are_one_line(tmp_path):
    port = tiny("gpt2")[0]
    wide = {"prompt_embeddings": np.zeros((3, 24), np.float32)}
    with pytest.raises(DataError, match=r"24 numbers each, but .*'gpt2' have 16"):
        facts(adapter(tmp_path / "a", tensors=wide), port)
    hole = {"prompt_embeddings": np.full((3, HIDDEN), np.nan, np.float32)}
    with pytest.raises(DataError, match=r"adapter_model.safetensors: .*NaN"):
        facts(adapter(tmp_path / "b", tensors=hole), port)
    head = {"prompt_embeddings": np.zeros((3, HIDDEN), np.float32), "head.weight": np.zeros(2)}
    with pytest.raises(DataError, match=r"it holds head.weight too"):
        facts(adapter(tmp_path / "c", tensors=head), port)
    whole = {"prompt_embeddings": np.zeros((3, HIDDEN), np.int64)}
    with pytest.raises(DataError, match="int64"):
        facts(adapter(tmp_path / "d", tensors=whole), port)
    folder = adapter(tmp_path / "e")
    (folder / "adapter_model.safetensors").write_bytes(b"\x80\x03c")
    with pytest.raises(DataError, match="no safetensors"):
        facts(folder, port)
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(DataError, match=r"there is no adapter_model.safetensors beside it"):
        facts(folder, port)
    (folder / "adapter_model.bin").write_bytes(b"\x80\x03c")
    with pytest.raises(DataError, match=r"adapter_model.bin is a pickle.*never opened"):
        facts(folder, port)
    with pytest.raises(DataError, match=r"give the adapter's folder"):
        facts(folder / "adapter_model.bin", port)
    (folder / "adapter_config.json").write_text("[]")
    with pytest.raises(DataError, match="no configuration"):
        facts(folder, port)


def test_half_precision_is_read_as_the_numbers_that_it_holds(tmp_path):
    from safetensors.torch import save_file as save_torch

    rows = torch.randn(3, HIDDEN).bfloat16()
    folder = adapter(tmp_path / "a")
    save_torch({"prompt_embeddings": rows}, str(folder / "adapter_model.safetensors"))
    port = tiny("gpt2")[0]
    vectors = facts(folder, port)[0].soft[0].vectors
    assert vectors == Vectors.of(rows.float().numpy(), port.info.sha256)


def test_what_the_adapter_lacks_is_asked_for(tmp_path):
    folder, port = adapter(tmp_path / "a"), tiny("gpt2")[0]
    with pytest.raises(DataError, match="`model`"):
        facts(folder, None)
    with pytest.raises(DataError, match="`task`"):
        facts(folder, port, candidates=None)
    with pytest.raises(DataError, match="`template`"):
        facts(folder, port, templates=())
    with pytest.raises(DataError, match=r"\[S2\].*the adapter's alone"):
        imported(folder, port, "{subject} [S2] [Z]")


def test_a_folder_of_checkpoints_has_a_prompt_of_each(task, tmp_path):  # noqa: F811
    (tmp_path / "run").mkdir()
    values = np.random.default_rng(1).standard_normal((3, HIDDEN)).astype(np.float32)
    adapter(tmp_path / "run" / "checkpoint-1")
    adapter(tmp_path / "run" / "checkpoint-2", tensors={"prompt_embeddings": values})
    words = ("--from", "peft", "--task", task, "--model", saved("gpt2"), "-o", tmp_path / "out")
    printed = run("import", tmp_path / "run", *words).output
    assert "begin --template with a space where the adapter was trained so" in printed
    file = read_prompts(tmp_path / "out" / "prompts.json")
    first, second = (each.prompt.template.soft[0].vectors for each in file.prompts)
    assert first != second
    np.testing.assert_array_equal(second.rows, values)


def test_no_chat_is_put_before_the_vectors(task, tmp_path):  # noqa: F811
    shutil.copytree(saved("gpt2"), tmp_path / "chat")
    turns = "{% for m in messages %}user: {{ m['content'] }}{% endfor %}assistant:"
    (tmp_path / "chat" / "chat_template.jinja").write_text(turns)
    assert load_model(str(tmp_path / "chat")).info.chat is not None
    words = ("--from", "peft", "--task", task, "--model", tmp_path / "chat", "-o", tmp_path / "run")
    run("import", adapter(tmp_path / "a"), *words)
    file = tmp_path / "run" / "prompts.json"
    assert json.loads(file.read_text())["model"]["chat"] is None
    dev = run("evaluate", file, "--task", task, "--split", "dev", "--json").output
    assert json.loads(dev[dev.index("{") :])["model"]["chat"] is None


def test_the_vectors_of_another_file_are_not_replaced(task, tmp_path):  # noqa: F811
    folder = adapter(tmp_path / "a")
    (tmp_path / "x.soft.safetensors").write_text("mine")
    words = ("--from", "peft", "--task", task, "--model", saved("gpt2"), "-o", tmp_path / "x.json")
    done = run("import", folder, *words, status=1)
    assert "x.soft.safetensors" in done.output
    assert (tmp_path / "x.soft.safetensors").read_text() == "mine"


PORT = tiny("gpt2")[0]
PLACES = st.floats(0, 1, exclude_max=True)


@given(st.sampled_from(["adapter_config.json", "adapter_model.safetensors"]), PLACES, st.binary())
@settings(max_examples=150, deadline=None)
def test_whatever_a_damaged_adapter_holds_it_comes_in_or_is_named(name, where, piece):
    with TemporaryDirectory() as room:
        file = adapter(Path(room) / "a") / name
        content = file.read_bytes()
        start = int(where * len(content))
        file.write_bytes(content[:start] + piece + content[start + len(piece) :])
        said = None
        try:
            template, _ = facts(file.parent, PORT)
        except DataError as error:
            said = str(error)
        else:
            assert template.soft[0].vectors.rows.shape == (3, HIDDEN)
        assert said is None or (room in said and "\n" not in said)
