"""The whole page: one file that needs no other file, no network and no script."""

from importlib.resources import files

from promptsearch.evaluation.report.html import Html, el, joined, listed
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.sections.ancestry import ancestry
from promptsearch.evaluation.report.sections.budget_curve import budget_curve
from promptsearch.evaluation.report.sections.calibration import reliability
from promptsearch.evaluation.report.sections.caveats import limits
from promptsearch.evaluation.report.sections.dev_test_correlation import relation
from promptsearch.evaluation.report.sections.ensemble import ensemble
from promptsearch.evaluation.report.sections.labels import labels
from promptsearch.evaluation.report.sections.mistakes import mistakes
from promptsearch.evaluation.report.sections.objects import objects
from promptsearch.evaluation.report.sections.provenance import making
from promptsearch.evaluation.report.sections.ranking import ranking
from promptsearch.evaluation.report.sections.summary import summary
from promptsearch.evaluation.report.sections.training_curves import training

NOTHING_ELSE = "default-src 'none'; style-src 'unsafe-inline'"
SECTIONS = (
    ("prompts", "Prompts", ranking),
    ("search", "Search", budget_curve),
    ("training", "Training", training),
    ("labels", "Labels", labels),
    ("objects", "Objects", objects),
    ("mistakes", "Mistakes", mistakes),
    ("ancestry", "Ancestry", ancestry),
    ("relation", "Dev and test", relation),
    ("reliability", "Reliability", reliability),
    ("ensemble", "Ensemble", ensemble),
    ("limits", "What it means", limits),
    ("making", "How it was made", making),
)


def page_of(inputs: ReportInputs) -> str:
    """Return the report as an HTML document; equal inputs give equal text."""
    sections = [(name, title, make(inputs)) for name, title, make in SECTIONS]
    present = [(name, title, html) for name, title, html in sections if html is not None]
    links = listed(el("a", title, href=f"#{name}") for name, title, _ in present)
    body = el(
        "body",
        el("a", "To the results", href="#prompts", class_="skip"),
        summary(inputs),
        el("nav", links, aria_label="Contents"),
        el("main", *(html for *_, html in present)),
        el("footer", el("p", "Made by promptsearch report: one file, no network, no script.")),
    )
    whole = el("html", _head(inputs), body, lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"


def _head(inputs: ReportInputs) -> Html:
    css = files("promptsearch.evaluation.report").joinpath("page.css").read_text(encoding="utf-8")
    return el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=NOTHING_ELSE),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="generator", content="promptsearch report"),
        el("title", f"{inputs.name}: prompts found by promptsearch"),
        el("style", joined([Html(css)])),
    )
