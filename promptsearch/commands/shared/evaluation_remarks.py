"""Remarks on an evaluation: what its table does not say."""

from collections.abc import Iterator
from typing import Any

from promptsearch.commands.shared.evaluation_table import gain_text
from promptsearch.evaluation.evaluate import Evaluation
from promptsearch.evaluation.ties import many_ties
from promptsearch.evaluation.word_baseline import NAME, is_installed, suits_words
from promptsearch.files.packages import install_command
from promptsearch.metrics import headline_metric
from promptsearch.prompt_file.prompts_json import PromptFile


def remarks_on(evaluation: Evaluation, document: Any, file: PromptFile) -> Iterator[str]:
    """Yield the remarks, one a line; `document` is that of the evaluation."""
    definition, split = evaluation.definition, evaluation.split
    first = document["prompts"][0]
    scores = first["scores"][split.name]
    if ensemble := document.get("ensemble"):
        gain = ensemble["scores"][split.name]["vs_best"]
        yield f"ensemble - {first['id']}: {gain_text(gain)}"
    yield from _better_baselines(document, headline_metric(definition.kind), split.name)
    if suits_words(definition, split) and not is_installed():
        yield f"left out: {NAME} ({install_command('certify')})"
    if remark := many_ties(evaluation.predictions[0]):
        yield f"{first['id']}: {remark}"
    if (coverage := scores.get("coverage")) is not None:
        yield f"coverage {coverage:.3f}: the share of examples with a right candidate"
    if split.name != "test" and file.was_searched:
        yield f"{split.name} chose these prompts: expect less on new examples"
    if (count := evaluation.scorer.scoring.options_per_pass) is not None:
        yield f"options were read {count:,} at a time, and compared by their log-odds"
    if file.section("search").get("rank_by") == "finetune":
        yield "of the frozen model: the copies that ranked these prompts were not kept"


def _better_baselines(document: Any, metric: str, split: str) -> Iterator[str]:
    """Yield a line of the baselines without a prompt that score more than the first prompt."""
    first = document["prompts"][0]
    if (best := first["scores"][split].get(metric)) is None:
        return  # it wrote no texts
    shares = {
        name: row["scores"][split][metric]
        for name, row in document["baselines"].items()
        if "template" not in row
    }
    better = [f"{name} {share:.3f}" for name, share in shares.items() if share > best]
    if better:
        yield f"no prompt, but better than {first['id']}: {metric} of {', '.join(better)}"
