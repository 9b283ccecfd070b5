"""Section on provenance: the command, the data, the model, the versions and the costs."""

from collections.abc import Mapping
from typing import Any

from promptsearch.evaluation.report.html import Child, Html, defined, details, el, joined, section
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import cost_text, count
from promptsearch.prompt_file.prompts_json import section_of

COSTS = ("prompts", "forwards", "tokens", "seconds")
HASH = 12  # characters of a hash that are shown


def making(inputs: ReportInputs) -> Html:
    """Return the facts that the file has; a file may hold little more than templates."""
    file = inputs.file
    search, model = section_of(file.document, "search"), section_of(file.document, "model")
    pairs: list[tuple[str, Child]] = [
        ("command", el("code", str(search["command"])) if search.get("command") else None),
        ("when", f"{inputs.when:%Y-%m-%d %H:%M} UTC" if inputs.when else None),
        ("strategy", _strategy(search)),
        ("cost", cost_text(section_of(search, "spent"), COSTS)),
        ("stopped", str(search.get("stopped_because") or "")),
        ("model", _model(model)),
        ("asked for this report", _report_command(inputs)),
        ("scoring", _pairs(section_of(file.document, "scoring"))),
        *_data(section_of(file.document, "task")),
        ("versions", _pairs(section_of(file.document, "versions"))),
        ("file", el("code", str(file.path))),
    ]
    facts = defined(pairs, class_="facts")
    options = section_of(search, "options")
    rest = details("Options of the strategy", defined(_options(options), class_="facts"))
    return section("making", "How it was made", facts, rest if options else None)


def _strategy(search: Mapping[str, Any]) -> str:
    names = ("objective", "seed", "budget")
    settings = [f"{name} {search[name]}" for name in names if search.get(name) is not None]
    return " · ".join([str(search["strategy"]), *settings]) if search.get("strategy") else ""


def _model(model: Mapping[str, Any]) -> str:
    about = [str(model[name]) for name in ("family", "dtype", "device") if model.get(name)]
    if sha := model.get("sha256"):
        about.append(f"sha256 {str(sha)[:HASH]}")
    if model.get("chat"):
        about.append("read as a chat")
    return " · ".join([str(model["spec"]), *about]) if model.get("spec") else ""


def _report_command(inputs: ReportInputs) -> str:
    """Return the model of this report's numbers: the search's, another one or none."""
    if inputs.model_predictions is None:
        return "no model (--no-evaluate)"
    now = inputs.model_predictions.evaluation.scorer.model.info
    search_model = inputs.file.section("model").get("sha256")
    who = "the same model" if search_model == now.sha256 else f"{now.spec} ({now.family})"
    return f"{who}, on {inputs.split}"


def _data(task: Mapping[str, Any]) -> list[tuple[str, Child]]:
    """Return the files of each split."""
    rows: list[tuple[str, Child]] = []
    for split, about_split in section_of(task, "data").items():
        files = ", ".join(map(str, about_split.get("files", ())))
        about = [count(about_split["n"], "example")] if "n" in about_split else []
        about += (
            [f"sha256 {str(about_split['sha256'])[:HASH]}"] if about_split.get("sha256") else []
        )
        rows.append((split, joined([el("code", files), " · ".join(["", *about])])))
    return rows


def _pairs(row: Mapping[str, Any]) -> str:
    return " · ".join(f"{key} {value}" for key, value in row.items() if value is not None)


def _options(options: Mapping[str, Any]) -> list[tuple[str, Child]]:
    return [(key, el("code", str(value))) for key, value in options.items()]
