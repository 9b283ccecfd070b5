"""`promptsearch show`: the search in a few lines, plots in characters, results by label."""

import json

import pytest
from commanding import edits_in, run
from tiny import saved

from promptsearch.commands.shared.terminal_plots import bars, budget_curve_plot
from promptsearch.evaluation.report.statistics.budget_curve import budget_curve_of
from promptsearch.evaluation.report.statistics.labels import per_label


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown")
    return edits_in(folder)


def test_the_search_is_told_in_lines(found):
    shown = run("show", found).stdout
    spent = json.loads(found.read_text())["search"]["spent"]["prompts"]
    assert f"over {spent} prompts, the last improvement at prompt" in shown
    assert "ancestry: p0 > p" in shown
    assert f"promptsearch report {found}" in shown
    assert "┤" not in shown


def test_results_by_label_are_those_of_evaluate(found):
    out = found.with_name("examples.jsonl")
    run("evaluate", found, "--examples-out", out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    shown = run("show", found, "--split", "test").stdout.splitlines()
    for label in ("bad", "good"):
        right = sum(row["correct"] for row in rows if row["target"] == label)
        said = sum(row["predicted"] == label for row in rows)
        n = sum(row["target"] == label for row in rows)
        (line,) = [line for line in shown if line.split()[-1:] == [label] and len(line) < 50]
        precision, recall, f1, count, _ = line.split()
        assert precision == (f"{right / said:.3f}" if said else "-")
        assert recall == f"{right / n:.3f}"
        assert f1 == f"{2 * right / (n + said):.3f}"
        assert int(count) == n


def test_plots_are_drawn_on_demand(found):
    pytest.importorskip("plotext", reason="plots in the terminal need plotext")
    shown = run("show", found, "--plots", "--split", "dev").stdout
    assert "log_likelihood on dev, over distinct prompts" in shown
    assert "+ manual   x paraphrase" in shown
    assert "F1 by label" in shown
    assert "█" in shown
    assert "\x1b" not in shown


def test_a_plot_shows_every_trial_and_bars_are_shares():
    pytest.importorskip("plotext", reason="plots in the terminal need plotext")
    from test_report_numbers import judged, scored

    values = (-3.0, -1.0, -2.0, -900.0)
    rows = [scored(f"p{i}", value, strategy="x") for i, value in enumerate(values)]
    drawn = budget_curve_plot(budget_curve_of(rows, "log_likelihood"), "the title")
    assert drawn.startswith(" ")
    assert "the title" in drawn
    body = drawn.split("└")[0]
    assert body.count("+") == 4
    lower = next(line for line in reversed(body.splitlines()) if "+" in line)
    assert lower.rindex("+") > 60  # the last one, on the edge
    results = per_label(judged("aabb", "aabb", "ab"))
    drawn = bars({own.label: own.recall / 2 for own in results}, "recall")
    widths = [line.count("█") for line in drawn.splitlines() if "█" in line]
    inside = next(line for line in drawn.splitlines() if "┌" in line).count("─")
    assert all(abs(width - inside / 2) <= 1 for width in widths)


def test_without_the_package_tables_are_shown_and_plots_say_the_way_out(found, monkeypatch):
    monkeypatch.setattr("promptsearch.commands.shared.terminal_plots.find_spec", lambda name: None)
    assert "--plots draws the search" in run("show", found).stdout
    done = run("show", found, "--plots", status=1)
    assert done.stderr == ("promptsearch: --plots needs plotext: pip install 'plotext>=6'\n")
    monkeypatch.undo()
    monkeypatch.setattr("promptsearch.commands.shared.terminal_plots.find_spec", lambda name: name)
    monkeypatch.setattr("promptsearch.commands.shared.terminal_plots.version", lambda name: "5.3.2")
    assert "needs a newer plotext than 5.3.2" in run("show", found, "--plots", status=1).stderr


def test_what_is_missing_or_damaged_is_said(found, tmp_path):
    path = tmp_path / "prompts.json"
    prompt = {"template": "{text} [Z]", "verbalizer": {"bad": "a", "good": "b"}}
    path.write_text(json.dumps({"format": "promptsearch/1", "prompts": [prompt]}))
    assert "{text} [Z]" in run("show", path).stdout
    pytest.importorskip("plotext", reason="plots in the terminal need plotext")
    assert "there is no course to draw" in run("show", path, "--plots").stdout
    (tmp_path / "trials.jsonl").write_text("{\n")
    assert "trials.jsonl: line 1 cannot be read" in run("show", path).stdout


def test_a_built_in_task_is_found_by_another_installation(tmp_path):
    """The file names the task by a path in the package that wrote it."""
    words = ["--task", "capitals", "-m", saved("bert"), "--budget", 2, "-q", "-o", tmp_path / "run"]
    run("paraphrase", "--method", "edits", *words)
    path = tmp_path / "run" / "prompts.json"
    document = json.loads(path.read_text())
    document["task"]["file"] = "/elsewhere/promptsearch/corpora/builtin/capitals.toml"
    path.write_text(json.dumps(document))
    assert "36 examples" in run("evaluate", path, "--split", "dev").stdout
