"""Prompts that write texts together: averaged next tokens, against loops in plain transformers."""

import json
import math
import os
import subprocess
import sys
import time
from functools import cache

import pytest
import torch
from commanding import run
from test_generation import model_of, rows, task_in
from tiny import bart, roberta_tokenizer, saved, saved_parts, t5, t5_tokenizer

from promptsearch import Prompt, Settings, Template, Verbalizer, load_model, load_task
from promptsearch.data.tasks.decode_table import Decode
from promptsearch.errors import TaskError
from promptsearch.models.generation.text_decoder import plan_decoding, plan_ensemble_decoding
from promptsearch.prediction.ensemble import Ensemble, Member
from promptsearch.prediction.fit_ensemble import EnsembleConfig, check_joinable, ensemble_section
from promptsearch.prediction.text_predictor import TextPredictor
from promptsearch.prompt_file.prompts_json import SavedPrompt
from promptsearch.runs.scorer_setup import model_scorer

TEMPLATES = ("{text} Where? [Z]", "the place of this great film : {text} is [Z]", "{text}[Z]")
WEIGHTS = (0.5, 0.2, 0.3)
KINDS = ("gpt2", "llama", "t5", "bart")


@cache
def writer(kind):
    """A model that writes different texts after different prompts, of which some end early."""
    if kind in ("gpt2", "llama"):
        return model_of(kind)
    make, make_tokenizer, seed = {
        "t5": (t5, t5_tokenizer, 0),
        "bart": (bart, roberta_tokenizer, 1),
    }[kind]
    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    network = make(tokenizer)
    with torch.no_grad():
        torch.nn.init.normal_(network.lm_head.weight, std=1.0)
        if kind == "t5":
            torch.nn.init.normal_(network.shared.weight, std=3.0)
            for block in network.decoder.block:
                torch.nn.init.normal_(block.layer[1].EncDecAttention.o.weight, std=2.0)
        network.lm_head.weight[tokenizer.all_special_ids] = 0
    folder = saved_parts(network, tokenizer)
    return load_model(folder, device="cpu", dtype="float32", seq2seq_form="plain")


def prompts_of(templates=TEMPLATES):
    return [Prompt(Template.parse(each), Verbalizer.of_any_text()) for each in templates]


def filled(templates, examples):
    return [[p.template.fill(e.inputs) for e in examples] for p in prompts_of(templates)]


def next_log_probs(model, prompt, written):
    """(word,) log p after a prompt and what is written, one text at a time, without padding."""
    begin = list(prompt)
    if model.info.family == "seq2seq":
        begin = [model.family.start]
    inputs = {"input_ids": torch.tensor([[*begin, *written]])}
    if model.info.family == "seq2seq":
        inputs = {"input_ids": torch.tensor([prompt]), "decoder_input_ids": inputs["input_ids"]}
    with torch.no_grad():
        return model.runtime.model(**inputs).logits[0, -1].double().log_softmax(-1)


def averaged(model, prompts, weights, written):
    """(word,) the weighted mean of the prompts' probabilities."""
    pairs = zip(prompts, weights, strict=True)
    total = sum(weight * next_log_probs(model, ids, written).exp() for ids, weight in pairs)
    return total / sum(weights)


def greedy(model, prompts, weights, count):
    written = []
    for _ in range(count):
        written.append(int(averaged(model, prompts, weights, written).argmax()))
        if written[-1] == model.runtime.tokenizer.eos_token_id:
            break
    return model.runtime.tokenizer.decode(written, skip_special_tokens=True).strip()


def by_beams(model, prompts, weights, count, beams):
    """The likeliest of a few texts kept at each step; the sum of log p over the length decides."""
    end = model.runtime.tokenizer.eos_token_id
    running, ended = [(0.0, [])], []
    for _ in range(count):
        longer = []
        for score, ids in running:
            logs = averaged(model, prompts, weights, ids).log()
            best = logs.topk(2 * beams)
            pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
            longer += [(score + value, [*ids, token]) for value, token in pairs]
        longer = sorted(longer, key=lambda pair: -pair[0])[: 2 * beams]
        ended += [pair for pair in longer[:beams] if pair[1][-1] == end]
        running = [pair for pair in longer if pair[1][-1] != end][:beams]
    texts = [(score / len(ids), ids) for score, ids in (*ended, *running)]
    best = max(texts, key=lambda pair: pair[0])[1]
    return model.runtime.tokenizer.decode(best, skip_special_tokens=True).strip()


def plan_of(kind, examples, decode, templates=TEMPLATES, weights=WEIGHTS):
    return plan_ensemble_decoding(writer(kind), filled(templates, examples), weights, decode)


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_those_of_averaged_probabilities(kind, tmp_path):
    examples = load_task(task_in(tmp_path)).dev.examples[:6]
    plan = plan_of(kind, examples, Decode(max_tokens=8, stop=()))
    prompts = list(zip(*plan.members, strict=True))
    expected = [greedy(writer(kind), each, WEIGHTS, 8) for each in prompts]
    assert plan.texts() == expected
    alone = [plan_decoding(writer(kind), each, plan.decode).texts() for each in
             filled(TEMPLATES, examples)]  # fmt: skip
    assert len({tuple(texts) for texts in (*alone, expected)}) > 2


@pytest.mark.parametrize("kind", ["gpt2", "bart"])
def test_weights_decide(kind, tmp_path):
    examples = load_task(task_in(tmp_path)).dev.examples
    decode = Decode(max_tokens=6, stop=())
    alone = plan_decoding(writer(kind), filled(TEMPLATES, examples)[1], decode).texts()
    mostly = plan_of(kind, examples, decode, weights=(1e-9, 1.0, 1e-9)).texts()
    assert mostly == alone


@pytest.mark.parametrize("kind", KINDS)
def test_beams_of_members_stay_in_step(kind, tmp_path):
    examples = load_task(task_in(tmp_path)).dev.examples[:4]
    plan = plan_of(kind, examples, Decode(max_tokens=5, beams=3, stop=()))
    prompts = list(zip(*plan.members, strict=True))
    expected = [by_beams(writer(kind), each, WEIGHTS, 5, 3) for each in prompts]
    assert plan.texts() == expected


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_twice_writes_what_it_writes_alone(kind, beams, tmp_path):
    """Though both pass: an ensemble merges equal prompts before that."""
    definition = load_task(task_in(tmp_path))
    examples, decode = definition.dev.examples, Decode(max_tokens=7, beams=beams, stop=("a",))
    for template in TEMPLATES:
        alone = plan_decoding(writer(kind), filled([template], examples)[0], decode).texts()
        twice = plan_of(kind, examples, decode, [template] * 2, (0.25, 0.75))
        assert twice.texts() == alone
        scorer = model_scorer(writer(kind), Settings(), definition.kind, writes=True)
        for prompts, weights in ((1, [3.0]), (2, [1.0, 2.0])):
            together = prompts_of([template] * prompts)
            assert scorer.ensemble_texts(together, weights, examples) == scorer.ensemble_texts(
                together[:1], [1.0], examples
            )


def test_the_size_of_a_batch_counts_all_members(tmp_path):
    examples = load_task(task_in(tmp_path)).dev.examples
    decode = Decode(max_tokens=4, beams=2)
    plan = plan_of("gpt2", examples, decode)
    assert plan.forwards == 3 * len(examples) * 4 * 2
    budget = plan.model.runtime.batch_limits.budget
    for batch in plan._batches():
        longest = max(len(ids) for of_text in batch for ids in of_text)
        assert len(batch) * 3 * (longest + 4) * 2 <= budget
    assert sum(map(len, plan._batches())) == len(examples)


def predictor_of_texts(kind, definition, templates, weights):
    scorer = model_scorer(writer(kind), Settings(), definition.kind, writes=True)
    prompts = zip(prompts_of(templates), weights, strict=True)
    members = [Member(f"p{n}", prompt, weight) for n, (prompt, weight) in enumerate(prompts)]
    return TextPredictor(Ensemble("uniform", tuple(members)), scorer, scorer)


@pytest.mark.parametrize("kind", KINDS)
def test_references_are_as_likely_as_token_by_token(kind, tmp_path):
    definition = load_task(task_in(tmp_path))
    examples = definition.dev.examples[:5]
    model = writer(kind)
    found = predictor_of_texts(kind, definition, TEMPLATES, WEIGHTS).predict(examples)
    plan = plan_of(kind, examples, definition.kind.decode)
    tokenizer = model.runtime.tokenizer
    for row, example in enumerate(examples):
        prompts = [member[row] for member in plan.members]
        each = []
        for reference in example.targets:
            if model.info.family == "seq2seq":
                tokens = tokenizer(reference)["input_ids"]
            else:  # behind the first prompt
                text = f"{example.inputs['text']} Where? {reference}"
                tokens = tokenizer(text)["input_ids"][len(prompts[0]) :]
                tokens = tokens[: -1 if tokens[-1] == tokenizer.eos_token_id else None]
            steps = [
                math.log(averaged(model, prompts, WEIGHTS, tokens[:i])[token])
                for i, token in enumerate(tokens)
            ]
            each.append(sum(steps))
        assert found.log_right[row] == pytest.approx(sum(each) / len(each), abs=2e-4)


@pytest.mark.parametrize("norm", ["none", "token"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_prompt_is_as_likely_alone_as_in_an_ensemble(kind, norm, tmp_path):
    definition = load_task(task_in(tmp_path))
    settings = Settings(length_norm=norm)
    scorer = model_scorer(writer(kind), settings, definition.kind)
    for prompt in prompts_of():
        (alone,) = scorer.judge([prompt], definition.dev.examples)
        together = scorer.ensemble_log_right([prompt] * 2, [1.0, 0.5], definition.dev.examples)
        assert together == pytest.approx(alone.log_right, rel=1e-6, abs=1e-6)


def finished(folder, *options, kind="gpt2"):
    """A finished search of a few prompts."""
    task = task_in(folder)
    line = ["-t", task, "-m", writer(kind).info.spec, "-o", folder / "run", "--budget", 8, "-q"]
    run("paraphrase", *line, *options)
    return folder / "run/prompts.json"


@pytest.mark.parametrize("rule", ["uniform", "rank"])
@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_an_ensemble_is_made_evaluated_and_predicts(kind, rule, tmp_path):
    prompts = finished(tmp_path, kind=kind)
    run("ensemble", prompts, "--rule", rule, "--top", 3, "-o", tmp_path / "both", "-q")
    path = tmp_path / "both/prompts.json"
    section = json.loads(path.read_text())["ensemble"]
    weights = [member["weight"] for member in section["members"]]
    parts = [1, 1, 1] if rule == "uniform" else [1, 1 / 2, 1 / 3]
    assert weights == pytest.approx([part / sum(parts) for part in parts])
    dev = section["scores"]["dev"]
    assert dev["selected"] is True
    assert "rouge_l" not in dev  # likelihood is the search's objective: nothing is written for it
    evaluated = json.loads(run("evaluate", path, "--json", "-q").stdout)["ensemble"]
    test = evaluated["scores"]["test"]
    assert {"log_likelihood", "rouge_l", "chrf", "bleu", "vs_best"} <= set(test)
    assert test["log_likelihood"] == pytest.approx(dev["log_likelihood"])  # the same rows

    assert f"{rule} of p" in run("evaluate", path, "-q").stdout
    out = tmp_path / "out.jsonl"
    run("predict", path, "--ensemble", "-i", tmp_path / "rows.jsonl", "-o", out, "-q")
    written = [json.loads(line)["prediction"] for line in out.read_text().splitlines()]
    definition = load_task(tmp_path / "where.toml")
    templates = [row["template"] for row in json.loads(path.read_text())["prompts"][:3]]
    decode = definition.kind.decode
    assert written == plan_of(kind, definition.test().examples, decode, templates, weights).texts()


def test_texts_are_written_on_dev_where_they_are_the_objective(tmp_path):
    prompts = finished(tmp_path, "--objective", "chrf")
    run("ensemble", prompts, "--top", 2, "-o", tmp_path / "both", "-q")
    dev = json.loads((tmp_path / "both/prompts.json").read_text())["ensemble"]["scores"]["dev"]
    assert 0 <= dev["chrf"] <= 100


def test_a_plan_of_a_search_makes_an_ensemble(tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text('[[step]]\nstrategy = "paraphrase"\n[ensemble]\nrule = "rank"\ntop = 2\n')
    line = ["-t", task_in(tmp_path), "-m", saved("gpt2"), "-o", tmp_path / "run", "-q"]
    run("search", plan, *line, "--budget", 8)
    section = json.loads((tmp_path / "run/prompts.json").read_text())["ensemble"]
    assert [member["weight"] for member in section["members"]] == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize("rule", ["mean", "optimised", "greedy", "vote"])
def test_rules_of_labels_are_refused_in_a_line(rule, tmp_path):
    definition = load_task(task_in(tmp_path))
    with pytest.raises(
        TaskError, match=f"`rule` {rule} puts labels .* uniform or rank or mixture"
    ) as caught:
        check_joinable(definition, rule)
    assert "\n" not in str(caught.value)


def test_a_file_with_a_rule_of_labels_is_refused(tmp_path):
    prompts = finished(tmp_path)
    document = json.loads(prompts.read_text())
    document["ensemble"] = {"rule": "vote", "members": [{"id": "p0", "weight": 1.0}]}
    prompts.write_text(json.dumps(document))
    result = run("evaluate", prompts, status=1)
    assert "texts are written by the rules uniform, rank, mixture, not 'vote'" in result.output


def test_trained_prompts_are_refused(tmp_path):
    line = ["-t", task_in(tmp_path), "-m", saved("gpt2"), "-o", tmp_path / "run", "-q"]
    run("soft", *line, "--steps", 8)
    result = run("ensemble", tmp_path / "run/prompts.json", "--top", 1, status=1)
    assert "texts are not written after vectors" in result.output


def test_predictions_are_the_same_bytes_after_a_kill(tmp_path):
    prompts = finished(tmp_path)
    run("ensemble", prompts, "--top", 3, "-o", tmp_path / "both", "-q")
    table = [row | {"text": f"{row['text']} {i}"} for i, row in enumerate(rows() * 30)]
    lines = (json.dumps(row) + "\n" for row in table)
    (tmp_path / "many.jsonl").write_text("".join(lines))
    words = ["predict", tmp_path / "both/prompts.json", "--ensemble", "-i"]
    words += [tmp_path / "many.jsonl", "-q", "--chunk", 100, "-o"]
    run(*words, tmp_path / "whole.jsonl")
    part = tmp_path / "parts.jsonl.part"
    command = [sys.executable, "-m", "promptsearch", *words, tmp_path / "parts.jsonl"]
    child = subprocess.Popen(list(map(str, command)), cwd=tmp_path, env=dict(os.environ))
    while not (part.exists() and part.stat().st_size):
        assert child.poll() is None
        time.sleep(0.01)
    child.kill()
    child.wait()
    assert not (tmp_path / "parts.jsonl").exists()
    run(*words, tmp_path / "parts.jsonl", "--resume")
    assert (tmp_path / "parts.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("kind", ["gpt2", "bart"])
def test_mixtures_learn_shares_from_the_tokens_of_train(kind, tmp_path):
    """No other shares make train's references likelier, by the same average as is evaluated."""
    definition = load_task(task_in(tmp_path))
    scorer = model_scorer(writer(kind), Settings(), definition.kind)
    saved_prompts = [
        SavedPrompt(f"p{n}", prompt, {"id": f"p{n}"}) for n, prompt in enumerate(prompts_of())
    ]
    config = EnsembleConfig("mixture", top=3)
    section = ensemble_section(saved_prompts, definition, scorer, scorer, config)
    shares = {member["id"]: member["weight"] for member in section["members"]}
    learned = [shares.get(f"p{n}", 0.0) for n in range(3)]
    assert sum(learned) == pytest.approx(1)

    def loss(weights):
        sums = scorer.ensemble_log_right(prompts_of(), weights, definition.train.examples)
        return -sums.mean() * 2 * len(definition.train.examples) / section["fitted"]["tokens"]

    fitted = section["fitted"]
    assert fitted["loss"] == pytest.approx(loss(learned), abs=1e-5)
    assert fitted["loss_of_equal_weights"] == pytest.approx(loss([1, 1, 1]), abs=1e-5)
    for n in range(3):
        moved = [weight + 0.02 * (n == i) for i, weight in enumerate(learned)]
        assert loss(moved) >= fitted["loss"] - 1e-6
