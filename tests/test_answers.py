"""Searching the words of labels: against the scorer, words of several tokens, Chinese, mistakes."""

import json
from dataclasses import replace
from functools import cache

import naive
import numpy as np
import pytest
import tiny
from click.testing import CliRunner
from judges import ShorterIsBetter, reviews
from tiny import saved
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from promptsearch import Scorer, Scoring, Settings, load_task, search
from promptsearch.cli import cli
from promptsearch.data import Example
from promptsearch.engine import search_prompts
from promptsearch.models import ModelInfo, Options
from promptsearch.models.loading.build import wrap
from promptsearch.prompt import Template, Verbalizer
from promptsearch.searchers import LikelihoodRatioSearch, PruneSearch
from promptsearch.searchers.answers.common.candidates import candidates

MODELS = ("bert", "roberta", "gpt2", "llama", "t5")


def task_with(kind):
    return replace(reviews(), model=tiny.tiny(kind)[0], prompt=ending(reviews().prompt))


def ending(prompt):
    """The slot at the end: a causal model's words are compared without what follows."""
    return prompt.with_template(Template.parse("{text} It was [Z]"), prompt.source)


def proposals(searcher, task):
    result = search_prompts(searcher, task, ShorterIsBetter())
    return [trial.prompt for trial in result.trials if trial.prompt.source.strategy != "manual"]


@pytest.mark.parametrize("kind", MODELS)
def test_what_pruning_says_of_words_is_what_the_scorer_says(kind):
    task = task_with(kind)
    scorer = Scorer(task.model.fast_model, Scoring("independent"))
    found = proposals(PruneSearch(candidates=8, pairings=30), task)
    assert len(found) > 5
    for prompt, judged in zip(found, scorer.judge(found, task.train), strict=True):
        evidence = prompt.source.evidence
        assert int(judged.hits.sum()) == evidence["train_correct"]
        assert judged.log_right.mean() == pytest.approx(evidence["train_log_likelihood"], abs=1e-4)


@pytest.mark.parametrize("kind", MODELS)
def test_no_pair_of_words_beats_what_pruning_finds_among_all(kind):
    task = task_with(kind)
    texts = [word.text for word in candidates(task, task.model)]
    best = proposals(PruneSearch(candidates=len(texts), pairings=1), task)[0]
    rng = np.random.default_rng(1)
    pairs = [rng.choice(len(texts), 2, replace=False) for _ in range(60)]
    rivals = [
        replace(best, verbalizer=Verbalizer.of({"bad": texts[i], "good": texts[j]}))
        for i, j in pairs
    ]
    judged = Scorer(task.model.fast_model, Scoring("independent")).judge(
        [best, *rivals], task.train
    )
    first, *others = [(int(each.hits.sum()), float(each.log_right.mean())) for each in judged]
    assert all(first >= (correct, value - 1e-4) for correct, value in others)


def test_no_word_stands_for_two_labels_unless_asked():
    task = reviews()
    for searcher in (PruneSearch(candidates=6), LikelihoodRatioSearch(per_label=4)):
        for prompt in proposals(searcher, task):
            bad, good = (set(answers) for _, answers in prompt.verbalizer.pairs)
            assert not bad & good
    shared = LikelihoodRatioSearch(per_label=60, candidates=0, repeat=True)
    assert any(
        set(prompt.verbalizer["bad"]) & set(prompt.verbalizer["good"])
        for prompt in proposals(shared, task)
    )


def test_names_of_training_examples_are_no_answers():
    task = reviews()
    named = [Example("n", {"text": "great"}, ("good",)), *task.train]
    assert "great" in {word.text for word in candidates(task, task.model)}
    assert "great" not in {word.text for word in candidates(replace(task, train=named), task.model)}


def test_words_of_several_tokens_take_turns_with_single_ones():
    task = reviews()
    words = candidates(task, task.model, max_tokens=4)
    longer = {word.text for word in words if len(word.ids) > 1}
    assert longer
    assert all(len(word.ids) <= 4 for word in words)
    assert candidates(task, task.model, max_tokens=4, more=2)[:-2] == candidates(task, task.model)
    found = proposals(PruneSearch(candidates=6, max_tokens=4), task)
    assert any(
        text in longer for p in found for answer in p.verbalizer.answers for _, text in answer
    )


def test_frequent_words_of_the_training_inputs_come_first():
    task = reviews()
    words = [word.text for word in candidates(task, task.model, frequent=3)]
    counts = [sum(e.inputs["text"].split().count(word) for e in task.train) for word in words]
    assert len(words) == 3
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 0


def test_words_near_the_present_answers():
    task = reviews()
    known = Verbalizer.of({"bad": "dull", "good": "great"})
    task = replace(task, prompt=replace(task.prompt, verbalizer=known))
    box = task.model.white_box
    texts = [word.text for word in candidates(task, task.model)]
    rows = box.output_rows(texts)
    (seed,) = box.output_rows(["great"])
    cosine = (rows @ seed) / rows.norm(dim=1) / seed.norm()
    closest = {texts[i] for i in cosine.topk(3).indices}
    found = proposals(PruneSearch(candidates=len(texts), near=3), task)
    assert {text for p in found for ((_, text),) in p.verbalizer["good"]} == closest


def test_a_label_without_training_examples_is_an_error():
    task = reviews()
    from promptsearch.errors import TaskError

    only = [example for example in task.train if example.targets == ("good",)]
    with pytest.raises(TaskError, match="no training example has the label 'bad'"):
        proposals(PruneSearch(), replace(task, train=only))


# Chinese: characters are words, and two of them are an answer of two tokens


@cache
def chinese(characters):
    """A tiny BERT whose vocabulary is these characters."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*special, *dict.fromkeys(characters)]
    pieces = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer()
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {f"{each[1:-1].lower()}_token": each for each in special}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, **names)
    import torch

    torch.manual_seed(1)
    model = tiny.bert(tokenizer, positions=600).eval()
    info = ModelInfo("chinese", "masked", "0" * 64, "float32")
    return wrap(model, tokenizer, info, Options("chinese")), model, tokenizer


@pytest.fixture
def eprstmt(shared, tmp_path):
    (tmp_path / "task.toml").write_text(
        'name = "eprstmt"\nkind = "classification"\nlanguage = "zh"\nlabel = "label"\n'
        'inputs = ["sentence"]\ntemplate = "{sentence}这是[Z]。"\n'
        f'train = "{shared}/data/zh/eprstmt/train_0.json"\n'
        f'dev = "{shared}/data/zh/eprstmt/dev_0.json"\n'
        f'test = "{shared}/data/zh/eprstmt/test_public.json"\n'
        '[answers]\nNegative = "很差"\nPositive = "不错"\n',
        encoding="utf-8",
    )
    return load_task(tmp_path / "task.toml")


def test_eprstmt_end_to_end(eprstmt):
    text = "这是很差不错。" + "".join(e.inputs["sentence"] for e in eprstmt.train.examples)
    model, plain, tokenizer = chinese(text)
    searcher = PruneSearch(candidates=10, pairings=20, max_tokens=2, more=100)
    result = search(searcher, eprstmt, model, Settings(budget=21))
    assert result.best.scores["log_likelihood"] > result.manual.scores["log_likelihood"]
    answers = [t.prompt.verbalizer.answers for t in result.trials]
    assert any(len(text) == 2 for own in answers for answer in own for _, text in answer)
    example = replace(eprstmt.dev.examples[0], inputs={"sentence": "苹果用两年多了"})
    judged = Scorer(model, Scoring()).judge([eprstmt.prompt], [example])[0]
    ids = tokenizer("苹果用两年多了这是[MASK]。").input_ids
    sums = [
        naive.masked(
            plain, ids, [ids.index(4)], [tokenizer.convert_tokens_to_ids(list(a))], 4, True
        )
        for a in ("很差", "不错")
    ]
    wanted = np.array(sums) - np.logaddexp(*sums)
    assert judged.log_probs[0] == pytest.approx(wanted, abs=1e-4)


def test_the_english_model_is_stopped_on_chinese(eprstmt):
    done = CliRunner().invoke(cli, ["check", "--task", str(eprstmt.file), "--model", "builtin"])
    assert done.exit_code == 1
    assert "characters are unknown" in done.output


# The commands

TASK = """name = "reviews"
kind = "classification"
train = "train.csv"
template = "{text} It was [Z]."
label = "label"
[answers]
bad = "terrible"
good = "great"
"""


@pytest.fixture
def folder(tmp_path):
    rows = [
        f"{text},{label}"
        for text, label in [("a great film", "good"), ("a terrible plot", "bad")] * 4
    ]
    (tmp_path / "train.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    (tmp_path / "reviews.toml").write_text(TASK)
    return tmp_path


def run(folder, *words, task="reviews.toml", status=0):
    given = ["answers", *words, "--task", str(folder / task) if "." in task else task, "-q"]
    given += ["-o", str(folder / "run"), "--model", saved("bert"), "--budget", "12"]
    done = CliRunner().invoke(cli, given)
    assert done.exit_code == status, done.output + repr(done.exception)
    return done


@pytest.mark.parametrize("strategy", ["prune", "likelihood-ratio"])
def test_a_search_of_answers_leaves_prompts_with_other_answers(folder, strategy):
    done = run(folder, strategy)
    assert " | " in done.stdout
    document = json.loads((folder / "run" / "prompts.json").read_text())
    assert document["search"]["strategy"] == f"answers-{strategy}"
    assert {row["template"] for row in document["prompts"]} == {"{text} It was [Z]."}
    assert len({str(row["verbalizer"]) for row in document["prompts"]}) > 3
    done = CliRunner().invoke(cli, ["reproduce", str(folder / "run" / "prompts.json"), "-q"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("strategy", ["prune", "likelihood-ratio"])
def test_other_templates_have_their_answers_searched(folder, strategy):
    run(folder, strategy, "--template", "{text} [Z] !")
    document = json.loads((folder / "run" / "prompts.json").read_text())
    parents = {row["id"]: row["source"]["parents"] for row in document["prompts"]}
    for row in document["prompts"]:
        if row["id"] not in ("p0", "p1"):
            assert row["template"] == "{text} [Z] !"
            assert parents[row["id"]] == ["p1"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["prune", "--candidates", "0"], "--candidates 0 is too small; give 1 or more"),
        (["prune", "--near", "-1"], "--near -1 is too small; give 0 or more"),
        (["likelihood-ratio", "--per-label", "0"], "--per-label 0 is too small"),
        (["prune", "--template", "{text} so"], "has no slot"),
        (["prune", "--template", "{x} [Z]"], "uses {x}, but the inputs are text"),
    ],
)
def test_mistakes_are_one_line_before_the_run(folder, words, reason):
    done = run(folder, *words, status=1)
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (folder / "run").exists()


@pytest.mark.parametrize("strategy", ["prune", "likelihood-ratio"])
def test_facts_have_no_label_words(folder, strategy):
    done = run(folder, strategy, task="capitals", status=1)
    assert "the candidates of facts are their own answers" in done.stderr


def test_several_slots_are_another_commands_business(folder):
    two = TASK.replace("[Z].", "[Z1] and [Z2].").replace('"terrible"', '[["bad", "so"]]')
    (folder / "two.toml").write_text(two.replace('"great"', '[["good", "so"]]'))
    done = run(folder, "prune", task="two.toml", status=1)
    assert "answers decompose" in done.stderr
