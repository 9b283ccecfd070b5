"""`promptsearch import`: from foreign files to a prompts.json that the other commands take."""

import json

import pytest
from commanding import reviews_in, run
from jsonschema import Draft202012Validator

from promptsearch.data import load_task
from promptsearch.errors import DataError
from promptsearch.formats import IMPORTS
from promptsearch.formats.start_templates import templates_in
from promptsearch.prompt_file.prompts_json import read_prompts
from promptsearch.prompt_file.schema import SCHEMA

BORN = '{"template": "[X] was born in [Y] .", "weight": 0.5}\n'


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "cities.txt"
    path.write_text("".join(f"city {i}\n" for i in range(60)))
    return path


@pytest.fixture
def lpaqa(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("P19", "P20"):
        (folder / f"{name}.jsonl").write_text(BORN + BORN.replace("born", "raised"))
    return folder


def valid(path):
    """The document, which the schema allows and the reader reads."""
    document = json.loads(path.read_text())
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator(schema).validate(document)
    assert read_prompts(path).prompts
    return document


def test_a_folder_becomes_a_file_a_relation(tmp_path, lpaqa, words):
    out = tmp_path / "out"
    done = run("import", lpaqa, "--from", "lpaqa", "-o", out, "--candidates", words)
    assert done.stdout.splitlines() == [
        "imported 4 prompts over 2 relations from 2 files, with 60 candidates",
        f"wrote {out}/P19/prompts.json",
        f"and 1 more in {out}",
    ]
    document = valid(out / "P20" / "prompts.json")
    assert document["task"]["name"] == "P20"
    assert document["import"]["files"][0]["file"] == str(lpaqa / "P19.jsonl")
    (row, other) = document["prompts"]
    assert row["template"] == "{subject} was born in [Z] ."
    assert row["candidates"]["file"] == "candidates.txt"
    assert (row["id"], other["id"]) == ("p0", "p1")
    assert row["source"] == {
        "strategy": "import",
        "parents": [],
        "evidence": {"weight": 0.5, "format": "lpaqa", "file": "P20.jsonl", "line": 1},
        "token_ids": None,
        "round_trips": None,
    }


def test_equal_prompts_come_in_once(tmp_path, lpaqa, words):
    (lpaqa / "P19.jsonl").write_text(BORN + BORN.replace("0.5", "0.4") * 2)
    out = tmp_path / "out"
    done = run("import", lpaqa, "--from", "lpaqa", "-o", out, "--candidates", words)
    assert done.stdout.splitlines()[:2] == [
        "imported 3 prompts over 2 relations from 2 files, with 60 candidates",
        "2 prompts that equal an earlier one (same template, same answers) left out",
    ]
    (row,) = valid(out / "P19" / "prompts.json")["prompts"]
    assert row["source"]["evidence"]["weight"] == 0.5


def test_weights_are_the_ensemble_that_is_evaluated(tmp_path, lpaqa):
    raised = BORN.replace("born", "raised").replace("0.5", "0.25")
    (lpaqa / "P19.jsonl").write_text(BORN + raised + BORN)
    out = tmp_path / "born"
    run("import", lpaqa / "P19.jsonl", "--from", "lpaqa", "-o", out, "--task", "capitals")
    members = [{"id": "p0", "weight": 1.0}, {"id": "p1", "weight": 0.25}]  # equal lines add up
    assert valid(out / "prompts.json")["ensemble"] == {"rule": "optimised", "members": members}
    done = run("evaluate", out / "prompts.json", "--split", "dev", "--json")  # the built-in model
    document = json.loads(done.stdout)
    assert document["model"]["spec"] == "builtin"
    assert document["ensemble"]["members"] == members
    assert document["ensemble"]["scores"]["dev"] != document["prompts"][0]["scores"]["dev"]


def test_lines_without_a_weight_make_no_ensemble(tmp_path, lpaqa, words):
    (lpaqa / "P19.jsonl").write_text(BORN + '{"template": "[X] is from [Y] .", "weight": 0.0}\n')
    done = run("import", lpaqa, "--from", "lpaqa", "-o", tmp_path / "a", "--candidates", words)
    assert "no ensemble" not in done.output
    assert len(valid(tmp_path / "a" / "P19" / "prompts.json")["ensemble"]["members"]) == 2
    (lpaqa / "P19.jsonl").write_text(BORN + '{"template": "[X] is from [Y] ."}\n')
    done = run("import", lpaqa, "--from", "lpaqa", "-o", tmp_path / "b", "--candidates", words)
    assert "P19.jsonl: 1 of 2 lines have no weight, so there is no ensemble" in done.output
    assert valid(tmp_path / "b" / "P19" / "prompts.json")["ensemble"] is None


def test_all_relations_are_named_or_counted(tmp_path, lpaqa, words):
    for number in range(1, 25):
        (lpaqa / f"P{100 + number}.jsonl").write_text(BORN)
    command = ("import", lpaqa, "--from", "lpaqa", "-o", tmp_path / "a", "--candidates", words)
    told = run(*command, "--relation", "P7", status=1).output
    assert "P7: there is none; there are P101, P102, " in told
    assert told.rstrip().endswith("P120, +6 more")


@pytest.fixture
def release(tmp_path):
    """A folder of LM-BFF with two tasks, whose mappings have other labels."""
    rows = {"film": '{0: "bad", 1: "good"}', "nli": '{"no": "No", "yes": "Yes", "may": "Maybe"}'}
    for task, mapping in rows.items():
        folder = tmp_path / "release" / task
        folder.mkdir(parents=True)
        (folder / "16-42.sort.txt").write_text(f"{mapping}\n")
        (folder / "16-42.score.txt").write_text(f"0.9 {mapping}\n")
    return tmp_path / "release"


def test_the_folder_of_several_tasks_is_refused(tmp_path, release):
    given = ("--from", "lm-bff", "-o", tmp_path / "out", "--template", "{sent_0} It was [Z].")
    for more in ((), ("--labels", "0,1"), ("--top", 1)):
        done = run("import", release, *given, *more, status=1)
        assert done.stderr == (
            f"promptsearch: {release}/nli/16-42.score.txt, line 1: its labels are no, yes, may, "
            f"but those of {release}/film/16-42.score.txt are 0, 1, so they are of several tasks; "
            "import one task's folder at a time\n"
        )
    assert not (tmp_path / "out").exists()
    done = run("import", release / "nli", *given)
    assert "imported 1 prompt from 1 file, with 3 labels (no, yes, may)" in done.stdout
    # in one file, another line; the same labels in another order, or by other names, are the same
    same = release / "film" / "more.score.txt"
    same.write_text('{"1": "fun", "0": "dull"}\n{"+": "fine", "-": "poor"}\n')
    done = run("import", same, *given, "--overwrite", status=1)
    assert "line 2: its labels are +, -, but those of line 1 are 1, 0" in done.stderr
    done = run("import", same, *given, "--overwrite", "--labels", "-=0,+=1")
    assert "imported 2 prompts from 1 file, with 2 labels" in done.stdout
    same.write_text('{"1": "fun", "0": "dull"}\n')
    run("import", release / "film", *given, "--overwrite")


def test_notes_name_a_file_by_its_place_in_the_folder(tmp_path, release):
    for task in ("film", "nli"):
        (release / task / "16-42.score.txt").write_text(
            '{"0": "bad", "1": "bad"}\n{"0": "bad", "1": "good"}\n'
        )
    given = ("--from", "lm-bff", "-o", tmp_path / "out", "--template", "{sent_0} It was [Z].")
    told = "1 mappings that have one word for two labels are left out"
    done = run("import", release, *given)
    assert done.stdout.splitlines()[2:4] == [
        f"{task}/16-42.score.txt: {told}" for task in ("film", "nli")
    ]
    done = run("import", release / "nli/16-42.score.txt", *given, "--overwrite")
    assert done.stdout.splitlines()[1] == f"16-42.score.txt: {told}"


def test_one_relation_goes_where_it_is_told(tmp_path, lpaqa, words):
    given = ("import", lpaqa, "--from", "lpaqa", "--candidates", words, "--relation", "P20")
    run(*given, "-o", tmp_path / "one")
    assert valid(tmp_path / "one" / "prompts.json")["task"]["name"] == "P20"
    run(*given, "-o", tmp_path / "one" / "p20.json")
    document = valid(tmp_path / "one" / "p20.json")
    assert document["prompts"][0]["candidates"]["file"] == "p20.candidates.txt"
    done = run(*given, "-o", tmp_path / "one", status=1)
    assert done.stderr.count("\n") == 1
    assert "prompts.json: is there already; add --overwrite" in done.stderr
    done = run(*given, "-o", tmp_path / "one" / "p20.json", status=1)
    assert "p20.json: is there already" in done.stderr
    before = (tmp_path / "one" / "prompts.json").read_text()
    run(*given, "-o", tmp_path / "one", "--overwrite", "--top", 1)
    assert (tmp_path / "one" / "prompts.json").read_text() != before


def test_relations_do_not_go_into_one_file_or_out_of_the_folder(tmp_path, lpaqa, words):
    given = ("import", lpaqa, "--from", "lpaqa", "--candidates", words)
    done = run(*given, "-o", tmp_path / "all.json", status=1)
    assert "choose a folder with -o, or one relation with --relation" in done.stderr
    rows = [
        '{"relation": "../x", "template": "[X] [Y]"}',
        '{"relation": "y", "template": "[X] [Y]"}',
    ]
    (tmp_path / "r.jsonl").write_text("\n".join(rows))
    given = ("import", tmp_path / "r.jsonl", "--from", "lama", "--candidates", words)
    done = run(*given, "-o", tmp_path / "out", status=1)
    assert "'../x' has none here" in done.stderr
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "out").exists()
    run(*given, "-o", tmp_path / "out", "--relation", "../x")
    assert valid(tmp_path / "out" / "prompts.json")["task"]["name"] == "../x"


@pytest.fixture
def mapped(tmp_path):
    """A template and a mapping of LM-BFF for the reviews task."""
    reviews_in(tmp_path, 4)
    (tmp_path / "t.txt").write_text("0.9 *cls**sent_0*_A*mask*_one.*sep+*\n")
    (tmp_path / "m.txt").write_text('{"bad": "terrible", "good": "great"}\n')
    return [tmp_path / "t.txt", tmp_path / "m.txt", "--task", tmp_path / "reviews.toml"]


def test_what_was_imported_can_be_evaluated_and_shown(tmp_path, mapped):
    out = tmp_path / "out"
    done = run("import", *mapped, "--from", "lm-bff", "-o", out)
    assert done.stdout.splitlines() == [
        "imported 1 prompt from 2 files, with 2 labels (bad, good)",
        "inputs: sent_0 is {text}",
        f"wrote {out}/prompts.json",
    ]
    valid(out / "prompts.json")
    done = run("evaluate", out / "prompts.json", "--model", "builtin", "--json")
    (row,) = json.loads(done.stdout)["prompts"]
    assert row["template"] == "{text} A [Z] one."
    assert row["scores"]["test"]["n"] == 12
    assert "{text} A [Z] one." in run("show", out / "prompts.json").stdout


def test_json_says_what_came_in(tmp_path, mapped):
    done = run("import", *mapped, "--from", "lm-bff", "-o", tmp_path / "out.json", "--json")
    assert json.loads(done.stdout) == {
        "imported": [
            {
                "file": str(tmp_path / "out.json"),
                "prompts": 1,
                "labels": 2,
                "notes": ["inputs: sent_0 is {text}"],
            }
        ]
    }


def test_the_model_is_recorded(tmp_path, mapped):
    run("import", *mapped, "--from", "lm-bff", "-o", tmp_path / "out", "--model", "builtin")
    document = valid(tmp_path / "out" / "prompts.json")
    assert (document["model"]["spec"], document["model"]["family"]) == ("builtin", "masked")
    done = run("evaluate", tmp_path / "out" / "prompts.json", "--json")
    assert json.loads(done.stdout)["model"]["sha256"] == document["model"]["sha256"]


def test_searches_tell_foreign_templates_from_the_file(tmp_path, mapped):
    task = load_task(tmp_path / "reviews.toml")
    files = {
        "t.txt": ("*sent_0*_It_was*mask*.", "{text} It was [Z]."),
        "o.txt": ('A {"mask"} text : {"placeholder": "text_a"}', "A [Z] text : {text}"),
        "a.jsonl": ('{"template": "[CLS] {text} so [P]. [SEP]"}', "{text} so [Z]."),
        "p.py": (PVP, "{text} was [Z] ."),
        "ours.txt": ("{text} is *mask* or [Z]", "{text} is *mask* or [Z]"),
        "also.txt": ('{text} {{"mask"}} [Z] [X] [Y]', '{text} {{"mask"}} [Z] [X] [Y]'),
    }
    for name, (content, notation) in files.items():
        (tmp_path / name).write_text(content)
        assert templates_in([tmp_path / name], task) == (notation,)
    (tmp_path / "two.jsonl").write_text(
        '{"relation": "P1", "template": "[X] [Y]"}\n{"relation": "P2", "template": "[X] : [Y]"}\n'
    )
    with pytest.raises(DataError, match=r"two.jsonl: it holds templates for P1, P2.*--relation"):
        templates_in([tmp_path / "two.jsonl"], load_task("capitals"))


PVP = """
class ReviewsPVP(PVP):
    VERBALIZER = {"bad": ["terrible"], "good": ["great"]}

    def get_parts(self, example):
        return [example.text_a, 'was', self.mask, '.'], []

    def verbalize(self, label):
        return ReviewsPVP.VERBALIZER[label]
"""


@pytest.mark.parametrize("name", ["openprompt", "lm-bff", "pet", "autoprompt"])
def test_an_export_imports_again(tmp_path, mapped, name):
    run("import", *mapped, "--from", "lm-bff", "-o", tmp_path / "first")
    there = tmp_path / ("there.py" if name == "pet" else "there")
    run("export", tmp_path / "first/prompts.json", "--to", name, "-o", there)
    words = ("--from", name, "--task", tmp_path / "reviews.toml")
    run("import", there, *words, "-o", tmp_path / "second")
    first, second = (read_prompts(tmp_path / n / "prompts.json") for n in ("first", "second"))
    assert [s.prompt for s in second.prompts] == [s.prompt for s in first.prompts]


def test_user_errors_are_one_line(tmp_path, mapped):
    template, mapping, *_ = mapped
    for words, reason in [
        ((template,), "there is no verbalizer in the files; give a file with one beside it"),
        ((mapping,), "there is no template in the files"),
        ((template, mapping, "--template", "{text}"), "--template: the template '{text}' has no"),
        ((template, mapping, "--inputs", "a b"), "--inputs: 'a b' is no name of an input"),
        ((template, mapping, "--labels", "a,a"), "--labels 'a,a' has a name twice"),
        ((template, mapping, "--labels", "x,y"), "there are no words for the label 'x'"),
        ((tmp_path / "gone.txt",), "there is no file"),
    ]:
        done = run("import", *words, "--from", "lm-bff", "-o", tmp_path / "out", status=1)
        assert done.stderr.startswith("promptsearch: ")
        assert reason in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
    done = run("import", template, "--from", "lmbff", "-o", tmp_path / "out", status=2)
    assert "lm-bff" in done.stderr


def test_the_help_names_every_format():
    said = run("import", "--help").stdout
    assert all(f" {name} " in said for name in IMPORTS)
