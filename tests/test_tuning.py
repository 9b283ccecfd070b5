"""Ranking by fine-tuned copies: the losses, the steps, the stage of a search, the command line."""

import json
import math
import random
import time
from copy import deepcopy
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from test_engine import TASK, LongerIsBetter, Words, prompt
from tiny import KINDS, bert, parts, tiny
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast

from promptsearch.cli import cli
from promptsearch.data import Example, load_task
from promptsearch.engine import Limits, search_prompts
from promptsearch.engine import budget as spending
from promptsearch.engine.budget import ModelCall
from promptsearch.engine.ledger import Ledger
from promptsearch.engine.trial import Result, Trial
from promptsearch.errors import ModelError, RunError, TaskError
from promptsearch.models import ModelInfo, Options, Scoring
from promptsearch.models.finetuning import objective as lessons
from promptsearch.models.finetuning.config import FinetuneConfig
from promptsearch.models.finetuning.objective import FinetuneObjective, with_plain_backend
from promptsearch.models.finetuning.train import check_tunable, tuned
from promptsearch.models.loading.build import wrap
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.prompt_file.schema import SCHEMA
from promptsearch.runs.finetune_setup import tuner_of
from promptsearch.runs.run import Output, search
from promptsearch.runs.settings import Settings
from promptsearch.scoring import Cost, Scorer
from promptsearch.scoring.label_aggregation import LabelAggregation

ANSWERS = {"neg": ["terrible", "bad"], "pos": ["great", "really good"]}
EXAMPLES = [
    Example(str(i), {"text": text}, label)
    for i, (text, label) in enumerate(
        [
            ("great film", "pos"),
            ("The plot is awful", "neg"),
            ("Paris", "pos"),
            ("a dull fox", "neg"),
        ]
    )
]
TEMPLATE = Template.parse("{text} It was [Z].")


def still(kind, **options):
    """A port over a copy of a tiny model that drops nothing out."""
    model, tokenizer = deepcopy(parts(kind))
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name in ("dropout", "dropout_prob"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    info = ModelInfo(spec=kind, family=KINDS[kind][0], sha256="0" * 64, dtype="float32")
    return wrap(model, tokenizer, info, Options(spec=kind, **options)), model, tokenizer


def lesson_of(port, examples=EXAMPLES, answers=ANSWERS, scoring=Scoring(), template=TEMPLATE):
    labelling = LabelAggregation.of(Verbalizer.of(answers), port, "sum", False)
    right = labelling.right(examples)
    texts = [template.fill(example.inputs) for example in examples]

    def loss(rows, log_probs):
        return -labelling.log_right(log_probs, [right[row] for row in rows])

    return FinetuneObjective(texts, Verbalizer.of(answers).answers, scoring, loss)


def log_p(model, place, token, **inputs):
    """log p of a token at a place of one sequence: plain transformers, gradients kept."""
    given = {name: torch.tensor([ids]) for name, ids in inputs.items()}
    return model(**given).logits[0, place].log_softmax(-1)[token]


def masked_answer(model, tokenizer, text, answer):
    """Left to right: each token at its mask, those before it filled in."""
    ids = tokenizer(answer if "[" in tokenizer.mask_token else f" {answer}")["input_ids"][1:-1]
    masks = tokenizer.mask_token * len(ids)
    gap = " " if "[" in tokenizer.mask_token else ""
    line = tokenizer(f"{text} It was{gap}{masks}.")["input_ids"]
    places = [i for i, token in enumerate(line) if token == tokenizer.mask_token_id]
    total = 0.0
    for place, token in zip(places, ids, strict=True):
        total += log_p(model, place, token, input_ids=line)
        line[place] = token
    return total


def causal_answer(model, tokenizer, text, answer):
    """The answer and the full stop after it."""
    before = tokenizer(f"{text} It was")["input_ids"]
    line = tokenizer(f"{text} It was {answer}.")["input_ids"]
    end = {tokenizer.eos_token_id}
    before, line = ([i for n, i in enumerate(x) if n == 0 or i not in end] for x in (before, line))
    assert line[: len(before)] == before
    return sum(log_p(model, i - 1, line[i], input_ids=line) for i in range(len(before), len(line)))


def seq2seq_answer(model, tokenizer, text, answer):
    """The answer after the first sentinel."""
    source = tokenizer(f"{text} It was <extra_id_0>.")["input_ids"]
    ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
    target = [0, tokenizer.convert_tokens_to_ids("<extra_id_0>"), *ids]
    return sum(
        log_p(model, 1 + i, token, input_ids=source, decoder_input_ids=target)
        for i, token in enumerate(ids)
    )


ANSWER = {"masked": masked_answer, "causal": causal_answer, "seq2seq": seq2seq_answer}


def naive_loss(kind, model, tokenizer):
    """The mean cross-entropy over the labels: one sequence at a time, no code of the package."""
    answer_of = ANSWER[KINDS[kind][0]]
    total = 0.0
    for example in EXAMPLES:
        scores = [
            torch.stack([answer_of(model, tokenizer, example.inputs["text"], a) for a in own])
            for own in ANSWERS.values()
        ]
        labels = torch.stack([own.logsumexp(0) for own in scores]).log_softmax(0)
        total -= labels[list(ANSWERS).index(example.target)]
    return total / len(EXAMPLES)


def gradients(model, loss):
    model.requires_grad_(True).zero_grad()
    loss().backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def near(ours, theirs):
    return ours.keys() == theirs.keys() and all(
        torch.allclose(ours[name], theirs[name], rtol=1e-3, atol=1e-5) for name in theirs
    )


@pytest.mark.parametrize("kind", ["bert", "gpt2", "llama", "t5"])
def test_loss_and_gradients_equal_plain_pytorch(kind):
    port, model, tokenizer = still(kind)
    lesson, learner = lesson_of(port), with_plain_backend(port)
    losses = lesson.losses(learner, [3, 1, 0, 2])
    assert losses.mean().item() == pytest.approx(
        naive_loss(kind, model, tokenizer).item(), abs=1e-4
    )
    ours = gradients(model, lambda: lesson.losses(learner, range(4)).mean())
    assert near(ours, gradients(model, lambda: naive_loss(kind, model, tokenizer)))


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_training_steps_equal_adamw_by_hand(kind):
    """Two steps of all four texts: the second at half the rate, gradients clipped to length 1."""
    port, model, tokenizer = still(kind)
    copy = deepcopy(model).requires_grad_(True)
    optimizer = torch.optim.AdamW(copy.parameters(), lr=0.01, weight_decay=0.0)
    seen = {}
    for rate in (0.01, 0.005):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        naive_loss(kind, copy, tokenizer).backward()
        torch.nn.utils.clip_grad_norm_(copy.parameters(), 1.0)
        seen = seen or {n: p.grad.clone() for n, p in copy.named_parameters() if p.grad is not None}
        optimizer.step()
    made = tuned(port, lesson_of(port), FinetuneConfig(steps=2, batch=4, lr=0.01))
    ours, theirs = (dict(m.named_parameters()) for m in (made.runtime.model, copy))
    for name, gradient in seen.items():
        clear = gradient.abs() > 1e-3  # AdamW divides by the size: noise is not told from zero
        assert torch.allclose(ours[name][clear], theirs[name][clear], atol=2e-4), name
    assert any(not torch.equal(p, ours[n]) for n, p in model.named_parameters())


def test_a_text_with_several_right_labels_and_a_merged_one_by_hand():
    """p = 0.5, 0.25, 0.25: right are the first two, then the third, which reads like the first."""
    labelling = LabelAggregation(("a", "b", "c"), ((0,), (1,), (2,)), (0, 1, 2), "sum")
    log_probs = torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]).log()
    found = labelling.log_right(log_probs, [[0, 1], [2]])
    assert found.exp().tolist() == pytest.approx([0.75, 0.25])
    merged = replace(labelling, canonical_label=(0, 1, 0)).log_right(log_probs, [[0], [1]])
    assert merged.exp().tolist() == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_several_batches_give_the_gradients_of_one_dropout_included(kind, monkeypatch):
    several_batches_learn_with_one_dropout(kind, "cpu", monkeypatch)


def several_batches_learn_with_one_dropout(kind, device, monkeypatch):
    model, tokenizer = deepcopy(parts(kind))
    info = ModelInfo(spec=kind, family=KINDS[kind][0], sha256="0" * 64, dtype="float32")
    port = wrap(model.to(device), tokenizer, info, Options(spec=kind, batch_tokens=24))
    lesson, learner = lesson_of(port), with_plain_backend(port)
    assert len(lesson.plan(port).blocks[0].batches) > 1

    def passed():
        torch.manual_seed(0)
        return lesson.losses(learner, range(4)).mean()

    model.train()
    ours = gradients(model, passed)
    monkeypatch.setattr(lessons, "checkpoint", lambda function, *given, **_: function(*given))
    assert near(ours, gradients(model, passed))
    assert passed().item() != lesson.losses(learner, range(4)).mean().item()  # another dropout


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_and_the_callers_random_numbers_stay(kind):
    port, model, _ = tiny(kind)
    before = deepcopy(model.state_dict())
    states = random.getstate(), torch.get_rng_state(), np.random.get_state()[1].copy()
    made = tuned(port, lesson_of(port), FinetuneConfig(steps=2, batch=2, lr=0.01))
    assert all(torch.equal(weights, before[name]) for name, weights in model.state_dict().items())
    assert not model.training
    assert not any(weights.requires_grad for weights in model.parameters())
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])
    assert (np.random.get_state()[1] == states[2]).all()
    assert made.info == port.info
    assert not made.runtime.model.training


def scores_of(port, model=None):
    scorer = Scorer(model or port, Scoring())
    found = scorer.judge([Prompt(TEMPLATE, Verbalizer.of(ANSWERS))], EXAMPLES)[0]
    return found.log_right.tolist()


def test_the_same_seed_gives_the_same_scores_and_dropout_is_on():
    port, _, _ = tiny("bert")
    tunings = [
        tuned(port, lesson_of(port), FinetuneConfig(steps=3, batch=2, lr=0.01), s)
        for s in (1, 1, 2)
    ]
    first, again, other = (scores_of(port, model) for model in tunings)
    assert first == again
    assert first != other
    one = FinetuneConfig(
        steps=1, batch=4, lr=0.01
    )  # all texts: a seed decides nothing but the dropout
    assert scores_of(port, tuned(port, lesson_of(port), one, 1)) != scores_of(
        port, tuned(port, lesson_of(port), one, 2)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_learns_its_lesson(kind):
    port, _, _ = still(kind)
    made = tuned(port, lesson_of(port), FinetuneConfig(steps=40, batch=4, lr=0.01))
    assert np.mean(scores_of(port, made)) > np.mean(scores_of(port)) + 0.1
    assert np.mean(scores_of(port, made)) > -0.3


def test_weights_that_are_no_numbers_give_none():
    port, _, _ = tiny("gpt2")
    lost = replace(lesson_of(port), loss=lambda _, log_probs: log_probs[:, 0] * torch.inf)
    assert tuned(port, lost, FinetuneConfig(steps=2, batch=4)) is None


def test_memory_that_ends_is_said():
    def full(rows, log_probs):
        raise torch.OutOfMemoryError

    port, _, _ = tiny("bert")
    with pytest.raises(ModelError, match="does not fit into the device's memory; use a smaller"):
        tuned(port, replace(lesson_of(port), loss=full), FinetuneConfig(steps=1))


def test_a_bfloat16_model_is_tuned_in_float32():
    model, tokenizer = deepcopy(parts("bert"))
    info = ModelInfo(spec="bert", family="masked", sha256="0" * 64, dtype="bfloat16")
    port = wrap(model.to(torch.bfloat16), tokenizer, info, Options(dtype="bfloat16"))
    made = tuned(port, lesson_of(port), FinetuneConfig(steps=2, batch=4))
    assert (made.info.dtype, made.runtime.model.dtype) == ("float32", torch.float32)
    assert port.runtime.model.dtype == torch.bfloat16


def test_nothing_is_printed_or_written(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    port, _, _ = tiny("bert")
    capfd.readouterr()
    tuned(port, lesson_of(port), FinetuneConfig(steps=2, batch=2))
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("steps", "batch", "texts"), [(1, 8, 4), (3, 2, 6), (5, 3, 11), (2, 3, 4)])
def test_texts_are_counted_as_the_trainer_draws_them(steps, batch, texts, monkeypatch):
    """Of four texts, by three: 3, 1, 3, 1, 3."""
    rows = []
    losses = FinetuneObjective.losses

    def counted(self, learner, own):
        rows.extend(own)
        return losses(self, learner, own)

    monkeypatch.setattr(FinetuneObjective, "losses", counted)
    port, _, _ = tiny("bert")
    tuning = FinetuneConfig(steps=steps, batch=batch)
    tuned(port, lesson_of(port), tuning)
    assert len(rows) == tuning.texts(4) == texts


# The stage of a search.


@dataclass
class ShorterIsLearned:
    """A tuner without a model: what it gives is the reverse of `LongerIsBetter`."""

    config: FinetuneConfig = FinetuneConfig(top=3, steps=5)
    dies_after: int = 99
    fails: str = "none"
    done: list = field(default_factory=list)
    lines: list = field(default_factory=list)

    def call(self, prompt):
        return ModelCall(Cost(3000), lambda: self._scores(prompt))

    def _scores(self, prompt):
        if len(self.done) >= self.dies_after:
            raise KeyboardInterrupt
        self.done.append(prompt)
        text = str(prompt.template)
        if text == self.fails:
            return None
        return {"log_likelihood": -float(len(text)), "accuracy": 0.75, "n": 1000}

    def summary(self, prompt, finalists):
        return f"{finalists} finalists"

    def log(self, line):
        self.lines.append(line)


WORDS = Words(tuple("a" * n for n in range(1, 13)))
LONGEST = ["a" * 12, "start", "a" * 11]  # the best, the manual prompt, the next best


def staged(tuner, judge=None, **options):
    return search_prompts(WORDS, TASK, judge or LongerIsBetter(), tuner=tuner, **options)


def texts(trials):
    return [str(trial.prompt.template).removesuffix(" [Z]") for trial in trials]


def test_the_best_follows_the_tuned_scores_and_both_are_kept():
    frozen, result = search_prompts(WORDS, TASK, LongerIsBetter()), staged(ShorterIsLearned())
    assert texts([frozen.best]) == ["a" * 12]
    assert texts([result.best]) == ["start"]
    assert texts(result.ranked)[:4] == ["start", "a" * 11, "a" * 12, "a" * 10]
    assert texts(result.ranked)[3:] == [t for t in texts(frozen.ranked) if t not in LONGEST]
    assert result.best.tuned["log_likelihood"] == -9.0
    assert result.best.scores == frozen.manual.scores
    assert (result.tuned.finalists, result.tuned.done) == (3, 3)
    assert result.stopped_because == "finished"


def test_equal_tuned_scores_keep_likelihood_then_the_frozen_order():
    rows = [("p", -3.0, 0.5, -0.7), ("q", -2.0, 0.5, -0.6), ("r", -1.0, 0.5, -0.7)]
    trials = tuple(
        Trial(
            name,
            prompt(name),
            {"log_likelihood": frozen},
            tuned={"accuracy": a, "log_likelihood": ll},
        )
        for name, frozen, a, ll in rows
    )
    plain = Trial("best", prompt("x"), {"accuracy": 0.9, "log_likelihood": -0.1})
    ranked = Result((plain, *trials), "accuracy").ranked
    assert [trial.id for trial in ranked] == ["q", "r", "p", "best"]


def test_the_manual_prompt_is_tuned_where_it_is_no_finalist():
    tuner = ShorterIsLearned(FinetuneConfig(top=2))
    assert sorted(texts(staged(tuner).ranked[:2])) == ["aaaaaaaaaaaa", "start"]


def test_the_cost_is_said_first_then_each_result_with_the_time_left():
    tuner = ShorterIsLearned()
    staged(tuner)
    assert tuner.lines[0] == "3 finalists"
    assert (
        tuner.lines[1] == "tuned p12: log_likelihood -16.000 (frozen -0.062) · 1/3 · 0:00:00 left"
    )
    assert tuner.lines[3].endswith("· 3/3")


def test_tuning_is_paid_and_a_limit_ends_it():
    result = staged(ShorterIsLearned(), limits=Limits(forwards=22_000))
    assert result.spent.forwards == 22_000  # 13 prompts of 1000, three finalists of 3000
    assert result.stopped_because == "finished"


def test_the_search_leaves_room_for_the_finalists(tmp_path):
    """13,000 for the search, of which 9,000 stay back."""
    limits, path = Limits(forwards=13_000), tmp_path / "trials.jsonl"
    with Ledger({}, path) as ledger:
        result = staged(ShorterIsLearned(), limits=limits, ledger=ledger)
    assert (result.spent.prompts, result.spent.forwards) == (4, 13_000)
    assert (result.tuned.done, result.stopped_because) == (3, "max-forwards")
    judge, tuner = LongerIsBetter(), ShorterIsLearned()
    with Ledger({}, path) as ledger:
        again = staged(tuner, judge, limits=limits, ledger=ledger)
    assert (again.ranked, again.spent.forwards) == (result.ranked, 13_000)
    assert not judge.scored
    assert not tuner.done


def test_limits_without_room_are_an_error():
    with pytest.raises(RunError, match=r"`max_forwards` 9000 leaves nothing to search .* 9,000;"):
        staged(ShorterIsLearned(), limits=Limits(forwards=9000))


def test_time_that_is_over_ends_the_tuning(monkeypatch):
    """Each finalist takes an hour; after two of them the hour and a half is over."""
    tuner, real = ShorterIsLearned(), time.monotonic
    monkeypatch.setattr(spending.time, "monotonic", lambda: real() + 3600 * len(tuner.done))
    result = staged(tuner, limits=Limits(seconds=5400))
    assert result.stopped_because == "time"
    assert result.tuned.done == 2
    assert texts(result.ranked)[:3] == ["start", "a" * 12, "a" * 11]


@pytest.mark.parametrize("dies_after", [0, 1, 2])
def test_an_interrupted_tuning_loses_one_finalist_and_resumes(tmp_path, dies_after):
    path = tmp_path / "trials.jsonl"
    whole = staged(ShorterIsLearned())
    with Ledger({}, path) as ledger:
        part = staged(ShorterIsLearned(dies_after=dies_after), ledger=ledger)
    assert part.stopped_because == "interrupted"
    assert part.tuned.done == dies_after
    assert sum(trial.tuned is not None for trial in part.ranked) == dies_after
    judge, tuner = LongerIsBetter(), ShorterIsLearned()
    with Ledger({}, path) as ledger:
        again = staged(tuner, judge, ledger=ledger)
    assert not judge.scored
    assert len(tuner.done) == 3 - dies_after
    assert again.ranked == whole.ranked
    assert again.spent.forwards == whole.spent.forwards


def test_an_interrupted_search_is_not_tuned():
    tuner = ShorterIsLearned()
    search_prompts(replace(WORDS, dies_after=1), TASK, LongerIsBetter(), tuner=tuner)
    assert not tuner.done


def test_more_finalists_may_be_tuned_later(tmp_path):
    path = tmp_path / "trials.jsonl"
    with Ledger({}, path) as ledger:
        staged(ShorterIsLearned(), ledger=ledger)
    tuner = ShorterIsLearned(FinetuneConfig(top=5, steps=5))
    with Ledger({}, path) as ledger:
        assert staged(tuner, ledger=ledger).tuned.done == 5
    assert len(tuner.done) == 2


def test_a_finalist_whose_tuning_came_to_nothing_stands_after_the_others():
    tuner = ShorterIsLearned(fails="start [Z]")
    result = staged(tuner)
    assert texts(result.ranked)[:3] == ["a" * 11, "a" * 12, "a" * 10]
    assert result.manual.tuned is None
    assert any("to no numbers: a lower `finetune_lr`" in line for line in tuner.lines)


def test_where_a_faster_judge_ranks_all_finalists_have_exact_scores():
    words = Words(tuple("a" * n for n in range(1, 61)), together=30)
    result = search_prompts(
        words,
        TASK,
        LongerIsBetter(),
        fast=LongerIsBetter,
        tuner=ShorterIsLearned(FinetuneConfig(top=40)),
    )
    assert result.tuned.done == 40
    assert all(trial.exact for trial in result.trials if trial.tuned is not None)


# With a model.


@dataclass(frozen=True)
class Given:
    """Proposes these templates."""

    templates: tuple[str, ...] = ("{text} [Z]", "The {text} was [Z] .")

    def search(self, task, score):
        score([replace(task.prompt, template=Template.parse(text)) for text in self.templates])


TOML = """
name = "toy"
kind = "classification"
train = "train.tsv"
dev = "dev.tsv"
test = "dev.tsv"
label = "label"
template = "{text} It was [Z]."
[answers]
neg = ["terrible", "bad"]
pos = ["great", "really good"]
"""


@pytest.fixture
def task(tmp_path):
    rows = [f"{e.inputs['text']}\t{e.target}\n" for e in EXAMPLES]
    for name, times in (("train", 1), ("dev", 20)):
        (tmp_path / f"{name}.tsv").write_text("text\tlabel\n" + "".join(rows * times))
    (tmp_path / "task.toml").write_text(TOML)
    return tmp_path / "task.toml"


def planted():
    """A model that tells no answers apart: the same in every process, unlike trained tokenizers."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    known = [*special, "bad", "good", "York", "was", "film", "plot", "Paris", "fox"]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(known)}, "[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    names = zip(("pad", "unk", "cls", "sep", "mask"), special, strict=True)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{f"{name}_token": token for name, token in names}
    )
    torch.manual_seed(0)
    model = bert(fast)
    with torch.no_grad():
        model.get_output_embeddings().weight[[known.index("bad"), known.index("good")]] = 0.0
    info = ModelInfo(spec="planted", family="masked", sha256="0" * 64, dtype="float32")
    return wrap(model, fast, info)


TUNED = Settings(rank_by="finetune", finetune_top=3, finetune_steps=30, finetune_lr=0.01)


@pytest.mark.parametrize("race", [False, True])
def test_a_template_that_can_be_learned_beats_the_best_frozen_one(task, race):
    """Planted: frozen, all are equal and the manual one stays; its field is the same everywhere."""
    for name in ("train", "dev"):
        rows = (task.parent / f"{name}.tsv").read_text().splitlines()
        table = [f"{'place' if i == 0 else 'York'}\t{row}\n" for i, row in enumerate(rows)]
        (task.parent / f"{name}.tsv").write_text("".join(table))
    text = TOML.replace("{text} It was [Z].", "{place} [Z]").split("[answers]")[0]
    task.write_text(f'{text}[answers]\nneg = "bad"\npos = "good"\n')
    port, definition = planted(), load_task(task)
    searcher = Given(("{place} was [Z]", "{text} [Z]"))
    frozen = search(searcher, definition, port, replace(Settings(), race=race))
    assert str(frozen.best.prompt.template) == "{place} [Z]"
    out = Output(task.parent / "run", command="test")
    result = search(searcher, definition, port, replace(TUNED, race=race), out)
    assert str(result.best.prompt.template) == "{text} [Z]"
    assert result.best.tuned["log_likelihood"] > -math.log(2)  # the best there is without the text
    document = json.loads((task.parent / "run" / "prompts.json").read_text())
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    best = document["prompts"][0]
    assert best["template"] == str(result.best.prompt.template)
    assert best["finetuned"]["dev"]["selected"] is True
    assert best["finetuned"]["dev"]["log_likelihood"] == result.best.tuned["log_likelihood"]
    assert best["scores"]["dev"]["log_likelihood"] == result.best.scores["log_likelihood"]
    assert document["search"]["rank_by"] == "finetune"
    assert document["search"]["finetune"] == {
        **{"top": 3, "steps": 30, "batch": 8, "lr": 0.01},
        **{"finalists": len(result.ranked), "done": len(result.ranked)},
    }


def test_a_frozen_search_says_nothing_of_tuning(task):
    search(Given(), load_task(task), tiny("bert")[0], output=Output(task.parent / "run"))
    text = (task.parent / "run" / "prompts.json").read_text()
    assert "finetune" not in text
    assert "rank_by" not in text


def test_a_run_resumes_with_its_own_tuning_only(task):
    def run(settings, resume):
        out = Output(task.parent / "run", resume=resume)
        return search(Given(), load_task(task), tiny("bert")[0], settings, out)

    first = run(TUNED, False)
    lines = (task.parent / "run" / "trials.jsonl").read_text()
    again = run(TUNED, True)
    assert [t.id for t in again.ranked] == [t.id for t in first.ranked]
    assert (task.parent / "run" / "trials.jsonl").read_text() == lines
    with pytest.raises(RunError, match="made with another finetune"):
        run(replace(TUNED, finetune_lr=0.02), True)


def test_a_chore_is_paid_three_times_and_dev_once(task):
    """Four texts of six sequences (1, 2 tokens left to right: 1 + 2, twice), 80 dev examples."""
    definition = load_task(task)
    scorer = Scorer(tiny("bert")[0], Scoring())
    tuner = tuner_of(replace(TUNED, finetune_steps=2), scorer, definition, print)
    each = scorer.cost([definition.prompt], definition.train.examples).forwards
    dev = scorer.cost([definition.prompt], definition.dev.examples).forwards
    assert tuner.call(definition.prompt).cost.forwards == 3 * 2 * each + dev
    said = tuner.summary(definition.prompt, 3)
    weights = sum(p.numel() for p in scorer.model.runtime.model.parameters())
    assert f"3 finalists x 2 steps x 4 texts · {3 * 2 * each} sequences" in said
    assert f"{16 * weights / 2**20:,.0f} MB" in said


def test_facts_are_tuned_on_those_with_a_candidate(tmp_path):
    for name in ("train", "dev"):
        rows = [("film", "Paris"), ("plot", "York"), ("plot", "Paris"), ("actor", "Rome")]
        lines = [json.dumps({"sub_label": s, "obj_label": o}) + "\n" for s, o in rows]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    (tmp_path / "objects.txt").write_text("Paris\nYork\nparis\n")
    (tmp_path / "task.toml").write_text(
        'name = "f"\nkind = "facts"\ntrain = "train.jsonl"\ndev = "dev.jsonl"\n'
        'subject = "sub_label"\nobject = "obj_label"\ncandidates = "objects.txt"\n'
        'template = "The {subject} of [Z] ."\n'
    )
    definition = load_task(tmp_path / "task.toml")
    result = search(Given(("In [Z] , {subject}",)), definition, tiny("bert")[0], TUNED)
    assert result.best.tuned["log_likelihood"] > result.best.scores["log_likelihood"]
    assert result.best.tuned["coverage"] == pytest.approx(2 / 3)
    uncovered = [e for e in definition.train.examples if e.targets == ("Rome",)]
    bare = replace(definition, train=replace(definition.train, examples=uncovered))
    with pytest.raises(TaskError, match="no training example has a right answer to learn from"):
        search(Given(()), bare, tiny("bert")[0], TUNED)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"finetune_top": 1}, "`finetune_top` 1 is too small; use 2 or more"),
        ({"finetune_steps": 0}, "`finetune_steps` 0 is too small; use 1 or more"),
        ({"finetune_batch": 0}, "`finetune_batch` 0 is too small"),
        ({"finetune_lr": 0.0}, r"`finetune_lr` 0 is no learning rate; use one in \(0, 1\]"),
        ({"finetune_lr": float("nan")}, "`finetune_lr` nan is no learning rate"),
        ({"rank_by": "frozen", "finetune_steps": 9}, "`finetune_steps` 9 needs `rank_by` finetune"),
        ({"rank_by": "best"}, "there is no ranking by 'best'; use frozen or finetune"),
    ],
)
def test_settings_that_cannot_be_are_errors(options, message):
    with pytest.raises(RunError, match=message):
        Settings(**{"rank_by": "finetune", **options})


def test_models_that_cannot_be_tuned_are_errors():
    @dataclass
    class Foreign:
        options: Options = Options()

    with pytest.raises(ModelError, match="a Foreign cannot be tuned"):
        check_tunable(Foreign())
    spread = tiny("bert", device_map="auto")[0]
    with pytest.raises(ModelError, match="not on those of `device_map` auto; leave it out"):
        check_tunable(spread)


# The command line.


def command(*words, status=0):
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done


def test_the_command_line_end_to_end(task):
    run = task.parent / "run"
    (task.parent / "corpus.txt").write_text("The plot was great .\nThe plot was bad .\n" * 20)
    words = ["mine", "--task", task, "--corpus", task.parent / "corpus.txt", "-o", run]
    tuning = ["--rank-by", "finetune", "--finetune-steps", 3, "--finetune-top", 2]
    done = command(*words, *tuning)
    assert "tuning: 2 finalists x 3 steps x 4 texts · " in done.stderr
    assert "2 of 2 finalists ranked by copies of the model" in done.stdout
    assert "tuned log_likelihood  log_likelihood  accuracy" in done.stdout
    shown = command("show", run / "prompts.json").stdout
    assert "tuned log_likelihood  log_likelihood  accuracy" in shown
    document = json.loads((run / "prompts.json").read_text())
    assert [("finetuned" in row) for row in document["prompts"][:3]] == [True, True, False]
    assert "finetuned" in document["baselines"]["manual"]
    assert "of the frozen model" in command("evaluate", run / "prompts.json").stdout
    document["prompts"][0]["finetuned"]["dev"]["log_likelihood"] -= 0.5
    (run / "prompts.json").write_text(json.dumps(document))
    again = command("reproduce", run / "prompts.json", "--task", task, status=1).stdout
    assert "tuned log_likelihood of" in again
    assert "1 differences" in again


def test_a_missing_package_is_said_before_anything_is_mined(tmp_path, monkeypatch):
    monkeypatch.setattr("promptsearch.models.finetuning.config.find_spec", lambda name: None)
    run = tmp_path / "run"
    done = command("mine", "-t", "capitals", "-o", run, "--rank-by", "finetune", status=1)
    (line,) = done.stderr.splitlines()
    assert line.endswith("needs a package: pip install 'accelerate>=1.6'")
    assert not run.exists()
    with pytest.raises(ModelError, match="needs a package"):
        search(Given(), load_task("kinds"), tiny("bert")[0], TUNED)


def test_a_package_that_is_too_old_is_said(monkeypatch):
    monkeypatch.setattr("promptsearch.models.finetuning.config.version", lambda name: "1.5.2")
    with pytest.raises(ModelError, match=r"than 1\.5\.2: pip install 'accelerate>="):
        search(Given(), load_task("kinds"), tiny("bert")[0], TUNED)


@pytest.mark.parametrize(
    ("option", "value"),
    [("top", "1"), ("steps", "0"), ("batch", "0"), ("lr", "0"), ("lr", "1.5")],
)
def test_options_out_of_bounds_are_usage_errors(option, value):
    words = ["--rank-by", "finetune", f"--finetune-{option}", value]
    done = command("mine", "-t", "kinds", *words, status=2)
    assert f"Invalid value for '--finetune-{option}'" in done.stderr
