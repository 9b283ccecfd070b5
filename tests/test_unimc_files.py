"""UniMC's JSON lines: its own inputs read and written again, and what is no row."""

import json

import pytest
from commanding import run
from tiny import saved

from promptsearch import load_model
from promptsearch.models import Scoring
from promptsearch.prompt_file.prompts_json import read_prompts

TASK = """kind = "classification"
train = "{0}"
dev = "{0}"
label = "label"
template = "{1}"
question = {2}
[options]
{3}
"""


@pytest.fixture(scope="module")
def golden(shared):
    path = shared / "golden" / "dev" / "more" / "unimc.json"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    return json.loads(path.read_text(encoding="utf-8"))


def rows_of(golden, name):
    """The original's inputs, without those whose options it halves."""
    examples = golden[name]["examples"]
    return {n: e for n, e in examples.items() if e["input"]["choice"] == e["choices_as_encoded"]}


@pytest.mark.parametrize("name", ["bert_english", "bert_chinese"])
def test_the_inputs_of_the_original_become_its_tokens(tmp_path, shared, golden, name):
    """Its ids are of texts cut at 64 tokens; of those that fit, they are ours."""
    model = load_model(str(shared / "golden/dev/more" / golden[name]["model"]), device="cpu")
    for example in rows_of(golden, name).values():
        if len(example["input_ids"]) == golden[name]["max_length"]:
            continue
        file = tmp_path / "rows.json"
        row = example["input"]
        file.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
        run("import", file, "--from", "unimc", "-o", tmp_path / "out", "--overwrite")
        (imported,) = read_prompts(tmp_path / "out" / "prompts.json").prompts
        assert list(imported.prompt.verbalizer.labels) == row["choice"]
        filled = imported.prompt.template.fill({"texta": row["texta"], "textb": row["textb"]})
        answers = imported.prompt.verbalizer.answers
        (block,) = model.plan([filled], answers, Scoring()).blocks
        assert list(block.items[0].ids) == example["input_ids"]


def test_the_second_text_stands_behind_each_choice_where_the_release_puts_it(tmp_path):
    choices = ["\u53ef\u4ee5\uff1a", "\u4e0d\u80fd\uff1a"]
    row = {"texta": "a", "textb": "b", "question": "", "choice": choices, "label": 0}
    row["task_type"] = "\u81ea\u7136\u8bed\u8a00\u63a8\u7406"
    (tmp_path / "rows.json").write_text(json.dumps(row) + "\n")
    run("import", tmp_path / "rows.json", "--from", "unimc", "-o", tmp_path / "out")
    (imported,) = read_prompts(tmp_path / "out" / "prompts.json").prompts
    notation = "[O1]\u53ef\u4ee5\uff1a{textb}[O2]\u4e0d\u80fd\uff1a{textb}[SEP]{texta}"
    assert imported.prompt.template.notation == notation
    assert imported.prompt.verbalizer.no == "\u975e"


def test_a_task_is_written_as_the_original_has_its_rows(tmp_path, golden):
    """From our task file and back: the original's own input, key by key."""
    example = golden["bert_english"]["examples"]["topic_en_4"]["input"]
    table = {"text": example["texta"], "label": example["choice"][example["label"]]}
    more = [{"text": f"text {n}", "label": label} for n, label in enumerate(example["choice"])]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in [table, *more]))
    options = "\n".join(f'"{choice}" = "{choice}"' for choice in example["choice"])
    task = tmp_path / "task.toml"
    task.write_text(TASK.format("rows.jsonl", "{text}", json.dumps(example["question"]), options))
    run("paraphrase", "--task", task, "-m", saved("bert"), "-o", tmp_path / "run", "--budget", 1,
        "-q", "--yes", "good", "--no", "bad")  # fmt: skip
    result = run("export", tmp_path / "run/prompts.json", "--to", "unimc", "-o", tmp_path / "out")
    assert "its words are good and bad" in result.output
    first = json.loads((tmp_path / "out" / "train.json").read_text().splitlines()[0])
    for key in ("texta", "textb", "question", "choice", "label"):
        assert first[key] == example[key], key
    assert first["answer"] == example["choice"][example["label"]]
    run("import", tmp_path / "out/dev.json", "--from", "unimc", "-o", tmp_path / "again")
    (imported,) = read_prompts(tmp_path / "again" / "prompts.json").prompts
    (searched,) = read_prompts(tmp_path / "run" / "prompts.json").prompts
    renamed = searched.prompt.template.notation.replace("{text}", "{texta}")
    assert imported.prompt.template.notation == renamed


def test_a_separator_that_is_text_parts_no_texts(tmp_path):
    (tmp_path / "rows.tsv").write_text("text\tlabel\na film\tpos\na bore\tneg\n")
    options = 'pos = "it\'s great"\nneg = "it\'s terrible"'
    task = tmp_path / "task.toml"
    task.write_text(TASK.format("rows.tsv", "{text} [[SEP]] end", '"what is it"', options))
    run("paraphrase", "--task", task, "-m", saved("bert"), "-o", tmp_path / "run", "--budget", 1,
        "-q", "--yes", "good", "--no", "bad")  # fmt: skip
    run("export", tmp_path / "run/prompts.json", "--to", "unimc", "-o", tmp_path / "out")
    first = json.loads((tmp_path / "out" / "train.json").read_text().splitlines()[0])
    assert (first["texta"], first["textb"]) == ("a film [SEP] end", "")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"texta": "a", "choice": "b"}', "\"choice\" is 'b'; write a list of texts"),
        ('{"texta": "a", "choice": []}', '"choice" is []; write a list of texts'),
        ('{"texta": "a", "choice": ["b", 3]}', "the choice 3 is no text"),
        ('{"texta": "a", "choice": ["b", "b"]}', "a choice stands twice"),
        ('{"texta": 5, "choice": ["b", "c"]}', '"texta" is 5; write it as a text'),
        ("[1, 2]", "it is no row"),
        ('{"texta": "a", "choice": ["b"', "line 1"),
    ],
)
def test_what_is_no_row_is_named_with_its_line(tmp_path, row, message):
    (tmp_path / "rows.jsonl").write_text(row + "\n")
    result = run(
        "import", tmp_path / "rows.jsonl", "--from", "unimc", "-o", tmp_path / "out", status=1
    )
    assert "rows.jsonl" in result.output
    assert message in result.output


def test_rows_with_choices_of_their_own_are_data(tmp_path):
    rows = [{"texta": "a", "choice": [f"b{n}", f"c{n}"], "label": 0} for n in range(60)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run(
        "import", tmp_path / "rows.jsonl", "--from", "unimc", "-o", tmp_path / "out", status=1
    )
    assert "the rows have choices of their own" in result.output


def test_a_cloze_is_no_rows_of_choices(tmp_path):
    from commanding import edits_in

    file = edits_in(tmp_path)
    result = run("export", file, "--to", "unimc", "-o", tmp_path / "out", status=1)
    assert "is a cloze, and UniMC's rows have choices" in result.output
