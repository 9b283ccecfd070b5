"""Assembly of templates and verbalizers of files to the prompts of a task.

Whatever the files lack comes from the task: its manual template, its answers, its candidates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from promptsearch.data import CLASSIFICATION, FACTS, TaskKind
from promptsearch.data.tasks.candidates import read_candidates
from promptsearch.data.tasks.facts_reader import SUBJECT
from promptsearch.errors import DataError, listed
from promptsearch.formats.importing.contents import (
    ForeignTemplate,
    ForeignVerbalizer,
    ImportedFiles,
    ImportOptions,
    Location,
)
from promptsearch.formats.importing.group import Group, ImportedPrompt
from promptsearch.formats.importing.input_names import Inputs
from promptsearch.formats.importing.one_task import check_same_labels
from promptsearch.formats.importing.prompt_pairs import answers_of_task, paired, together
from promptsearch.prompt import Prompt, Verbalizer

MOST = 100_000  # prompts that templates and verbalizers make together


def groups_of(files: ImportedFiles, name: str, options: ImportOptions) -> list[Group]:
    """Return the prompts of each group.

    `name` is the format's. Raises DataError if something is missing or does not fit.
    """
    groups, names_text = files.groups, listed(files.groups)
    if options.group:
        groups = (options.group,)
        if options.group not in files.groups:
            raise DataError(
                f"`relation` {options.group}: there is none; there are {names_text or 'none'}"
            )
    if len(groups) > 1 and options.task is not None:
        raise DataError(
            f"{options.task.name!r} is one task, but the files hold {len(groups)}: {names_text}; "
            "say which with `relation`"
        )
    return [_Assembly(files, name, options, group).group for group in groups]


@dataclass(frozen=True)
class _Assembly:
    """Assembly of one group."""

    files: ImportedFiles
    format: str
    options: ImportOptions
    name: str

    @property
    def group(self) -> Group:
        if self.kind.has_subject:
            prompts = [self._of_facts(foreign) for foreign in self._templates]
        else:
            prompts = list(self._of_labels())
        names, notes = self._names, (*self._by_position(), *self.files.notes)
        return Group(self.name, self.kind, tuple(names.values()), tuple(prompts), notes)

    @property
    def kind(self) -> TaskKind:
        task = self.options.task
        if task is not None and self.files.facts and not task.kind.has_subject:
            raise DataError(
                f"{self.format} files hold prompts for facts, but {task.name!r} is a task of "
                f"{task.kind}; give `task` one of facts, or `candidates` FILE"
            )
        return task.kind if task else FACTS if self.files.facts else CLASSIFICATION

    @cached_property
    def _templates(self) -> list[ForeignTemplate]:
        """Templates of the group; where the files hold none, the option's or the task's."""
        of_group = [foreign for foreign in self.files.templates if foreign.group in ("", self.name)]
        if of_group:
            return of_group
        if self.options.templates:
            return [
                ForeignTemplate(Location(Path("`template`")), t) for t in self.options.templates
            ]
        if (task := self.options.task) is None:
            raise self._lacks("template", "a file with some beside it, `template`")
        return [ForeignTemplate(Location(task.file), task.prompt.template)]

    @cached_property
    def _verbalizers(self) -> list[ForeignVerbalizer]:
        """Verbalizers of the group; where the files hold none, the task's."""
        of_group = [
            foreign for foreign in self.files.verbalizers if foreign.group in ("", self.name)
        ]
        check_same_labels(of_group, self.options.renamed)
        if of_group:
            return of_group
        if (task := self.options.task) is None:
            raise self._lacks("verbalizer", "a file with one beside it")
        return [answers_of_task(task)]

    def _lacks(self, what: str, way_out: str) -> DataError:
        of = f" for {self.name}" if self.name else ""
        return DataError(f"there is no {what} in the files{of}; give {way_out} or `task`")

    def _of_facts(self, foreign: ForeignTemplate) -> ImportedPrompt:
        template = self._inputs.bound(foreign)
        if template.fields != (SUBJECT,) or template.slots != self._templates[0].template.slots:
            raise foreign.location.error(
                f"{template.notation!r} needs {{{SUBJECT}}} and one [Z] for facts"
            )
        return self._row(foreign, Prompt(template, self._candidates))

    @cached_property
    def _candidates(self) -> Verbalizer:
        (slot, *_), path = self._templates[0].template.slots, self.options.candidates
        if path is not None:
            file = path / f"{self.name}.txt" if path.is_dir() else path
            return Verbalizer.of_candidates(read_candidates(file), slot)
        if (task := self.options.task) is None or not task.labels:
            raise DataError(
                f"{self.format} files hold templates without candidates, among which a fact's "
                "object is chosen; give `candidates` FILE or `task`"
            )
        return Verbalizer.of_candidates(task.labels, slot)

    def _of_labels(self) -> Iterator[ImportedPrompt]:
        """Yield each template with each verbalizer that is for it."""
        pairs = [(t, a) for t in self._templates for a in self._verbalizers if together(t, a)]
        if not pairs:
            raise DataError("no verbalizer is for one of the patterns; give those of the same task")
        if len(pairs) > MOST:
            raise DataError(
                f"{len(self._templates)} templates with {len(self._verbalizers)} verbalizers are "
                f"more than {MOST:,} prompts; take the first ones of each file with `top`"
            )
        for foreign, answers in pairs:
            prompt, lost = paired(foreign, answers, self._inputs, self._order)
            yield self._row(foreign, prompt, answers, lost)

    @cached_property
    def _names(self) -> dict[str, str]:
        """Names of inputs, the format's -> ours; those that it counts come first."""
        fields = dict.fromkeys(f for foreign in self._templates for f in foreign.template.fields)
        counted = [name for name in self.files.positions if name in fields]
        order = dict.fromkeys([*counted, *fields])
        return {theirs: self._inputs.name(self._templates[0], theirs) for theirs in order}

    @property
    def _inputs(self) -> Inputs:
        return Inputs(self.options, self.files.positions)

    @property
    def _order(self) -> Sequence[str]:
        """Order of labels: the user's, a label file's, the task's; () for the verbalizer's."""
        task = self.options.task
        return self.options.labels or self.files.labels or (task.labels if task else ())

    def _row(
        self,
        foreign: ForeignTemplate,
        prompt: Prompt,
        answers: ForeignVerbalizer | None = None,
        lost: Sequence[str] = (),
    ) -> ImportedPrompt:
        theirs = {name: self._names[name] for name in foreign.template.fields}
        renamed = {name: ours for name, ours in theirs.items() if name != ours}
        every = dict.fromkeys([*foreign.lost, *(answers.lost if answers else ()), *lost])
        answer_evidence = {**answers.evidence, **answers.location.evidence} if answers else {}
        evidence = {
            **foreign.evidence,
            "format": self.format,
            **foreign.location.evidence,
            **({"inputs": renamed} if renamed else {}),
            **({"answers": answer_evidence} if answer_evidence else {}),
            **({"lost": list(every)} if every else {}),
        }
        return ImportedPrompt(
            prompt, evidence, foreign.token_ids, foreign.round_trips, foreign.weight
        )

    def _by_position(self) -> Iterator[str]:
        renamed = [
            f"{theirs} is {{{ours}}}" for theirs, ours in self._names.items() if theirs != ours
        ]
        if renamed:
            yield f"inputs: {', '.join(renamed)}"
        if self.kind.has_labels and any(foreign.labels is None for foreign in self._verbalizers):
            yield f"labels by their position: {', '.join(self._order)}"
