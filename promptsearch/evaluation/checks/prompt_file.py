"""Findings about a file of prompts that does not fit the present task and model."""

from collections.abc import Iterator, Mapping, Sequence

from promptsearch.data import TaskDefinition
from promptsearch.data.tasks.task_changes import task_changes
from promptsearch.errors import SHOWN, DataError, TaskError
from promptsearch.evaluation.checks.finding import Finding, Level, listed
from promptsearch.models import LanguageModel
from promptsearch.prediction.ensemble_file import ensemble_of
from promptsearch.prompt_file.prompts_json import PromptFile, SavedPrompt, aligned, equal_ids


def file_findings(
    file: PromptFile, definition: TaskDefinition, model: LanguageModel | None
) -> Iterator[Finding]:
    """Yield what the file as a whole claims that is not true, or not true any more."""
    for name, count in equal_ids(file.prompts).items():
        yield Finding("error", f"{count} prompts have the id {name}; give each its own", (name,))
    yield from _ensemble(file, definition)
    yield from _data(file, definition)
    if model is not None:
        yield from _model(file, model)


def _ensemble(file: PromptFile, definition: TaskDefinition) -> Iterator[Finding]:
    known = {saved.id: _in_order(saved, definition).prompt for saved in file.prompts}
    try:
        ensemble_of(file, known)
    except DataError as error:
        yield Finding("error", str(error))


def _in_order(saved: SavedPrompt, definition: TaskDefinition) -> SavedPrompt:
    """Return the prompt with its labels in the task's order, if they are the task's labels."""
    try:
        return aligned(saved, definition)
    except TaskError:
        return saved


def _data(file: PromptFile, definition: TaskDefinition) -> Iterator[Finding]:
    """Yield splits that are not those of the file; scores on them are of other examples."""
    data = file.section("task").get("data")
    splits = data if isinstance(data, Mapping) else {}
    now = {
        "train": (definition.train.sha256, definition.train.examples_sha256),
        "dev": (definition.dev.sha256, definition.dev.examples_sha256),
        "test": (definition.test_sha256, None),
    }
    for name, (sha256, examples) in now.items():
        split = splits.get(name)
        before = split if isinstance(split, Mapping) else {}
        if before.get("sha256") not in (None, sha256):
            change = f"other data (sha256 {str(before['sha256'])[:12]}, now {str(sha256)[:12]})"
        elif before.get("examples_sha256") not in (None, examples):
            change = f"the same files read otherwise{_task_changes(file, definition)}"
        else:
            continue
        scored = [s.id for s in file.prompts if name in _scores(s)]
        past = f"scores on {name} were made" if name != "train" else "prompts were proposed"
        yield Finding(
            "warning",
            f"{past} on {change}: search or evaluate again",
            tuple(scored or [s.id for s in file.prompts]),
        )


def _task_changes(file: PromptFile, definition: TaskDefinition) -> str:
    """Return ` (label was 'label', now 'label2')`: what has changed in the task file."""
    before = file.section("task").get("definition")
    changes = task_changes(before if isinstance(before, Mapping) else {}, definition.document)
    return f" ({'; '.join(changes)})" if before else ""


def _scores(saved: SavedPrompt) -> Mapping[str, object]:
    scores = saved.row.get("scores")
    return scores if isinstance(scores, Mapping) else {}


def _model(file: PromptFile, model: LanguageModel) -> Iterator[Finding]:
    model_section = file.section("model")
    names = {
        "sha256": "weights",
        "config_sha256": "configuration",
        "tokenizer_sha256": "tokenizer",
    }
    for key, what in names.items():
        before, now = model_section.get(key), getattr(model.info, key)
        if before is not None and before != now:
            yield Finding(
                "warning",
                f"the {what} of {model.info.spec} are not those the prompts were found with "
                f"({model_section.get('spec')}, sha256 {str(before)[:12]}, now {str(now)[:12]}): "
                "their scores say nothing of these",
                tuple(saved.id for saved in file.prompts),
            )


def prompt_findings(
    saved: SavedPrompt, definition: TaskDefinition, method: object
) -> Iterator[Finding]:
    """Yield how one prompt fits the task; `method` is the file's calibration."""
    try:
        aligned(saved, definition)
    except TaskError as error:
        yield Finding("error", str(error))
        return
    labels = saved.prompt.verbalizer.labels
    if definition.kind.has_candidates:
        if not definition.has_choices:
            yield from _reach(labels, definition)
    elif labels != definition.labels:
        yield Finding(
            "warning",
            f"labels stand in the order {listed(labels, SHOWN)}, in the task in the order "
            f"{listed(definition.labels, SHOWN)}: what counts labels takes one for another",
        )
    yield from _prior(saved, method)


def _reach(candidates: Sequence[str], definition: TaskDefinition) -> Iterator[Finding]:
    """Yield facts of dev that the prompt's candidates cannot answer."""
    known, facts = set(candidates), definition.dev.examples
    if lost := sum(known.isdisjoint(fact.targets) for fact in facts):
        level: Level = "error" if lost == len(facts) else "warning"
        yield Finding(
            level, f"{lost} of {len(facts)} facts of dev have no right object among its candidates"
        )


def _prior(saved: SavedPrompt, method: object) -> Iterator[Finding]:
    prior = saved.row.get("prior")
    if prior is None:
        return
    if method in (None, "none"):
        yield Finding("warning", "there is a prior, but the file says no calibration: not used")
    elif not isinstance(prior, Mapping) or set(prior) != set(saved.prompt.verbalizer.labels):
        described = listed(list(prior), SHOWN) if isinstance(prior, Mapping) else repr(prior)
        yield Finding(
            "error", f"the prior is of {described}, not of the prompt's labels; take it out"
        )
    else:
        by_answer = method == "pmi" and saved.prompt.verbalizer.no is None
        for label, answers in saved.prompt.verbalizer.pairs:
            expected = len(answers) if by_answer else 1
            numbers = prior[label] if isinstance(prior[label], list) else [prior[label]]
            if len(numbers) != expected:
                yield Finding(
                    "error",
                    f"the prior says {prior[label]!r} of {label}, where {method} calibration has "
                    f"{expected} numbers; take it out",
                )
