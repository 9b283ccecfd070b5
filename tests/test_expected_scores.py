"""What searches tell of new rows: in files, on the screen, and in what answers."""

import json

import pytest
from jsonschema import Draft202012Validator
from test_search_command import PLAN, SCHEMA, TASK, TEXTS, run
from tiny import saved

from promptsearch.commands.shared.expected_scores import expected_cells, expected_lines
from promptsearch.prediction.selection import ensemble_wins

ROWS = 20
ENSEMBLE = '[ensemble]\nrule = "mean"\ntop = 3\nper_step = 2\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A search with a plan over a task whose dev is large enough for folds."""
    folder = tmp_path_factory.mktemp("expected")
    texts = [(text, label) for label, each in TEXTS.items() for text in each]
    for split in ("train", "dev"):
        rows = [f"{texts[n % 4][0]} {split} {n}\t{texts[n % 4][1]}\n" for n in range(ROWS)]
        (folder / f"{split}.tsv").write_text("text\tlabel\n" + "".join(rows))
    (folder / "task.toml").write_text(TASK.replace('dev = "train.tsv"', 'dev = "dev.tsv"'))
    (folder / "plan.toml").write_text(PLAN + ENSEMBLE)
    words = ["--task", folder / "task.toml", "--model", saved("bert"), "--budget", 30]
    done = run("search", folder / "plan.toml", *words, "-o", folder / "run")
    (folder / "said.txt").write_text(done.output)
    return folder


def document_of(folder):
    return json.loads((folder / "run" / "prompts.json").read_text())


def test_the_file_tells_what_to_expect(folder):
    document = document_of(folder)
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    expected = document["search"]["expected"]
    assert expected["folds"] == 4
    gain = expected["ensemble_minus_best"]
    for metric in ("accuracy", "log_likelihood"):
        difference = expected["ensemble"][metric] - expected["best"][metric]
        assert gain[metric] == pytest.approx(difference)
    for winner in ("best", "ensemble"):
        scores = expected[winner]
        assert scores["n"] == ROWS
        for part in (scores, scores["vs_manual"]):
            for metric in ("accuracy", "log_likelihood"):
                low, high = part[f"{metric}_ci95"]
                assert low <= part[metric] <= high
    assert document["search"]["spent"]["prompts"] <= 30
    assert document["ensemble"]["rule"] == "mean"
    steps = {p["id"]: p["source"]["evidence"].get("step") for p in document["prompts"]}
    of_members = [steps[member["id"]] for member in document["ensemble"]["members"]]
    assert len(of_members) == 3
    assert max(map(of_members.count, of_members)) <= 2
    assert sum(m["weight"] for m in document["ensemble"]["members"]) == pytest.approx(1)


def test_it_stands_first_on_the_screen(folder):
    said, document = (folder / "said.txt").read_text(), document_of(folder)
    assert "it runs 4 times, each without another part of dev" in said
    assert "run 1 of 4: step 1 paraphrase" in said
    assert "run 4 of 4: " in said
    head, first = said[said.index("on dev, which selected them:") :].splitlines()[1:3]
    assert head.split()[0] == "expected"
    accuracy = document["search"]["expected"]["ensemble"]["accuracy"]
    assert first.split()[0] == f"{accuracy:.2f}"
    assert first.rstrip().endswith("ensemble")
    assert "on new rows: accuracy" in said
    shown = run("show", folder / "run" / "prompts.json").output
    assert "on new rows: accuracy" in shown
    assert "expected" in shown


def test_a_search_with_runs_is_reproduced_and_resumed(folder):
    prompts = folder / "run" / "prompts.json"
    assert "reproduced: same prompts" in run("reproduce", prompts, "-q").stdout
    before = document_of(folder)
    ledger = folder / "run" / "trials.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[: len(lines) // 2]))
    words = ["--task", folder / "task.toml", "--model", saved("bert"), "--budget", 30, "-q"]
    run("search", folder / "plan.toml", *words, "-o", folder / "run", "--resume")
    after = document_of(folder)
    assert after["search"]["expected"] == before["search"]["expected"]
    assert after["prompts"] == before["prompts"]


def test_certify_tells_what_the_search_expects(folder):
    prompts = folder / "run" / "prompts.json"
    options = ("--shuffles", 0, "--random", 0, "--folds", 3)
    said = run("certify", prompts, *options, "-q").stdout
    gain = document_of(folder)["search"]["expected"]["best"]["vs_manual"]["accuracy"]
    assert "on rows that had no part in the search's own choice the gain is" in said
    assert f"{gain:+.3f} [" in said


def test_the_report_tells_it_too(folder, tmp_path):
    prompts = folder / "run" / "prompts.json"
    run("report", prompts, "-o", tmp_path / "page.html", "--no-evaluate", "-q")
    page = (tmp_path / "page.html").read_text()
    assert "expected on new rows" in page
    assert "accuracy expected on new rows" in page


def test_a_strategy_alone_tells_it_where_it_can(folder, tmp_path):
    words = ["--task", folder / "task.toml", "--model", saved("bert"), "--budget", 8]
    done = run("answers", "prune", *words, "-o", tmp_path / "prune")
    assert "on new rows: accuracy" in done.output
    done = run("paraphrase", *words, "--method", "edits", "-o", tmp_path / "paraphrase")
    assert "what to expect on new rows is not known" in done.output
    saved_file = json.loads((tmp_path / "paraphrase" / "prompts.json").read_text())
    assert saved_file["search"]["expected"] is None


def test_nothing_is_expected_of_an_ensemble_that_another_replaced(folder, tmp_path):
    words = ["--rule", "vote", "--top", 2, "-o", tmp_path / "other"]
    run("ensemble", folder / "run" / "prompts.json", *words, "-q")
    file = tmp_path / "other" / "prompts.json"
    replaced, before = json.loads(file.read_text()), document_of(folder)
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(replaced)
    expected = before["search"]["expected"]
    assert replaced["search"]["expected"] == {"folds": 4, "best": expected["best"]}
    said = run("show", file).output
    assert "expected of the ensemble" not in said
    document = {**made(expected["best"]), "ensemble": {"rule": "vote", "members": []}}
    best, ensemble = expected_lines(document)
    assert "expected of the best prompt on new rows" in best
    assert "of the ensemble, which answers, is not known" in ensemble


def test_a_search_cut_short_says_so(folder, tmp_path):
    words = ["--task", folder / "task.toml", "--model", saved("bert"), "--max-forwards", 150]
    done = run("search", folder / "plan.toml", *words, "-o", tmp_path / "run")
    assert "not known: the search was cut short" in done.output


def test_few_rows_are_searched_once(folder, tmp_path):
    rows = (folder / "dev.tsv").read_text().splitlines(keepends=True)
    for name in ("train.tsv", "dev.tsv"):
        (tmp_path / name).write_text("".join(rows[:9]))
    (tmp_path / "task.toml").write_text((folder / "task.toml").read_text())
    words = ["--task", tmp_path / "task.toml", "--model", saved("bert"), "--budget", 12]
    done = run("search", folder / "plan.toml", *words, "-o", tmp_path / "run")
    assert "it runs once, for dev has too few rows to be folded (8)" in done.output
    assert "what to expect on new rows is not known" in done.output


def test_facts_of_which_few_are_covered_have_no_interval(folder, tmp_path):
    rows = [f"thing {n}\t{'film' if n < 2 else f'none {n}'}\n" for n in range(ROWS)]
    (tmp_path / "facts.tsv").write_text("subject\tobject\n" + "".join(rows))
    (tmp_path / "candidates.txt").write_text("film\nstory\ngood\n")
    (tmp_path / "task.toml").write_text(
        'name = "toy"\nkind = "facts"\ntrain = "facts.tsv"\ndev = "facts.tsv"\n'
        'template = "{subject} is a [Z]."\ncandidates = "candidates.txt"\n'
    )
    (tmp_path / "plan.toml").write_text('[[step]]\nstrategy = "paraphrase"\nmethod = ["edits"]\n')
    words = ["--task", tmp_path / "task.toml", "--model", saved("bert"), "--budget", 6]
    run("search", tmp_path / "plan.toml", *words, "-o", tmp_path / "run", "-q")
    text = (tmp_path / "run" / "prompts.json").read_text()
    assert "Infinity" not in text
    best = json.loads(text)["search"]["expected"]["best"]
    assert "p@1_ci95" in best
    assert "log_likelihood_ci95" not in best


def made(best, gain=None, **more):
    gained = {"ensemble": best, "ensemble_minus_best": gain}
    expected = {"folds": 4, "best": best, **(gained if gain else {})}
    rows = [{"id": "p1", "scores": {"dev": {"log_likelihood": -0.1}}}]
    together = {"rule": "mean", "members": [], "scores": {"dev": {"log_likelihood": -0.5}}}
    search = {"objective": "log-likelihood", "expected": expected}
    task = {"kind": "classification"}
    return {"task": task, "search": search, "prompts": rows, "ensemble": together, **more}


def test_the_ensemble_answers_unless_it_is_surely_worse():
    best = {"log_likelihood": -0.6}
    maybe, surely = (
        {"log_likelihood": -0.1, "log_likelihood_ci95": ends}
        for ends in ([-0.3, 0.1], [-0.2, -0.05])
    )
    assert ensemble_wins(made(best, maybe))  # though dev says -0.5 against -0.1
    assert not ensemble_wins(made(best, surely))
    assert not ensemble_wins({**made(best, maybe), "search": {"expected": None}})  # by dev


def test_cells_are_of_the_winners_and_of_the_manual_prompt():
    best = {"accuracy": 0.612, "accuracy_ci95": [0.5, 0.7], "log_likelihood": -0.6, "n": 32}
    document = made(best)
    assert expected_cells(document, {"id": "p1"}) == ["0.61 [0.50, 0.70]"]
    assert expected_cells(document, {"id": "p2"}) == ["-"]
    manual = {"id": "manual", "scores": {"dev": {"accuracy": 0.5, "ci95": [0.4, 0.6]}}}
    assert expected_cells(document, manual) == ["0.50 [0.40, 0.60]"]
    assert expected_cells({**document, "search": {}}, manual) == []
    assert expected_lines({**document, "search": {}}) == []  # of an earlier version
