"""What is wrong with a task before an expensive run: findings, worst first."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from promptsearch.corpora import Split, TaskDefinition
from promptsearch.metrics import majority_scores
from promptsearch.models import LanguageModel

Level = Literal["error", "warning", "note"]
UNKNOWN_ERROR, UNKNOWN_WARNING = 0.3, 0.02  # shares of characters the tokenizer does not know
FEW = 32  # dev examples below which the choice among prompts is mostly noise


@dataclass(frozen=True)
class Finding:
    """One thing to know; an error would make a run worthless."""

    level: Level
    message: str


def findings(definition: TaskDefinition, model: LanguageModel | None = None) -> list[Finding]:
    """Findings about the data and answers and, given a model, about how it reads them."""
    splits = [definition.train, definition.dev]
    if definition.test_files:
        splits.append(definition.test())
    found = [*_sizes(definition, splits), *_repeats(splits), *_labels(definition, splits)]
    if model is not None:
        found += _tokens(definition, splits, model)
    order = ("error", "warning", "note")
    return sorted(found, key=lambda finding: order.index(finding.level))


def _sizes(definition: TaskDefinition, splits: Sequence[Split]) -> Iterator[Finding]:
    for split in splits:
        yield Finding(
            "note", f"{split.name}: {len(split.examples)} examples, {_balance(definition, split)}"
        )
    if definition.dev_from_train:
        yield Finding("note", "there is no dev file: a part of train was set aside for it")
    if (n := len(definition.dev.examples)) < FEW:
        yield Finding("warning", f"dev has {n} examples: below {FEW} the choice is mostly noise")


def _balance(definition: TaskDefinition, split: Split) -> str:
    counts = Counter(label for example in split.examples for label in example.targets)
    label = counts.most_common(1)[0][0]
    targets = [example.targets for example in split.examples]
    scores = majority_scores(label, targets, definition.kind, definition.labels)
    share = scores.get("accuracy", scores.get("p@1"))
    if definition.kind == "facts":
        return f"{len(counts)} objects; always {label!r}: P@1 {share:.3f}"
    shown = ", ".join(f"{label} {counts[label]}" for label in definition.labels)
    return f"{shown}; always {label!r}: accuracy {share:.3f}"


def _repeats(splits: Sequence[Split]) -> Iterator[Finding]:
    inputs = {s.name: [tuple(sorted(e.inputs.items())) for e in s.examples] for s in splits}
    for name, rows in inputs.items():
        if repeated := len(rows) - len(set(rows)):
            yield Finding("warning", f"{name}: {repeated} rows repeat the inputs of another row")
    names = list(inputs)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            if shared := len(set(inputs[first]) & set(inputs[second])):
                yield Finding("warning", f"{first} and {second} share {shared} inputs: leakage")


def _labels(definition: TaskDefinition, splits: Sequence[Split]) -> Iterator[Finding]:
    known = set(definition.prompt.verbalizer.labels)
    for split in splits:
        present = {label for example in split.examples for label in example.targets}
        if definition.kind == "facts":
            covered = sum(bool(known & set(e.targets)) for e in split.examples)
            share = covered / len(split.examples)
            level: Level = "note" if share == 1 else "warning"
            yield Finding(level, f"{split.name}: {share:.1%} of the facts have a right candidate")
        elif missing := [label for label in definition.labels if label not in present]:
            yield Finding("warning", f"{split.name}: no example of {', '.join(missing)}")


def _tokens(
    definition: TaskDefinition, splits: Sequence[Split], model: LanguageModel
) -> Iterator[Finding]:
    texts = [text for split in splits for e in split.examples for text in e.inputs.values()]
    share = model.unknown_share(texts)
    if share > UNKNOWN_WARNING:
        level: Level = "error" if share > UNKNOWN_ERROR else "warning"
        yield Finding(
            level,
            f"{model.info.spec}: {share:.0%} of the characters are unknown to it; choose --model",
        )
    if definition.kind == "classification":
        yield from _answer_lengths(definition, model)


def _answer_lengths(definition: TaskDefinition, model: LanguageModel) -> Iterator[Finding]:
    lengths = {
        label: set(map(len, model.answer_ids([text for a in answers for _, text in a])))
        for label, answers in definition.prompt.verbalizer.pairs
    }
    if len({n for counts in lengths.values() for n in counts}) > 1:
        shown = ", ".join(
            f"{label} {'/'.join(map(str, sorted(n)))}" for label, n in lengths.items()
        )
        yield Finding("warning", f"answers differ in tokens ({shown}): longer ones score lower")
