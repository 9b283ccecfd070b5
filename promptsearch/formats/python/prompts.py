"""The prompts of a program, as one model reads them."""

from collections.abc import Iterator, Mapping, Sequence

from promptsearch.errors import ExportError
from promptsearch.formats.export import ExportRequest
from promptsearch.formats.python.deep import ProgramDeep, head_labels
from promptsearch.formats.python.runtime import prompt as runtime
from promptsearch.formats.python.template import ProgramPart
from promptsearch.prompt_file.prompts_json import SavedPrompt
from promptsearch.scoring import Scorer


class LabelsBeside(dict[str, Sequence[runtime.Answer]]):
    """Labels with candidates in a file beside the program; its `repr` reads them."""

    def __init__(self, file: str, slot: str) -> None:
        self._expression = f"read_candidates({file!r}, {slot!r})"

    def __repr__(self) -> str:
        return self._expression


def program_prompts(
    request: ExportRequest,
    scorer: Scorer,
    templates: Sequence[Sequence[ProgramPart]],
    deep: Sequence[ProgramDeep],
) -> list[runtime.Prompt]:
    """Return the ensemble's members, or the one prompt, for this scorer's model.

    Candidates that the model reads like others are left out. Raise ExportError if a prior is
    missing.
    """
    weights = request.ensemble.weights if request.ensemble else [1.0]
    prompts = []
    of_prompts = zip(request.prompts, weights, templates, deep, strict=True)
    for saved, weight, template, parts in of_prompts:
        labels = _labels(saved, scorer) if parts.head is None else head_labels(saved)
        method = request.settings.calibration
        prior = [] if method == "none" else list(_prior(saved, list(labels), method))
        rest = float(weight), prior, parts.prefix, parts.head, _no(saved, scorer)
        prompts.append(runtime.Prompt(template, labels, *rest))
    return prompts


def _labels(saved: SavedPrompt, scorer: Scorer) -> dict[str, list[runtime.Answer]]:
    """Return the answers of each label that the model does not read like an earlier one."""
    verbalizer = saved.prompt.verbalizer
    merged = scorer.labelling(verbalizer).duplicate_labels
    duplicates = {verbalizer.labels[i] for i in merged}
    return {
        label: [dict(answer) for answer in answers]
        for label, answers in verbalizer.pairs
        if label not in duplicates
    }


def _no(saved: SavedPrompt, scorer: Scorer) -> str:
    """Return the word that labels are scored against; "" where they are by themselves."""
    verbalizer = saved.prompt.verbalizer
    against = scorer.labelling(verbalizer).no_columns
    return verbalizer.no or "" if against else ""


def _prior(saved: SavedPrompt, labels: Sequence[str], method: str) -> Iterator[float]:
    prior = saved.row.get("prior")
    if not isinstance(prior, Mapping) or any(label not in prior for label in labels):
        raise ExportError(
            f"the prompt {saved.id} is scored with {method} calibration, but the file does not "
            "have its prior; search again, or leave calibration out of the file"
        )
    for label in labels:
        values = prior[label]
        yield from map(float, values if isinstance(values, list) else [values])
