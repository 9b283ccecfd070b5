"""Findings about tagged sentences: their number, their types, and spans that break the scheme."""

from collections import Counter
from collections.abc import Iterator, Sequence

from promptsearch.data import Split, TaskDefinition
from promptsearch.data.tasks.span_rows import SpanRule
from promptsearch.data.tasks.tagged_sentence import TaggedSentence
from promptsearch.data.tasks.tags_reader import TagsReader
from promptsearch.errors import SHOWN
from promptsearch.evaluation.checks.finding import Finding, Level, listed
from promptsearch.files.read import expand
from promptsearch.language.spans import OUTSIDE, Span, broken_spans, spans_of


def tag_findings(definition: TaskDefinition, splits: Sequence[Split]) -> Iterator[Finding]:
    """Yield sizes, types that are missing, broken spans, and words with two readings."""
    for split in splits:
        yield Finding("note", f"{split.name}: {_sizes(split)}")
    yield from _missing_types(splits)
    if (rule := definition.kind.span_rule) is not None:
        for split in splits:
            yield from _unasked(rule, split)
    for split in splits:
        if split.name != "dev" or not definition.dev_from_train:  # train's files hold them
            yield from _broken(definition, split)
    yield from _conflicts(splits)


def _sizes(split: Split) -> str:
    """Return `400 sentences, 7,812 words; person: 320, place: 510; always O: accuracy 0.850`."""
    tags = [tag for example in split.examples for tag in example.tags]
    counts = _types(split)
    types = listed([f"{name}: {n}" for name, n in counts.most_common()], SHOWN) or "no span"
    share = tags.count(OUTSIDE) / len(tags)
    sizes = f"{len(split.examples):,} sentences, {len(tags):,} words"
    return f"{sizes}; {types}; always {OUTSIDE}: accuracy {share:.3f}, F1 0"


def _types(split: Split) -> Counter[str]:
    """Return the number of spans of each type, the broken ones, too."""
    spans = (span for e in split.examples for span in spans_of(e.tags, strict=False))
    return Counter(span.type for span in spans)


def _missing_types(splits: Sequence[Split]) -> Iterator[Finding]:
    train = _types(splits[0])
    for split in splits[1:]:
        counts = _types(split)
        if unknown := [f"{name} ({n})" for name, n in counts.items() if name not in train]:
            yield Finding(
                "warning",
                f"{split.name} has spans of {listed(unknown, SHOWN)}, train none: nothing can be "
                "learned of them; add sentences to train",
            )
        if missing := [name for name in train if name not in counts]:
            message = f"{split.name}: no span of {listed(missing, SHOWN)}, which train has"
            yield Finding("warning", message)


def _unasked(rule: SpanRule, split: Split) -> Iterator[Finding]:
    """Yield how many spans with a type no question is about: they are missed by any prompt."""
    total = missed = 0
    for example in split.examples:
        types, bounds = rule.types(example), set(rule.bounds(example))
        total += len(types)
        missed += sum(each not in bounds for each in types)
    if missed:
        yield Finding(
            "warning",
            f"{split.name}: {missed:,} of {total:,} spans are not asked about, longer than "
            f"max_span = {rule.max_span} or none of the row's own, and count as missed",
        )


def _broken(definition: TaskDefinition, split: Split) -> Iterator[Finding]:
    """Yield how many spans of a split's files break the scheme, and where the first is."""
    scheme = definition.scheme
    if scheme is None or not isinstance(definition.reader, TagsReader):
        return
    sentences = definition.reader.sentences(expand(split.files, definition.file.parent))
    broken = [(s, span) for s in sentences for span in broken_spans(s.tags, scheme)]
    if broken:
        total = _types(split).total()
        most = 2 * len(broken) > total
        level: Level = "error" if most else "warning"
        way_out = "correct them"
        if most and scheme == "IOB2":
            way_out = 'these are files in IOB1, it seems: write scheme = "IOB1" in the task file'
        yield Finding(
            level,
            f"{split.name}: {len(broken)} spans break {scheme}, first {_first(*broken[0])}: "
            "strict scoring counts them neither as gold nor as predicted, conlleval's does; "
            f"{way_out}",
        )


def _first(sentence: TaggedSentence, span: Span) -> str:
    """Return `train.conll, line 7, 'Smith': I-PER after O`."""
    index, breach = _breach(sentence.tags, span)
    line = sentence.lines[min(index, len(sentence.lines) - 1)]
    return f"{sentence.path}, line {line}, {sentence.words[index]!r}: {breach}"


def _breach(tags: Sequence[str], span: Span) -> tuple[int, str]:
    """Return the word that is wrong, and how: it continues nothing, or nothing ends its span."""
    first, last = tags[span.start], tags[span.stop - 1]
    if first[0] in "IE":
        before = f"after {tags[span.start - 1]}" if span.start else "at the start of a sentence"
        return span.start, f"{first} {before}"
    after = f"before {tags[span.stop]}" if span.stop < len(tags) else "at the end of a sentence"
    return span.stop - 1, f"{last} {after}"


def _conflicts(splits: Sequence[Split]) -> Iterator[Finding]:
    """Yield sentences of equal words with different tags, in one split or in two."""
    readings: dict[tuple[str, ...], dict[tuple[str, ...], str]] = {}
    for split in splits:
        for example in split.examples:
            names = readings.setdefault(example.words, {})
            names.setdefault(example.tags, f"{split.name} {example.id}")
    torn = [" and ".join(names.values()) for names in readings.values() if len(names) > 1]
    if torn:
        yield Finding(
            "warning",
            f"{len(torn)} sentences have different tags in different rows: {listed(torn)}; correct "
            "the tags or remove the rows",
        )
