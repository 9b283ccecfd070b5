"""Writing the built-in folder: task files, splits, candidates, corpus, licence and README."""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wordnet.facts import Fact
from wordnet.kinds import KINDS, Example, by_hash
from wordnet.names import Sentence

CORPUS = "glosses.txt.gz"
MADE = (
    "# Made from WordNet 3.0 by scripts/build_wordnet.py; see README.md and LICENSE-WordNet.txt.\n"
)
SHARES = {"train": 0.35, "dev": 0.15, "test": 0.5}  # of the subjects; half for a narrow interval
MOST = {"train": 400, "dev": 100, "test": 400}  # subjects, so that scoring takes seconds
ANSWERS = {  # label -> what a person would call it
    "animal": ["animal"], "artifact": ["object", "tool"], "body": ["body", "organ"],
    "feeling": ["feeling", "emotion"], "food": ["food"], "location": ["place"],
    "person": ["person"], "plant": ["plant"],
}  # fmt: skip


@dataclass(frozen=True)
class FactsTask:
    """A relation: its name, its manual template, and its facts."""

    name: str
    template: str
    facts: Sequence[Fact]


@dataclass(frozen=True)
class Count:
    """A row of the README's table: the task, and rows (and subjects) per split."""

    task: str
    splits: Mapping[str, str]
    answers: int


def split_by_subject(facts: Sequence[Fact]) -> dict[str, list[Fact]]:
    """Facts per split, in an arbitrary order; all facts of one subject fall into one split."""
    subjects = by_hash(sorted({fact.subject for fact in facts}))
    parts, start = {}, 0
    for split, share in SHARES.items():
        stop = len(subjects) if split == "test" else start + round(share * len(subjects))
        chosen = subjects[start:stop][: MOST[split]]
        parts[split] = [fact for name in chosen for fact in facts if fact.subject == name]
        start = stop
    return parts


def write_facts(task: FactsTask, out: Path) -> Count:
    """The task file, one JSONL file per split, and the candidates: every object of the splits."""
    parts = split_by_subject(task.facts)
    for split, facts in parts.items():
        rows = (json.dumps(vars(fact), ensure_ascii=False) for fact in facts)
        _write(out / f"{task.name}.{split}.jsonl", rows)
    objects = sorted({fact.object for facts in parts.values() for fact in facts})
    _write(out / f"{task.name}.candidates.txt", objects)
    lines = [f'name = "{task.name}"', 'kind = "facts"', *_splits(task.name, "jsonl")]
    lines += ['subject = "subject"', 'object = "object"', f'template = "{task.template}"']
    lines += [f'candidates = "{task.name}.candidates.txt"', f'corpus = ["{CORPUS}"]']
    _write(out / f"{task.name}.toml", [MADE, *lines])
    sizes = {split: f"{len(f)} ({len({x.subject for x in f})})" for split, f in parts.items()}
    return Count(task.name, sizes, len(objects))


def write_kinds(examples: Sequence[Example], per_label: Mapping[str, int], out: Path) -> Count:
    """The task file of `kinds` and a TSV file per split."""
    start = 0
    for split, n in per_label.items():
        stop = start + n * len(KINDS)
        rows = [f"{example.text}\t{example.label}" for example in examples[start:stop]]
        _write(out / f"kinds.{split}.tsv", ["text\tlabel", *rows])
        start = stop
    lines = ['name = "kinds"', 'kind = "classification"', *_splits("kinds", "tsv")]
    lines += ['inputs = ["text"]', 'label = "label"', 'template = "{text} It is a kind of [Z]."']
    lines += [f'corpus = ["{CORPUS}"]', "", "[answers]"]
    lines += [f"{label} = {json.dumps(ANSWERS[label])}" for label in KINDS]
    _write(out / "kinds.toml", [MADE, *lines])
    sizes = {split: str(n * len(KINDS)) for split, n in per_label.items()}
    return Count("kinds", sizes, len(KINDS))


def write_names(sentences: Sequence[Sentence], sizes: Mapping[str, int], out: Path) -> Count:
    """The task file of `names` and a file of CoNLL columns per split."""
    start = 0
    for split, n in sizes.items():
        blocks = sentences[start : start + n]
        lines = [
            line
            for block in blocks
            for line in (*map("\t".join, zip(block.words, block.tags, strict=True)), "")
        ]
        _write(out / f"names.{split}.conll", lines)
        start += n
    _write(
        out / "names.toml", [MADE, 'name = "names"', 'kind = "tags"', *_splits("names", "conll")]
    )
    tags = {tag for sentence in sentences for tag in sentence.tags}
    return Count("names", {split: str(n) for split, n in sizes.items()}, len(tags))


def write_corpus(lines: Iterable[str], out: Path) -> int:
    """The corpus, a synset a line; the number of lines."""
    texts = list(lines)
    data = "".join(f"{text}\n" for text in texts).encode()
    (out / CORPUS).write_bytes(gzip.compress(data, mtime=0))
    return len(texts)


def write_licence(directory: Path, out: Path) -> None:
    """The licence as the package has it; `SystemExit` where it is not beside the database."""
    licence = directory / "LICENSE"
    if not licence.exists():
        raise SystemExit(
            f"{licence}: missing; WordNet's licence must travel with what is made of it"
        )
    text = licence.read_text(encoding="utf-8")
    _write(out / "LICENSE-WordNet.txt", [line.rstrip() for line in text.splitlines()])


def write_readme(counts: Sequence[Count], n_lines: int, out: Path) -> None:
    """README.md: the fixed text of readme.md here, with the counts filled in."""
    text = (Path(__file__).parent / "readme.md").read_text(encoding="utf-8")
    rows = [f"| {c.task} | {' | '.join(c.splits.values())} | {c.answers} |" for c in counts]
    filled = text.replace("ROWS", "\n".join(rows)).replace("LINES", f"{n_lines:,}")
    (out / "README.md").write_text(filled, encoding="utf-8")


def _splits(name: str, ending: str) -> list[str]:
    return [f'{split} = "{name}.{split}.{ending}"' for split in SHARES]


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
