"""Section on whether dev's order of the best prompts holds on other examples."""

from math import sqrt

from promptsearch.evaluation.report.charts import relation as chart
from promptsearch.evaluation.report.html import Html, el, figure, note, section
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import count, number
from promptsearch.evaluation.report.statistics.dev_test_correlation import (
    DevTestCorrelation,
    Pair,
    relation_of,
)
from promptsearch.metrics import title_of


def relation(inputs: ReportInputs) -> Html | None:
    """Return the section; None without a model, a remark where there is only dev."""
    if inputs.model_predictions is None:
        return None
    title = "Does dev tell which prompt is best?"
    if inputs.split == "dev":
        return section(
            "relation", title, note("There are no scores on test to compare dev's choice with.")
        )
    correlation = relation_of(_pairs(inputs), inputs.objective)
    if len(correlation.pairs) < 2:
        return section(
            "relation",
            title,
            note("It takes two prompts or more with scores on dev: add --top 10."),
        )
    caption = correlation_caption(correlation, inputs.split)
    return section(
        "relation",
        title,
        figure(chart(correlation, inputs.split, caption), caption),
        el("p", _noise(inputs, correlation)),
        el("p", _price(inputs)),
    )


def _pairs(inputs: ReportInputs) -> list[Pair]:
    pairs = []
    for row in inputs.ranked_prompts:
        dev, scored = (
            row.share("dev", inputs.objective),
            row.share(inputs.split, inputs.objective),
        )
        if row.role == "prompt" and dev is not None and scored is not None:
            pairs.append(Pair(row.id, dev[0], scored[0]))
    return pairs


def correlation_caption(correlation: DevTestCorrelation, split: str) -> str:
    """Return the rank correlation, beside that of random orders."""
    about = f"{count(len(correlation.pairs), 'prompt')} by {title_of(correlation.metric)}"
    if correlation.spearman is None or correlation.chance is None:
        return f"{about}: too few, or too equal, for a rank correlation."
    sentence = (
        f"{about}: Spearman's rank correlation is {number(correlation.spearman, signed=True)}"
    )
    chance = f"random orders stay within ±{number(correlation.chance)} in 95 of 100 cases"
    if not correlation.exceeds_chance:
        return f"{sentence}; {chance}, so this shows no relation."
    way = "orders them much as" if correlation.spearman > 0 else "orders them against"
    return f"{sentence}; {chance}, so dev {way} {split} does."


def _noise(inputs: ReportInputs, correlation: DevTestCorrelation) -> str:
    """Return the prompts' spread on dev, beside the standard error of a score."""
    rows = [row for row in inputs.ranked_prompts if row.role == "prompt" and row.dev]
    shares = [share[0] for row in rows if (share := row.share("dev", inputs.share))]
    n = next((size for row in rows if isinstance(size := (row.dev or {}).get("n"), int)), 0)
    if not shares or not n:
        return "How noisy dev is cannot be told: the file does not say how many examples it has."
    spread, error = max(shares) - min(shares), sqrt(shares[0] * (1 - shares[0]) / n)
    name = title_of(inputs.share)
    sentence = (
        f"On the {count(n, 'example')} of dev the {name} of these prompts spans {number(spread)}, "
        f"while one standard error of a single {name} is {number(error)}. "
    )
    if correlation.exceeds_chance:
        return sentence + "Single places in this order are still a matter of luck."
    if spread < 2 * error:
        return sentence + "Dev is too small to order them: take their order as a draw among equals."
    return (
        sentence + "On the same examples prompts differ by less than that by chance, but they do."
    )


def _price(inputs: ReportInputs) -> str | None:
    """Return how much of the winner's lead on dev is left on the other split."""
    metric, split = inputs.objective, inputs.split
    best, manual = inputs.ranked_prompts[0], [r for r in inputs.ranked_prompts if r.id == "manual"]
    leads = []
    for on in ("dev", split):
        pair = [row.share(on, metric) for row in (best, *manual)]
        match pair:
            case [(float() as ours, _), (float() as theirs, _)]:
                leads.append(ours - theirs)
    if len(leads) < 2:
        return None
    sentence = (
        f"The lead of {best.id} over the manual prompt is {number(leads[0], signed=True)} on dev "
        f"and {number(leads[1], signed=True)} on {split}. "
    )
    if leads[1] < leads[0]:
        return sentence + "What is picked as the best of many has been lucky too, and falls back."
    return sentence + "It held; most leads that selection made shrink."
