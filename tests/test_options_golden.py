"""The layout of options against the numbers of UniMC's own code: tokens, attention, losses."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from promptsearch import load_model
from promptsearch.models import Scoring
from promptsearch.models.forward.option_forward import option_tokens, with_options
from promptsearch.models.training.choice_rows import ChoiceRow, MaskedRow, choice_loss
from promptsearch.prompt import Input, Option, Separator, Text

RUNS = ("bert_english", "bert_chinese", "albert_english")


@pytest.fixture(scope="module")
def folder(shared):
    path = shared / "golden" / "dev" / "more"
    if not (path / "unimc.json").is_file():
        pytest.skip(f"needs {path}/unimc.json")
    return path


@pytest.fixture(scope="module")
def golden(folder):
    return json.loads((folder / "unimc.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=RUNS)
def run(request, golden):
    return request.param, golden[request.param]


@pytest.fixture(scope="module")
def model(folder, run):
    """The original cuts at 64 tokens."""
    model = load_model(str(folder / run[1]["model"]), device="cpu")
    info = replace(model.info, max_tokens=run[1]["max_length"])
    return replace(model, runtime=replace(model.runtime, info=info))


def filled(example):
    """The original's input as a filled prompt; halved options are the original's own."""
    inputs, parts = example["input"], []
    for number, option in enumerate(example["choices_as_encoded"], 1):
        parts += [Option(f"O{number}"), Text(option)]
    parts.append(Separator())
    if inputs["question"]:
        parts += [Text(inputs["question"]), Separator()]
    parts.append(Input("texta", inputs["texta"]))
    if inputs["textb"]:
        parts += [Separator(), Input("textb", inputs["textb"])]
    return tuple(parts)


def backends(model):
    runtime = model.runtime.for_options
    ways = (runtime.plain, runtime.fast, runtime.with_gradients.fast)
    tokens = option_tokens(runtime)
    return [with_options(way, tokens, runtime.model) for way in ways]


def logits(backend, sequences, positions):
    """(read, word) of several sequences in one batch."""
    with torch.inference_mode():
        hidden = backend.hidden_states(sequences, positions, [0] * len(sequences))
        return backend.logits(hidden.states)[torch.from_numpy(hidden.positions)].cpu()


def test_a_prompt_becomes_the_tokens_of_the_original(model, run):
    _, golden = run
    for name, example in golden["examples"].items():
        answers = [((f"O{n + 1}", word_of(model, golden)),) for n in range(options(example))]
        (block,) = model.plan([filled(example)], answers, Scoring()).blocks
        assert list(block.items[0].ids) == example["input_ids"], name


def word_of(model, golden):
    return model.runtime.tokenizer.decode([golden["no_token"]])


def options(example):
    return len(example["option_positions"])


def test_positions_types_and_attention_are_those_of_the_original(folder, model, run):
    name, golden = run
    attention = np.load(folder / "unimc_attention.npz")
    tokens = option_tokens(model.runtime)
    for example, row in golden["examples"].items():
        layout = tokens.layout(row["input_ids"])
        assert list(layout.starts) == row["option_positions"]
        assert layout.positions.tolist() == row["position_ids"]
        assert layout.types.tolist() == row["token_type_ids"]
        assert np.array_equal(layout.visible, attention[f"{name}_{example}_attention"] == 1)


def test_every_way_gives_the_logits_of_the_original(model, run):
    _, golden = run
    rows = list(golden["examples"].values())
    sequences = [row["input_ids"] for row in rows]
    positions = [row["option_positions"] for row in rows]
    for backend in backends(model):
        ours = logits(backend, sequences, positions)
        for token, key in ((golden["yes_token"], "yes_logits"), (golden["no_token"], "no_logits")):
            theirs = torch.tensor([value for row in rows for value in row["forward"][key]])
            assert (ours[:, token] - theirs).abs().max() < 1e-4, type(backend).__name__


def test_the_scores_of_options_are_logits_and_move_with_their_order(model, run):
    _, golden = run
    if len(model.answer_ids([yes := "是" if "chinese" in run[0] else "yes"])[0]) > 1:
        pytest.skip("yes is several tokens of this tiny vocabulary: the original takes the first")
    for name, example in golden["examples"].items():
        answers = [((f"O{n + 1}", yes),) for n in range(options(example))]
        (scored,) = model.run(model.plan([filled(example)], answers, Scoring()))
        theirs = example["forward"]["yes_logits"]
        assert scored.log_probs[0].tolist() == pytest.approx(theirs, abs=1e-4)
        moved = golden["permuted"][name]
        choices = [example["choices_as_encoded"][n] for n in moved["order"]]
        (scored,) = model.run(
            model.plan([filled({**example, "choices_as_encoded": choices})], answers, Scoring())
        )
        assert scored.log_probs[0].tolist() == pytest.approx(moved["yes_logits"], abs=1e-4)


def test_the_losses_of_training_are_those_of_the_original(model, run):
    _, golden = run
    tokens, yes, no = option_tokens(model.runtime), golden["yes_token"], golden["no_token"]
    examples = [golden["examples"][name] for name in golden["batch"]["order"]]
    layouts = [tokens.layout(example["input_ids"]) for example in examples]
    for batch in golden["training"]:
        rows = []
        for ids, labels, gold, layout in zip(
            batch["input_ids"], batch["mlmlabels"], batch["clslabels"], layouts, strict=True
        ):
            row = ChoiceRow(tuple(ids), layout, layout.starts.index(gold))
            words = [(i, word) for i, word in enumerate(labels) if word != -100]
            hidden = tuple(pair for pair in words if pair[0] not in layout.starts)
            rows.append(MaskedRow(row, tuple(ids), hidden))
        output = training_logits(model, rows)
        for losses, expected in (
            (("op",), batch["op_loss"]),
            (("omlm",), batch["mean_over_options"]),
            (("mlm",), batch["mean_over_masked_text"]),
            (("omlm", "mlm"), batch["mean_without_padding"]),
            (("op", "omlm", "mlm"), batch["mean_without_padding"] + batch["op_loss"]),
        ):
            loss = choice_loss(output, rows, yes, no, losses).item()
            assert loss == pytest.approx(expected, abs=2e-4), losses


def training_logits(model, rows):
    """(position, word) at the rows' positions, as the trainer reads them."""
    from promptsearch.models.training.choice_trainer import logits_of

    with torch.no_grad():
        return logits_of(model.runtime.plain.outputs, model.runtime.model, rows)
