"""From templates and verbalizers of files to the prompts of a task.

What the files lack comes from the task: its manual template, its answers, its candidates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from promptsearch.data.tasks.candidates import read_candidates
from promptsearch.data.tasks.facts_reader import SUBJECT
from promptsearch.data.tasks.task_file import Kind
from promptsearch.errors import DataError
from promptsearch.formats.importing.contents import (
    ForeignVerbalizer,
    ForeignTemplate,
    ImportedFiles,
    ImportOptions,
    Location,
)
from promptsearch.formats.importing.group import Group, ImportedPrompt
from promptsearch.formats.importing.name_binding import Inputs
from promptsearch.formats.importing.one_task import check_one_task
from promptsearch.formats.importing.pairing import answers_of_task, paired, together
from promptsearch.prompt import Prompt, Verbalizer

MOST = 100_000  # prompts that templates and verbalizers make together


def groups_of(found: ImportedFiles, name: str, given: ImportOptions) -> list[Group]:
    """The prompts of each group that is wanted; `DataError` says what is missing or does not fit.

    `name` is the format's.
    """
    wanted, some = found.groups, ", ".join(found.groups[:8])
    if given.group:
        wanted = (given.group,)
        if given.group not in found.groups:
            raise DataError(f"--relation {given.group}: there is none; there are {some or 'none'}")
    if len(wanted) > 1 and given.task is not None:
        raise DataError(
            f"{given.task.name!r} is one task, but the files hold {len(wanted)}: {some}; say which "
            "with --relation"
        )
    return [_Assembly(found, name, given, group).group for group in wanted]


@dataclass(frozen=True)
class _Assembly:
    """One group in the making."""

    found: ImportedFiles
    format: str
    given: ImportOptions
    name: str

    @property
    def group(self) -> Group:
        if self.kind == "facts":
            prompts = [self._of_facts(one) for one in self._templates]
        else:
            prompts = list(self._of_labels())
        names, told = self._names, (*self._by_position(), *self.found.notes)
        return Group(self.name, self.kind, tuple(names.values()), tuple(prompts), told)

    @property
    def kind(self) -> Kind:
        task = self.given.task
        if task is not None and self.found.facts and task.kind != "facts":
            raise DataError(
                f"{self.format} files hold prompts for facts, but {task.name!r} is a task of "
                f"{task.kind}; give --task one of facts, or --candidates FILE"
            )
        return task.kind if task else "facts" if self.found.facts else "classification"

    @cached_property
    def _templates(self) -> list[ForeignTemplate]:
        """Those of the group; where the files hold none, the given ones or the task's."""
        own = [one for one in self.found.templates if one.group in ("", self.name)]
        if own:
            return own
        if self.given.templates:
            return [ForeignTemplate(Location(Path("--template")), t) for t in self.given.templates]
        if (task := self.given.task) is None:
            raise self._lacks("template", "a file with some beside it, --template")
        return [ForeignTemplate(Location(task.file), task.prompt.template)]

    @cached_property
    def _verbalizers(self) -> list[ForeignVerbalizer]:
        """Those of the group; where the files hold none, the task's."""
        own = [one for one in self.found.verbalizers if one.group in ("", self.name)]
        check_one_task(own, self.given.renamed)
        if own:
            return own
        if (task := self.given.task) is None:
            raise self._lacks("verbalizer", "a file with one beside it")
        return [answers_of_task(task)]

    def _lacks(self, what: str, way_out: str) -> DataError:
        of = f" for {self.name}" if self.name else ""
        return DataError(f"there is no {what} in the files{of}; give {way_out} or --task")

    def _of_facts(self, one: ForeignTemplate) -> ImportedPrompt:
        template = self._inputs.bound(one)
        if template.fields != (SUBJECT,) or template.slots != self._templates[0].template.slots:
            raise one.place.error(f"{str(template)!r} needs {{{SUBJECT}}} and one [Z] for facts")
        return self._row(one, Prompt(template, self._candidates))

    @cached_property
    def _candidates(self) -> Verbalizer:
        (slot, *_), path = self._templates[0].template.slots, self.given.candidates
        if path is not None:
            file = path / f"{self.name}.txt" if path.is_dir() else path
            return Verbalizer.of_candidates(read_candidates(file), slot)
        if (task := self.given.task) is None or not task.labels:
            raise DataError(
                f"{self.format} files hold templates without candidates, among which a fact's "
                "object is chosen; give --candidates FILE or --task"
            )
        return Verbalizer.of_candidates(task.labels, slot)

    def _of_labels(self) -> Iterator[ImportedPrompt]:
        """Every template with every verbalizer that is for it."""
        pairs = [(t, a) for t in self._templates for a in self._verbalizers if together(t, a)]
        if not pairs:
            raise DataError("no verbalizer is for one of the patterns; give those of the same task")
        if len(pairs) > MOST:
            raise DataError(
                f"{len(self._templates)} templates with {len(self._verbalizers)} verbalizers are "
                f"more than {MOST:,} prompts; take the first ones of each file with --top"
            )
        for one, answers in pairs:
            prompt, lost = paired(one, answers, self._inputs, self._order)
            yield self._row(one, prompt, answers, lost)

    @cached_property
    def _names(self) -> dict[str, str]:
        """The format's inputs and ours; those that it counts come first."""
        fields = dict.fromkeys(f for one in self._templates for f in one.template.fields)
        counted = [name for name in self.found.positions if name in fields]
        order = dict.fromkeys([*counted, *fields])
        return {theirs: self._inputs.name(self._templates[0], theirs) for theirs in order}

    @property
    def _inputs(self) -> Inputs:
        return Inputs(self.given, self.found.positions)

    @property
    def _order(self) -> Sequence[str]:
        """Of labels: the user's, a label file's, the task's; () for the verbalizer's own."""
        task = self.given.task
        return self.given.labels or self.found.labels or (task.labels if task else ())

    def _row(
        self,
        one: ForeignTemplate,
        prompt: Prompt,
        answers: ForeignVerbalizer | None = None,
        lost: Sequence[str] = (),
    ) -> ImportedPrompt:
        theirs = {name: self._names[name] for name in one.template.fields}
        renamed = {name: ours for name, ours in theirs.items() if name != ours}
        every = dict.fromkeys([*one.lost, *(answers.lost if answers else ()), *lost])
        own = {**answers.evidence, **answers.place.evidence} if answers else {}
        evidence = {
            **one.evidence,
            "format": self.format,
            **one.place.evidence,
            **({"inputs": renamed} if renamed else {}),
            **({"answers": own} if own else {}),
            **({"lost": list(every)} if every else {}),
        }
        return ImportedPrompt(prompt, evidence, one.token_ids, one.round_trips)

    def _by_position(self) -> Iterator[str]:
        own = [f"{theirs} is {{{ours}}}" for theirs, ours in self._names.items() if theirs != ours]
        if own:
            yield f"inputs: {', '.join(own)}"
        if self.kind != "facts" and any(one.labels is None for one in self._verbalizers):
            yield f"labels by their position: {', '.join(self._order)}"
