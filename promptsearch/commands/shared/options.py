"""Options that several commands share."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.metrics import OBJECTIVES

Command = Callable[..., None]
Decorator = Callable[[Command], Command]


def layout_of(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys of the task file that the options of the layout stand for.

    `generate` has an option `--layout` of its own: a list of templates.
    """
    values = {name: options.get(name) for name in ("layout", "yes", "no")}
    return {name: value for name, value in values.items() if isinstance(value, str)}


def stacked(*options: Decorator) -> Decorator:
    """Return several options as one decorator, which lists them in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class Duration(click.ParamType):  # type: ignore[type-arg]
    """`90`, `90s`, `30m` or `2h`, in seconds."""

    name = "duration"

    def convert(self, value: object, param: object, ctx: object) -> float:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", str(value).strip())
        if match is None:
            self.fail(f"{value!r} is not a duration; write 90s, 30m or 2h")
        return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


class ThresholdType(click.ParamType):  # type: ignore[type-arg]
    """A finite number, or "dev"."""

    name = "threshold"

    def convert(self, value: object, param: object, ctx: object) -> float | str:
        if value == "dev":
            return "dev"
        match = re.fullmatch(r"[+-]?\d+(?:\.\d+)?", str(value).strip())
        if match is None:
            self.fail(f"{value!r} is neither a number nor dev")
        return float(match[0])


task_option = click.option(
    "--task", "-t", required=True, metavar="TASK", help="A task file, or a built-in task's name."
)
layout_options = stacked(
    click.option(
        "--layout",
        type=click.Choice(["cloze", "options"]),
        help="A template whose slots are answered, or a wording of each label that the model says "
        "yes or no to.  [default: as the task file says]",
    ),
    click.option("--yes", metavar="WORD", help="Layout options: the answer.  [default: yes]"),
    click.option("--no", metavar="WORD", help="What `yes` is against.  [default: no]"),
)
model_option = click.option("--model", "-m", default="builtin", show_default=True, metavar="SPEC")
saved_task_option = click.option(
    "--task", "-t", metavar="TASK", help="A task file or a built-in task's name."
)
saved_model_option = click.option(
    "--model", "-m", metavar="SPEC", help="[default: the one the prompts were found with]"
)
threshold_option = click.option(
    "--threshold",
    type=ThresholdType(),
    metavar="dev|NUMBER",
    help="Several labels at once: the log-odds above which a label is decided for, or learned on "
    "dev.  [default: each prompt's]",
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress, no plan.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")

loading_options = stacked(
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ..."),
    click.option(
        "--dtype",
        type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
        default="auto",
        show_default=True,
        help="Of weights and activations. auto: scores are float32; where the hardware multiplies "
        "bfloat16 faster, searches rank in it and score the best again.",
    ),
    click.option(
        "--device-map", metavar="MAP", help="auto spreads a large model over all devices."
    ),
    click.option(
        "--batch-tokens",
        type=click.IntRange(min=1),
        help="Tokens in a batch.  [default: 2048; CUDA: 16384]",
    ),
    click.option(
        "--family",
        type=click.Choice(["masked", "causal", "seq2seq"]),
        help="Where the model's config does not tell.",
    ),
    click.option(
        "--chat",
        type=click.Choice(["auto", "on", "off"]),
        default="auto",
        show_default=True,
        help="Render prompts with the model's chat template.",
    ),
    click.option(
        "--seq2seq-form",
        type=click.Choice(["auto", "sentinel", "plain"]),
        default="auto",
        show_default=True,
        help="How an encoder-decoder answers: behind <extra_id_0>, as T5 was pre-trained, or in "
        "plain text at the end, as Flan-T5, T0, mT0, BART and PromptCLUE do. auto: sentinel where "
        "the tokenizer has them.",
    ),
    click.option(
        "--newline",
        metavar="CHARACTER",
        help="What the model reads and writes for line breaks; PromptCLUE: _.",
    ),
    click.option("--trust-remote-code", is_flag=True, help="Run code that comes with the model."),
)

scoring_options = stacked(
    click.option(
        "--objective",
        type=click.Choice(list(OBJECTIVES)),
        default="log-likelihood",
        show_default=True,
        help="What is best on dev.",
    ),
    click.option(
        "--multi-token",
        type=click.Choice(["independent", "left-to-right"]),
        help="Masked models: how the tokens of an answer are scored.  [default: independent for "
        "facts, else left-to-right]",
    ),
    click.option(
        "--answer-score",
        type=click.Choice(["sum", "mean", "max"]),
        default="sum",
        show_default=True,
        help="Probabilities of a label's answers, put together.",
    ),
    click.option(
        "--length-norm",
        type=click.Choice(["none", "token", "char"]),
        default="none",
        show_default=True,
        help="Divide an answer's score by its length.",
    ),
    click.option(
        "--options-score",
        type=click.Choice(["logit", "log-odds"]),
        default="logit",
        show_default=True,
        help="Layout options: the model's yes at an option, as published, or yes against no.",
    ),
    click.option(
        "--options-per-pass",
        type=click.IntRange(min=1),
        metavar="K",
        help="Layout options: read so many at a time, where all together are too long; needs "
        "--options-score log-odds.",
    ),
    click.option(
        "--calibration",
        type=click.Choice(["none", "contextual", "pmi", "batch"]),
        default="none",
        show_default=True,
        help="Take away a prompt's prior: what it says of content-free inputs, of empty ones, or "
        "on average of the training inputs.",
    ),
)

limit_options = stacked(
    click.option(
        "--budget",
        type=click.IntRange(min=1),
        default=200,
        show_default=True,
        help="Distinct prompts scored on dev, the start included.",
    ),
    click.option("--max-forwards", type=click.IntRange(min=1), help="Sequences through the model."),
    click.option("--time", "seconds", type=Duration(), help="For example 30m.", metavar="DURATION"),
    click.option(
        "--seed",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        show_default=True,
        help="Of everything that is random.",
    ),
    click.option(
        "--race",
        is_flag=True,
        help="Stop scoring a prompt once it is plainly worse than the best (after 32 examples).",
    ),
)

crew_options = stacked(
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Processes. Of a cluster: at most so many; with 1, all that it has.",
    ),
    click.option(
        "--backend",
        type=click.Choice(["loky", "dask", "ray"]),
        default="loky",
        show_default=True,
        help="What holds the processes.",
    ),
    click.option(
        "--cluster", metavar="ADDRESS", help="Of a dask scheduler (tcp://HOST:PORT), or of ray."
    ),
)

computing_options = stacked(
    crew_options,
    click.option(
        "--cache",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="PROMPTSEARCH_CACHE",
        metavar="DIR",
        help="Keep scores here, and read those that are there.  [env: PROMPTSEARCH_CACHE]",
    ),
)

output_options = stacked(
    click.option(
        "--output",
        "-o",
        type=click.Path(file_okay=False, path_type=Path),
        help="The run's directory.  [default: runs/<task>-<strategy>-<n>]",
        metavar="DIR",
    ),
    click.option("--resume", is_flag=True, help="Go on with the run in the directory."),
    click.option("--overwrite", is_flag=True, help="Start anew in the directory."),
)
