"""Selection of a file's prompts for prediction, with their model and calibration."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from shlex import quote
from typing import Any

from promptsearch.data import PROMPTED, Dataset, TaskKind, TaskSchema, did_you_mean, schema_of
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.reader import Reader, fixed_inputs
from promptsearch.engine.ledger import digest
from promptsearch.engine.trial import surely_worse
from promptsearch.errors import DataError, PromptError, RunError
from promptsearch.metrics import objective_in
from promptsearch.prediction.ensemble import Ensemble, Member
from promptsearch.prediction.ensemble_file import read_ensemble
from promptsearch.prompt_file.load_model import is_own
from promptsearch.prompt_file.prompts_json import PromptFile, SavedPrompt, aligned, kind_of_answers
from promptsearch.runs.settings import Settings
from promptsearch.scoring import PromptScorer, Scorer
from promptsearch.scoring.calibration import CalibratedScorer, check_calibration, references_of

_SHOWN = 10  # of a file's prompts, in an error


@dataclass(frozen=True)
class PromptSelection:
    """Prompts that answer; a single one is an ensemble of one member."""

    saved: tuple[SavedPrompt, ...]
    ensemble: Ensemble
    from_file: bool  # whether it is the file's ensemble

    @classmethod
    def of(cls, saved_prompt: SavedPrompt) -> "PromptSelection":
        """Return the selection of a single prompt."""
        member = Member(saved_prompt.id, saved_prompt.prompt, 1.0)
        return cls((saved_prompt,), Ensemble("uniform", (member,)), from_file=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels (or candidates) of the answers."""
        return self.saved[0].prompt.verbalizer.labels

    @property
    def fields(self) -> tuple[str, ...]:
        """Inputs that the templates read, each once."""
        names = (name for prompt in self.saved for name in prompt.prompt.template.fields)
        return tuple(dict.fromkeys(names))

    def reader(self, reader: Reader) -> Reader:
        """Return a reader that requires only the inputs that the templates read."""
        if not isinstance(reader, LabelledReader):
            return reader
        return replace(reader, needed=frozenset(self.fields))

    def __str__(self) -> str:
        if not self.from_file:
            return f"{self.saved[0].id}: {self.saved[0].prompt.template.described}"
        ids = ", ".join(prompt.id for prompt in self.saved)
        return f"the ensemble ({self.ensemble.rule} of {ids})"


def frame_in(file: PromptFile, kinds: Collection[str] = PROMPTED) -> TaskSchema:
    """Return the task of a file's prompts, from that file alone."""
    first = file.prompts[0]
    fields = (name for saved in file.prompts for name in saved.prompt.template.fields)
    return schema_of(
        file.section("task"),
        file.path,
        kind=kind_of_answers(first.row),
        fields=tuple(dict.fromkeys(fields)),
        labels=first.prompt.verbalizer.labels,
        kinds=kinds,
    )


def select_prompts(
    file: PromptFile, frame: TaskSchema, id: str | None = None, ensemble: bool | None = None
) -> PromptSelection:
    """Return the prompt with the `id`, else the file's ensemble, else its first prompt.

    `ensemble` requires or forbids the ensemble; with None, it answers unless it is surely worse
    than the first prompt. Raises RunError if the file lacks the requested prompts.
    """
    together = read_ensemble(file, frame) if id is None and ensemble is not False else None
    if together is not None and (ensemble or ensemble_wins(file.document)):
        rows = {prompt.id: prompt for prompt in file.prompts}
        saved = tuple(replace(rows[m.id], prompt=m.prompt) for m in together.members)
        return PromptSelection(saved, together, from_file=True)
    if ensemble:
        raise RunError(
            f"{file.path}: has no ensemble; make one with `promptsearch ensemble "
            f"{quote(str(file.path))}`, or use its best prompt (`ensemble=False`)"
        )
    return PromptSelection.of(aligned(_named(file, id), frame))


def ensemble_wins(document: Mapping[str, Any]) -> bool:
    """Return whether a prompts.json has an ensemble that shall answer, and not its first prompt.

    Where the search tells what to expect on new rows: unless the ensemble is surely worse there.
    Else unless it scored less on dev. Scores are those of the objective, or log-likelihood; true
    also if one is missing.
    """
    if (ensemble := document.get("ensemble")) is None:
        return False
    metric = objective_in(document.get("search") or {})
    gain = (expected_in(document) or {}).get("ensemble_minus_best")
    if isinstance(gain, Mapping):
        return not surely_worse(gain, metric)
    whole, first = (_on_dev(row, metric) for row in (ensemble, document["prompts"][0]))
    return whole is None or first is None or whole >= first


def expected_in(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what the search of a prompts.json expects of its winners; None if it tells nothing."""
    expected = (document.get("search") or {}).get("expected")
    return expected if isinstance(expected, Mapping) and expected else None


def expected_difference(
    differences: Mapping[str, Any], metric: str
) -> tuple[float, list[float]] | None:
    """Return a metric's mean difference and its interval; None where these are not both there."""
    match differences.get(metric), differences.get(f"{metric}_ci95"):
        case (int() | float() as delta, [int() | float() as low, int() | float() as high]):
            return delta, [low, high]
    return None


def without_expected_ensemble(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a prompts.json that expects nothing of its ensemble, which another takes the place of.

    What is expected of the best prompt stays: that is still the same.
    """
    if (expected := expected_in(document)) is None:
        return dict(document)
    kept = {name: expected[name] for name in ("folds", "best") if name in expected}
    return {**document, "search": {**document["search"], "expected": kept}}


def _on_dev(row: object, metric: str) -> float | None:
    match row:
        case {"scores": {"dev": {**scores}}} if isinstance(score := scores.get(metric), float):
            return score
    return None


def _named(file: PromptFile, id: str | None) -> SavedPrompt:
    if id is None:
        return file.prompts[0]
    known = [prompt.id for prompt in file.prompts]
    if id not in known:
        first_ids = ", ".join(known[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
        near = did_you_mean(id, known)
        raise RunError(f"{file.path}: has no prompt {id!r}{near}; its prompts are {first_ids}")
    return file.prompts[known.index(id)]


def scoring_from(file: PromptFile) -> Settings:
    """Return the settings by which the file's prompts were scored."""
    saved = file.section("scoring")
    names = (
        *("multi_token", "answer_score", "length_norm", "calibration"),
        *("options_score", "options_per_pass"),
    )
    known = {name: saved[name] for name in names if saved.get(name) is not None}
    try:
        return Settings(**known)  # type: ignore[arg-type]
    except RunError as error:
        raise DataError.at(file.path, None, f"scoring: {error}") from None


def calibrated_as_saved(
    inner: PromptScorer,
    raw_scorer: Scorer,
    file: PromptFile,
    choice: PromptSelection,
    frame: TaskSchema,
    train: Dataset | None,
) -> PromptScorer:
    """Return the scorer, calibrated as in the file, by its priors if they are of this model.

    `train` are inputs for batch calibration, which other priors need; None where there are none.
    """
    method = scoring_from(file).calibration
    check_calibration(method, len(choice.labels))
    if method == "none":
        return inner
    known = choice.saved if is_own(file, raw_scorer.model) else ()
    priors = {
        prompt.prompt: prompt.row["prior"]
        for prompt in known
        if prompt.row.get("prior") is not None
    }
    if method == "batch" and train is None and len(priors) < len(choice.saved):
        raise RunError(
            f"{file.path}: batch calibration asks the training inputs, and this file has no prior "
            f"of theirs for {raw_scorer.model.info.spec}; name the task they are in with `task`"
        )
    fixed = fixed_inputs(frame.reader)
    references = references_of(method, frame.inputs, train or (), fixed)
    scorer = CalibratedScorer(inner, raw_scorer, method, references)
    for prompt in known:
        if prompt.prompt in priors:
            _recall(scorer, prompt, file)
    return scorer


def identity_of(
    file: PromptFile,
    choice: PromptSelection,
    raw_scorer: Scorer,
    kind: TaskKind,
    reader: Reader,
    names: Sequence[str],
) -> Mapping[str, object]:
    """Return everything that must stay the same for predictions to go on in one file.

    `names` are their columns.
    """
    info, settings = raw_scorer.model.info.described, scoring_from(file)
    markup = reader.markup.fields if isinstance(reader, LabelledReader) else {}
    separator: list[object] = [] if reader.choices is None else [reader.choices.separator]
    if isinstance(reader, LabelledReader) and reader.options is not None:
        separator.append(reader.options.keys)
    members = zip(choice.saved, choice.ensemble.members, strict=True)
    prompts = [
        [
            str(prompt.prompt.template),
            prompt.prompt.plain_answers,
            prompt.row.get("prior"),
            m.weight,
        ]
        for prompt, m in members
    ]
    if kind.label_sets:
        prompts.append([prompt.row.get("threshold") for prompt in choice.saved])
    return {
        "prompts": digest((choice.ensemble.rule, prompts)),
        "model": {name: info[name] for name in info if name not in ("spec", "revision", "device")},
        "scoring": settings.scored_as(kind, choice.saved[0].prompt.template.has_options),
        "columns": list(names),
        **kind.settings,
        "reading": [dict(reader.layout.rename), dict(markup), sorted(reader.columns), *separator],
    }


def _recall(scorer: CalibratedScorer, prompt: SavedPrompt, file: PromptFile) -> None:
    prior = prompt.row["prior"]
    try:
        scorer.set_prior(prompt.prompt, prior if isinstance(prior, Mapping) else {})
    except PromptError as error:
        raise DataError.at(file.path, None, f"prompt {prompt.id}: {error}") from None
