"""Prefixes to peft's prefix tuning and back: its own model gives the same log-probabilities."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
import transformers
from exporting import exported, prompts_in
from foreign import groups
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from test_import_peft import golden, text_port  # noqa: F401  # a fixture
from test_prefix_scoring import prefix_of
from test_soft_search import ROWS, run, task  # noqa: F401  # a fixture
from tiny import saved, tiny

from promptsearch.errors import DataError, ExportError
from promptsearch.formats.export import write_as
from promptsearch.formats.peft import prefix_exporter
from promptsearch.formats.peft.prefix_layout import prefix_of as prefix_of_rows
from promptsearch.models import Scoring
from promptsearch.models.loading.load import load_model
from promptsearch.models.training.deep_prompt import first_head
from promptsearch.models.training.start_prefix import StartPrefix
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.prompt_file import read_prompts
from promptsearch.prompt_file.prompts_json import SOFT_FORMAT
from promptsearch.prompt_file.soft_file import SOFT, write_soft

KINDS = ("gpt2", "llama", "bert", "roberta")
WORDS = ("terrible", "great")
PARTS = Template.parse("{text} It was [Z]").parts


def port_of(kind):
    return load_model(str(saved(kind)), dtype="float32")


def file_of(folder, kind, template):
    """A prompts.json with this template, trained parts beside it."""
    folder.mkdir(exist_ok=True, parents=True)
    answers = Verbalizer.of({"bad": ["terrible"], "good": ["great"]}, template.slots[:1] or ("Z",))
    soft = write_soft(folder / SOFT, {"p1": Prompt(template, answers)})
    row = {"id": "p1", "template": template.notation, "verbalizer": answers.plain(), **soft["p1"]}
    return prompts_in(folder, row, format=SOFT_FORMAT, model={"spec": str(saved(kind))})


def written(tmp_path, kind, template, port=None):
    """The folder of the adapter of a template, and notes."""
    file = file_of(tmp_path / "run", kind, template)
    notes = write_as("peft", exported(file, port or port_of(kind)), tmp_path / "adapter").notes
    return tmp_path / "adapter", notes


def of_peft(kind, folder, text):
    """log p of the two words behind a text by peft's own model; of masked ones, at the mask."""
    peft = pytest.importorskip("peft", reason="pip install peft")
    masked = kind in ("bert", "roberta")
    auto = transformers.AutoModelForMaskedLM if masked else transformers.AutoModelForCausalLM
    model = peft.PeftModel.from_pretrained(auto.from_pretrained(saved(kind)), str(folder)).eval()
    tokens = tiny(kind)[0].runtime.tokens
    tokenizer = tiny(kind)[2]
    if masked:
        line = tokenizer(f"{text} {tokenizer.mask_token}")["input_ids"]
        with torch.no_grad():
            rows = model(input_ids=torch.tensor([line])).logits[0].log_softmax(-1)
        words = [tokens.encode_continuation([(f" {word}",)])[0] for word in WORDS]
        return [rows[line.index(tokenizer.mask_token_id), word[0]].item() for word in words]
    found = []
    for word in WORDS:
        start, line = (tokenizer(each)["input_ids"] for each in (text, f"{text} {word}"))
        start, line = (each[: len(each) - tokens.tail] for each in (start, line))
        with torch.no_grad():
            rows = model(input_ids=torch.tensor([line])).logits[0].log_softmax(-1)
        found.append(sum(rows[i - 1, line[i]].item() for i in range(len(start), len(line))))
    return found


def of_ours(port, template, text):
    answers = [(("Z", word),) for word in WORDS]
    (block,) = port.run(port.plan([template.fill({"text": text})], answers, Scoring()))
    return block.log_probs[0]


@pytest.mark.parametrize("kind", KINDS)
def test_peft_gives_the_same_log_probabilities(tmp_path, kind):
    port = port_of(kind)
    template = Template(PARTS, prefix_of(port, 5))
    folder, notes = written(tmp_path, kind, template, port)
    assert "the text that follows them is '{text} It was [Z]'" in notes[0]
    config = json.loads((folder / "adapter_config.json").read_text())
    heads = 1 if kind == "llama" else 2
    assert (config["num_attention_heads"], config["token_dim"]) == (heads, 8 * heads)
    for text, _ in ROWS:
        expected = of_peft(kind, folder, f"{text} It was")
        np.testing.assert_allclose(of_ours(port, template, text), expected, atol=1e-4)


def test_a_prefix_of_words_is_continued_where_nothing_begins_a_text(tmp_path):
    port = port_of("gpt2")
    prefix = StartPrefix(port, lambda count: range(1, count + 1), 0).of_words("The plot of")
    template = Template(Template.parse(" {text} is [Z]").parts, prefix)
    folder, notes = written(tmp_path, "gpt2", template, port)
    assert "' {text} is [Z]', which goes on there: its first space belongs to it" in notes[0]
    expected = of_peft("gpt2", folder, " a great film is")
    np.testing.assert_allclose(of_ours(port, template, "a great film"), expected, atol=1e-4)
    text = of_ours(port, Template.parse("The plot of {text} is [Z]"), "a great film")
    np.testing.assert_allclose(text, expected, atol=1e-4)


def test_the_bytes_are_those_that_peft_was_proved_to_load(golden, tmp_path, monkeypatch):  # noqa: F811
    about, tensors = golden("export_peft")
    port, _ = text_port(golden, "gpt2")
    prefix = prefix_of_rows(tensors["prefix"], port)
    monkeypatch.setattr(prefix_exporter, "directory_or_name", lambda _: None)
    file = file_of(tmp_path / "run", "gpt2", Template(PARTS, prefix))
    write_as("peft", exported(file, port), tmp_path / "adapter")
    case = about["cases"]["prefix tuning, gpt2"]
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config == case["config"]
    assert list(config) == list(case["config"])
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    save_file({"prompt_embeddings": tensors["prefix"]}, tmp_path / "expected")
    assert file.read_bytes() == (tmp_path / "expected").read_bytes()


def test_what_peft_cannot_hold_is_refused_with_the_reason(tmp_path):
    llama, bert, t5 = (port_of(kind) for kind in ("llama", "bert", "t5"))
    start = StartPrefix(llama, lambda count: range(1, count + 1), 0)
    whole = prefix_of(bert, 3)
    head = first_head(16, 2, bert.info.sha256, "mask", 0)
    vectors = Template.parse("[S] {text} [Z]").with_vectors({"S": soft_vectors(bert)})
    for number, (port, kind, template, reason) in enumerate(
        (
            (t5, "t5", Template(PARTS, prefix_of(t5, 3)), "each other's keys and values"),
            (bert, "bert", Template(PARTS, prefix_of(bert, 3, [2])), "stands at 2 only: zeros"),
            (bert, "bert", replace(vectors, prefix=whole), "has a prefix or vectors"),
            (bert, "bert", Template(PARTS, whole, head), "its head is a linear layer"),
            (bert, "bert", Template(PARTS, prefix_of(tiny("bert")[0], 3)), "of another model"),
            (llama, "llama", Template(PARTS, start.of_words("The plot")), "1 token of its own"),
        )
    ):
        with pytest.raises(ExportError, match=f"p1: .*{reason}") as caught:
            written(tmp_path / str(number), kind, template, port)
        assert re.search(r"use `(to` python|promptsearch)", str(caught.value))
        assert "\n" not in str(caught.value)
        assert not (tmp_path / str(number) / "adapter").exists()


def soft_vectors(port):
    from promptsearch.prompt import Vectors

    return Vectors.of(np.ones((1, 16), np.float32), port.info.sha256)


def adapter(folder, tensors=None, **config):
    """A folder as peft's `save_pretrained` writes it, for the tiny GPT-2."""
    folder.mkdir(exist_ok=True)
    values = np.random.default_rng(0).standard_normal((3, 64)).astype(np.float32)
    save_file(tensors or {"prompt_embeddings": values}, folder / "adapter_model.safetensors")
    defaults = {"peft_type": "PREFIX_TUNING", "task_type": "CAUSAL_LM", "num_virtual_tokens": 3}
    (folder / "adapter_config.json").write_text(json.dumps(defaults | config))
    return folder


def imported(folder, port, notation="{subject} is [Z]"):
    """The template of the only prompt, as the reader has it."""
    cities = folder.parent / "cities"
    cities.write_text("Paris\nRome\n")
    options = {"model": port, "templates": (Template.parse(notation),), "candidates": cities}
    (group,) = groups("peft", folder, **options)
    (prompt,) = group.prompts
    return prompt.prompt.template


@pytest.mark.parametrize("projection", [False, True])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
def test_an_adapter_that_peft_trained_scores_as_peft_has_it(task, tmp_path, kind, projection):  # noqa: F811
    peft = pytest.importorskip("peft", reason="pip install peft")
    trained_by_peft(peft, tmp_path / "adapter", kind, projection)
    file = tmp_path / "run" / "prompts.json"
    words = ("--from", "peft", "--task", task, "--model", saved(kind), "-o", tmp_path / "run")
    run("import", tmp_path / "adapter", *words, "--template", "{text} It was [Z]")
    template = read_prompts(file).prompts[0].prompt.template
    assert template.prefix.layers == (1, 2)
    expected = []
    for text, _ in ROWS:
        expected.append(of_peft(kind, tmp_path / "adapter", f"{text} It was"))
        np.testing.assert_allclose(of_ours(port_of(kind), template, text), expected[-1], atol=1e-4)
    dev = run("evaluate", file, "--task", task, "--split", "dev", "--json").output
    score = json.loads(dev[dev.index("{") :])["prompts"][0]["scores"]["dev"]["log_likelihood"]
    labels = [["bad", "good"].index(label) for _, label in ROWS]
    rows = torch.tensor(expected).log_softmax(-1)[range(len(ROWS)), labels]
    assert score == pytest.approx(rows.mean().item(), abs=1e-4)
    assert "[prefix of 4] {text} It was [Z]" in run("show", file).output


def trained_by_peft(peft, folder, kind, projection):
    """Write an adapter that peft trains for three steps."""
    torch.manual_seed(0)
    masked = kind == "bert"
    auto = transformers.AutoModelForMaskedLM if masked else transformers.AutoModelForCausalLM
    config = peft.PrefixTuningConfig(
        task_type="FEATURE_EXTRACTION" if masked else "CAUSAL_LM",
        num_virtual_tokens=4,
        prefix_projection=projection,
        encoder_hidden_size=16,
    )
    tuned = peft.get_peft_model(auto.from_pretrained(saved(kind)), config)
    optimizer = torch.optim.AdamW([p for p in tuned.parameters() if p.requires_grad], 0.3)
    ids = torch.tensor([[10, 11, 12, 13], [20, 21, 22, 23]])
    for _ in range(3):
        optimizer.zero_grad()
        logits = tuned(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten()).backward()
        optimizer.step()
    tuned.save_pretrained(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_adapter_comes_back(task, tmp_path, kind):  # noqa: F811
    port = port_of(kind)
    prefix = prefix_of(port, 5)
    folder, _ = written(tmp_path, kind, Template(PARTS, prefix), port)
    words = ("--from", "peft", "--task", task, "--model", saved(kind), "-o", tmp_path / "x.json")
    run("import", folder, *words, "--template", "{text} It was [Z]")
    prompt = read_prompts(tmp_path / "x.json").prompts[0].prompt
    assert prompt.template == Template(PARTS, prefix)
    np.testing.assert_array_equal(prompt.template.prefix.tensors["self"], prefix.tensors["self"])


GOLDEN = [("gpt2", ""), ("gpt2", "_projection"), ("llama_gqa", ""), ("bert_mlm", "")]


@pytest.mark.parametrize(("name", "projection"), GOLDEN)
def test_golden_adapters_are_read_as_peft_reads_them(golden, tmp_path, name, projection):  # noqa: F811
    about, tensors = golden(f"peft_{name}_prefix_tuning{projection}")
    rows = {"prompt_embeddings": tensors["saved.prompt_embeddings"]}
    folder = adapter(tmp_path / "a", rows, **about["adapter_config"])
    port, _ = text_port(golden, name)
    template = imported(folder, port, "{subject} [Z]")
    ids = [int(i) for i in tensors["input_ids"][0]]
    vocabulary = [f"w{i}" for i in range(1, 35)]
    if name == "bert_mlm":
        return check_masked(port, template, tensors, about)
    text = template.fill({"subject": " ".join(f"w{i}" for i in ids)})
    answers = [(("Z", word),) for word in vocabulary]
    (block,) = port.run(port.plan([text], answers, Scoring()))
    expected = torch.tensor(tensors["logits"][0, -1]).log_softmax(-1)[1:35]
    np.testing.assert_allclose(block.log_probs[0], expected, atol=about["tolerance"])


def check_masked(port, template, tensors, about):
    """The golden has no mask: hidden states of its own ids, behind the imported prefix."""
    from promptsearch.models.batching.prefix_tensors import PrefixTensors
    from promptsearch.models.forward.continuous_forward import with_prefix

    prefix = PrefixTensors.of(template.prefix, torch.device("cpu"))
    backend = with_prefix(port.runtime.with_gradients.fast, prefix)
    line = tensors["input_ids"][0].tolist()
    hidden = backend.hidden_states([line], [range(len(line))], [0])
    logits = backend.logits(hidden.states[torch.from_numpy(hidden.positions)])
    np.testing.assert_allclose(
        logits.detach(), tensors["logits"][0][: len(line)], atol=about["tolerance"]
    )


REFUSED = [  # the configuration, the model, the reason
    ({"num_virtual_tokens": 4}, "gpt2", r"its prefix is \(3, 64\).*4 virtual tokens"),
    ({"num_layers": 12}, "gpt2", r"num_layers is 12.*has 2.*`model`"),
    ({"token_dim": 64, "num_attention_heads": 2}, "gpt2", "token_dim is 64 for 2 heads.*have 8"),
    ({"task_type": "SEQ_2_SEQ_LM"}, "gpt2", "SEQ_2_SEQ_LM.*causal.*`model`"),
    ({"task_type": "SEQ_CLS"}, "bert", "SEQ_CLS"),
    ({"modules_to_save": ["classifier"]}, "gpt2", "classifier"),
    ({"task_type": "SEQ_2_SEQ_LM"}, "t5", "each other's keys and values.*encoder none"),
    ({}, "llama", "64 numbers a position, but 'llama', with 2 layers of 1 heads of 8, has 32"),
]


@pytest.mark.parametrize(("config", "kind", "reason"), REFUSED)
def test_other_prefixes_are_refused_with_the_reason(tmp_path, config, kind, reason):
    folder = adapter(tmp_path / "a", **config)
    with pytest.raises(DataError, match=f"adapter_(config|model)[.].*: .*{reason}") as caught:
        imported(folder, tiny(kind)[0])
    assert "\n" not in str(caught.value)


def test_damaged_files_are_one_line(tmp_path):
    read = partial(imported, port=tiny("gpt2")[0])
    hole = {"prompt_embeddings": np.full((3, 64), np.nan, np.float32)}
    with pytest.raises(DataError, match=r"adapter_model.safetensors: .*NaN"):
        read(adapter(tmp_path / "a", hole))
    flat = {"prompt_embeddings": np.zeros(192, np.float32)}
    with pytest.raises(DataError, match=r"its prefix is \(192,\)"):
        read(adapter(tmp_path / "b", flat))
    head = {"prompt_embeddings": np.zeros((3, 64), np.float32), "head.weight": np.zeros(2)}
    with pytest.raises(DataError, match=r"it holds head.weight too"):
        read(adapter(tmp_path / "c", head))
    folder = adapter(tmp_path / "d")
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(DataError, match=r"adapter_model.bin is a pickle.*never opened"):
        read(folder)
    with pytest.raises(DataError, match=r"\[S\].*the adapter's alone"):
        read(adapter(tmp_path / "e"), notation="{subject} [S] [Z]")


PORT = tiny("gpt2")[0]


@given(
    st.sampled_from(["adapter_config.json", "adapter_model.safetensors"]),
    st.floats(0, 1, exclude_max=True),
    st.binary(),
)
@settings(max_examples=100, deadline=None)
def test_whatever_a_damaged_adapter_holds_it_comes_in_or_is_named(name, where, piece):
    with TemporaryDirectory() as room:
        shape = {"token_dim": 16, "num_layers": 2, "num_attention_heads": 2}
        file = adapter(Path(room) / "a", **shape) / name
        content = file.read_bytes()
        start = int(where * len(content))
        file.write_bytes(content[:start] + piece + content[start + len(piece) :])
        said = room
        try:
            template = imported(file.parent, PORT)
        except DataError as error:
            said = str(error)
        else:
            assert template.prefix is None or template.prefix.length == 3
        assert room in said
        assert "\n" not in said


def test_an_adapter_of_a_projection_holds_its_output(golden):  # noqa: F811
    _, tensors = golden("peft_gpt2_prefix_tuning_projection")
    assert tensors["saved.prompt_embeddings"].shape == (3, 64)
