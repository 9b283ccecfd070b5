"""A task's part in mining: the terms to look for, the files, and the builder of its templates."""

from collections.abc import Iterator
from pathlib import Path

from promptsearch.corpora.sentences import SHARD, is_splittable
from promptsearch.engine.strategy import Task
from promptsearch.errors import TaskError
from promptsearch.language.words import is_spaced
from promptsearch.searchers.common.row_options import refuse_row_options
from promptsearch.searchers.mine.corpus_pass import MiningRequest
from promptsearch.searchers.mine.mined_templates import TemplateBuilder
from promptsearch.searchers.mine.search_terms import SearchTerms

_FULL_STOPS = {"zh": "。", "yue": "。", "wuu": "。", "ja": "。"}


def mining_request(task: Task) -> MiningRequest:
    """Return the request for train facts, or answers; TaskError if there is nothing to read."""
    refuse_row_options(task, "mining")
    if len(task.prompt.template.slots) != 1:
        raise TaskError(
            f"{task.name}: mining makes templates with one slot, but "
            f"{str(task.prompt.template)!r} has {len(task.prompt.template.slots)}; use a template "
            "with one [Z]"
        )
    spaced = is_spaced(task.language)
    if task.kind.has_subject:
        return MiningRequest(_facts(task), _corpus(task), (), spaced, task.corpus_format)
    texts = tuple(example.inputs[name] for example in task.train for name in task.inputs)
    return MiningRequest(_answers(task), task.corpus, texts, spaced, task.corpus_format)


def template_builder(task: Task) -> TemplateBuilder:
    template = task.prompt.template
    spaced = is_spaced(task.language)
    base = task.language.lower().split("-")[0]
    stop = "." if spaced else _FULL_STOPS.get(base, "")
    return TemplateBuilder(template.fields or task.inputs, template.slots[0], spaced, stop)


def _corpus(task: Task) -> tuple[Path, ...]:
    if not task.corpus:
        raise TaskError(
            f"{task.name}: there is no text to mine; pass `corpus` FILE, or name files in the task "
            'file: corpus = ["sentences.jsonl"]'
        )
    return task.corpus


def _facts(task: Task) -> SearchTerms:
    """Return the training facts, and no others."""
    field = (task.prompt.template.fields or ("subject",))[0]
    facts = {
        (example.inputs[field].strip(), target.strip())
        for example in task.train
        for target in example.targets
    }
    return SearchTerms(
        facts=tuple(sorted(fact for fact in facts if all(fact) and fact[0] != fact[1]))
    )


def _answers(task: Task) -> SearchTerms:
    verbalizer = task.prompt.verbalizer
    pairs = {
        (text.strip(), label)
        for label, answers in verbalizer.items()
        for answer in answers
        for _, text in answer
    }
    return SearchTerms(answers=tuple(sorted(pairs)))


def unsplittable(task: Task) -> Iterator[str]:
    """Yield a line for each large file that only one of several workers can read."""
    for path in task.corpus:
        if (
            task.workers.workers > 1
            and not is_splittable(path)
            and path.stat().st_size > SHARD // 4
        ):
            yield (
                f"{path} cannot be split over {task.workers.workers} workers, so one reads it all; "
                "decompress it to plain text or JSON lines, or cut it in several files"
            )
