"""`promptsearch report`: pages from real searches, from bare files, and from hostile text."""

import json
import subprocess
import sys

import pytest
from commanding import run
from pages import checked
from tiny import saved

pytest.importorskip("matplotlib", reason="a report needs matplotlib")

EVIL = "<script>alert('x')</script>&\"'<b>"
PLAN = """
[[step]]
strategy = "paraphrase"
method = ["edits"]
screen = 2
width = 4
rounds = 1
budget = 6
[[step]]
strategy = "answers-prune"
candidates = 4
budget = 4
[ensemble]
rule = "uniform"
top = 3
"""
TASK = """name = "reviews <i>"
kind = "classification"
train = "train.jsonl"
dev = "train.jsonl"
test = "test.jsonl"
label = "label"
inputs = ["text"]
template = "{text} <script>alert(1)</script> It was [Z]."
[answers]
"bad <b>" = ["terrible"]
good = ["great"]
"""
TEXTS = [(f"a great film {EVIL}", "good"), ("a terrible plot", "bad <b>"), ("dull", "bad <b>")]
FACTS = """name = "capitals"
kind = "facts"
train = "train.jsonl"
dev = "train.jsonl"
test = "test.jsonl"
template = "The capital of {subject} is [Z] ."
candidates = "objects.txt"
"""


def rows_in(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """A search of a plan over a task whose every text is hostile."""
    folder = tmp_path_factory.mktemp("reviews")
    rows = [{"text": text, "label": label} for text, label in TEXTS * 3]
    other = {"good": "bad <b>", "bad <b>": "good"}
    rows_in(folder / "train.jsonl", rows)  # a half of test is wrong, whatever is said
    rows_in(folder / "test.jsonl", [*rows, *({**r, "label": other[r["label"]]} for r in rows)])
    (folder / "task.toml").write_text(TASK)
    (folder / "plan.toml").write_text(PLAN)
    words = ["-o", folder / "run", "-m", saved("bert"), "--budget", 12, "-q"]
    run("search", folder / "plan.toml", "--task", folder / "task.toml", *words)
    return folder


@pytest.fixture(scope="module")
def capitals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("capitals")
    rows = [{"subject": s, "object": o} for s, o in (("France", "Paris"), ("Norway", "Oslo"))]
    rows_in(folder / "train.jsonl", rows)
    more = {"a <em>": "Atlantis", "Gaul": "Paris"}
    rows_in(folder / "test.jsonl", rows + [{"subject": s, "object": o} for s, o in more.items()])
    (folder / "objects.txt").write_text("Paris\nOslo\nRome\nKorea\n")
    (folder / "task.toml").write_text(FACTS)
    words = ["-o", folder / "run", "-m", saved("bert"), "--budget", 6, "-q"]
    run("paraphrase", "--task", folder / "task.toml", "--method", "edits", *words)
    return folder


def page_of(folder, *options, name="run/prompts.json"):
    out = folder / "page.html"
    done = run("report", folder / name, "-o", out, "--overwrite", *options)
    assert f"wrote {out}" in done.stdout
    return checked(out.read_text(encoding="utf-8"))


def evaluated(folder, *options):
    return json.loads(run("evaluate", folder / "run/prompts.json", "--json", *options).stdout)


def shown(value):
    return f"{value:.3f}".replace("-", "−")


def test_a_page_of_a_search_says_what_evaluate_says(reviews):
    page = page_of(reviews)
    document = evaluated(reviews, "--top", 10)
    for row in (*document["prompts"], document["ensemble"], *document["baselines"].values()):
        scores = row["scores"]["test"]
        assert shown(scores["accuracy"]) in page.text
        assert shown(scores["ci95"][0]) in page.text
        if "vs_manual" in scores:
            assert shown(scores["vs_manual"]["ci95"][1]) in page.text
    ids = {"prompts", "search", "labels", "mistakes", "ancestry", "relation", "reliability"}
    assert ids | {"ensemble", "limits", "making"} <= set(page.ids)
    assert "; log p summed, then normalised" in page.text
    assert "1 paraphrase" in page.text  # points are of the plan's steps
    assert "objects" not in page.ids
    search = json.loads((reviews / "run/prompts.json").read_text())["search"]
    assert search["command"] in page.text
    assert f"{search['spent']['forwards']:,} forward passes" in page.text


def test_the_results_by_label_and_the_mistakes_are_those_of_the_examples(reviews):
    out = reviews / "examples.jsonl"
    run("evaluate", reviews / "run/prompts.json", "--examples-out", out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    wrong = [row for row in rows if not row["correct"]]
    page = page_of(reviews, "--mistakes", 2)
    assert (len(wrong), len(rows)) == (9, 18)
    assert "9 of 18 examples of test are wrong; these 2" in page.text
    assert [attributes.get("class") for _, attributes in page.elements].count("said") == 2
    found = [round(float(own["style"].split(":")[1]), 3) for own in hits_of(page)]
    shares = []
    for label in ("bad <b>", "good"):
        own = [row["correct"] for row in rows if row["target"] == label]
        shares.append(round(sum(own) / len(own), 3))
    assert found == shares


def hits_of(page):
    """The cells of the confusion matrix that are right."""
    return [own for own in page.named("td") if own.get("class") == "hit"]


def test_hostile_text_is_text(reviews):
    page = page_of(reviews, "--mistakes", 9)
    assert EVIL in page.text
    assert "<script>alert(1)</script>" in page.text
    assert "bad <b>" in page.text
    assert "reviews <i>" in page.text
    assert not {"b", "i", "em"} & {name for name, _ in page.elements}


def test_the_same_page_every_time(reviews):
    page_of(reviews)
    first = (reviews / "page.html").read_bytes()
    page_of(reviews)
    assert (reviews / "page.html").read_bytes() == first


def test_figures_have_the_colours_and_the_letters_of_the_page(reviews):
    page_of(reviews)
    text = (reviews / "page.html").read_text()
    figures = text.split("<figure>")[1:]
    assert len(figures) == 4
    for own in figures:
        svg = own.split("</svg>")[0]
        assert "<text" in svg
        assert "font" not in svg
        assert "#" not in svg.replace('"#', "").replace("url(#", "")  # no colour of its own
        assert "dc:date" not in svg
    assert "prefers-color-scheme: dark" in text
    assert "default-src &#x27;none&#x27;" in text


def test_facts(capitals):
    page = page_of(capitals)
    test = evaluated(capitals)["prompts"][0]["scores"]["test"]
    assert shown(test["p@1"]) in page.text
    assert "1 fact cannot be answered right" in page.text
    assert {"objects", "mistakes"} <= set(page.ids)
    assert {"labels", "reliability", "ensemble"}.isdisjoint(page.ids)
    assert "a <em>" in page.text
    assert "P@1 of the most frequent objects" in page.text  # Paris is right twice


def test_a_fixed_answer_that_is_better_is_told(capitals):
    """Test asks for Paris twice, which is the most frequent object of train."""
    document = evaluated(capitals)
    best, always = (
        row["scores"]["test"]["p@1"]
        for row in (document["prompts"][0], document["baselines"]["majority"])
    )
    told = "Always answering 'Paris'" in page_of(capitals).text
    assert told == (best < always)
    row = {**FACT, "scores": {"dev": {"p@1": 0.1, "n": 9, "ci95": [0.0, 0.4]}}}
    majority = {"label": "Oslo", "scores": {"dev": {"p@1": 0.2, "n": 9, "ci95": [0.0, 0.5]}}}
    bare(capitals, [row], baselines={"majority": majority})
    page = page_of(capitals, "--no-evaluate", name="bare.json")
    assert "Always answering 'Oslo', the most frequent answer of train" in page.text


def test_dev_is_said_to_have_selected(reviews):
    page = page_of(reviews, "--split", "dev")
    assert "All numbers are of dev, which selected these prompts" in page.text
    assert "no scores on test to compare" in page.text


def test_test_rows_are_read_for_the_test_split_only(reviews, tmp_path):
    for name in ("task.toml", "train.jsonl"):
        (tmp_path / name).write_text((reviews / name).read_text())
    (tmp_path / "test.jsonl").write_text("no row at all\n")
    out = ["-o", tmp_path / "page.html", "--overwrite"]
    task = ["--task", tmp_path / "task.toml", *out]
    run("report", reviews / "run/prompts.json", *task, "--split", "dev")
    run("report", reviews / "run/prompts.json", *task, "--no-evaluate")
    done = run("report", reviews / "run/prompts.json", *task, status=1)
    assert "test.jsonl, line 1" in done.stderr


def test_only_a_page_is_written(reviews):
    path = reviews / "run/prompts.json"
    done = run("report", path, "-o", path, status=1)
    assert "give it a name that ends in .html" in done.stderr


def test_without_a_model(reviews, monkeypatch):
    monkeypatch.setattr("promptsearch.models.loading.load.load_model", None)
    page = page_of(reviews, "--no-evaluate")
    assert "no model was asked" in page.text
    assert {"labels", "mistakes", "relation"}.isdisjoint(page.ids)
    assert {"prompts", "search", "ancestry", "ensemble", "limits"} <= set(page.ids)


def bare(folder, prompts, **other):
    path = folder / "bare.json"
    path.write_text(json.dumps({"format": "promptsearch/1", "prompts": prompts, **other}))
    return path


FACT = {"template": "{subject} [Z]", "candidates": ["Paris", "Oslo"]}
MINIMAL = {"template": "{text} It was [Z] .", "verbalizer": {"bad <b>": ["dull"], "good": "great"}}


def test_a_bare_file(reviews):
    bare(reviews, [MINIMAL])
    page = page_of(reviews, "--no-evaluate", name="bare.json")
    assert "they have no numbers" in page.text or "have no numbers yet" in page.text
    assert "There is no trials.jsonl" in page.text
    words = ["--task", reviews / "task.toml", "--model", saved("bert")]
    page = page_of(reviews, *words, name="bare.json")
    assert {"labels", "mistakes", "ancestry"} <= set(page.ids)
    page = page_of(reviews, "--task", reviews / "task.toml", name="bare.json")  # the built-in model
    assert "labels" in page.ids
    assert "add --task" in run("report", reviews / "bare.json", status=1).stderr


def test_prompts_that_no_search_selected_are_not_said_to_be_selected(reviews):
    """As `evaluate` has it: published prompts may be compared on dev."""
    other = {**MINIMAL, "template": "It is [Z] : {text}", "id": "other"}
    path = bare(reviews, [MINIMAL, other])
    words = ["--task", reviews / "task.toml", "--model", saved("bert"), "--split", "dev"]
    assert "chose these prompts" not in run("evaluate", path, *words).stdout
    said = run("report", path, *words, "-o", reviews / "page.html", "--overwrite").stdout
    assert "on 9 examples of dev" in said
    assert "the manual prompt" in said
    for more in ([], ["--no-evaluate"]):
        page = page_of(reviews, *words, *more, name="bare.json")
        assert "no search selected them on dev" in page.text
        assert "No search selected these prompts on dev" in page.text
        for claim in ("which selected", "Dev selected", "(selected)", "expect less", "best on dev"):
            assert claim not in page.text
        assert "best prompt on dev" not in page.text
    row = {**MINIMAL, "scores": {"dev": {"accuracy": 0.5, "n": 4, "ci95": [0.2, 0.8]}}}
    words = [
        "report",
        bare(reviews, [row]),
        "--no-evaluate",
        "-o",
        reviews / "page.html",
        "--overwrite",
    ]
    assert run(*words).stdout.startswith("accuracy 0.500 [0.200, 0.800] on 4 examples of dev.\n")


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_several_slots_in_every_family(reviews, kind):
    prompt = {
        "template": "{text} It was [Z1] and [Z2] .",
        "verbalizer": {"bad <b>": [["dull", "bad"]], "good": [["great", "good"]]},
    }
    bare(reviews, [prompt])
    words = ["--task", reviews / "task.toml", "--model", saved(kind)]
    page = page_of(reviews, *words, name="bare.json")
    assert "top words at [Z1]" in page.text
    assert "top words at [Z2]" in page.text


def test_another_model_is_told(reviews):
    page = page_of(reviews, "--model", saved("gpt2"), "--top", 1)
    assert "Transfer: the prompts were found with" in page.text
    assert f"{saved('gpt2')} (causal), on test" in page.text
    assert "having read only what stands before it" in page.text
    assert "Transfer" not in page_of(reviews, "--top", 1).text


def test_calibrated_prompts_show_their_prior(reviews):
    prior = {"bad <b>": -0.1, "good": [-3.0, -4.0]}
    bare(reviews, [{**MINIMAL, "prior": prior}], scoring={"calibration": "contextual"})
    page = page_of(reviews, "--no-evaluate", name="bare.json")
    assert "What the best prompt says of nothing" in page.text
    assert "90.5%" in page.text  # exp(-0.1)
    assert "6.8%" in page.text  # exp(-3) + exp(-4)


def test_a_damaged_ledger_is_told(reviews, tmp_path):
    (tmp_path / "prompts.json").write_text((reviews / "run/prompts.json").read_text())
    lines = (reviews / "run/trials.jsonl").read_text().splitlines(keepends=True)
    lines[2] = '{"id": "p1", "key": \n'
    lines[4] = '["no", "row"]\n'
    (tmp_path / "trials.jsonl").write_text("".join(lines) + '{"id": "p')
    page = page_of(tmp_path, "--no-evaluate", name="prompts.json")
    assert f"line 3, 5 and {len(lines) + 1} cannot be read" in page.text
    (tmp_path / "trials.jsonl").write_bytes(b"\xff\xfe not text\n")
    page = page_of(tmp_path, "--no-evaluate", name="prompts.json")
    assert "holds no trial on dev" in page.text


def test_a_ledger_of_dropped_prompts_only(reviews, tmp_path):
    (tmp_path / "prompts.json").write_text((reviews / "run/prompts.json").read_text())
    lines = (reviews / "run/trials.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    kept = [{**row, "complete": False} for row in rows if row.get("split") == "dev"]
    for row in kept:
        del row["sum"]
    rows_in(tmp_path / "trials.jsonl", kept)
    page = page_of(tmp_path, "--no-evaluate", name="prompts.json")
    assert "No prompt was scored on all of dev" in page.text
    assert "dropped out" in page.text


def test_very_many_labels_show_the_worst_pairs_in_place_of_a_matrix(tmp_path):
    labels = {f"l{i}": letter for i, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
    rows_in(tmp_path / "train.jsonl", [{"text": w, "label": n} for n, w in labels.items()])
    answers = "".join(f'{name} = ["{word}"]\n' for name, word in labels.items())
    head = TASK.split("[answers]")[0].replace("test.jsonl", "train.jsonl")
    (tmp_path / "task.toml").write_text(f"{head}[answers]\n{answers}")
    bare(tmp_path, [{"template": "{text} [Z]", "verbalizer": labels}])
    task = ["--task", tmp_path / "task.toml", "--model", saved("gpt2")]
    page = page_of(tmp_path, *task, name="bare.json")
    assert "Labels most often taken for another" in page.text
    assert "Confusion matrix" not in page.text
    assert "Precision: of those predicted" in page.text


def test_odd_values_in_a_file_do_not_break_the_page(reviews):
    odd = "p\x00 $x^2$ 人 <b>"
    row = {**MINIMAL, "id": odd, "source": {"strategy": EVIL, "parents": [odd, "gone"]}}
    row["scores"] = {"dev": {"accuracy": 0.5, "log_likelihood": -1, "ci95": [0.2, 0.8], "n": 9}}
    bare(reviews, [row, {**row, "id": "p2"}], versions={EVIL: 1}, search={"command": EVIL})
    page = page_of(reviews, "--no-evaluate", name="bare.json")
    assert "$x^2$ 人 <b>" in page.text
    assert "gone: named as a parent" in page.text


def test_a_missing_package_is_one_line_before_the_model_loads(reviews):
    code = (
        "import sys\nsys.modules['matplotlib'] = None\n"
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'matplotlib' else find(name, *a)\n"
        f"from promptsearch.cli import cli\ncli(['report', {str(reviews / 'run/prompts.json')!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "promptsearch: a report needs matplotlib: pip install 'matplotlib>=3.8'\n"
    )


def test_the_page_lies_beside_the_prompts_where_nothing_else_is_said(reviews):
    done = run("report", reviews / "run/prompts.json", "--no-evaluate")
    assert f"wrote {reviews / 'run/report.html'}" in done.stdout
    checked((reviews / "run/report.html").read_text())


def test_bad_input_is_one_line(reviews, capitals, tmp_path):
    prompts = reviews / "run/prompts.json"
    (tmp_path / "file").write_text("")
    for words, reason in (
        ((tmp_path / "none.json",), "none.json: cannot be read as a prompts.json"),
        ((prompts, "--task", capitals / "task.toml"), "on the task it was made for"),
        ((prompts, "-o", tmp_path / "file" / "x.html"), "x.html: cannot be written"),
        ((prompts, "--task", "capitls"), "capitls"),
        ((prompts, "--model", tmp_path / "none"), "none"),
    ):
        done = run("report", *words, status=1)
        assert reason in done.stderr
        assert done.stderr.splitlines()[-1].startswith("promptsearch: ")
        assert "Traceback" not in done.stderr


def test_a_bag_of_words_that_is_better_is_told(reviews):
    """The other half of test has the labels of train; the words tell them."""
    pytest.importorskip("sklearn")
    document = evaluated(reviews)
    best, words = (
        row["scores"]["test"]["accuracy"]
        for row in (document["prompts"][0], document["baselines"]["tf-idf"])
    )
    assert words == 0.5
    told = "TF-IDF + logistic regression, which learned from train, is right more often"
    assert (told in page_of(reviews).text) == (best < words)
    worse = {**document["prompts"][0], "verbalizer": {"good": "terrible", "bad <b>": "great"}}
    path = bare(reviews, [worse])
    words = ["--task", reviews / "task.toml", "--model", saved("bert"), "--split", "dev"]
    again = json.loads(run("evaluate", path, *words, "--json").stdout)
    assert again["prompts"][0]["scores"]["dev"]["accuracy"] < 1
    assert again["baselines"]["tf-idf"]["scores"]["dev"]["accuracy"] == 1
    assert f"{told}: accuracy 1.000" in page_of(reviews, *words, name="bare.json").text
