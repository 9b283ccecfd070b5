"""Encoder-decoders that answer in plain text: T0, Flan-T5, BART, PromptCLUE."""

import json
from functools import cache

import pytest
import torch
from commanding import reviews_in, run
from naive import seq2seq
from test_models_golden import scores
from tiny import bart, roberta_tokenizer, saved, saved_parts

from promptsearch import load_model
from promptsearch.errors import ModelError
from promptsearch.prompt import Input, Slot, Template, Text

ANSWERS = ["great", "really good", "a wonderful evening", "really", "(bad"]
TEXTS = ["It was a great film and the story was good.", "Paris", "", "the </s> <extra_id_0> plot "]


@cache
def bart_folder(positions=64):
    torch.manual_seed(0)
    tokenizer = roberta_tokenizer()
    return saved_parts(bart(tokenizer, positions), tokenizer)


def loaded(kind, **options):
    folder = saved("t5") if kind == "t5" else bart_folder()
    form = {"seq2seq_form": "plain"} if kind == "t5" else {}
    return load_model(folder, device="cpu", dtype="float32", **form, **options)


def plain_task(folder):
    """The reviews, with a template that ends in its slot."""
    task = reviews_in(folder, 4)
    task.write_text(task.read_text().replace("It was [Z].", "It was [Z]"))
    return task


def answers(texts=ANSWERS):
    return [(("Z", text),) for text in texts]


def filled(text):
    return Template.parse("Film: {text}. It was [Z]").fill({"text": text})


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_scores_are_those_of_a_naive_decoder(kind):
    """The answer and the end token count, given what stands before the slot; nothing else does."""
    model = loaded(kind)
    found = scores(model, list(map(filled, TEXTS)), answers())
    tokenizer, network = model.runtime.tokenizer, model.runtime.model
    start = network.config.decoder_start_token_id
    for text, row in zip(TEXTS, found.tolist(), strict=True):
        if "<" in text:
            continue  # the tokenizer would make control tokens of it
        source = tokenizer(f"Film: {text}. It was")["input_ids"]
        for answer, value in zip(ANSWERS, row, strict=True):
            target = tokenizer(answer)["input_ids"]
            assert target[-1] == tokenizer.eos_token_id
            naive = seq2seq(network, source, start, target, range(len(target)))
            assert value == pytest.approx(naive, abs=1e-4)


def test_texts_spell_no_control_tokens():
    model = loaded("t5")
    assert scores(model, [filled("a </s>")], answers()).isfinite().all()
    (ids,) = model.family.sequences(model.runtime, [filled("a </s>")], answers()[0])
    assert ids.count(model.runtime.tokenizer.eos_token_id) == 1


def test_an_answer_that_begins_another_does_not_win_by_being_short():
    """The end token tells "really" from "really good": they are two events, not one inside."""
    model = loaded("t5")
    found = scores(model, [filled("Paris")], answers(["really", "really good"]))
    sentinels = load_model(saved("t5"), device="cpu", dtype="float32")
    inside = scores(sentinels, [filled("Paris")], answers(["really", "really good"]))
    assert inside[0, 0] > inside[0, 1]  # a prefix always has the greater probability
    end = loaded("t5").runtime.tokenizer.eos_token_id
    plan = model.plan([filled("Paris")], answers(["really", "really good"]), _scoring())
    read = {t for b in plan.blocks for i in b.items for c in i.completions.completions
            for t in c.tokens.tolist()}  # fmt: skip
    assert end in read
    assert found.isfinite().all()


def _scoring():
    from promptsearch.models import Scoring

    return Scoring()


def test_a_golden_of_bartscore(shared):
    """BARTScore is the mean log-likelihood of a target in plain form (golden/dev/more)."""
    home = shared / "golden/dev/more"
    golden = json.loads((home / "bartscore.json").read_text())
    model = load_model(str(home / "tiny-bart"), device="cpu", dtype="float32")
    assert model.info.seq2seq_form == "plain"
    for source, target, score in zip(
        golden["sources"], golden["targets"], golden["scores"], strict=True
    ):
        text = (Input("source", source), Slot("Z"))
        found = scores(model, [text], answers([target]), length_norm="token")
        assert found.item() == pytest.approx(score, abs=1e-5)


def test_evaluate_is_bartscore(shared, tmp_path):
    """The source is the input, the text to judge the reference: the mean over its tokens."""
    home = shared / "golden/dev/more"
    golden = json.loads((home / "bartscore.json").read_text())
    pairs = zip(golden["sources"], golden["targets"], strict=True)
    rows = [json.dumps({"source": source, "target": target}) for source, target in pairs]
    (tmp_path / "texts.jsonl").write_text("\n".join(rows) + "\n")
    (tmp_path / "texts.toml").write_text(
        'kind = "generation"\ntrain = "texts.jsonl"\ndev = "texts.jsonl"\ntest = "texts.jsonl"\n'
        'template = "{source}[Z]"\n[decode]\nmax_tokens = 1\n'
    )
    line = ["evaluate", "manual", "-t", tmp_path / "texts.toml", "-m", home / "tiny-bart", "-q"]
    examples = tmp_path / "examples.jsonl"
    run(*line, "--length-norm", "token", "--examples-out", examples)
    found = [json.loads(line)["log_prob"] for line in examples.read_text().splitlines()]
    assert found == pytest.approx(golden["scores"], abs=1e-5)


@pytest.mark.parametrize(
    ("notation", "problem"),
    [
        ("{text} It was [Z].", "goes on after its slot"),
        ("[Z] {text}", "goes on after its slot"),
        ("{text} [Z1] and [Z2]", "has 2 slots"),
    ],
)
def test_a_slot_stands_last(notation, problem):
    text = Template.parse(notation).fill({"text": "a"})
    with pytest.raises(ModelError, match=problem) as caught:
        loaded("t5").plan([text], answers(), _scoring())
    assert "\n" not in str(caught.value)
    assert "`seq2seq_form` sentinel" in str(caught.value)


def test_an_answer_is_longer_than_the_decoder():
    with pytest.raises(ModelError, match=r"the answer 'great great .* tokens with its end, and"):
        loaded("bart").plan([filled("a")], answers(["great " * 70]), _scoring())


def test_sentinels_are_asked_of_a_model_without():
    with pytest.raises(ModelError, match=r"has no sentinel tokens.*`seq2seq_form` plain"):
        load_model(bart_folder(), seq2seq_form="sentinel")


def test_long_texts_are_cut_before_the_template():
    model = loaded("bart")
    found = scores(model, [filled("great " * 200)], answers())
    (ids,) = model.family.sequences(model.runtime, [filled("great " * 200)], answers()[0])
    assert len(ids) <= 64
    assert found.isfinite().all()
    assert model.runtime.tokenizer.decode(ids).endswith("It was</s>")


def test_line_breaks_are_read_as_a_character():
    """PromptCLUE was trained on texts whose line breaks are "_"."""
    plain, breaks = loaded("t5"), loaded("t5", newline=",")
    one, other = (Text("bad,bad "), Slot("Z")), (Text("bad\nbad "), Slot("Z"))
    assert torch.equal(scores(breaks, [other], answers()), scores(plain, [one], answers()))
    assert not torch.equal(scores(plain, [other], answers()), scores(plain, [one], answers()))
    assert breaks.info.newline == ","
    with pytest.raises(ModelError, match=r"`newline` '__' must be one character"):
        loaded("t5", newline="__")


def test_a_search_with_the_form_is_evaluated_with_it(tmp_path):
    """The form is a fact of the model that a file keeps, and that its prompts are read with."""
    task = plain_task(tmp_path)
    out = tmp_path / "run"
    model = ["--model", saved("t5"), "--seq2seq-form", "plain", "--newline", ","]
    run("answers", "prune", "-t", task, *model, "--budget", 4, "-o", out, "-q")
    document = json.loads((out / "prompts.json").read_text())
    assert document["model"]["seq2seq_form"] == "plain"
    assert document["model"]["newline"] == ","
    result = run("evaluate", out / "prompts.json", "--split", "dev", "--json")
    evaluated = json.loads(result.stdout)
    assert evaluated["model"]["seq2seq_form"] == "plain"
    scores_then, scores_now = (
        document["prompts"][0]["scores"]["dev"]["log_likelihood"],
        evaluated["prompts"][0]["scores"]["dev"]["log_likelihood"],
    )
    assert scores_now == pytest.approx(scores_then, abs=1e-6)


def test_forms_have_scores_of_their_own_in_a_cache(tmp_path):
    task = plain_task(tmp_path)
    results = {}
    line = ["evaluate", "manual", "-t", task, "--model", saved("t5"), "--split", "dev", "--json"]
    for form in ("plain", "sentinel", "plain"):
        result = run(*line, "--seq2seq-form", form, "--cache", tmp_path / "cache")
        value = json.loads(result.stdout)["baselines"]["manual"]["scores"]["dev"]["log_likelihood"]
        assert results.setdefault(form, value) == value
    assert results["plain"] != results["sentinel"]


@pytest.mark.parametrize(
    "words",
    [
        ["paraphrase", "--method", "edits"],
        ["generate", "--top", 6],
        ["gradient", "--iterations", 2, "--candidates", 4],
        ["search"],
    ],
    ids=lambda words: words[0],
)
def test_searches_keep_the_slot_at_the_end(words, tmp_path):
    """What is proposed otherwise is passed over: the model could not answer there."""
    model = ["--model", saved("t5"), "--seq2seq-form", "plain"]
    task = plain_task(tmp_path)
    run(*words, "-t", task, *model, "--budget", 12, "-o", tmp_path / "run", "-q")
    document = json.loads((tmp_path / "run/prompts.json").read_text())
    assert len(document["prompts"]) > 1
    assert all(row["template"].endswith("[Z]") for row in document["prompts"])


def test_a_manual_prompt_that_goes_on_is_a_line(tmp_path):
    task = reviews_in(tmp_path, 4)
    model = ["--model", saved("t5"), "--seq2seq-form", "plain"]
    result = run("paraphrase", "-t", task, *model, "-o", tmp_path / "run", "-q", status=1)
    assert "goes on after its slot" in result.output
    assert "--seq2seq-form sentinel" in result.output
