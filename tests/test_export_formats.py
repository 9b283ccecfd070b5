"""Formats of other tools read back, by their own parsers, as the prompt that was written."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commanding import reviews_in, run
from exporting import exported, prompts_in
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import saved

from promptsearch import Example, Scorer, Scoring, load_model, load_task
from promptsearch.errors import ExportError
from promptsearch.formats.export import NEXT, write_as
from promptsearch.prompt import Field, Slot, Template, Text

ONE = {"bad": ["terrible"], "good": ["great"]}
IT_WAS = "{text} It was [Z]."
ODD = ["{", "}", "{{", "}}", "{%", "%}", "{#", "\\", '"', "'", "\n", "|", "\u2028", "<b>", "$", "é"]
CHUNKS = st.lists(st.sampled_from([*ODD, "It was", " "]), max_size=6).map("".join)
INPUTS = {"text": 'a {{film}} {x} "so" \\ it %} is', "other": "[Z] {% if %}\n'end'"}


@st.composite
def templates(draw):
    """A template whose words look like every notation there is; its slot is last."""
    parts = (Field("text"), Text(draw(CHUNKS)), Field("other"), Text(draw(CHUNKS) + " it "), Slot())
    return Template((Text("x" + draw(CHUNKS)), *parts))


def before(template):
    """What stands before the slot, filled in."""
    return "".join(part.text for part in template.fill(INPUTS)[:-1])


def written(folder, template, name, file, **document):
    path = prompts_in(folder, {"template": str(template), "verbalizer": ONE}, **document)
    write_as(name, exported(path), folder / file, overwrite=True)
    return folder / file


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("formats")


@settings(max_examples=60, deadline=None)
@given(template=templates())
def test_messages_fill_in_as_the_template_does(template, folder):
    chat = {"system": "Be {brief}.", "answer_prefix": "It is"}
    model = {"spec": "some", "chat": chat}
    document = json.loads(written(folder, template, "messages", "m.json", model=model).read_text())
    system, user = (message["content"].format(**INPUTS) for message in document["messages"])
    assert (system, user) == ("Be {brief}.", before(template).strip())
    assert document["answer_prefix"] == "It is "
    assert document["answers"] == ONE


@settings(max_examples=60, deadline=None)
@given(template=templates())
def test_langchain_formats_as_the_template_does(template, folder):
    loads = pytest.importorskip("langchain_core.load", reason="pip install langchain-core").loads
    prompt = loads(written(folder, template, "langchain", "l.json").read_text())
    assert prompt.format(**INPUTS) == before(template).rstrip()
    chat = {"spec": "some", "chat": {"system": "Be {brief}."}}
    prompt = loads(written(folder, template, "langchain", "l.json", model=chat).read_text())
    system, user = prompt.format_messages(**INPUTS)
    assert (system.content, user.content) == ("Be {brief}.", before(template).strip())


class Loader:
    """promptsource's reading of its templates.yaml: tags, Jinja, and the bars between."""

    def __init__(self, path):
        yaml = pytest.importorskip("yaml", reason="pip install pyyaml")
        jinja2 = pytest.importorskip("jinja2", reason="pip install jinja2")

        class Tags(yaml.SafeLoader):
            pass

        Tags.add_multi_constructor("!", lambda own, _, node: own.construct_mapping(node, True))
        self.templates = yaml.load(path.read_text(), Tags)["templates"].values()
        self.environment = jinja2.Environment()

    def apply(self, template, row):
        choices = self.environment.from_string(template["answer_choices"]).render(row)
        row = {**row, "answer_choices": [one.strip() for one in choices.split("|||")]}
        text = self.environment.from_string(template["jinja"]).render(row)
        return [part.strip() for part in text.split("|||")]


@settings(max_examples=60, deadline=None)
@given(template=templates())
def test_promptsource_renders_as_the_template_does(template, folder):
    if "|||" in str(template):
        return
    loader = Loader(written(folder, template, "promptsource", "templates.yaml"))
    (own,) = loader.templates
    found = loader.apply(own, {**INPUTS, "label": 1})
    assert found == [before(template).replace("\r", "\n").strip(), "great"]


def test_promptsource_holds_what_stands_behind_the_answer(folder):
    loader = Loader(written(folder, "{text} is [Z] , {other}", "promptsource", "templates.yaml"))
    (own,) = loader.templates
    assert loader.apply(own, {"text": "it", "other": "so", "label": 0}) == [
        "it is",
        "terrible , so",
    ]


@settings(max_examples=40, deadline=None)
@given(template=templates())
def test_promptfoo_renders_prompts_and_rows_as_they_are(template, folder):
    yaml = pytest.importorskip("yaml", reason="pip install pyyaml")
    jinja2 = pytest.importorskip("jinja2", reason="pip install jinja2")  # for Nunjucks
    (folder / "rows.jsonl").write_text(json.dumps({**INPUTS, "label": "good"}) + "\n" * 2)
    (folder / "task.toml").write_text(
        'name = "t"\nkind = "classification"\ntrain = "rows.jsonl"\ndev = "rows.jsonl"\n'
        'label = "label"\ntemplate = "{text} [Z]"\n[answers]\nbad = "terrible"\ngood = "great"\n'
    )
    path = prompts_in(folder, {"template": str(template), "verbalizer": ONE})
    given = exported(path, task=load_task(folder / "task.toml"))
    write_as("promptfoo", given, folder / "p.yaml", overwrite=True)
    document = yaml.safe_load((folder / "p.yaml").read_text())
    render = jinja2.Environment(keep_trailing_newline=True).from_string
    (test,) = document["tests"]
    row = {name: render(text).render() for name, text in test["vars"].items()}
    assert row == INPUTS
    assert document["prompts"] == ["file://p.j2"]
    prompt = (folder / "p.j2").read_bytes().decode()
    assert render(prompt).render(row) == before(template).rstrip()
    assert '["great"]' in test["assert"][0]["value"]


# What promptfoo runs, opens, calls or parses where it begins a prompt or a row.
LOOKS = {
    "exec:touch FILE {text} and/or [Z]": "exec:touch FILE {{ text }} and/or",
    "{text} in a.txt [Z]": "{{ text }} in a.txt",
    "portkey://a {text} [Z]": '{{ "" }}portkey://a {{ text }}',
    "langfuse://{text} [Z]": "langfuse://{{ text }}",
    '"{text}" [Z]': '"{{ text }}"',
    "{text} it\n [Z]": "{{ text }} it",
}
LOOKING_ROWS = ("file:///etc/hostname", "package:a:b", "{{env.HOME}}", "{{ text }} {%", "a\n")


def looking_task(folder):
    """A task whose rows look like files, packages and templates."""
    rows = [{"text": text, "other": "o", "label": "good"} for text in LOOKING_ROWS]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "task.toml").write_text(
        'name = "t {{env.HOME}}"\nkind = "classification"\ntrain = "rows.jsonl"\n'
        'dev = "rows.jsonl"\nlabel = "label"\ntemplate = "{text} [Z]"\n'
        '[answers]\nbad = "terrible"\ngood = "great"\n'
    )
    return load_task(folder / "task.toml")


@pytest.mark.parametrize("notation", LOOKS)
def test_promptfoo_never_takes_a_prompt_or_row_by_its_look(notation, tmp_path):
    path = prompts_in(tmp_path, {"template": notation, "verbalizer": ONE})
    written_files = write_as(
        "promptfoo", exported(path, task=looking_task(tmp_path)), tmp_path / "p.yaml"
    )
    assert [file.name for file in written_files.paths] == ["p.yaml", "p.j2"]
    prompt = (tmp_path / "p.j2").read_text()
    assert prompt.removeprefix('{{ "" }}') == LOOKS[notation].removeprefix('{{ "" }}')
    assert prompt.startswith('{{ "" }}') or not re.match(r'\w+:\S|"', prompt)
    document = (tmp_path / "p.yaml").read_text()
    assert '  - "file://p.j2"\n' in document
    assert '"text": "{{ \\"\\" }}file:///etc/hostname"' in document
    assert "{{env" not in document


def test_promptfoo_itself_reads_prompts_and_rows_as_they_are(tmp_path):
    if shutil.which("promptfoo") is None:
        pytest.skip("needs: npm install -g promptfoo")
    task = looking_task(tmp_path)
    environment = {"PROMPTFOO_CONFIG_DIR": str(tmp_path), "PROMPTFOO_DISABLE_TELEMETRY": "1"}
    for notation in LOOKS:
        path = prompts_in(tmp_path, {"template": notation, "verbalizer": ONE})
        write_as("promptfoo", exported(path, task=task), tmp_path / "p.yaml", overwrite=True)
        words = ["promptfoo", "eval", "-c", tmp_path / "p.yaml", "-o", tmp_path / "o.json"]
        subprocess.run(words, capture_output=True, env={**os.environ, **environment}, check=False)
        results = json.loads((tmp_path / "o.json").read_text())["results"]["results"]
        replies = {one["testIdx"]: one["response"]["output"] for one in results}
        text = notation.partition("[Z]")[0].rstrip()
        for number, row in enumerate(task.dev.examples):
            assert replies[number] == text.replace("{text}", row.inputs["text"])


@pytest.mark.parametrize("name", ["a[1].yaml", "a{b}.yaml", "a:b.yaml", "what?.yaml"])
def test_a_path_that_promptfoo_takes_for_a_pattern_is_refused(name, tmp_path):
    path = prompts_in(tmp_path, {"template": IT_WAS, "verbalizer": ONE})
    with pytest.raises(ExportError, match=r"in the path .* as a pattern; choose another -o PATH"):
        write_as("promptfoo", exported(path, task=task_in(tmp_path)), tmp_path / name)


def node(script, *words):
    """What a script prints where node has the packages."""
    if shutil.which("node") is None:
        pytest.skip("needs node")
    done = subprocess.run(["node", "-e", script, *words], capture_output=True, text=True)
    if "Cannot find module" in done.stderr:
        pytest.skip("needs: npm install dotprompt (and NODE_PATH)")
    assert done.returncode == 0, done.stderr
    return done.stdout


DOTPROMPT = """
const {Dotprompt} = require("dotprompt");
const [source, input] = process.argv.slice(1).map(file => require("fs").readFileSync(file, "utf8"));
new Dotprompt().render(source, {input: JSON.parse(input)}).then(
  done => console.log(JSON.stringify(done.messages[0].content[0].text)));
"""


def test_dotprompt_renders_as_the_template_does(folder):
    (folder / "inputs.json").write_text(json.dumps(INPUTS))
    for notation in (
        IT_WAS,
        "{{{{ a }}}} {text} \\ <b> {other} it [Z]",
        "\\{text}\\\\{other} is & it {{%}} {{{{}}}} {{{{{{ }} [Z]",
    ):
        template = Template.parse(notation)
        file = written(folder, template, "dotprompt", "d.prompt")
        said = node(DOTPROMPT, str(file), str(folder / "inputs.json"))
        filled = template.fill(INPUTS)
        slot = next(i for i, part in enumerate(filled) if isinstance(part, Slot))
        assert json.loads(said) == "".join(part.text for part in filled[:slot]).strip()


def test_dspy_loads_the_signature(folder, caplog):
    dspy = pytest.importorskip("dspy", reason="pip install dspy")
    file = written(folder, '{text} {{"a": 1}} {other} [[x]] It was [Z].', "dspy", "s.json")
    predict = dspy.Predict("text, other -> answer")
    with caplog.at_level("WARNING", "dspy"):
        predict.load(str(file))
    assert not caplog.records  # no word of other versions
    written_text = 'Fill in [Z]: {text} {"a": 1} {other} [[x]] It was [Z].'
    assert predict.signature.instructions == written_text
    assert list(predict.signature.input_fields) == ["text", "other"]
    said = predict.signature.output_fields["answer"].json_schema_extra["desc"]
    assert said == 'what fills it in, one of "terrible", "great"'


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_fill_mask_pipeline_finds_our_probabilities(kind, folder):
    from transformers import pipeline

    model = load_model(saved(kind), dtype="float32")
    first, second, third, *_ = model.vocabulary_words()[10:]
    verbalizer = {"bad": [first, second], "good": [third]}
    row = {"template": "{text} {{so}} the [Z] film .", "verbalizer": verbalizer}
    path = prompts_in(folder, row)
    given = exported(path, model)
    write_as("hf-pipeline", given, folder / "h.json", overwrite=True)
    said = json.loads((folder / "h.json").read_text())
    assert said["inputs"].format(text="a film").startswith("a film {so} the ")
    asked = pipeline(said["task"], model=said["model"], dtype=said["dtype"])
    found = dict.fromkeys(verbalizer, 0.0)
    for one in asked(said["inputs"].format(text="a film"), targets=said["targets"]):
        token = asked.tokenizer.convert_ids_to_tokens(one["token"])
        found[said["labels"][token]] += one["score"]
    examples = [Example("0", {"text": "a film"}, ())]
    judged = Scorer(model, Scoring()).judge([given.prompts[0].prompt], examples)[0]
    wanted = np.exp(judged.log_probs[0]).tolist()
    total = sum(found.values())
    assert [p / total for p in found.values()] == pytest.approx(wanted, rel=1e-3)


def test_peft_reads_its_configuration(folder):
    path = prompts_in(folder, {"template": "{text} It was [Z] , really.", "verbalizer": ONE})
    model = load_model(saved("gpt2"), dtype="float32")
    write_as("peft", exported(path, model), folder / "soft")
    said = json.loads((folder / "soft" / "adapter_config.json").read_text())
    assert said["prompt_tuning_init_text"] == "It was , really."
    tokenizer = model.runtime.tokenizer
    assert said["num_virtual_tokens"] == len(tokenizer("It was , really.")["input_ids"])
    peft = pytest.importorskip("peft", reason="pip install peft")
    config = peft.PromptTuningConfig.from_pretrained(str(folder / "soft"))
    assert config.task_type == "CAUSAL_LM"


def test_text_is_the_template_and_its_answers(folder):
    assert written(folder, IT_WAS, "text", "t.txt").read_text() == (
        "{text} It was [Z].\n  bad: terrible\n  good: great\n"
    )


TEXT_FORMATS = ["messages", "langchain", "dotprompt", "promptfoo"]
LONG = {"template": IT_WAS, "verbalizer": {"a": ["xylophone"], "b": ["y"]}}
TWO = {"template": "{text} [Z1] and [Z2]", "verbalizer": {"a": [["x", "y"]], "b": [["v", "w"]]}}
BEHIND = {"template": "[Z] : {text}", "verbalizer": ONE}
MANY = {"template": IT_WAS, "verbalizer": {"a": ["x", "y"], "b": ["z"]}}


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        *((name, TWO, "^p0: .* room for one answer.*use `to` python") for name in TEXT_FORMATS),
        *((name, BEHIND, "^p0: .* on behind its slot; use `to` python") for name in TEXT_FORMATS),
        (
            "promptfoo",
            {"template": "[Z].", "verbalizer": ONE},
            "^p0: .* nothing is before",
        ),
        ("dspy", TWO, "^p0: .* room for one answer"),
        ("promptsource", MANY, "^p0: .* one answer a label, but 'a' has 2"),
        ("hf-pipeline", TWO, "^p0: .* room for one answer"),
        ("hf-pipeline", LONG, "^p0: .* answers of one token, but 'xylophone' takes"),
        ("peft", {"template": IT_WAS, "verbalizer": ONE}, "no task for masked language models"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(name, row, reason, tmp_path):
    path = prompts_in(tmp_path, row)
    given = exported(path, load_model(saved("bert"), dtype="float32"), task=task_in(tmp_path))
    with pytest.raises(ExportError, match=reason):
        write_as(name, given, tmp_path / "out.json")
    assert {own.name for own in tmp_path.iterdir()} <= {"prompts.json", "reviews.toml", "train.csv"}


def task_in(folder):
    return load_task(reviews_in(folder, 2))


OWN = (
    *("messages", "hf-pipeline", "promptfoo", "dspy", "langchain", "dotprompt", "promptsource"),
    *("peft", "text"),
)


@pytest.mark.parametrize("name", OWN)
def test_calibration_and_ensembles_are_refused_where_they_would_be_lost(name, tmp_path):
    row = {"id": "p0", "template": IT_WAS, "verbalizer": ONE}
    ensemble = {"rule": "uniform", "members": [{"id": "p0", "weight": 1.0}]}
    path = prompts_in(tmp_path, row, ensemble=ensemble)
    given = exported(path, task=task_in(tmp_path), ensemble=True)
    if name == "text":
        write_as(name, given, tmp_path / "out")
        assert (tmp_path / "out").read_text().startswith("1 x {text}")
        return
    with pytest.raises(ExportError, match="not an ensemble"):
        write_as(name, given, tmp_path / "out.json")
    if name not in ("peft", "dspy"):
        path = prompts_in(tmp_path, row, scoring={"calibration": "pmi"})
        with pytest.raises(ExportError, match="calibration"):
            write_as(name, exported(path, task=task_in(tmp_path)), tmp_path / "out.json")


def test_the_command_says_what_it_wrote_and_what_comes_next(tmp_path):
    path = prompts_in(tmp_path, {"template": IT_WAS, "verbalizer": ONE})
    out = tmp_path / "deep" / "m.json"
    shown = run("export", path, "--to", "messages", "-o", out).output.splitlines()
    assert shown[0] == f"wrote {out}"
    assert shown[-1] == f"next: python -m json.tool {out}"
    assert "already" in run("export", path, "--to", "messages", "-o", out, status=1).output
    told = run("export", path, "--to", "messages", "-o", out, "--overwrite", "--json").stdout
    assert json.loads(told)["next"] == [f"python -m json.tool {out}"]
    assert "'lm-eval'" in run("export", path, "--to", "nothing", "-o", out, status=2).output
    assert "-o" in run("export", path, "--to", "text", status=2).output


@pytest.mark.parametrize("name", ["messages", "langchain", "dspy", "promptsource", "hf-pipeline"])
def test_printed_commands_have_the_path_as_one_word_and_run(name, tmp_path):
    folder = tmp_path / "it's my folder"
    folder.mkdir()
    path = prompts_in(folder, {"template": IT_WAS, "verbalizer": ONE})
    out = folder / "my prompt $HOME.json"
    words = ("-m", saved("bert"), "--json")
    (command,) = json.loads(run("export", path, "--to", name, "-o", out, *words).stdout)["next"]
    assert shlex.split(command)[-1] == str(out)
    if name in ("langchain", "dspy"):
        pytest.importorskip({"langchain": "langchain_core", "dspy": "dspy"}[name])
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert ("inputs" if name == "hf-pipeline" else "text") in done.stdout


def test_special_tokens_in_a_template_are_refused_for_a_pipeline(tmp_path):
    path = prompts_in(tmp_path, {"template": "{text} [MASK] is [Z] .", "verbalizer": ONE})
    given = exported(path, load_model(saved("bert"), dtype="float32"))
    with pytest.raises(ExportError, match=r"p0: hf-pipeline would read \[MASK\] in the template"):
        write_as("hf-pipeline", given, tmp_path / "h.json")


def test_a_pipeline_of_the_built_in_model_has_our_probabilities(tmp_path):
    from transformers import pipeline

    verbalizer = {"bad": ["bad"], "good": ["good"]}
    path = prompts_in(tmp_path, {"template": "{text} It was [Z] .", "verbalizer": verbalizer})
    model = load_model("builtin", dtype="float32", device="cpu")
    given = exported(path, model)
    write_as("hf-pipeline", given, tmp_path / "h.json")
    document = json.loads((tmp_path / "h.json").read_text())
    fill = pipeline(document["task"], document["model"], dtype=document["dtype"], device="cpu")
    inputs = document["inputs"].format(text="a great film .")
    scores = [one["score"] for one in fill(inputs, targets=document["targets"])]
    examples = [Example("0", {"text": "a great film ."}, ())]
    (predictions,) = Scorer(model, Scoring()).judge([given.prompts[0].prompt], examples)
    expected = sorted(np.exp(predictions.log_probs[0]), reverse=True)
    assert [score / sum(scores) for score in scores] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        *(("promptfoo", field) for field in ("not", "none", "self", "true")),
        *(("promptsource", field) for field in ("none", "label", "answer_choices")),
        ("langchain", "stop"),
        *(("dspy", field) for field in ("class", "demos", "answer")),
        ("dotprompt", "if"),
    ],
)
def test_inputs_with_names_that_the_target_keeps_are_refused(name, field, tmp_path):
    path = prompts_in(tmp_path, {"template": f"{{{field}}} It was [Z].", "verbalizer": ONE})
    with pytest.raises(ExportError, match=field):
        write_as(name, exported(path, task=task_in(tmp_path)), tmp_path / "o.json")


def test_dspy_refuses_a_text_that_reads_as_an_input(tmp_path):
    path = prompts_in(tmp_path, {"template": "{{text}} {text} [Z].", "verbalizer": ONE})
    with pytest.raises(ExportError, match=r"p0: dspy cannot say \{text\} as a text"):
        write_as("dspy", exported(path), tmp_path / "o.json")


def test_a_folder_with_other_files_is_never_replaced(tmp_path):
    path = prompts_in(tmp_path, {"template": IT_WAS, "verbalizer": ONE})
    given = exported(path, load_model(saved("gpt2"), dtype="float32"))
    with pytest.raises(ExportError, match="is a folder, which this format is not"):
        write_as("text", given, tmp_path, overwrite=True)
    with pytest.raises(ExportError, match="no part of this export"):
        write_as("peft", given, tmp_path, overwrite=True)
    notes = write_as("peft", given, tmp_path / "soft").notes
    assert notes == write_as("peft", given, tmp_path / "soft", overwrite=True).notes
    assert notes[-1].startswith(NEXT)
    assert re.search(rf"{tmp_path}/soft$", notes[-1])
    assert sorted(own.name for own in tmp_path.iterdir()) == ["prompts.json", "soft"]
