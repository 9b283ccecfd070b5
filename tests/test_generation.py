"""Tasks that are answered with texts: likelihoods of references, and what a model writes."""

import json
import os
import re
import subprocess
import sys
import time
from functools import cache

import pytest
import torch
from commanding import run
from naive import causal
from tiny import bart, bert_tokenizer, gpt2_tokenizer, roberta_tokenizer, saved, saved_parts

from promptsearch import Prompt, Settings, Template, Verbalizer, load_model, load_task
from promptsearch.data.tasks.decode_table import Decode
from promptsearch.errors import DataError, ModelError, RunError, TaskError
from promptsearch.models.generation.text_decoder import plan_decoding
from promptsearch.runs.scorer_setup import model_scorer
from promptsearch.scoring.generation_scorer import GenerationScorer

PLACES = ["Paris", "New York", "South Korea", "America", "France"]
NAMES = ["She", "The actor", "Nobody", "A fox"]
TASK = """name = "where"
kind = "generation"
train = "rows.jsonl"
dev = "rows.jsonl"
test = "rows.jsonl"
template = "{text} Where? [Z]"
target = "answer"
[decode]
max_tokens = 6
"""


def rows():
    return [
        {"text": f"{name} was born in {place}.", "answer": [place, f"in {place}"], "n": str(n)}
        for n, (name, place) in enumerate((n, p) for n in NAMES for p in PLACES)
    ]


def task_in(folder, text=TASK, table=None):
    lines = [json.dumps(row) for row in (rows() if table is None else table)]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "where.toml").write_text(text)
    return folder / "where.toml"


@cache
def model_of(kind):
    if kind == "bart":
        torch.manual_seed(0)
        tokenizer = roberta_tokenizer()
        return load_model(saved_parts(bart(tokenizer), tokenizer), device="cpu", dtype="float32")
    form = {"seq2seq_form": "plain"} if kind == "t5" else {}
    return load_model(saved(kind), device="cpu", dtype="float32", **form)


def scorer_of(definition, kind, **settings):
    return model_scorer(model_of(kind), Settings(**settings), definition.kind)


def test_a_causal_model_scores_references_as_a_naive_loop_does(tmp_path):
    definition = load_task(task_in(tmp_path))
    scorer = scorer_of(definition, "gpt2")
    examples = definition.dev.examples[:6]
    (found,) = scorer.judge([definition.prompt], examples)
    tokenizer, network = model_of("gpt2").runtime.tokenizer, model_of("gpt2").runtime.model
    for example, value in zip(examples, found.log_right, strict=True):
        before = tokenizer(f"{example.inputs['text']} Where?")["input_ids"]
        each = []
        for reference in example.targets:
            ids = tokenizer(f"{example.inputs['text']} Where? {reference}")["input_ids"]
            assert ids[: len(before)] == before
            each.append(causal(network, ids, len(before)))
        assert value == pytest.approx(sum(each) / len(each), abs=1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "t5", "bart"])
def test_what_a_row_scores_does_not_depend_on_others(kind, tmp_path):
    """Neither on rows, nor on prompts beside it, nor on the number of their references."""
    definition = load_task(task_in(tmp_path))
    scorer, examples = scorer_of(definition, kind), definition.dev.examples
    other = Prompt(Template.parse("{text}[Z]"), Verbalizer.of_any_text())
    both = scorer.judge([other, definition.prompt], examples)
    for prompt, together in zip([other, definition.prompt], both, strict=True):
        alone = [scorer.judge([prompt], [e])[0].log_right[0] for e in examples[:7]]
        assert together.log_right[:7] == pytest.approx(alone, abs=1e-4)
    assert both[0].log_right != pytest.approx(both[1].log_right)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "t5", "bart"])
def test_texts_are_those_of_greedy_choice_token_by_token(kind, tmp_path):
    definition = load_task(task_in(tmp_path))
    model, decode = model_of(kind), Decode(max_tokens=5, stop=())
    texts = [definition.prompt.template.fill(e.inputs) for e in definition.dev.examples[:4]]
    found = plan_decoding(model, texts, decode).texts()
    network, tokenizer = model.runtime.model, model.runtime.tokenizer
    for text, ids in zip(found, plan_decoding(model, texts, decode).ids, strict=True):
        written = [model.family.start] if model.info.family == "seq2seq" else list(ids)
        begin = len(written)
        for _ in range(5):
            inputs = {"input_ids": torch.tensor([written])}
            if model.info.family == "seq2seq":
                inputs = {
                    "input_ids": torch.tensor([ids]),
                    "decoder_input_ids": inputs["input_ids"],
                }
            with torch.no_grad():
                written.append(int(network(**inputs).logits[0, -1].argmax()))
            if written[-1] == tokenizer.eos_token_id:
                break
        assert text == tokenizer.decode(written[begin:], skip_special_tokens=True).strip()


def test_the_ids_before_a_text_are_those_that_references_are_scored_after(tmp_path):
    """The space before the slot belongs to what is written, as it belongs to an answer."""
    definition = load_task(task_in(tmp_path))
    filled = definition.prompt.template.fill({"text": "She was born."})
    (ids,) = plan_decoding(model_of("gpt2"), [filled], Decode()).ids
    assert list(ids) == model_of("gpt2").runtime.tokenizer("She was born. Where?")["input_ids"]


def test_long_prompts_are_cut_to_leave_room(tmp_path):
    definition = load_task(task_in(tmp_path))
    filled = definition.prompt.template.fill({"text": "really good " * 200})
    (ids,) = plan_decoding(model_of("gpt2"), [filled], Decode(max_tokens=20)).ids
    assert len(ids) <= 96 - 20
    assert model_of("gpt2").runtime.tokenizer.decode(ids).endswith("Where?")
    with pytest.raises(ModelError, match="`max_tokens` 96 leaves no room"):
        plan_decoding(model_of("gpt2"), [filled], Decode(max_tokens=96))


def test_a_text_ends_at_a_stop_string(tmp_path):
    definition = load_task(task_in(tmp_path))
    texts = [definition.prompt.template.fill(e.inputs) for e in definition.dev.examples]
    whole = plan_decoding(model_of("gpt2"), texts, Decode(max_tokens=12, stop=())).texts()
    mark = next(text[3:5] for text in whole if len(text) > 8)
    cut = plan_decoding(model_of("gpt2"), texts, Decode(max_tokens=12, stop=(mark,))).texts()
    assert cut == [text.partition(mark)[0].rstrip() for text in whole]
    assert cut != whole


def test_beams_find_what_is_likelier(tmp_path):
    definition = load_task(task_in(tmp_path))
    texts = [definition.prompt.template.fill(e.inputs) for e in definition.dev.examples]
    for decode in (Decode(max_tokens=4, beams=4, stop=()), Decode(max_tokens=4, stop=())):
        assert plan_decoding(model_of("t5"), texts, decode).forwards == 20 * 4 * decode.beams
        assert len(plan_decoding(model_of("t5"), texts, decode).texts()) == len(texts)


def test_a_search_ranks_by_likelihood_and_its_finalists_by_texts(tmp_path):
    """Texts are written for the best prompts alone: the ledger has them, and says so."""
    task = task_in(tmp_path)
    line = ["-t", task, "-m", saved("gpt2"), "-o", tmp_path / "run", "--budget", 30, "-q"]
    strategy = ["generate", "--words", 1, "--examples", 4]
    run(*strategy, *line, "--objective", "rouge-l")
    document = json.loads((tmp_path / "run/prompts.json").read_text())
    ledger = [json.loads(x) for x in (tmp_path / "run/trials.jsonl").read_text().splitlines()]
    trials = [row for row in ledger if "outcomes" in row]
    written = [row for row in trials if "texts" in row["outcomes"]]
    assert 0 < len(written) < len(trials)
    assert all(len(row["outcomes"]["texts"]) == 20 for row in written)
    best = [row["scores"]["dev"]["rouge_l"] for row in document["prompts"]]
    assert best == sorted(best, reverse=True)
    assert document["search"]["objective"] == "rouge-l"
    assert all(row["free_text"] is True for row in document["prompts"])
    again = run(*strategy, *line, "--objective", "rouge-l", "--resume")
    assert json.loads((tmp_path / "run/prompts.json").read_text())["prompts"] == document["prompts"]
    assert again.exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["generate", "--top", 6, "--words", 1, "--examples", 4],
        ["gradient", "--iterations", 2, "--candidates", 4],
        ["lm-score", "--template", "{text} Place: [Z]", "--template", "{text}[Z]"],
        ["search"],
        ["soft", "--steps", 8],
        ["prefix", "--steps", 8, "--length", 2],
    ],
    ids=lambda words: words[0],
)
def test_strategies_search_its_prompts(words, tmp_path):
    task = task_in(tmp_path)
    run(*words, "-t", task, "-m", saved("gpt2"), "-o", tmp_path / "run", "--budget", 12, "-q")
    document = json.loads((tmp_path / "run/prompts.json").read_text())
    assert len(document["prompts"]) > 1
    assert all(row["template"].endswith("[Z]") for row in document["prompts"])
    likelihoods = [row["scores"]["dev"]["log_likelihood"] for row in document["prompts"]]
    assert likelihoods == sorted(likelihoods, reverse=True)
    evaluated = run("evaluate", tmp_path / "run/prompts.json", "--split", "test", "--json", "-q")
    manual = json.loads(evaluated.stdout)["baselines"]["manual"]["scores"]["test"]
    assert {"rouge_l", "chrf", "bleu", "exact_match", "token_f1"} <= set(manual)


def test_predicted_texts_are_those_that_are_evaluated(tmp_path):
    task = task_in(tmp_path)
    run("paraphrase", "-t", task, "-m", saved("gpt2"), "-o", tmp_path / "run", "--budget", 4, "-q")
    prompts, examples = tmp_path / "run/prompts.json", tmp_path / "examples.jsonl"
    run("evaluate", prompts, "--split", "test", "--examples-out", examples, "--top", 1, "-q")
    run("predict", prompts, "-i", tmp_path / "rows.jsonl", "-o", tmp_path / "out.jsonl", "-q")
    said = [json.loads(line)["predicted"] for line in examples.read_text().splitlines()]
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["prediction"] for row in written] == said[: len(written)]
    assert [row["n"] for row in written] == [row["n"] for row in rows()]


def test_exports_hold_the_prompt_without_answers(tmp_path):
    task = task_in(tmp_path)
    line = ["-t", task, "-m", saved("gpt2"), "-o", tmp_path / "run", "--budget", 4, "-q"]
    run("paraphrase", *line)
    prompts, messages = tmp_path / "run/prompts.json", tmp_path / "messages.json"
    run("export", prompts, "--to", "messages", "-o", messages, "-q")
    document = json.loads(messages.read_text())
    assert document["decode"] == Decode(max_tokens=6).described
    assert "answers" not in document
    run("export", prompts, "--to", "text", "-o", tmp_path / "text.txt", "-q")
    best = json.loads(prompts.read_text())["prompts"][0]["template"]
    assert (tmp_path / "text.txt").read_text() == f"{best}\n"
    result = run("export", prompts, "--to", "promptfoo", "-o", tmp_path / "p.yaml", status=1)
    assert "is answered with texts" in result.output


def test_certify_judges_texts(tmp_path):
    task = task_in(tmp_path)
    line = ["-t", task, "-m", saved("gpt2"), "-o", tmp_path / "run", "--budget", 6, "-q"]
    run("paraphrase", *line, "--objective", "chrf")
    result = run("certify", tmp_path / "run/prompts.json", "-q", "--json")
    document = json.loads(result.stdout)
    assert document["metric"] == "chrf"
    assert run("report", tmp_path / "run/prompts.json", "-o", tmp_path / "page.html", "-q")


BAD = {
    "a slot inside": ('template = "{text} [Z] there"', "must end in its only slot"),
    "no field": ('template = "Where? [Z]"', "has no input field"),
    "a label kind's key": ('template = "{text}[Z]"\nlabel = "answer"', "label: it has no meaning"),
    "drawn": ("do_sample = true", "decode.do_sample: drawn texts"),
    "no tokens": ("max_tokens = 0", "decode.max_tokens: it must be"),
    "misspelt": ("beam = 2", "decode.beam: there is no such key"),
    "seen": ('template = "{answer}[Z]"\ninputs = ["answer"]', "a template must not see it"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_task_file_is_one_line(case, tmp_path):
    lines, problem = BAD[case]
    if "template" not in lines:
        lines = f'template = "{{text}}[Z]"\n[decode]\n{lines}'
    text = TASK.split("template")[0] + 'target = "answer"\n' + lines
    with pytest.raises(TaskError, match=problem) as caught:
        load_task(task_in(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert "where.toml" in str(caught.value)


@pytest.mark.parametrize("value", ["", "  ", None, [], [""], [3]])
def test_an_empty_reference_names_its_line(value, tmp_path):
    table = [*rows()[:3], {"text": "a", "answer": value}]
    with pytest.raises(DataError, match=r"rows.jsonl, line 4: .*reference"):
        load_task(task_in(tmp_path, table=table))


def test_references_stand_in_several_columns(tmp_path):
    table = [{"text": "a", "x": "b", "y": "c"}, {"text": "d", "x": "e", "y": ""}]
    text = TASK.replace('target = "answer"', 'target = ["x", "y"]')
    definition = load_task(task_in(tmp_path, text, table))
    assert [e.targets for e in definition.train.examples] == [("b", "c"), ("e",)]
    assert definition.inputs == ("text",)


@pytest.mark.parametrize("kind", ["bert"])
def test_a_masked_model_writes_no_texts(kind, tmp_path):
    result = run("evaluate", "manual", "-t", task_in(tmp_path), "-m", saved(kind), status=1)
    assert "is a masked model, which writes no texts" in result.output
    assert result.output.count("\n") <= 2


def test_a_model_with_sentinels_is_asked_plainly(tmp_path):
    task = task_in(tmp_path)
    line = ["evaluate", "manual", "-t", task, "-m", saved("t5"), "--split", "dev", "--json", "-q"]
    assert json.loads(run(*line).stdout)["model"]["seq2seq_form"] == "plain"
    result = run(*line, "--seq2seq-form", "sentinel", status=1)
    assert re.search(r"texts are written plainly: give --seq2seq-form plain", result.output)


@pytest.mark.parametrize(
    ("option", "value"), [("race", True), ("calibration", "contextual"), ("rank_by", "finetune")]
)
def test_what_is_for_labels_is_refused(option, value, tmp_path):
    definition = load_task(task_in(tmp_path))
    with pytest.raises(RunError, match=f"`{option}` is for labels and facts"):
        scorer_of(definition, "gpt2", **{option: value})


def test_an_objective_of_texts_alone_makes_a_scorer_write(tmp_path):
    definition = load_task(task_in(tmp_path))
    plain, writing = (
        scorer_of(definition, "gpt2", objective=o) for o in ("log-likelihood", "bleu")
    )
    assert isinstance(plain, GenerationScorer)
    assert plain.decode is None
    assert writing.decode == Decode(max_tokens=6)
    cost = [s.cost([definition.prompt], definition.dev.examples).forwards for s in (plain, writing)]
    assert cost[1] - cost[0] == 20 * 6
    with pytest.raises(RunError, match="does not suit a generation task; use log-likeli"):
        scorer_of(definition, "gpt2", objective="accuracy")


def test_tokenizers_of_tests_write_what_they_read():
    """Greedy texts are compared by their words: the tiny tokenizers must give them back."""
    for tokenizer in (gpt2_tokenizer(), roberta_tokenizer(), bert_tokenizer()):
        ids = tokenizer("great film", add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids).strip() == "great film"


@pytest.mark.slow
def test_20_000_texts_are_the_same_bytes_however_often_it_is_killed(tmp_path):
    """Killed five times and resumed; and memory does not grow with the rows."""
    task = task_in(tmp_path)
    line = ["-t", task, "-m", saved("gpt2"), "-o", tmp_path / "run", "--budget", 3, "-q"]
    run("paraphrase", *line)
    table = [
        row | {"text": f"{row['text']} {i}", "answer": ""} for i, row in enumerate(rows() * 1000)
    ]
    for count in (2000, 20_000):
        lines = (json.dumps(row) + "\n" for row in table[:count])
        (tmp_path / f"{count}.jsonl").write_text("".join(lines))

    def predicted(count, name, *more, kill=False):
        """Peak memory of a pass, or nothing of one that is killed after its next chunk."""
        words = [sys.executable, "-m", "promptsearch", "predict", tmp_path / "run/prompts.json"]
        words += ["-i", tmp_path / f"{count}.jsonl", "-o", tmp_path / name, "-q", *more]
        size = part.stat().st_size if part.exists() else 0
        child = subprocess.Popen(list(map(str, words)), cwd=tmp_path)
        if not kill:
            _, status, usage = os.wait4(child.pid, 0)
            assert status == 0
            return usage.ru_maxrss
        while not (part.exists() and part.stat().st_size > size):
            assert child.poll() is None
            time.sleep(0.05)
        child.kill()
        return child.wait()

    part = tmp_path / "parts.jsonl.part"
    few, many = predicted(2000, "few.jsonl"), predicted(20_000, "whole.jsonl")
    assert many < 1.1 * few
    for number in range(5):
        predicted(20_000, "parts.jsonl", *(["--resume"] if number else []), kill=True)
    predicted(20_000, "parts.jsonl", "--resume")
    assert (tmp_path / "parts.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert len((tmp_path / "whole.jsonl").read_text().splitlines()) == 20_000
