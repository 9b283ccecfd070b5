"""Findings about the examples of a task: their number, and their labels."""

from collections import Counter
from collections.abc import Iterator, Sequence

from promptsearch.data import Split, TaskDefinition, one_a_row
from promptsearch.errors import SHOWN
from promptsearch.evaluation.checks.finding import Finding, Level, listed
from promptsearch.language.spans import OUTSIDE
from promptsearch.metrics import headline_metric, title_of

FEW = 32  # dev examples below which the choice among prompts is mostly noise
UNEVEN = 10  # times as many examples of one label as of another


def data_findings(definition: TaskDefinition, splits: Sequence[Split]) -> Iterator[Finding]:
    """Yield sizes, and labels that are missing or rare; `splits` begin with train and dev."""
    yield from _sizes(definition, splits)
    yield from dev_findings(definition)
    if not definition.kind.has_answer_set:
        return  # there are no labels
    if definition.kind.has_candidates:
        if not definition.has_choices:
            yield from _coverage(definition, splits)
    else:
        yield from () if definition.kind.label_sets else _id_like_labels(splits[:2])
        yield from unseen_labels(definition, splits)
        yield from _uneven(splits[:2])
        yield from _rare(splits[0], splits[1:])


def _sizes(definition: TaskDefinition, splits: Sequence[Split]) -> Iterator[Finding]:
    for split in splits:
        yield Finding(
            "note", f"{split.name}: {len(split.examples)} examples, {_balance(definition, split)}"
        )


def dev_findings(definition: TaskDefinition) -> Iterator[Finding]:
    """Yield that dev is a part of train, and that it is small."""
    if definition.dev_from_train:
        yield Finding("note", "there is no dev file: a part of train was set aside for it")
    if (n := len(definition.dev.examples)) < FEW:
        yield Finding("warning", f"dev has {n} examples: below {FEW} the choice is mostly noise")


def counts_of(split: Split) -> Counter[str]:
    """Return the number of examples of each label (or object)."""
    return Counter(label for example in split.examples for label in example.targets)


def _balance(definition: TaskDefinition, split: Split) -> str:
    counts = counts_of(split)
    label, scores = definition.kind.majority(definition, split.examples, split.examples)
    headline = headline_metric(definition.kind)
    always = f"always {label!r}: {title_of(headline)} {scores[headline]:.3f}"
    if definition.kind.has_candidates:
        return f"{len(counts)} {'objects' if definition.kind.has_subject else 'answers'}; {always}"
    if not definition.kind.has_answer_set:
        return always
    label_counts = listed([f"{label}: {counts[label]}" for label in definition.labels], SHOWN)
    return f"{label_counts}; {always}"


def _coverage(definition: TaskDefinition, splits: Sequence[Split]) -> Iterator[Finding]:
    known = set(definition.prompt.verbalizer.labels)
    for split in splits:
        covered = sum(bool(known & set(e.targets)) for e in split.examples)
        share = covered / len(split.examples)
        level: Level = "note" if share == 1 else "warning"
        yield Finding(level, f"{split.name}: {share:.1%} of the facts have a right candidate")


def unseen_labels(definition: TaskDefinition, splits: Sequence[Split]) -> Iterator[Finding]:
    """Yield a warning for splits that lack a label: nothing is known of its answers there."""
    for split in splits:
        counts = counts_of(split)
        if definition.kind.has_sentences:
            counts[OUTSIDE] += 1  # no sentence is without a word outside, or a span of no type
        if missing := [label for label in definition.labels if not counts[label]]:
            yield Finding("warning", f"{split.name}: no example of {listed(missing, SHOWN)}")


def _id_like_labels(splits: Sequence[Split]) -> Iterator[Finding]:
    """Yield a warning if the labels of train and dev together look like ids.

    Where dev is a part of train, either alone may look so by chance.
    """
    labels = {label for split in splits for label in counts_of(split)}
    rows = sum(len(split.examples) for split in splits)
    if one_a_row(len(labels), rows):
        yield Finding(
            "warning",
            f"{len(labels)} labels in {rows} rows, fewer than two rows each: these look "
            'like ids or facts, not labels; name another column, or use kind = "facts"',
        )


def _uneven(splits: Sequence[Split]) -> Iterator[Finding]:
    for split in splits:
        if not (ranks := counts_of(split).most_common()):
            continue
        (most, many), (least, few) = ranks[0], ranks[-1]
        if many > UNEVEN * few:
            yield Finding(
                "warning",
                f"{split.name}: {many} examples of {most}, {few} of {least}: accuracy rewards "
                "always saying the frequent one; use `objective` macro-f1, or balance the rows",
            )


def _rare(train: Split, others: Sequence[Split]) -> Iterator[Finding]:
    """Yield labels that train has once; those that it lacks are reported as missing."""
    counts = counts_of(train)
    for split in others:
        split_counts = counts_of(split)
        if rare := [label for label in split_counts if counts[label] == 1]:
            yield Finding(
                "warning",
                f"{split.name} asks for {listed(rare)}, of which train has one example each: "
                "strategies learn nothing of it; add rows to train",
            )
