"""Templates chosen by a language model: forms, ballots, and the search from end to end."""

import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from naive import causal
from tiny import parts, saved, tiny

from promptsearch import LMScoreSearch, Output, Settings, load_task, read_prompts, search
from promptsearch.cli import cli
from promptsearch.errors import ModelError, PromptError, RunError
from promptsearch.models import ModelInfo
from promptsearch.models.loading.build import wrap
from promptsearch.searchers.lm_score.grammatical_forms import combined, forms_of
from promptsearch.searchers.lm_score.ranking import TemplateRanking

CAPITALS = {"France": "Paris", "Norway": "Oslo", "Chile": "Santiago", "Peru": "Lima"}
PLANTED = "[Z] is the capital of {subject} ."
TEMPLATES = ("{subject} is the capital of [Z] .", "the of {subject} is capital [Z] .", PLANTED)


@pytest.fixture
def task(tmp_path):
    rows = [json.dumps({"subject": s, "object": o}) + "\n" for s, o in CAPITALS.items()]
    for split in ("train", "dev"):
        (tmp_path / f"{split}.jsonl").write_text("".join(rows))
    (tmp_path / "task.toml").write_text(
        'name = "towns"\nkind = "facts"\ntrain = "train.jsonl"\ndev = "dev.jsonl"\n'
        'subject = "subject"\nobject = "object"\ntemplate = "{subject} has [Z] ."\n'
    )
    return load_task(str(tmp_path / "task.toml"))


def searched(task, kind="gpt2", tmp_path=None, settings=None, **options):
    options = {"template": TEMPLATES, "variants": False} | options
    output = Output(tmp_path / "run") if tmp_path else Output()
    port = kind if not isinstance(kind, str) else tiny(kind)[0]
    return search(LMScoreSearch(**options), task, port, settings or Settings(), output)


def evidence(result):
    """LM scores by template."""
    found = {str(t.prompt.template): t.prompt.source.evidence for t in result.trials}
    return {name: own["lm_score"] for name, own in found.items() if own}


def taught(sentences):
    """A tiny GPT-2 that has read the sentences often."""
    model, tokenizer = parts("gpt2")
    model = deepcopy(model).requires_grad_(True)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    texts = [tokenizer(text, return_tensors="pt")["input_ids"] for text in sentences]
    for _ in range(30):
        for ids in texts:
            optimiser.zero_grad()
            model(ids, labels=ids).loss.backward()
            optimiser.step()
    return wrap(model.eval(), tokenizer, ModelInfo("taught", "causal", "1" * 64, "float32"))


@pytest.mark.parametrize(
    ("phrase", "forms"),
    [
        ("bird", ("bird", "a bird", "the bird", "birds")),
        ("hour", ("hour", "an hour", "the hour", "hours")),
        ("play football", ("play football", "a play football", "the play football",
                           "play footballs", "playing football")),
        ("walk", ("walk", "a walk", "the walk", "walks", "walking")),
        ("beautiful", ("beautiful",)),
        ("towns", ("towns",)),
        ("Netherlands", ("Netherlands", "the Netherlands")),
        ("John F. Kennedy", ("John F. Kennedy", "the John F. Kennedy")),
        ("Democratic Republic of the Congo",
         ("Democratic Republic of the Congo", "the Democratic Republic of the Congo")),
        ("The Beatles", ("The Beatles",)),
        ("Écosse", ("Écosse", "the Écosse")),
        ("It was a great film.", ("It was a great film.",)),
        ("Nobody knew", ("Nobody knew",)),
        ("1984", ("1984",)),
        ("", ("",)),
    ],
)  # fmt: skip
def test_forms(phrase, forms):
    assert forms_of(phrase) == forms


def test_two_places_take_all_their_forms_more_take_them_in_turn():
    two = combined({"a": ("x", "y"), "b": ("1", "2", "3")})
    assert [tuple(each.values()) for each in two] == [
        ("x", "1"), ("x", "2"), ("x", "3"), ("y", "1"), ("y", "2"), ("y", "3"),
    ]  # fmt: skip
    three = combined({"a": ("x", "y"), "b": ("1", "2"), "c": ("p",)})
    assert [tuple(each.values()) for each in three] == [
        ("x", "1", "p"), ("y", "1", "p"), ("x", "2", "p"),
    ]  # fmt: skip


def test_ballots_by_hand():
    ballot = TemplateRanking(np.array([[-1.0, -9.0, -9.0], [-2.0, -2.0, -2.0], [-3.0, -1.0, -1.5]]))
    assert ballot.order("relation") == [2, 1, 0]
    assert ballot.order("example") == [2, 0, 1]
    assert ballot.evidence(2) == {"lm_score": pytest.approx(-5.5 / 3), "votes": 2, "share": 2 / 3}
    tied = TemplateRanking(np.array([[-1.0, -2.0], [-1.0, -2.0]]))
    assert tied.order("relation") == tied.order("example") == [0, 1]


def test_scores_are_the_formula_in_float64(task):
    _, model, tokenizer = tiny("gpt2")
    slow, found = deepcopy(model).double(), evidence(searched(task))
    assert set(found) == set(TEMPLATES)
    for notation in TEMPLATES:
        scores = []
        for subject, town in CAPITALS.items():
            text = ". " + notation.replace("{subject}", subject).replace("[Z]", town)
            ids = tokenizer(text)["input_ids"]
            scores.append(causal(slow, ids, 1) / len(ids) ** 0.2)
        assert found[notation] == pytest.approx(sum(scores) / len(scores), abs=1e-4)


def test_the_best_form_counts(task):
    _, model, tokenizer = tiny("gpt2")
    slow, template = deepcopy(model).double(), "[Z] {subject}"
    found = evidence(searched(task, template=(template,), variants=True, prefix="It", exponent=0.5))
    scores = []
    for subject, town in CAPITALS.items():
        texts = [f"It{a}{town} {b}{subject}" for a in ("", "the ") for b in ("", "the ")]
        lines = [tokenizer(text)["input_ids"] for text in texts]
        scores.append(max(causal(slow, ids, 1) / len(ids) ** 0.5 for ids in lines))
    assert found[template] == pytest.approx(sum(scores) / len(scores), abs=1e-4)


def test_finds_the_planted_template(task):
    lm = taught(
        [f". {PLANTED}".replace("{subject}", s).replace("[Z]", o) for s, o in CAPITALS.items()]
    )
    for choose in ("relation", "example"):
        result = searched(task, lm, choose=choose, top=1)
        (trial,) = result.trials[1:]
        assert str(trial.prompt.template) == PLANTED
        assert trial.prompt.source.evidence["votes"] == len(CAPITALS)


def test_only_the_top_is_scored_on_dev_in_the_models_order(task):
    """The manual template is in the top too; it costs nothing there, and stays manual."""
    every = evidence(searched(task, top=9))
    assert list(every.values()) == sorted(every.values(), reverse=True)
    assert len(every) == len(TEMPLATES)
    some = evidence(searched(task, top=3))
    assert list(some) in (list(every)[:2], list(every)[:3])
    assert all(some[template] == every[template] for template in some)


def test_any_answer_means_that_no_label_counts(task):
    swapped = [replace(e, target=("Lima",)) for e in task.train.examples]
    other = replace(task, train=replace(task.train, examples=swapped))
    blind = [evidence(searched(each, slot="any")) for each in (task, other)]
    assert blind[0] == blind[1]
    seen = [evidence(searched(each)) for each in (task, other)]
    assert seen[0] != seen[1]


def test_any_answer_is_the_mean_over_the_answers(task):
    """With four candidates all of them are tried."""
    _, model, tokenizer = tiny("gpt2")
    slow, found = deepcopy(model).double(), evidence(searched(task, slot="any"))
    texts = [
        ". " + PLANTED.replace("{subject}", subject).replace("[Z]", town)
        for subject in CAPITALS
        for town in CAPITALS.values()
    ]
    lines = [tokenizer(text)["input_ids"] for text in texts]
    scores = [causal(slow, ids, 1) / len(ids) ** 0.2 for ids in lines]
    assert found[PLANTED] == pytest.approx(sum(scores) / len(scores), abs=1e-4)


def test_examples_are_drawn_by_the_seed(task):
    def drawn(seed):
        made = searched(task, examples=2, settings=Settings(seed=seed))
        return evidence(made)

    assert drawn(0) == drawn(0)
    assert len({tuple(drawn(seed).values()) for seed in range(6)}) > 1


def test_each_example_says_what_it_chose(task, tmp_path):
    result = searched(task, tmp_path=tmp_path, choose="example")
    rows = [json.loads(line) for line in (tmp_path / "run" / "choices.jsonl").open()]
    assert [row["example"] for row in rows] == [e.id for e in task.train.examples]
    votes = {str(t.prompt.template): t.prompt.source.evidence for t in result.trials[1:]}
    for template, own in votes.items():
        assert own["votes"] == sum(row["template"] == template for row in rows)
    for row, (subject, town) in zip(rows, CAPITALS.items(), strict=True):
        assert row["sentence"] == row["template"].replace("{subject}", subject).replace("[Z]", town)
        assert row["lm_score"] < 0
    means = searched(task, tmp_path=tmp_path / "other")
    assert not (tmp_path / "other" / "run" / "choices.jsonl").exists()
    assert means.best.scores["n"] == 4


def test_a_run_cut_anywhere_goes_on_to_the_same_result(task, tmp_path, monkeypatch):
    monkeypatch.setattr("promptsearch.searchers.lm_score.search.SENTENCES", 4)
    whole = searched(task, tmp_path=tmp_path)
    ledger = tmp_path / "run" / "trials.jsonl"
    data, written = ledger.read_bytes(), (tmp_path / "run" / "prompts.json").read_text()
    for part in (0.5, 0.7, 0.9):
        ledger.write_bytes(data[: int(len(data) * part)])
        output = Output(tmp_path / "run", resume=True)
        searcher = LMScoreSearch(template=TEMPLATES, variants=False)
        again = search(searcher, task, tiny("gpt2")[0], Settings(), output)
        assert again.spent.forwards == whole.spent.forwards
        new = json.loads((tmp_path / "run" / "prompts.json").read_text())
        assert new["prompts"] == json.loads(written)["prompts"]


def test_what_was_read_is_not_read_again(task, tmp_path, monkeypatch):
    searched(task, tmp_path=tmp_path)
    monkeypatch.setattr(
        "promptsearch.models.generation.text_likelihood.TextLikelihoodPlan.log_probs", None
    )
    output = Output(tmp_path / "run", resume=True)
    search(LMScoreSearch(TEMPLATES, variants=False), task, tiny("gpt2")[0], Settings(), output)


def test_forwards_are_counted_and_end_the_search(task):
    free = searched(task)
    plain = searched(task, examples=1)
    assert free.spent.forwards - plain.spent.forwards == 3 * len([*TEMPLATES, "own"])
    bound = searched(task, settings=Settings(max_forwards=free.spent.forwards // 2))
    assert bound.stopped_because == "max-forwards"
    assert bound.spent.forwards <= free.spent.forwards // 2


def test_labels_stand_in_the_slot_by_their_first_answer(task, tmp_path):
    (tmp_path / "train.tsv").write_text("text\tlabel\nfun\tpos\ndull\tneg\n")
    (tmp_path / "kinds.toml").write_text(
        'name = "kinds"\nkind = "classification"\ntrain = "train.tsv"\ndev = "train.tsv"\n'
        'label = "label"\ntemplate = "{text} It was [Z] ."\n'
        '[answers]\npos = ["great", "good"]\nneg = ["bad"]\n'
    )
    definition = load_task(str(tmp_path / "kinds.toml"))
    result = searched(definition, template=("[Z] : {text}",), tmp_path=tmp_path, choose="example")
    assert result.best.scores["n"] == 2
    rows = [json.loads(line) for line in (tmp_path / "run" / "choices.jsonl").open()]
    right = {"0": ("fun", "great"), "1": ("dull", "bad")}
    for row in rows:
        text, answer = right[row["example"]]
        assert row["sentence"] == row["template"].replace("{text}", text).replace("[Z]", answer)


def test_other_languages_have_no_variants(task):
    said = []
    german = replace(task, language="de")
    output = Output(log=said.append)
    found = search(LMScoreSearch(TEMPLATES), german, tiny("gpt2")[0], Settings(), output)
    assert evidence(found) == evidence(searched(task))
    assert any("variants are English" in line for line in said)


def test_a_searched_model_that_is_not_causal_needs_another(task):
    with pytest.raises(ModelError, match="'bert' is a masked model; say `lm` smollm2"):
        searched(task, "bert")
    found = searched(task, "bert", lm=saved("gpt2"))
    assert evidence(found) == pytest.approx(evidence(searched(task)), abs=1e-4)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{subject} has", "has no slot"),
        ("{subject} has [Z1]", "must have the slots of the task"),
        ("{town} has [Z]", "uses {town}, but the inputs are subject"),
    ],
)
def test_a_template_that_does_not_fit_is_an_error(task, template, message):
    with pytest.raises(PromptError, match=message):
        searched(task, template=(template,))


@pytest.mark.parametrize("options", [{"examples": 0}, {"top": 0}, {"exponent": float("nan")}])
def test_numbers_that_mean_nothing_are_errors(options):
    with pytest.raises(RunError, match=next(iter(options))):
        LMScoreSearch(**options)


def command(task, *words):
    call = ["lm-score", "--task", task, "-q", "-o", task.parent / "out", *words]
    return CliRunner().invoke(cli, list(map(str, call)))


def test_the_command_from_files(task, tmp_path):
    (tmp_path / "more.jsonl").write_text('{"template": "[Y] lies in [X] ."}\n')
    (tmp_path / "more.txt").write_text("{subject} : [Z]\n")
    done = command(
        *(tmp_path / "task.toml", "--lm", saved("gpt2"), "--template", PLANTED),
        *("--from", tmp_path / "more.jsonl", "--from", tmp_path / "more.txt", "--examples", 2),
    )
    assert done.exit_code == 0, done.output + repr(done.exception)
    file = read_prompts(tmp_path / "out" / "prompts.json")
    own = "{subject} has [Z] ."
    assert {str(saved.prompt.template) for saved in file.prompts} == {
        own, PLANTED, "[Z] lies in {subject} .", "{subject} : [Z]",
    }  # fmt: skip
    for prompt in file.prompts:
        if str(prompt.prompt.template) != own:
            assert {"lm_score", "votes", "share"} <= set(prompt.row["source"]["evidence"])
            assert prompt.row["scores"]["dev"]["n"] == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give some: --template, or --from FILE"),
        (("--template", "{subject}"), "write [Z]"),
        (("--template", "{x} [Z]"), "the inputs are subject"),
        (("--from", "missing.txt"), "missing.txt"),
        (("--template", PLANTED), "'builtin' is a masked model; say --lm smollm2"),
        (("--template", PLANTED, "--lm", "builtin"), "'builtin' is a masked model"),
        (("--template", PLANTED, "--lm", "./missing"), "no model at './missing'"),
        (("--template", PLANTED, "--lm", saved("gpt2"), "--top", "0"), "--top 0 is too small"),
    ],
)
def test_mistakes_are_one_line_before_anything_is_scored(task, tmp_path, words, message):
    done = command(tmp_path / "task.toml", *words)
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1), done.output
    assert message in done.stderr
    assert not (tmp_path / "out").exists()
