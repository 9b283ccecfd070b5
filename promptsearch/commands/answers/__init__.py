"""`promptsearch answers`: searches for the words that stand for the labels."""

import rich_click as click

from promptsearch.commands.shared.lazy_group import LazyGroup

COMMANDS = {
    "paraphrase": "answers.paraphrase:command",
    "prune": "answers.prune:command",
    "likelihood-ratio": "answers.likelihood_ratio:command",
    "probe": "answers.probe:command",
    "decompose": "answers.decompose:command",
}
SUMMARIES = {
    "paraphrase": "Other words for the answers, summed (Jiang et al. 2021).",
    "prune": "Likely words of each label, then the best of their combinations (LM-BFF).",
    "likelihood-ratio": "Words that tell a label from the others (PETAL).",
    "probe": "Words that a linear probe of the slot takes for a label (AutoPrompt).",
    "decompose": "Label names taken apart, or rules over several slots (AdaPrompt, PTR).",
}


class Answers(LazyGroup):
    """The strategies of answer search."""

    homes = COMMANDS
    summaries = SUMMARIES


@click.group("answers", cls=Answers)
def command() -> None:
    """Search for the words that stand for the labels; the template stays as it is."""
