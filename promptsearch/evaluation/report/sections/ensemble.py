"""Section on the file's ensemble."""

from typing import Any

from promptsearch.evaluation.report.html import Html, bar, defined, el, section, table
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import gain, interval, number
from promptsearch.metrics import title_of
from promptsearch.prediction.selection import expected_in


def ensemble(inputs: ReportInputs) -> Html | None:
    """Return the section; None if the file has no ensemble."""
    section_of_file: Any = inputs.file.section("ensemble")
    if not section_of_file:
        return None
    largest = max(float(m["weight"]) for m in section_of_file["members"]) or 1.0
    rows = [
        [str(m["id"]), bar(float(m["weight"]) / largest, number(float(m["weight"])))]
        for m in section_of_file["members"]
    ]
    return section(
        "ensemble",
        "Several prompts as one",
        el("p", f"Rule: {section_of_file['rule']}. The members were selected on dev."),
        _scores_list(inputs, section_of_file),
        table("Members and weights", ("prompt", "weight"), rows),
    )


def _scores_list(inputs: ReportInputs, section_of_file: Any) -> Html | None:
    pairs = [(f"{_measured_name(inputs)} on dev, selected", _score(section_of_file, "dev", inputs))]
    expected = (expected_in(inputs.file.document) or {}).get("ensemble") or {}
    if inputs.share in expected:
        ends = interval(expected.get(f"{inputs.share}_ci95"))
        told = f"{number(expected[inputs.share])} {ends}"
        pairs.append((f"{_measured_name(inputs)} expected on new rows", told))
    if inputs.model_predictions is not None:
        now = inputs.model_predictions.document.get("ensemble")
        scores = now["scores"][inputs.split] if now else {}
        if inputs.split != "dev":
            pairs.append(
                (
                    f"{_measured_name(inputs)} on {inputs.split}",
                    _score(now, inputs.split, inputs),
                )
            )
        pairs.append((f"gain over manual on {inputs.split}", gain(scores)))
        pairs.append((f"gain over {inputs.best.id} on {inputs.split}", gain(scores, "vs_best")))
    return defined(pairs, class_="facts")


def _measured_name(inputs: ReportInputs) -> str:
    return title_of(inputs.share)


def _score(row: Any, split: str, inputs: ReportInputs) -> str:
    scores = ((row or {}).get("scores") or {}).get(split) or {}
    value = scores.get(inputs.share)
    return f"{number(value)} {interval(scores.get('ci95'))}" if value is not None else ""
