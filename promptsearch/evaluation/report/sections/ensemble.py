"""Several prompts as one, where the file has that."""

from typing import Any

from promptsearch.evaluation.report.html import Html, defined, el
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import gain, interval, number
from promptsearch.evaluation.report.sections.parts import bar, section, table
from promptsearch.metrics import title_of


def ensemble(material: ReportInputs) -> Html | None:
    """Nothing where there is none."""
    section_of_file: Any = material.file.section("ensemble")
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
        _scores_list(material, section_of_file),
        table("Members and weights", ("prompt", "weight"), rows),
    )


def _scores_list(material: ReportInputs, section_of_file: Any) -> Html | None:
    pairs = [
        (f"{_measured_name(material)} on dev, selected", _score(section_of_file, "dev", material))
    ]
    if material.examined is not None:
        now = material.examined.document.get("ensemble")
        scores = now["scores"][material.split] if now else {}
        if material.split != "dev":
            pairs.append(
                (
                    f"{_measured_name(material)} on {material.split}",
                    _score(now, material.split, material),
                )
            )
        pairs.append((f"gain over manual on {material.split}", gain(scores)))
        pairs.append((f"gain over {material.best.id} on {material.split}", gain(scores, "vs_best")))
    return defined(pairs, class_="facts")


def _measured_name(material: ReportInputs) -> str:
    return title_of(material.share)


def _score(row: Any, split: str, material: ReportInputs) -> str:
    scores = ((row or {}).get("scores") or {}).get(split) or {}
    value = scores.get(material.share)
    return f"{number(value)} {interval(scores.get('ci95'))}" if value is not None else ""
