"""The ancestors of a prompt, from the file and the ledger beside it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptsearch.evaluation.report.trials import Scored
from promptsearch.metrics.predictions import Scores
from promptsearch.prompt_file.prompts_json import SavedPrompt, section_of

Given = Mapping[str, Any]


@dataclass(frozen=True)
class Ancestor:
    """Prompt among the ancestors of another; `scores` are on `split`."""

    id: str
    template: str
    answers: Given | None  # None: the task's own
    made_by: str  # the plan's step, or the strategy
    parents: tuple[str, ...]
    evidence: Given = field(default_factory=dict)
    scores: Scores = field(default_factory=dict)
    split: str = "dev"


@dataclass(frozen=True)
class Ancestry:
    """Parents before their children, the prompt itself last; `lost` are in no file."""

    members: tuple[Ancestor, ...]
    lost: tuple[str, ...]


def ancestry_of(
    first: SavedPrompt, saved: Sequence[SavedPrompt], trials: Sequence[Scored]
) -> Ancestry:
    """Return the ancestry of the first prompt; a cycle of parents is followed once."""
    known = {
        **_of_ledger(trials),
        **{saved_prompt.id: _of_file(saved_prompt) for saved_prompt in (*saved, first)},
    }
    order = list(_parents_first(first.id, known))
    members = tuple(known[name] for name in order if name in known)
    return Ancestry(members, tuple(name for name in order if name not in known))


def _parents_first(start: str, known: Mapping[str, Ancestor]) -> Iterator[str]:
    seen: set[str] = set()
    stack = [(start, False)]
    while stack:
        name, grown = stack.pop()
        if grown:
            yield name
        elif name not in seen:
            seen.add(name)
            parents = known[name].parents if name in known else ()
            stack += [(name, True), *((parent, False) for parent in reversed(parents))]


def _of_ledger(trials: Iterable[Scored]) -> dict[str, Ancestor]:
    """Return ancestors by id; of prompts scored on dev and on train, dev counts."""
    ancestors: dict[str, Ancestor] = {}
    for row in trials:
        if row.id in ancestors and not (row.split == "dev" and ancestors[row.id].split != "dev"):
            continue
        by_id = row.step or row.strategy
        about = (row.id, row.template, row.answers, by_id, row.parents)
        ancestors[row.id] = Ancestor(*about, scores=row.scores, split=row.split)
    return ancestors


def _of_file(saved: SavedPrompt) -> Ancestor:
    source, scores = section_of(saved.row, "source"), section_of(saved.row, "scores")
    evidence = section_of(source, "evidence")
    parents = source.get("parents")
    return Ancestor(
        saved.id,
        saved.prompt.template.described,
        section_of(saved.row, "verbalizer") or None,
        str(evidence.get("step") or source.get("strategy") or "given"),
        tuple(map(str, parents)) if isinstance(parents, list) else (),
        evidence,
        section_of(scores, "dev"),
    )
