"""The prompts of a program, as one model reads them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from promptsearch.errors import ExportError
from promptsearch.formats.export import ExportRequest
from promptsearch.prompt import Prompt, Verbalizer
from promptsearch.prompt_file.prompts_json import SavedPrompt
from promptsearch.scoring import Scorer


@dataclass(frozen=True)
class Member:
    """A prompt without the candidates that the model reads like others of it."""

    weight: float
    id: str
    prompt: Prompt
    prior: tuple[float, ...] | None  # of each label or, with pmi, of each answer; in nats


def members_of(given: ExportRequest, scorer: Scorer) -> list[Member]:
    """The ensemble's members, or the one prompt; `ExportError` where one lacks its prior."""
    if given.ensemble is None:
        (saved,) = given.prompts
        return [_member(given, saved, 1.0, scorer)]
    pairs = zip(given.prompts, given.ensemble.weights, strict=True)
    return [_member(given, saved, weight, scorer) for saved, weight in pairs]


def _member(given: ExportRequest, saved: SavedPrompt, weight: float, scorer: Scorer) -> Member:
    verbalizer = saved.prompt.verbalizer
    merged = set(scorer.labelling(verbalizer).duplicate_labels)
    kept = [label for i, label in enumerate(verbalizer.labels) if i not in merged]
    prior = None
    if given.settings.calibration != "none":
        prior = tuple(_prior(saved, kept, given.settings.calibration))
    pairs = tuple((label, verbalizer[label]) for label in kept)
    return Member(weight, saved.id, Prompt(saved.prompt.template, Verbalizer(pairs)), prior)


def _prior(saved: SavedPrompt, labels: Sequence[str], method: str) -> Iterator[float]:
    said = saved.row.get("prior")
    if not isinstance(said, Mapping) or any(label not in said for label in labels):
        raise ExportError(
            f"the prompt {saved.id} is scored with {method} calibration, but the file does not "
            "have its prior; search again, or leave calibration out of the file"
        )
    for label in labels:
        own = said[label]
        yield from map(float, own if isinstance(own, list) else [own])
