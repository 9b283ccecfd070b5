"""Mixtures of soft prompts: weights by EM, and `promptsearch mixture` that trains their vectors."""

import json

import numpy as np
import pytest
import torch
from commanding import reviews_in, run
from scipy.special import logsumexp
from test_soft_golden import bert, golden, port_of  # noqa: F401
from tiny import saved

from promptsearch import Scoring, load_model, load_task
from promptsearch.data import FACTS, Example
from promptsearch.engine.strategy import Task
from promptsearch.errors import PromptError, RunError
from promptsearch.models.training.config import SoftTrainingConfig
from promptsearch.models.training.continuous_trainer import ContinuousTrainer, PromptObjective
from promptsearch.models.training.soft_vectors import VECTORS, SoftVectors
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.prompt_file import read_prompts
from promptsearch.runs.run import task_of
from promptsearch.runs.settings import Settings
from promptsearch.scoring.combination import combine, mixture_weights, responsibilities
from promptsearch.searchers import MixtureSearch
from promptsearch.searchers.common.example_loss import ExampleLoss
from promptsearch.searchers.mixture.objective import Mixture
from promptsearch.searchers.mixture.search import soft_templates

TEMPLATES = ("{text} It was [Z] .", "a [Z] film : {text}")


def test_weights_are_those_that_a_search_over_all_weights_ends_in():
    log_right = np.log(np.random.default_rng(0).uniform(0.05, 0.9, (2, 40)))
    grid = np.linspace(0, 1, 2001)[1:-1]
    values = [logsumexp(log_right + np.log([[w], [1 - w]]), 0).mean() for w in grid]
    assert mixture_weights(log_right)[0] == pytest.approx(grid[int(np.argmax(values))], abs=1e-3)


def test_a_member_that_is_never_best_weighs_nothing():
    log_right = np.log([[0.9, 0.8, 0.7], [0.1, 0.1, 0.1]])
    weights = mixture_weights(log_right)
    assert weights == pytest.approx([1, 0], abs=1e-3)
    assert np.isfinite(responsibilities(log_right, np.array([1.0, 0.0]))).all()


def test_a_mixture_is_a_mean_of_probabilities():
    log_probs = np.log(np.array([[[0.2, 0.8]], [[0.6, 0.4]]]))
    assert np.exp(combine(log_probs, [0.25, 0.75], "mixture"))[0] == pytest.approx([0.5, 0.5])


def test_qin_and_eisners_first_expectation(golden):  # noqa: F811
    """log p of the right words, responsibilities, weights and loss before any step."""
    facts, tensors = golden("qin_eisner")
    vocab = golden("model_qin_eisner")[0]["vocab"]
    port = port_of(*bert(golden, "model_qin_eisner", vocab), "masked")
    prompts = [p.replace("[X]", "{subject}").replace("[Y]", "[Z]") for p in facts["prompts"]]
    examples = [
        Example(str(i), {"subject": subject}, (right,))
        for i, (subject, right) in enumerate(facts["facts"])
    ]
    prompt = Prompt(
        Template.parse(prompts[0]), Verbalizer.of_candidates([w for w in vocab if w.isalpha()])
    )
    task = Task("golden", FACTS, prompt, examples, model=port, scoring=Scoring("independent"))
    templates = soft_templates(
        port, [Template.parse(each) for each in prompts], prompt.verbalizer, 0
    )
    mixture = Mixture(port, ExampleLoss(task, port, examples, "gold"), templates, task.scoring)
    near = {"atol": facts["tolerance"]}
    log_right = mixture.log_right(templates)
    np.testing.assert_allclose(log_right.T, tensors["log_p_right"], atol=5e-6)
    shares = responsibilities(log_right, np.array([0.5, 0.5]))
    np.testing.assert_allclose(shares.T, tensors["responsibility"], **near)
    np.testing.assert_allclose(shares.mean(1), tensors["weights_after_fit"], **near)
    assert -(shares * log_right).sum() == pytest.approx(float(tensors["loss"]), abs=2e-5)


@pytest.fixture(params=["bert", "gpt2", "t5"])
def mixture(request, tmp_path):
    model = load_model(str(saved(request.param)))
    definition = load_task(reviews_in(tmp_path, 2))
    task = task_of(definition, model, Settings(), None, print)
    notations = TEMPLATES if request.param != "gpt2" else ("{text} It was [Z]", "so : {text} [Z]")
    templates = soft_templates(
        model, [Template.parse(each) for each in notations], task.prompt.verbalizer, 0
    )
    return Mixture(model, ExampleLoss(task, model, task.train, "label"), templates, task.scoring)


def test_gradients_are_those_of_the_mixtures_likelihood(mixture):
    """By EM's identity, of the mean of -log sum_t p(t) p(right | x, t) at the weights in force."""
    objective = PromptObjective(mixture.pairs, mixture.requests, mixture.scoring)
    prompt, config = SoftVectors(mixture.templates), SoftTrainingConfig(steps=8)
    trainer = ContinuousTrainer(mixture.model, prompt, objective, config, 0)
    weights = mixture.weights
    mixture.expect(trainer.start())
    rows = prompt.outputs(trainer.network())[VECTORS].detach()
    order = np.random.default_rng(0).permutation(mixture.pairs).tolist()
    (gradient,) = trainer.gradients(order, {VECTORS: rows}).leaves
    direction = torch.randn(rows.shape, generator=torch.Generator().manual_seed(0))

    def loss(step):
        log_right = mixture.log_right(prompt.trained({VECTORS: rows + step * direction}))
        return -logsumexp(log_right + np.log(weights)[:, None], 0).mean()

    slope = (loss(2e-3) - loss(-2e-3)) / 4e-3
    assert float((gradient * direction).sum()) == pytest.approx(slope, rel=0.02, abs=1e-4)


def test_a_mixture_is_trained_resumed_and_put_together(tmp_path):
    task, bank = reviews_in(tmp_path, 4), tmp_path / "bank.txt"
    bank.write_text("\n".join(TEMPLATES) + "\n")
    words = ("--task", task, "-m", saved("bert"), "--from", bank, "--steps", 6, "--check-every", 3)
    run("mixture", *words, "-o", tmp_path / "run", "-q")
    file = read_prompts(tmp_path / "run" / "prompts.json")
    evidence = [row.row["source"]["evidence"] for row in file.prompts if row.prompt.template.soft]
    assert len(evidence) == 2 * 3  # each template at steps 0, 3 and 6
    for step in (3, 6):
        weights = [each["weight"] for each in evidence if each["trained_steps"] == step]
        assert sum(weights) == pytest.approx(1)
    run("mixture", *words, "-o", tmp_path / "short", "-q", "--budget", 4)
    run("mixture", *words, "-o", tmp_path / "short", "-q", "--resume")
    first, second = (read_prompts(tmp_path / name / "prompts.json") for name in ("run", "short"))
    assert [p.prompt for p in first.prompts] == [p.prompt for p in second.prompts]
    run("ensemble", first.path, "--rule", "mixture", "-o", tmp_path / "both", "-q")
    both = json.loads((tmp_path / "both" / "prompts.json").read_text())["ensemble"]
    assert both["rule"] == "mixture"
    steps = {
        row.row["source"]["evidence"]["trained_steps"]
        for row in first.prompts
        if row.id in {member["id"] for member in both["members"]}
    }
    assert len(steps) == 1  # templates of one checkpoint
    assert sum(member["weight"] for member in both["members"]) == pytest.approx(1)
    assert both["fitted"]["loss"] <= both["fitted"]["loss_of_equal_weights"] + 1e-6
    shown = run("evaluate", tmp_path / "both" / "prompts.json", "--task", task, "--json")
    assert json.loads(shown.stdout)["ensemble"]["rule"] == "mixture"


def test_what_cannot_be_mixed_is_one_line(tmp_path):
    with pytest.raises(RunError, match="`top` 0 is too small"):
        MixtureSearch(top=0)
    with pytest.raises(PromptError, match="a mixture begins with words"):
        soft_templates(
            load_model(str(saved("bert"))),
            [Template.parse("{text} [S1:2] [Z]")],
            Verbalizer.of_candidates(["good"]),
            0,
        )


@pytest.mark.parametrize("batch", [1, 32])
def test_a_template_that_begins_far_worse_is_trained_too(tmp_path, batch):
    """Its pairs may be in no batch, or weigh little: neither ends the training."""
    task, bank = reviews_in(tmp_path, 4), tmp_path / "bank.txt"
    bank.write_text(
        "{text} It was [Z] .\n[Z] [Z] the ##s : {text} of of of .\n".replace("[Z] [Z]", "[Z]")
    )
    words = ("--task", task, "-m", saved("bert"), "--from", bank, "--steps", 8, "--check-every", 2)
    run("mixture", *words, "-o", tmp_path / "run", "--batch", batch, "-q")
    prompts = read_prompts(tmp_path / "run" / "prompts.json").prompts
    evidence = [p.row["source"]["evidence"] for p in prompts if p.prompt.template.soft]
    assert len(evidence) == 2 * 5 or batch == 1  # all of them moved
    assert all(0 < each["weight"] < 1 for each in evidence)


def test_a_mixture_of_one_template_is_none(tmp_path):
    empty = tmp_path / "empty.txt"
    empty.write_text("\n")
    words = ("--task", reviews_in(tmp_path, 2), "-m", saved("bert"), "--from", empty)
    done = run("mixture", *words, "-o", tmp_path / "run", status=1)
    assert "two templates or more, and there are 0" in done.output
