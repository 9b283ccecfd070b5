"""Findings about a task, and about prompts for it, before an expensive run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from promptsearch.data import Split, TaskDefinition
from promptsearch.evaluation.checks.answers import CheckedVerbalizer, number_findings
from promptsearch.evaluation.checks.data import data_findings, dev_findings
from promptsearch.evaluation.checks.finding import (
    MANUAL,
    Finding,
    Level,
    grouped_by_message,
    worst_first,
)
from promptsearch.evaluation.checks.lengths import length_findings
from promptsearch.evaluation.checks.manual_scores import score_findings
from promptsearch.evaluation.checks.prompt_file import file_findings, prompt_findings
from promptsearch.evaluation.checks.row_choices import choice_findings
from promptsearch.evaluation.checks.rows import empty_inputs, row_findings
from promptsearch.evaluation.checks.tags import tag_findings
from promptsearch.evaluation.checks.templates import template_findings
from promptsearch.models import LanguageModel
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.prompt_file.prompts_json import PromptFile

__all__ = ["Finding", "Level", "findings"]
UNKNOWN_ERROR, UNKNOWN_WARNING = 0.3, 0.02  # shares of characters the tokenizer does not know


def findings(
    definition: TaskDefinition, model: LanguageModel | None = None, file: PromptFile | None = None
) -> list[Finding]:
    """Return the findings, worst first, about the data and the manual prompt.

    A model adds findings about how it reads them, a file those about every prompt in it.
    """
    splits = [definition.train, definition.dev]
    if definition.test_files:
        splits.append(definition.test())
    fields = definition.prompt.template.fields
    if definition.kind.has_sentences:
        return worst_first(_of_tags(definition, splits, model, file))
    data_and_rows = [
        *data_findings(definition, splits),
        *(choice_findings(definition, splits) if definition.has_choices else ()),
        *row_findings(definition, splits, fields),
        *empty_inputs(definition, splits),
    ]
    if model is not None:
        data_and_rows += _characters(splits, model)
    checks = _PromptChecks(definition, splits, model)
    of_prompts = [
        replace(finding, prompts=(MANUAL,)) for finding in checks.findings_of(definition.prompt)
    ]
    fits = not _errors([*data_and_rows, *of_prompts])
    if model is not None and definition.kind.single_label and fits:
        of_prompts += [
            replace(finding, prompts=(MANUAL,)) for finding in score_findings(definition, model)
        ]
    if file is not None:
        data_and_rows += file_findings(file, definition, model)
        of_prompts += _of_prompts(file, checks)
    return worst_first([*data_and_rows, *grouped_by_message(of_prompts)])


def _of_tags(
    definition: TaskDefinition,
    splits: Sequence[Split],
    model: LanguageModel | None,
    file: PromptFile | None,
) -> Iterator[Finding]:
    """Yield findings about tagged sentences; their prompt has no answers."""
    yield from tag_findings(definition, splits)
    yield from dev_findings(definition)
    yield from row_findings(definition, splits, definition.inputs)
    if model is not None:
        template, verbalizer = definition.prompt.template, definition.prompt.verbalizer
        yield from _characters(splits, model)
        rows = ((s, tuple(definition.kind.training_rows(s.examples))) for s in splits)
        filled = [replace(split, examples=of_split) for split, of_split in rows if of_split]
        yield from length_findings(template, verbalizer.answers[0], filled, model)
    if file is not None:
        yield from file_findings(file, definition, model)


def _errors(findings: Sequence[Finding]) -> bool:
    return any(finding.level == "error" for finding in findings)


def _of_prompts(file: PromptFile, checks: "_PromptChecks") -> Iterator[Finding]:
    method = file.section("scoring").get("calibration")
    for saved in file.prompts:
        fits = list(prompt_findings(saved, checks.definition, method))
        if not _errors(fits):
            fits += [*checks.rows_of(saved.prompt.template), *checks.findings_of(saved.prompt)]
        for prompt_finding in fits:
            yield replace(prompt_finding, prompts=(saved.id,))


def _characters(splits: Sequence[Split], model: LanguageModel) -> Iterator[Finding]:
    texts = [text for split in splits for e in split.examples for text in e.inputs.values()]
    share = model.unknown_share(texts)
    if share > UNKNOWN_WARNING:
        level: Level = "error" if share > UNKNOWN_ERROR else "warning"
        yield Finding(
            level,
            f"{model.info.spec}: {share:.0%} of the characters are unknown to it; choose `model`",
        )


@dataclass(frozen=True)
class _PromptChecks:
    """Checks of prompts; those that several prompts share run once."""

    definition: TaskDefinition
    splits: Sequence[Split]
    model: LanguageModel | None
    _answers: dict[Verbalizer, CheckedVerbalizer] = field(default_factory=dict)
    _lengths: dict[tuple[Template, int], list[Finding]] = field(default_factory=dict)
    _rows: dict[frozenset[str], list[Finding]] = field(default_factory=dict)

    def findings_of(self, prompt: Prompt) -> Iterator[Finding]:
        """Yield findings about a template and, given a model, its answers and their room."""
        causal = self.model is not None and self.model.info.family == "causal"
        yield from template_findings(prompt.template, self.definition, self.splits, causal)
        if self.definition.kind.has_labels:
            yield from number_findings(prompt.verbalizer)
        if self.model is not None:
            yield from self._read(prompt, self.model)

    def rows_of(self, template: Template) -> list[Finding]:
        """Return the equal rows of a template that reads other inputs than the manual one."""
        fields = frozenset(template.fields)
        if fields == frozenset(self.definition.prompt.template.fields):
            return []
        if fields not in self._rows:
            self._rows[fields] = list(row_findings(self.definition, self.splits, template.fields))
        return self._rows[fields]

    def _read(self, prompt: Prompt, model: LanguageModel) -> Iterator[Finding]:
        if prompt.template.takes_choices:  # its answers are yes and no, at options of each row
            return
        if self.definition.kind.free_texts:  # its answers are not written yet
            return
        verbalizer, kind = prompt.verbalizer, self.definition.kind
        if verbalizer not in self._answers:
            self._answers[verbalizer] = CheckedVerbalizer(verbalizer, model, kind.merges_alike)
        answers = self._answers[verbalizer]
        yield from answers.findings
        if answers.unread:  # no text can be laid out with them
            return
        longest = max(answers.read, key=lambda answer: answer.tokens)
        key = (prompt.template, longest.tokens)
        if key not in self._lengths:
            self._lengths[key] = list(
                length_findings(prompt.template, longest.answer, self.splits, model)
            )
        yield from self._lengths[key]
