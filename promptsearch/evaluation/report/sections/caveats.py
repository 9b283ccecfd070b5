"""Section on what the numbers mean, and what they do not."""

from collections.abc import Iterator
from typing import Any

from promptsearch.evaluation.report.html import Html, listed, section
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import count
from promptsearch.metrics import title_of
from promptsearch.prompt_file.prompts_json import section_of

FEW = 100  # examples below which an interval of a share is 0.1 wide or more on each side


def limits(inputs: ReportInputs) -> Html:
    """Return a remark for each reason for caution that holds here."""
    return section("limits", "What the numbers mean", listed(list(_remarks(inputs))))


def _remarks(inputs: ReportInputs) -> Iterator[str]:
    yield from _of_the_split(inputs)
    yield from _of_the_metric(inputs)
    search: Any = inputs.file.section("search")
    if search.get("rank_by") == "finetune":
        yield (
            "The search ranked copies of the model that were tuned to each prompt; they were not "
            "kept, so the numbers here are of the frozen model."
        )
    if dropped := section_of(search, "race").get("dropped"):
        yield (
            f"In the search {count(int(dropped), 'prompt')} dropped out of a race before "
            "all of dev was read; one of them may be a little better than the best."
        )
    if search:
        yield (
            "One model, one seed, one search: another seed may find other prompts of about the "
            "same worth. The prompt's wording says little about why it works."
        )
    yield (
        "Examples that the model saw when it was trained, or that are like those it saw, make "
        "every prompt look better than it is on new ones. This report cannot tell."
    )


def _of_the_split(inputs: ReportInputs) -> Iterator[str]:
    if inputs.split != "test" and inputs.selected:
        yield (
            "Dev selected these prompts out of many. Their scores there are the best of many draws "
            "and will not hold; only a split that selected nothing shows a gain."
        )
    else:
        yield (
            f"{_why_fair(inputs)} intervals tell how far other examples like these may "
            "lie, not how far another domain may."
        )
        if inputs.model_predictions is not None:
            yield (
                "The difference to the manual prompt is paired: the same examples under both. An "
                "interval that holds 0 shows no difference; it does not show that there is none."
            )
    rows = [row.test or row.dev for row in inputs.ranked_prompts if row.test or row.dev]
    n: Any = (rows[0] or {}).get("n") if rows else None
    if isinstance(n, int) and n < FEW:
        yield f"{count(n, 'example')} are few: differences below a tenth are mostly noise."


def _why_fair(inputs: ReportInputs) -> str:
    """Return why the split does not flatter the prompts, as the start of a sentence."""
    if inputs.split == "test":
        return "Test selected nothing. Its"
    return (
        "No search selected these prompts on dev; its scores would flatter one that is picked "
        "by them now. Its"
    )


def _of_the_metric(inputs: ReportInputs) -> Iterator[str]:
    if inputs.share == "p@1":
        yield (
            "P@1 is the share of facts whose first answer among the candidates is right. It "
            "depends on which candidates there are; facts whose object is none of them count as "
            "wrong, and are left out of log-likelihood."
        )
    elif inputs.share == "accuracy":
        yield (
            "Accuracy hides the rare labels where labels are unequal: look at macro F1 and at the "
            "results by label."
        )
    yield (
        "Log-likelihood is the mean log-probability (in nats) of what is right, 0 at best; it "
        f"tells prompts apart that have the same {title_of(inputs.share)}."
    )
