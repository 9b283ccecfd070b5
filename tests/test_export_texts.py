"""Prompts that texts answer, in the formats of other tools: these write what `predict` writes."""

import json
import os
import subprocess
import sys

import pytest
import yaml
from commanding import run
from exporting import exported, prompts_in
from test_export_formats import node
from test_export_python import model_of as chat_model
from test_generation import rows, task_in
from test_text_ensembles import writer
from tiny import saved

from promptsearch import Settings, load_model, load_task
from promptsearch.errors import ExportError
from promptsearch.formats.export import write_as
from promptsearch.formats.lm_eval.texts import ending_pattern
from promptsearch.models.generation.text_decoder import _Stop
from promptsearch.runs.scorer_setup import model_scorer

TASK = """name = "where"
kind = "generation"
train = "rows.jsonl"
dev = "rows.jsonl"
template = "{text} Where? [Z]"
target = "answer"
[decode]
"""
DECODES = {
    "greedy": "max_tokens = 8\nstop = []\n",
    "stopped": 'max_tokens = 8\nstop = ["\\n", "e", "l"]\n',
    "beams": "max_tokens = 5\nbeams = 3\nlength_penalty = 0.5\nstop = []\n",
}
TEMPLATE = "{text} Where? [Z]"


def request_of(folder, model, decode="greedy", template=TEMPLATE, table=None, **document):
    task = load_task(task_in(folder, TASK + DECODES[decode], table))
    row = {"id": "p0", "template": template, "free_text": True}
    return exported(prompts_in(folder, row, **document), model, task=task)


def written_by(request, model):
    """What `predict` writes for the rows."""
    scorer = model_scorer(model, Settings(), request.kind, writes=True)
    (saved,) = request.prompts
    return scorer.ensemble_texts([saved.prompt], [1.0], request.task.dev.examples)


@pytest.mark.parametrize("decode", DECODES)
@pytest.mark.parametrize("kind", ["gpt2", "stories260k"])
def test_the_harness_writes_our_texts(kind, decode, tmp_path, request):
    lm_eval = pytest.importorskip("lm_eval", reason="the harness: pip install lm-eval")
    from lm_eval.tasks import TaskManager

    os.environ |= {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
    folder = writer("gpt2").info.spec
    if kind == "stories260k":
        folder = str(request.getfixturevalue("shared") / "models" / kind)
    model = load_model(folder, device="cpu", dtype="float32", chat="off")
    table = [{"text": f"{row['text']} {n}" * (n % 3 + 1), "answer": "New York"}
             for n, row in enumerate(rows())]  # fmt: skip
    asked = request_of(tmp_path, model, decode, table=table)
    into = tmp_path / "out"
    assert [note.split()[0] for note in write_as("lm-eval", asked, into).notes] == ["p0:", "next:"]
    done = lm_eval.simple_evaluate(
        model="hf",
        model_args=f"pretrained={folder},dtype=float32",
        tasks=["where_p0"],
        task_manager=TaskManager(include_path=str(into)),
        device="cpu",
        log_samples=True,
        bootstrap_iters=0,
    )
    samples = sorted(done["samples"]["where_p0"], key=lambda sample: sample["doc_id"])
    ours = written_by(asked, model)
    assert [sample["filtered_resps"][0] for sample in samples] == ours
    assert len(set(ours)) > 3
    assert {"exact_match,stop", "bleu,stop"} <= set(done["results"]["where_p0"])


def test_files_hold_contexts_and_how_texts_are_written(tmp_path):
    asked = request_of(tmp_path, writer("gpt2"), "beams")
    write_as("lm-eval", asked, tmp_path / "out")
    document = yaml.safe_load((tmp_path / "out/where_p0.yaml").read_text())
    assert document["output_type"] == "generate_until"
    assert document["doc_to_target"] == "targets"  # several right ones
    settings = document["generation_kwargs"]
    assert (settings["max_gen_toks"], settings["num_beams"]) == (5, 3)
    lines = (tmp_path / "out/where_p0.jsonl").read_text().splitlines()
    data = [json.loads(line) for line in lines]
    assert [row["context"] for row in data] == [f"{row['text']} Where?" for row in rows()]
    assert [row["targets"] for row in data] == [row["answer"] for row in rows()]


@pytest.mark.parametrize("stop", [("\n",), ("a.", ")"), ()])
@pytest.mark.parametrize(
    "text", ["", " \n ", "\n\n one\ntwo\n", "one  \n", "x (a.b)", "a.b\n c ", "a\u2028b) \t"]
)
def test_the_filter_cuts_as_we_do(text, stop):
    import re

    found = re.findall(ending_pattern(stop), text)
    assert found[0].strip() == _Stop(None, 0, stop, None).cut(text)


@pytest.mark.parametrize(
    ("kind", "reason"), [("t5", "use `to` python"), ("bart", "use `to` python")]
)
def test_the_harness_lets_encoder_decoders_write_on(kind, reason, tmp_path):
    with pytest.raises(ExportError, match=reason):
        write_as("lm-eval", request_of(tmp_path, writer(kind)), tmp_path / "out")


def program_in(folder, request):
    """The program's file, after its self-test."""
    write_as("python", request, folder / "program.py")
    words = [sys.executable, folder / "program.py", "--selftest"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "program.py"


@pytest.mark.parametrize("decode", DECODES)
@pytest.mark.parametrize("kind", ["gpt2", "llama", "t5", "bart"])
def test_a_program_writes_our_texts(kind, decode, tmp_path):
    model = writer(kind)
    table = [row | {"text": row["text"] * (1 + 20 * (n % 4 == 3))} for n, row in enumerate(rows())]
    asked = request_of(tmp_path, model, decode, table=table)
    program = program_in(tmp_path, asked)
    lines = "".join(json.dumps(row) + "\n" for row in table)
    words = [sys.executable, str(program)]
    done = subprocess.run(words, input=lines, capture_output=True, text=True, cwd=tmp_path)
    ours = written_by(asked, model)
    assert [json.loads(line)["prediction"] for line in done.stdout.splitlines()] == ours
    assert len(set(ours)) > 3


def test_a_program_of_a_chat_writes_our_texts(tmp_path):
    model = chat_model("chat")
    program_in(tmp_path, request_of(tmp_path, model))  # the self-test compares


def test_a_program_of_texts_has_one_prompt_of_words(tmp_path):
    line = ["-t", task_in(tmp_path), "-m", writer("gpt2").info.spec, "-q"]
    run("soft", *line, "--steps", 8, "-o", tmp_path / "soft")
    words = ["--to", "python", "-o", tmp_path / "program.py"]
    result = run("export", tmp_path / "soft/prompts.json", *words, status=1)
    assert "texts are not written after vectors" in result.output
    run("paraphrase", *line, "--budget", 4, "-o", tmp_path / "words")
    run("ensemble", tmp_path / "words/prompts.json", "--top", 2, "-q", "-o", tmp_path / "both")
    result = run("export", tmp_path / "both/prompts.json", "--ensemble", *words, status=1)
    assert "by averages of next tokens, which python does not hold" in result.output


def test_the_command_reads_a_model_with_sentinels_plainly(tmp_path):
    line = ["-t", task_in(tmp_path), "-m", writer("t5").info.spec, "-q"]
    run("paraphrase", *line, "--budget", 4, "-o", tmp_path / "run")
    words = ["--to", "python", "-o", tmp_path / "program.py", "-m", writer("t5").info.spec]
    run("export", tmp_path / "run/prompts.json", *words)
    assert "SENTINELS: list[str] = []" in (tmp_path / "program.py").read_text()


def cut(text, stop):
    return _Stop(None, 0, stop, None).cut(text)


@pytest.mark.parametrize("template", [TEMPLATE, "{text} :\n[Z]", "{text}[Z]"])
@pytest.mark.parametrize("decode", DECODES)
def test_a_pipeline_writes_our_texts(decode, template, tmp_path):
    from transformers import pipeline

    model = writer("gpt2")
    asked = request_of(tmp_path, model, decode, template)
    write_as("hf-pipeline", asked, tmp_path / "p.json")
    call = json.loads((tmp_path / "p.json").read_text())
    pipe = pipeline(call["task"], model=call["model"], dtype=call["dtype"], device="cpu")
    said = [
        pipe(call["inputs"].format(**row), return_full_text=False, **call["generate"])
        for row in rows()
    ]
    texts = [cut(each[0]["generated_text"], call["stop"]) for each in said]
    assert texts == written_by(asked, model)


@pytest.mark.parametrize("template", [TEMPLATE, "{text} :\n[Z]", "{{}} {text}[Z]"])
def test_langchain_writes_our_texts(template, tmp_path):
    """Its prompt in a chain with the model, which writes as the metadata say."""
    core = pytest.importorskip("langchain_core", reason="pip install langchain-core")
    from langchain_core.load import loads
    from langchain_core.runnables import RunnableLambda

    assert core
    model = writer("gpt2")
    asked = request_of(tmp_path, model, "stopped", template)
    write_as("langchain", asked, tmp_path / "l.json")
    prompt = loads((tmp_path / "l.json").read_text(), allowed_objects="core")
    decode = prompt.metadata["decode"]
    tokenizer, network = model.runtime.tokenizer, model.runtime.model

    def write(value):
        inputs = tokenizer(value.to_string(), return_tensors="pt")
        output = network.generate(
            **inputs, max_new_tokens=decode["max_tokens"], do_sample=False, eos_token_id=0,
            pad_token_id=0,
        )  # fmt: skip
        ids = output[0, inputs["input_ids"].shape[1] :]
        return cut(tokenizer.decode(ids, skip_special_tokens=True), decode["stop"])

    chain = prompt | RunnableLambda(write)
    assert chain.batch([{"text": row["text"]} for row in rows()]) == written_by(asked, model)


def test_dspy_loads_a_signature_of_a_text(tmp_path):
    dspy = pytest.importorskip("dspy", reason="pip install dspy")
    write_as("dspy", request_of(tmp_path, writer("gpt2")), tmp_path / "s.json")
    predict = dspy.Predict("text -> answer")
    predict.load(str(tmp_path / "s.json"))
    assert predict.signature.instructions == "Fill in [Z]: {text} Where? [Z]"
    said = predict.signature.output_fields["answer"].json_schema_extra["desc"]
    assert said == "the text that fills it in"


def test_dotprompt_reads_how_a_text_is_written(tmp_path):
    write_as("dotprompt", request_of(tmp_path, writer("gpt2"), "stopped"), tmp_path / "d.prompt")
    (tmp_path / "inputs.json").write_text(json.dumps({"text": "A {{fox}} <b>"}))
    script = """
    const {Dotprompt} = require("dotprompt");
    const [source, input] = process.argv.slice(1).map(
      file => require("fs").readFileSync(file, "utf8"));
    new Dotprompt().render(source, {input: JSON.parse(input)}).then(
      done => console.log(JSON.stringify([done.messages[0].content[0].text, done.config,
                                          done.output])));
    """
    text, config, output = json.loads(
        node(script, str(tmp_path / "d.prompt"), str(tmp_path / "inputs.json"))
    )
    assert text == "A {{fox}} <b> Where?"
    stop = ["\n", "e", "l"]
    assert config == {"temperature": 0, "maxOutputTokens": 8, "stopSequences": stop}
    assert output == {"format": "text"}


REFUSED = {
    "dotprompt": ("gpt2", "beams", "no beams"),
    "hf-pipeline": ("t5", "greedy", "with a seq2seq model"),
    "promptfoo": ("gpt2", "greedy", "is answered with texts"),
    "lpaqa": ("gpt2", "greedy", "is answered with texts"),
    "python": ("bert", "greedy", "is a masked model, which writes no texts"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_format_does_not_hold_is_refused_in_a_line(name, tmp_path):
    kind, decode, reason = REFUSED[name]
    model = load_model(saved(kind), dtype="float32") if kind == "bert" else writer(kind)
    with pytest.raises(ExportError, match=reason) as caught:
        write_as(name, request_of(tmp_path, model, decode), tmp_path / "out.json")
    assert "\n" not in str(caught.value)
