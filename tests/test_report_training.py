"""The section on the training of soft prompts: its curve, what was trained, the nearest tokens."""

import json
import shutil

import numpy as np
import pytest
from commanding import reviews_in, run
from pages import checked
from safetensors.numpy import load_file
from test_report_numbers import scored
from tiny import saved

from promptsearch import load_model
from promptsearch.evaluation.report.sections.training_curves import _facts
from promptsearch.evaluation.report.statistics.training_curve import training_curves
from promptsearch.evaluation.report.trials import read_trials
from promptsearch.prompt_file import read_prompts
from promptsearch.prompt_file.prompts_json import PromptFile

pytest.importorskip("matplotlib", reason="a report needs matplotlib")

TEMPLATES = ("{text} It was [Z] .", "a [Z] film : {text}")
STEPS = ("--steps", 6, "--check-every", 2, "--lr", 0.05, "--batch", 4, "-q")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with two trainings of one template (run), and one of two together (mixture)."""
    folder = tmp_path_factory.mktemp("trained")
    task, bank = reviews_in(folder, 4), folder / "bank.txt"
    bank.write_text("\n".join(TEMPLATES) + "\n")
    words = ("--task", task, "-m", saved("bert"), *STEPS)
    run("soft", *words, "-o", folder / "run", "--runs", 2)
    run("mixture", *words, "-o", folder / "mixture", "--from", bank)
    return folder


def page_of(folder, *options):
    out = folder / "page.html"
    run("report", folder / "prompts.json", "-o", out, "--overwrite", "--no-evaluate", *options)
    return checked(out.read_text(encoding="utf-8"))


def shown_number(value):
    return f"{value:.3f}".replace("-", "−")


def evidence_by_step(file, number=0):
    rows = [saved_prompt.row for saved_prompt in file.prompts]
    of_run = [row for row in rows if row["source"]["evidence"].get("run") == number]
    return {row["source"]["evidence"]["trained_steps"]: row for row in of_run}


def test_the_chart_says_what_the_checkpoints_scored(trained):
    file, page = read_prompts(trained / "run" / "prompts.json"), page_of(trained / "run")
    charts = [
        svg["aria-label"] for svg in page.named("svg") if "loss on train" in svg["aria-label"]
    ]
    assert [chart.split(":")[0] for chart in charts] == ["Soft, run 1", "Soft, run 2"]
    rows = evidence_by_step(file)
    losses = {step: row["source"]["evidence"]["loss"] for step, row in rows.items()}
    assert f"{shown_number(losses[2])} to {shown_number(losses[6])} over 6 steps" in charts[0]
    values = {step: row["scores"]["dev"]["log_likelihood"] for step, row in rows.items()}
    best = max(values, key=values.get)
    assert f"on dev {shown_number(values[0])} at the start" in charts[0]
    assert f"{shown_number(values[best])} at best ({rows[best]['id']}, step {best})" in charts[0]
    manual = file.document["baselines"]["manual"]["scores"]["dev"]["log_likelihood"]
    assert f"the manual prompt {shown_number(manual)}" in charts[0]
    for step in (2, 4, 6):  # a tooltip a point
        assert f"step {step}: loss {shown_number(losses[step])}" in page.text
        assert f"{rows[step]['id']}: step {step}, log-likelihood" in page.text
    assert f"{rows[0]['id']}: the start, log-likelihood" in page.text
    assert "Its start is a prompt that was scored before" in page.text  # of the second training


def test_how_many_numbers_were_trained(trained):
    file, page = read_prompts(trained / "run" / "prompts.json"), page_of(trained / "run")
    evidence = evidence_by_step(file)[6]["source"]["evidence"]
    parts = file.prompts[0].prompt.template.soft
    assert evidence["parameters"] == sum(part.vectors.rows.size for part in parts)
    share = evidence["parameters"] / evidence["model_parameters"]
    assert f"{evidence['parameters']} numbers trained, {share:.1%} of the model's" in page.text


def test_the_nearest_tokens_are_those_of_the_embedding_table(trained):
    """Against a cosine by hand over all tokens that a text can say."""
    model = load_model(str(saved("bert")))
    weights = load_file(f"{saved('bert')}/model.safetensors")
    table = next(rows for name, rows in weights.items() if "word_embeddings" in name)
    file, page = read_prompts(trained / "run" / "prompts.json"), page_of(trained / "run")
    best = file.prompts[0]
    nearest = best.row["source"]["evidence"]["nearest"]
    spellings = model.white_box.spellings
    for part in best.prompt.template.soft:
        for vector, (token, cosine, ratio) in zip(
            part.vectors.rows, nearest[part.name], strict=True
        ):
            lengths = np.linalg.norm(table, axis=1)
            cosines = table @ vector / np.maximum(lengths * np.linalg.norm(vector), 1e-12)
            cosines[[not spelling for spelling in spellings]] = -1
            assert token == spellings[int(cosines.argmax())]
            assert cosine == pytest.approx(cosines.max(), abs=1e-3)
            length = lengths[int(cosines.argmax())]
            assert ratio == pytest.approx(np.linalg.norm(vector) / length, abs=1e-3)
            assert shown_number(cosine) in page.text
    assert f"Tokens nearest to the vectors of {best.id}" in page.text
    assert all("nearest" not in each.row["source"]["evidence"] for each in file.prompts[1:])


def test_templates_of_a_mixture_are_drawn_together_with_their_weights(trained):
    file, page = read_prompts(trained / "mixture" / "prompts.json"), page_of(trained / "mixture")
    charts = [
        svg["aria-label"] for svg in page.named("svg") if "Loss on train" in svg["aria-label"]
    ]
    assert len(charts) == 1
    assert "Templates that were trained together" in page.text
    last = [
        row["weight"]
        for saved_prompt in file.prompts
        if (row := saved_prompt.row["source"]["evidence"]).get("trained_steps") == 6
    ]
    assert len(last) == 2
    assert all(shown_number(weight) in page.text for weight in last)
    assert "template 2" in page.text
    lines = run("show", file.path, "--top", 20).stdout.splitlines()
    assert sum("; nearest: " in line for line in lines) == 4  # two parts a template


def test_show_says_what_the_vectors_are(trained):
    path = trained / "run" / "prompts.json"
    best = read_prompts(path).prompts[0]
    (first, cosine, _), (second, _, _) = best.row["source"]["evidence"]["nearest"]["S1"]
    line = f"[S1:2] of {best.id}: 2 vectors of 16 numbers; nearest: "
    assert f"{line}{first.strip()} {cosine:.2f}, {second.strip()} " in run("show", path).stdout


def test_checkpoints_that_the_file_lacks_come_from_the_ledger(trained, tmp_path):
    """A race or a faster ranking leaves them out of prompts.json."""
    folder = tmp_path / "run"
    shutil.copytree(trained / "run", folder)
    whole = read_prompts(folder / "prompts.json")
    document = {**whole.document, "prompts": whole.document["prompts"][:1]}
    (folder / "prompts.json").write_text(json.dumps(document))
    file, rows = read_prompts(folder / "prompts.json"), read_trials(folder).rows
    curves = training_curves(file, rows, "log_likelihood")
    assert [each.losses for each in curves] == [
        each.losses for each in training_curves(whole, (), "log_likelihood")
    ]
    assert len(curves[0].scored()) == 4
    (folder / "trials.jsonl").unlink()
    assert "loss on train" in page_of(folder).text.lower()  # what the file itself has


def test_a_prompt_of_a_race_has_a_loss_and_no_score(trained):
    evidence = {"run": 0, "trained_steps": 2, "loss": 1.5}
    file = PromptFile(trained / "none", (), {})
    rows = [
        scored("p1", -2.0, strategy="soft", evidence={"run": 0, "trained_steps": 0}),
        scored("p2", -1.0, strategy="soft", complete=False, evidence=evidence),
    ]
    (curve,) = training_curves(file, rows, "log_likelihood")
    assert (curve.losses, [each.id for each in curve.scored()]) == (((2, 1.5),), ["p1"])
    assert next(iter(_facts(curve, "log_likelihood", None))).endswith("over 2 steps")
    rows.append(scored("p2", -1.2, strategy="soft", evidence=evidence))  # it went on
    (curve,) = training_curves(file, rows, "log_likelihood")
    assert [each.value for each in curve.scored()] == [-2.0, -1.2]


def test_trainings_from_several_prompts_of_a_plan_are_apart(trained):
    rows = [
        scored(f"q{parent}", -1.0, parents=(parent,), evidence={"run": 0, "trained_steps": 2})
        for parent in ("p1", "p2")
    ]
    assert len(training_curves(PromptFile(trained, (), {}), rows, "log_likelihood")) == 2


@pytest.mark.parametrize(
    "evidence",
    [
        {"run": "x", "trained_steps": [], "nearest": {"S1": [["<b>", 1, 1]]}},
        {"run": 0, "trained_steps": 2, "loss": "x", "weight": {}, "parameters": "many"},
        {"run": 0, "trained_steps": 2, "parameters": 0, "model_parameters": 0, "nearest": [[]]},
        {"nearest": {"S1": [["a"], ["b", "c", 1.0]], "S2": 3}},
    ],
)
def test_evidence_that_was_edited_does_not_break_the_page(trained, tmp_path, evidence):
    folder = tmp_path / "run"
    shutil.copytree(trained / "run", folder)
    (folder / "trials.jsonl").unlink()
    document = json.loads((folder / "prompts.json").read_text())
    for row in document["prompts"]:
        row["source"]["evidence"] = evidence
    (folder / "prompts.json").write_text(json.dumps(document))
    assert "Tokens nearest" not in page_of(folder).text
    assert "nearest" not in run("show", folder / "prompts.json").stdout


def test_other_runs_have_no_such_section(trained, tmp_path):
    words = ["--task", trained / "reviews.toml", "-o", tmp_path / "run", "-m", saved("bert")]
    run("paraphrase", "--method", "edits", *words, "--budget", 3, "-q")
    assert "training" not in page_of(tmp_path / "run").ids
