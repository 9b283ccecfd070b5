"""`promptsearch prefix`: trained, scored and kept; a killed run ends as an unhurt one."""

import json
from dataclasses import replace

import pytest
import torch
from directional import slopes_along
from test_soft_search import ROWS, run, task  # noqa: F401
from tiny import saved

from promptsearch import Prompt, Scorer, Settings, Template, load_model, load_task
from promptsearch.errors import RunError
from promptsearch.models.training.prefix_encoders import PrefixMlp
from promptsearch.prompt_file import read_prompts
from promptsearch.runs.run import task_of
from promptsearch.searchers import PrefixSearch
from promptsearch.searchers.prefix.layers import check_layers, layers_of


def prefix(task, folder, *words, kind="bert", status=0):  # noqa: F811
    options = ["-m", saved(kind), "--steps", 6, "--check-every", 2, "--lr", 0.1, "-o", folder]
    return run("prefix", "--task", task, *options, *words, status=status)


def by_step(folder):
    file = read_prompts(folder / "prompts.json")
    assert file.document["format"] == "promptsearch/2"
    return {each.row["source"]["evidence"].get("trained_steps"): each for each in file.prompts}


def on_dev(each):
    return each.row["scores"]["dev"]["log_likelihood"]


@pytest.mark.parametrize("head", ["none", "mask", "cls"])
@pytest.mark.parametrize("kind", ["bert", "gpt2", "llama", "t5"])
def test_prefixes_and_heads_are_trained(task, tmp_path, kind, head):  # noqa: F811
    if head == "cls" and kind != "bert":
        said = prefix(task, tmp_path / "run", "--head", head, kind=kind, status=1).output
        assert "give mask, the state at which the answer is read" in said
        return
    said = prefix(task, tmp_path / "run", "--head", head, kind=kind).output
    assert "numbers trained for a prefix of 20 at 2 layers" in said
    prompts = by_step(tmp_path / "run")
    assert set(prompts) == {None, 0, 2, 4, 6}
    assert max(on_dev(prompts[n]) for n in (2, 4, 6)) > on_dev(prompts[0]) + 0.01
    losses = [prompts[n].row["source"]["evidence"]["loss"] for n in (2, 4, 6)]
    assert losses[2] < losses[0]
    template = prompts[6].prompt.template
    assert (template.prefix.length, template.prefix.layers) == (20, (1, 2))
    assert (template.head is None) == (head == "none")
    assert f"[prefix of 20] {template.notation}" in said


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_from_a_causal_winner_step_0_is_its_text(task, tmp_path, kind):  # noqa: F811
    text = "The plot of {text} is [Z]"
    words = ["--template", text, "--start", "words"]
    prefix(task, tmp_path / "words", *words, kind=kind)
    found = by_step(tmp_path / "words")[0]
    assert found.prompt.template.notation == " {text} is [Z]"
    definition = load_task(task)
    model = load_model(str(saved(kind)))
    prompt = Prompt(Template.parse(text), definition.prompt.verbalizer)
    scorer = Scorer(model, Settings().scoring(definition.kind))
    (expected,) = scorer.judge([prompt], definition.dev.examples)
    assert on_dev(found) == pytest.approx(float(expected.log_right.mean()), abs=1e-4)


def test_a_trained_file_is_evaluated_shown_and_used(task, tmp_path):  # noqa: F811
    folder = tmp_path / "run"
    prefix(task, folder, "--head", "cls", "--template", "{text}", "--layers", "last:1")
    file = folder / "prompts.json"
    best = read_prompts(file).prompts[0]
    assert best.prompt.template.prefix.layers == (2,)
    dev = run("evaluate", file, "--task", task, "--split", "dev", "--json").output
    found = json.loads(dev[dev.index("{") :])["prompts"][0]
    assert found["scores"]["dev"]["log_likelihood"] == pytest.approx(on_dev(best), abs=1e-4)
    assert "(manual)" not in run("evaluate", file, "--task", task, "--split", "dev").output
    assert "[prefix of 20] {text} [head on cls]" in run("show", file).output
    words = ["--task", task, "--input", tmp_path / "dev.tsv", "--prefix", "x_"]
    assert run("predict", file, *words).output.count("\n") >= len(ROWS)
    run("report", file, "-o", tmp_path / "report.html", "--no-evaluate")
    page = (tmp_path / "report.html").read_text()
    assert "[prefix of 20]" in page
    assert best.prompt.template.prefix.digest not in page
    run("certify", file, "--task", task, "--rows", "all")
    run("ensemble", file, "-o", tmp_path / "both.json")
    said = run("export", file, "--to", "messages", "-o", tmp_path / "x.json", status=1).output
    assert "keys and values, which are no words" in said
    for strategy in ("paraphrase", "gradient", "soft", "project"):
        start = [file] if strategy == "project" else ["--from", file]
        words = [strategy, *start, "--task", task, "-m", saved("bert")]
        refused = run(*words, "-o", tmp_path / strategy, status=1).output
        assert "has a prefix, which" in refused
        assert refused.count("\n") < 4, refused


def test_two_runs_are_equal_and_seeds_differ(task, tmp_path):  # noqa: F811
    values = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        prefix(task, tmp_path / name, "--seed", seed, "--head", "mask", "--dropout", 0.1)
        values.append((tmp_path / name / "soft.safetensors").read_bytes())
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize("words", [(), ("--encoder", "mlp"), ("--head", "cls", "--length", 0)])
def test_a_training_cut_anywhere_resumes_to_the_same_bytes(task, tmp_path, words):  # noqa: F811
    prefix(task, tmp_path / "whole", *words)
    for budget in (2, 3, 4, 200):
        prefix(task, tmp_path / "parts", *words, "--budget", budget, *["--resume"] * (budget > 2))
    whole, parts = (
        (tmp_path / name / "soft.safetensors").read_bytes() for name in ("whole", "parts")
    )
    assert whole == parts


def test_it_goes_on_from_what_it_trained(task, tmp_path):  # noqa: F811
    prefix(task, tmp_path / "first", "--head", "mask")
    file = tmp_path / "first" / "prompts.json"
    prefix(task, tmp_path / "then", "--from", file)
    best, then = (
        read_prompts(tmp_path / name / "prompts.json").prompts for name in ("first", "then")
    )
    same = [each for each in then if each.prompt.template == best[0].prompt.template]
    assert [on_dev(each) for each in same] == pytest.approx([on_dev(best[0])], abs=1e-5)
    assert len({str(each.prompt.template) for each in then}) == 5
    said = prefix(task, tmp_path / "no", "--from", file, "--length", 5, status=1).output
    assert "has its prefix" in said


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
@pytest.mark.parametrize("encoder", ["none", "mlp"])
def test_gradients_are_those_of_the_loss(task, tmp_path, kind, encoder):  # noqa: F811
    """Of prefix and head together, against differences of the loss along a direction."""
    model = load_model(str(saved(kind)))
    seen = task_of(load_task(task), model, Settings(), None, print)
    searcher = PrefixSearch(head="mask", length=3, encoder=encoder)
    course = searcher._course(searcher_task(searcher, seen), model, tmp_path, 0)
    slope, difference = slopes_along(course.training, range(6))
    assert slope == pytest.approx(difference, rel=0.03, abs=1e-3)


def searcher_task(searcher, seen):
    return replace(seen, prompt=searcher._answered(seen, searcher._prompt(seen)))


def test_an_mlp_is_fitted_to_the_start_and_thrown_away(task, tmp_path):  # noqa: F811
    start = torch.randn(2, 2, 2, 4, 8, generator=torch.Generator().manual_seed(0)) * 0.02
    mlp = PrefixMlp(start, 16, 32)
    assert (mlp() - start).square().mean() < (start.square().mean() + mlp().square().mean())
    said = prefix(task, tmp_path / "run", "--encoder", "mlp", "--middle", 8, "--length", 4).output
    template = by_step(tmp_path / "run")[6].prompt.template
    per_position = 2 * 2 * 2 * 8
    trained = 4 * 16 + 16 * 8 + 8 + 8 * per_position + per_position
    assert f"{trained:,} numbers trained" in said
    assert template.prefix.size == 4 * per_position


@pytest.mark.parametrize(
    ("notation", "layers"),
    [("all", (1, 2, 3, 4)), ("2-3", (2, 3)), ("4", (4,)), ("last:2", (3, 4)), ("first:1", (1,))],
)
def test_layers_are_named(notation, layers):
    check_layers(notation)
    assert tuple(layers_of(notation, 4)) == layers


@pytest.mark.parametrize("notation", ["0", "3-2", "last:0", "5", "2-9", "last:5", "x", "1,2", ""])
def test_layers_that_are_none_are_refused(notation):
    with pytest.raises(RunError, match="layers"):
        layers_of(notation, 4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--length", 0), "trains nothing"),
        (("--length", 999), "is no prefix"),
        (("--layers", "x"), "names no layers"),
        (("--layers", "7-9"), "the model has the layers 1 to 2"),
        (("--layers", "0"), "counted from 1"),
        (("--layers", "9-7"), "the lower number first"),
        (("--start", "words", "--length", 4), "as many positions"),
        (("--head", "cls", "--loss", "vocabulary"), "a `head` has labels"),
        (("--template", "{text}"), "has no slot"),
        (("--head", "mask", "--template", "{text}"), "has no slot"),
        (("--head", "mask", "--calibration", "pmi"), "a head has none"),
        (("--rank-by", "finetune"), "reads no prefix"),
        (("--length", 60), "its prefix takes 60 of them"),
        (("--multitask", "capitals"), "on tasks of one kind together"),
    ],
)
def test_bad_options_are_one_line(task, tmp_path, words, message):  # noqa: F811
    said = prefix(task, tmp_path / "run", *words, status=1).output
    assert message.replace("`head`", "--head") in said or message in said
    assert not (tmp_path / "run" / "prompts.json").exists()


def test_a_damaged_file_is_one_line(task, tmp_path):  # noqa: F811
    prefix(task, tmp_path / "run", "--head", "mask")
    file = tmp_path / "run" / "prompts.json"
    document = json.loads(file.read_text())
    row = document["prompts"][0]
    for change, message in (
        ({"prefix": {"tensor": "p9", "length": 20, "layers": [1, 2]}}, "does not hold its prefix"),
        ({"prefix": {**row["soft"]["prefix"], "layers": [1]}}, "keys and values of a prefix"),
        ({"head": {**row["soft"]["head"], "tensor": "p9"}}, "does not hold its head"),
        ({"sha256": "0" * 64}, "have changed since"),
    ):
        changed = {**document, "prompts": [{**row, "soft": {**row["soft"], **change}}]}
        file.write_text(json.dumps(changed))
        said = run("show", file, status=1).output
        assert message in said
    vectors = tmp_path / "run" / "soft.safetensors"
    file.write_text(json.dumps(document))
    vectors.unlink()
    assert "are missing" in run("show", file, status=1).output


def test_a_plan_chains_answers_and_a_prefix(task, tmp_path):  # noqa: F811
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[[step]]\nstrategy = "answers-prune"\ncandidates = 4\nbudget = 4\n'
        '[[step]]\nstrategy = "prefix"\nsteps = 4\ncheck_every = 2\nlr = 0.05\n'
        '[[step]]\nstrategy = "prefix"\nsteps = 4\ncheck_every = 2\nhead = "mask"\n'
        '[[step]]\nstrategy = "cross"\n'
    )
    run("search", plan, "--task", task, "-m", saved("bert"), "-o", tmp_path / "run")
    prompts = read_prompts(tmp_path / "run" / "prompts.json").prompts
    assert {each.row["source"]["strategy"] for each in prompts} >= {"answers-prune", "prefix"}
    assert any(each.prompt.template.head for each in prompts)


OTHER = """
name = "places"
kind = "classification"
train = "places.tsv"
dev = "places.tsv"
inputs = ["text"]
label = "label"
template = "[Z] : {text}"
answers = { city = ["city"], land = ["country"], person = ["actor"] }
"""


@pytest.mark.parametrize("head", ["none", "mask"])
def test_a_prefix_is_learned_on_several_tasks_then_tuned_for_one(task, tmp_path, head):  # noqa: F811
    rows = ["text\tlabel", "Paris\tcity", "New York\tcity", "France\tland", "the actor\tperson"]
    (tmp_path / "places.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "places.toml").write_text(OTHER)
    words = ["--multitask", tmp_path / "places.toml", "--head", head, "--length", 4]
    said = prefix(task, tmp_path / "whole", *words).output
    assert said.count("numbers trained for a prefix of 4 at 2 layers") == 2
    prompts = read_prompts(tmp_path / "whole" / "prompts.json").prompts
    facts = [each.row["source"]["evidence"].get("multitask") for each in prompts]
    assert ["toy", "places"] in facts
    assert len(prompts) == 1 + 4 + 3 + 1 - 1  # the second start is the first one's end
    for budget in (2, 4, 6, 200):
        prefix(task, tmp_path / "parts", *words, "--budget", budget, *["--resume"] * (budget > 2))
    whole, parts = (
        (tmp_path / name / "soft.safetensors").read_bytes() for name in ("whole", "parts")
    )
    assert whole == parts
    (tmp_path / "places.tsv").write_text("\n".join(rows[:-1]) + "\n")
    said = prefix(task, tmp_path / "no", *words, "--multitask", "nowhere.toml", status=1).output
    assert "nowhere.toml" in said


def test_steps_of_several_tasks_are_drawn_by_the_roots_of_their_sizes():
    from promptsearch.models import Scoring
    from promptsearch.models.training.continuous_trainer import PromptObjective
    from promptsearch.searchers.prefix.multitask import TaskMixture

    seen = []
    objectives = [
        PromptObjective(n, lambda rows, n=n: seen.append((n, list(rows))) or ([], None), Scoring())
        for n in (16, 144)
    ]
    mixture = TaskMixture(objectives)
    for step in range(400):
        rows = mixture.draw(step, 8, 0)
        assert rows == mixture.draw(step, 8, 0)
        mixture.requests(rows)
    assert all(max(rows) < n and len(set(rows)) == 8 for n, rows in seen)
    share = sum(n == 144 for n, _ in seen) / len(seen)
    assert share == pytest.approx(12 / 16, abs=0.07)
