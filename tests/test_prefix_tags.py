"""`promptsearch prefix --head token`: each word is tagged from its own state."""

import json

import numpy as np
import pytest
import torch
from directional import slopes_along
from test_prefix_scoring import HIDDEN, prefix_of
from test_soft_search import run
from tiny import saved, tiny

from promptsearch import Settings, load_model, load_task
from promptsearch.data import KINDS, Example
from promptsearch.data.tasks.tagged_sentence import text_of
from promptsearch.errors import ModelError
from promptsearch.metrics.entity_f1 import entity_scores
from promptsearch.models import Scoring
from promptsearch.models.training.deep_prompt import first_head
from promptsearch.prompt import Field, Head, Prompt, Template, Verbalizer
from promptsearch.prompt_file import read_prompts
from promptsearch.scoring.tag_scorer import TagScorer

LABELS = ("O", "B-LOC", "I-LOC")
SENTENCES = [
    (("Paris", "is", "the", "capital"), ("B-LOC", "O", "O", "O")),
    (("She", "was", "born", "in", "New York", "."), ("O", "O", "O", "O", "B-LOC", "O")),
    (("South", "Korea"), ("B-LOC", "I-LOC")),
    (("nobody", "likes", "a", "wonderful", "evening"), ("O",) * 5),
]


def examples(sentences=SENTENCES):
    return [
        Example(str(i), {"text": text_of(words)}, ("O",), words, tags)
        for i, (words, tags) in enumerate(sentences)
    ]


def tagger(port, prefix=None):
    random = first_head(HIDDEN, 3, port.info.sha256, "token", 0)
    head = Head.of(random.weight * 50, np.arange(3.0) / 9, port.info.sha256, "token")
    template = Template((Field("text"),), prefix, head)
    return Prompt(template, Verbalizer.of({label: label for label in LABELS}))


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2", "llama"])
def test_each_word_is_read_at_its_own_token(kind):
    """Against the model's own states: a masked model's first piece, a causal model's last."""
    port, model, tokenizer = tiny(kind)
    prompt, seen = tagger(port), examples()
    scorer = TagScorer(port, Scoring())
    tables, cost = scorer._tables(prompt, seen)
    assert cost.forwards == len(seen)
    head = prompt.template.head
    for example, table in zip(seen, tables, strict=True):
        encoded = tokenizer(example.inputs["text"], return_offsets_mapping=True)
        ids, spans = encoded["input_ids"], encoded["offset_mapping"]
        if kind == "gpt2":
            assert ids == port.runtime.tokens.encode([(example.inputs["text"],)])[0]
        with torch.inference_mode():
            states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0]
        logits = states @ torch.tensor(head.weight).T + torch.tensor(head.bias)
        start = 0
        for word, row in zip(example.words, table, strict=True):
            end = start + len(word)
            inside = [i for i, (a, b) in enumerate(spans) if a < end and b > start and a < b]
            read = inside[0] if kind in ("bert", "roberta") else inside[-1]
            np.testing.assert_allclose(row, logits[read].log_softmax(0), atol=1e-4)
            start = end + 1


def test_sentences_with_several_prefixes_are_tagged_together_as_alone():
    port, _, _ = tiny("bert")
    scorer, seen = TagScorer(port, Scoring()), examples()
    prompts = [tagger(port), tagger(port, prefix_of(port)), tagger(port, prefix_of(port, seed=1))]
    together = scorer.judge(prompts, seen)
    for prompt, predictions in zip(prompts, together, strict=True):
        alone = [scorer.judge([prompt], [each])[0] for each in seen]
        found = np.concatenate([each.log_right for each in alone])
        np.testing.assert_allclose(predictions.log_right, found, atol=2e-5)
        assert predictions.tags == tuple(tags for each in alone for tags in each.tags)
    assert len({tuple(each.log_right.round(4)) for each in together}) == 3


def test_counts_are_those_of_the_metric_and_rows_can_be_chosen():
    port, _, _ = tiny("bert")
    scorer, seen = TagScorer(port, Scoring()), examples()
    (predictions,) = scorer.judge([tagger(port)], seen)
    gold = [each.tags for each in seen]
    expected = entity_scores(gold, predictions.tags)
    assert predictions.counts[:, :3].sum(0).tolist() == [
        expected.right, expected.predicted, expected.gold
    ]  # fmt: skip
    part = predictions.on_rows([2, 0])
    assert part.tags == (predictions.tags[2], predictions.tags[0])
    assert part.counts.tolist() == predictions.counts[[2, 0]].tolist()


def test_words_without_room_are_outside():
    from dataclasses import replace

    port, _, _ = tiny("bert")
    info = replace(port.info, max_tokens=8)
    short = replace(port, runtime=replace(port.runtime, info=info))
    words = ("the", "quick", "brown", "fox", *("and", "the", "dull", "actor") * 3)
    long = examples([(words, ("O",) * len(words))])
    scorer, prompt = TagScorer(short, Scoring()), tagger(port)
    (table,), _ = scorer._tables(prompt, long)
    assert table.shape == (len(words), 3)
    assert np.allclose(table[-1], -np.log(3))
    assert not np.allclose(table[0], -np.log(3))
    (predictions,) = scorer.judge([prompt], long)
    assert predictions.tags[0][-1] == "O"


def test_an_encoder_decoder_tags_nothing():
    port, _, _ = tiny("t5")
    with pytest.raises(ModelError, match="use a masked or a causal model"):
        TagScorer(port, Scoring()).judge([tagger(port)], examples())


@pytest.fixture
def task(tmp_path):
    for split in ("train", "dev", "test"):
        blocks = (
            "\n".join(f"{w.replace(' ', '_')} {t}" for w, t in zip(*s, strict=True))
            for s in SENTENCES
        )
        (tmp_path / f"{split}.conll").write_text("\n\n".join(blocks) + "\n")
    names = "".join(f'{split} = "{split}.conll"\n' for split in ("train", "dev", "test"))
    (tmp_path / "task.toml").write_text(f'name = "places"\nkind = "tags"\n{names}')
    return tmp_path / "task.toml"


def prefix(task, folder, *words, kind="bert", status=0):
    options = ["-m", saved(kind), "--steps", 24, "--check-every", 8, "--lr", 0.1, "-o", folder]
    return run("prefix", "--task", task, "--head", "token", *options, *words, status=status)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_tagger_is_trained_scored_and_used(task, tmp_path, kind):
    folder = tmp_path / "run"
    prefix(task, folder, "--objective", "entity-f1", kind=kind)
    file = read_prompts(folder / "prompts.json")
    best = file.prompts[0]
    scores = best.row["scores"]["dev"]
    assert scores["entity_f1"] == 1.0
    assert scores["tag_accuracy"] == 1.0
    manual = file.document["baselines"]["manual"]["scores"]["dev"]
    assert manual["entity_f1"] == 0.0
    assert manual["log_likelihood"] == pytest.approx(-np.log(3), abs=1e-6)
    out = run("evaluate", folder / "prompts.json", "--task", task, "--json").output
    found = json.loads(out[out.index("{") :])["prompts"][0]["scores"]["test"]
    assert found["log_likelihood"] == pytest.approx(scores["log_likelihood"], abs=1e-4)
    assert found["vs_manual"]["delta"] == 1.0
    rows = tmp_path / "rows.jsonl"
    run("evaluate", folder / "prompts.json", "--task", task, "--examples-out", rows)
    assert json.loads(rows.read_text().splitlines()[0])["predicted"] == list(SENTENCES[0][1])
    table = tmp_path / "new.jsonl"
    table.write_text(json.dumps({"tokens": ["Paris", "is", "the", "capital"]}) + "\n")
    run("predict", folder / "prompts.json", "-i", table, "-o", tmp_path / "out.jsonl")
    row = json.loads((tmp_path / "out.jsonl").read_text())
    assert row["predicted_tags"] == list(SENTENCES[0][1])
    words = ["predict", folder / "prompts.json", "-i", tmp_path / "test.conll"]
    run(*words, "-o", tmp_path / "out.tsv")
    assert "B-LOC O O O" in (tmp_path / "out.tsv").read_text()
    assert "head on token" in run("show", folder / "prompts.json").output


def test_a_training_cut_anywhere_resumes_to_the_same_bytes(task, tmp_path):
    prefix(task, tmp_path / "whole")
    for budget in (2, 3, 200):
        prefix(task, tmp_path / "parts", "--budget", budget, *["--resume"] * (budget > 2))
    whole, parts = (
        (tmp_path / name / "soft.safetensors").read_bytes() for name in ("whole", "parts")
    )
    assert whole == parts
    first, again = (read_prompts(tmp_path / n / "prompts.json").prompts for n in ("whole", "parts"))
    assert [each.row["scores"] for each in first] == [each.row["scores"] for each in again]


def test_gradients_are_those_of_the_loss(task, tmp_path):
    from promptsearch.runs.run import task_of
    from promptsearch.searchers import PrefixSearch

    model = load_model(str(saved("bert")))
    seen = task_of(load_task(task, KINDS), model, Settings(), None, print)
    trainer = PrefixSearch(head="token", length=3)._course(seen, model, tmp_path, 0).training
    slope, difference = slopes_along(trainer, range(4))
    assert slope == pytest.approx(difference, rel=0.03, abs=1e-3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--head", "mask"), "give --head token"),
        (("--race",), "--race is for labels and facts"),
        (("--calibration", "pmi"), "--calibration is for labels and facts"),
        (("--objective", "accuracy"), "does not suit a tags task"),
    ],
)
def test_what_does_not_suit_tags_is_one_line(task, tmp_path, words, message):
    said = prefix(task, tmp_path / "run", *words, status=1).output
    assert message in said


def test_a_head_for_words_does_not_suit_labels(tmp_path):
    said = run("prefix", "--task", "kinds", "--head", "token", "-o", tmp_path / "x", status=1)
    assert "--head token tags words" in said.output


def test_it_goes_on_from_a_tagger_and_learns_with_another_task(task, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text(task.read_text().replace('"places"', '"also"'))
    prefix(task, tmp_path / "first", "--multitask", other)
    file = tmp_path / "first" / "prompts.json"
    options = ["-m", saved("bert"), "--steps", 4, "-o", tmp_path / "then"]
    run("prefix", "--task", task, "--from", file, *options)
    best, then = (read_prompts(tmp_path / n / "prompts.json").prompts for n in ("first", "then"))
    assert any(each.prompt.template == best[0].prompt.template for each in then)
    said = prefix(task, tmp_path / "no", "--multitask", "kinds", status=1).output
    assert "kinds is of classification, and 'places' of tags" in said
