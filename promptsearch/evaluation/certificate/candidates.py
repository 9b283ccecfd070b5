"""The candidates of a search: all prompts that it scored, not only those that it saved."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from promptsearch.data import TaskDefinition
from promptsearch.engine.ledger import LEDGER, Row, identity_in, read_ledger
from promptsearch.errors import DataError, PromptError
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.prompt.template import without_digests
from promptsearch.prompt_file.prompts_json import PromptFile, SavedPrompt, aligned


def candidates_of(file: PromptFile, definition: TaskDefinition, seed: int) -> list[Prompt]:
    """Return the distinct candidates of a file, without the manual prompt.

    They are those of the ledger beside the file where there is one, else the file's, in an order
    drawn from the seed: a file has the best first, and that must not decide ties. Soft prompts are
    the file's alone, for a ledger has no vectors.
    """
    ledger = ledger_of(file)
    saved = [aligned(prompt, definition).prompt for prompt in file.prompts]
    prompts = saved if ledger is None else [*saved, *_scored(ledger, definition)]
    distinct = [prompt for prompt in dict.fromkeys(prompts) if prompt != definition.prompt]
    order = np.random.default_rng([seed, 5]).permutation(len(distinct))
    return [distinct[index] for index in order]


def over_the_same(definition: TaskDefinition, file: PromptFile) -> TaskDefinition:
    """Return the task with the candidates of a file of fact prompts, in its manual prompt too."""
    if not definition.kind.has_candidates:
        return definition
    verbalizer = file.prompts[0].prompt.verbalizer
    prompt = replace(definition.prompt, verbalizer=verbalizer)
    return replace(definition, prompt=prompt, labels=verbalizer.labels)


def ledger_of(file: PromptFile) -> Path | None:
    """Return the ledger beside a file, if it is of the search that made the file."""
    path, search_section = file.path.parent / LEDGER, file.section("search")
    identity = identity_in(path)
    same = all(
        identity.get(key) == search_section.get(key) for key in ("strategy", "seed", "objective")
    )
    return path if search_section and identity and same else None


def _scored(ledger: Path, definition: TaskDefinition) -> Iterator[Prompt]:
    """Yield the prompts scored on dev, to the end or until a race dropped them."""
    for row in read_ledger(ledger):
        if row.get("split") != "dev" or "template" not in row:
            continue
        template = str(row["template"])
        if without_digests(template) == template:
            yield _prompt(ledger, row, definition)


def _prompt(ledger: Path, row: Row, definition: TaskDefinition) -> Prompt:
    """Return the prompt of a ledger row, which leaves out answers that are the manual ones."""
    template = Template.parse(str(row["template"]))
    verbalizer = definition.prompt.verbalizer
    try:
        if isinstance(saved_verbalizer := row.get("verbalizer"), Mapping):
            verbalizer = Verbalizer.of(saved_verbalizer, template.slots)
        prompt = SavedPrompt(str(row["id"]), Prompt(template, verbalizer), row)
    except PromptError as error:
        raise DataError.at(ledger, None, f"the trial {row['id']}: {error}") from None
    return aligned(prompt, definition).prompt
