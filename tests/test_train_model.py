"""`soft --train lm|both`: a copy of the model moves, is written, and scores the prompt."""

import json
import shutil

import pytest
import torch
from commanding import reviews_in, run
from tiny import saved

from promptsearch import Settings, SoftSearch, load_model, load_task, search
from promptsearch.errors import ModelError, RunError
from promptsearch.models.frozen_model import frozen_model
from promptsearch.models.training.config import SoftTrainingConfig
from promptsearch.models.training.model_trainer import ModelTrainer
from promptsearch.prompt import Template
from promptsearch.runs.run import task_of
from promptsearch.searchers.soft.objective import prompt_objective

FAMILIES = ["bert", "gpt2", "t5"]


def words_for(folder, family="bert", *more):
    task = reviews_in(folder, 4)
    given = ("--task", task, "-m", saved(family), "-o", folder / "run", "--steps", 6, "-q")
    return ("soft", *given, "--lm-lr", 1e-3, *more)


def document_in(folder):
    return json.loads((folder / "run" / "prompts.json").read_text())


@pytest.mark.parametrize("train", ["lm", "both"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_trained_model_is_written_and_scores_the_prompt(tmp_path, family, train):
    template = "{text} It was [Z]" if family == "gpt2" else "{text} It was [Z]."
    run(*words_for(tmp_path, family, "--train", train, "--template", template))
    document, model = document_in(tmp_path), tmp_path / "run" / "model"
    assert document["model"]["spec"] == str(model.resolve())
    before = document["search"]["tuned_from"]
    assert before["model"]["spec"] == str(saved(family))
    assert before["model"]["sha256"] != document["model"]["sha256"]
    trained = [row for row in document["prompts"] if "train" in row["source"]["evidence"]]
    is_manual = train == "lm" and family != "gpt2"  # which is p0, with the trained model
    assert len(trained) == (not is_manual)
    assert all(("soft" in row) == (train == "both") for row in trained)
    untuned = frozen_model(load_model(str(saved(family)))).runtime.model.state_dict()
    tuned = frozen_model(load_model(str(model))).runtime.model.state_dict()
    assert any(not torch.equal(tuned[name], untuned[name]) for name in tuned)
    shown = json.loads(run("evaluate", tmp_path / "run" / "prompts.json", "--json").stdout)
    test = {each["id"]: each["scores"]["test"] for each in shown["prompts"]}
    assert test[document["prompts"][0]["id"]]["n"] > 0


def test_it_fits_train_better_than_before(tmp_path):
    run(*words_for(tmp_path, "bert", "--train", "lm", "--steps", 60))
    document = document_in(tmp_path)
    trained = document["prompts"][0]["scores"]["dev"]["log_likelihood"]
    assert trained > document["search"]["tuned_from"]["scores"]["dev"]["log_likelihood"] + 0.1


@pytest.mark.parametrize("train", ["lm", "both"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_is_that_of_plain_transformers(tmp_path, family, train):
    """The gradients of all weights, against differences of the loss along a direction."""
    model = load_model(str(saved(family)))
    task = task_of(load_task(reviews_in(tmp_path, 1)), model, Settings(), None, print)
    notation = "{text} It was [Z]" if family == "gpt2" else "{text} It was [Z]."
    searcher = SoftSearch(template=notation, train=train)
    template = searcher._started(task, model, 0)
    objective = prompt_objective(task, model, template, task.train, "label")
    trainer = ModelTrainer(model, template, objective, SoftTrainingConfig(), 0)._trainer
    copy = trainer._model.runtime.model.requires_grad_(True)
    weights, rows = list(copy.parameters()), range(len(task.train))
    trained = trainer.prompt.outputs(trainer.network()) if train == "both" else {}
    vectors = {name: each.detach() for name, each in trained.items()}
    result = trainer.gradients(rows, vectors, 0, weights)
    generator = torch.Generator().manual_seed(0)
    directions = [torch.randn(each.shape, generator=generator) for each in weights]

    def loss(step):
        with torch.no_grad():
            for weight, direction in zip(weights, directions, strict=True):
                weight += step * direction
        value = trainer.gradients(rows, vectors, 0, weights).loss
        with torch.no_grad():
            for weight, direction in zip(weights, directions, strict=True):
                weight -= step * direction
        return value

    of_weights = result.leaves[1:] if train == "both" else result.leaves
    slope = sum(float((g * d).sum()) for g, d in zip(of_weights, directions, strict=True))
    assert slope == pytest.approx((loss(1e-4) - loss(-1e-4)) / 2e-4, rel=0.03, abs=2e-2)


def test_a_run_is_resumed_and_not_with_other_options(tmp_path):
    words = words_for(tmp_path, "bert", "--train", "both")
    run(*words)
    first = document_in(tmp_path)
    stamp = (tmp_path / "run" / "model" / "model.safetensors").stat().st_mtime_ns
    (tmp_path / "run" / "prompts.json").unlink()
    run(*words, "--resume")
    assert (tmp_path / "run" / "model" / "model.safetensors").stat().st_mtime_ns == stamp
    assert document_in(tmp_path)["prompts"] == first["prompts"]
    done = run(*words, "--resume", "--lr", 0.01, status=1)
    assert "was trained with other options or data" in done.output
    shutil.rmtree(tmp_path / "run" / "model")  # as if killed while it was written
    run(*words, "--resume")
    assert document_in(tmp_path)["prompts"] == first["prompts"]
    run(*words, "--overwrite")
    assert document_in(tmp_path)["prompts"] == first["prompts"]


def test_it_is_reproduced_from_the_model_before(tmp_path):
    run(*words_for(tmp_path, "bert", "--train", "both"))
    done = run("reproduce", tmp_path / "run" / "prompts.json")
    assert "reproduced: same prompts, same scores" in done.output


def test_what_cannot_be_trained_is_one_line(tmp_path):
    with pytest.raises(RunError, match="`train` lm writes one model; leave `runs` out"):
        SoftSearch(train="lm", runs=2)
    with pytest.raises(RunError, match="--lm-lr 0 is no learning rate"):
        SoftSearch(lm_lr=0)
    definition, model = load_task(reviews_in(tmp_path, 2)), load_model(str(saved("bert")))
    with pytest.raises(RunError, match="needs a directory to lie in; give `output`"):
        search(SoftSearch(train="lm"), definition, model)
    plan = tmp_path / "plan.toml"
    plan.write_text('[[step]]\nstrategy = "soft"\ntrain = "both"\nsteps = 2\n')
    words = ("search", plan, "--task", tmp_path / "reviews.toml", "-m", saved("bert"))
    done = run(*words, "-o", tmp_path / "planned", status=1)
    assert "a search of their own" in done.output


def test_a_rate_that_breaks_the_model_is_named(tmp_path):
    run(*words_for(tmp_path, "bert", "--train", "lm", "--steps", 40)[:-2], "--lm-lr", 9)
    model = load_model(str(tmp_path / "run" / "model"))
    template = Template.parse("{text} It was [Z].")
    task = task_of(load_task(tmp_path / "reviews.toml"), model, Settings(), None, print)
    objective = prompt_objective(task, model, template, task.train, "label")
    trainer = ModelTrainer(model, template, objective, SoftTrainingConfig(steps=2), 0)
    with torch.no_grad():
        trainer._copy.get_input_embeddings().weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="no number; try a smaller `lm_lr`"):
        trainer.train(lambda done: None)
