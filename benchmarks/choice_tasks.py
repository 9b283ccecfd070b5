"""Ten shared sets as tasks with options, and as clozes: their rows, wordings and families."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from on_test import write_rows

Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Choice:
    """A set: its family, what its rows are asked, and where they are; {b} is a column."""

    family: str
    question: str
    options: Mapping[str, str]  # label -> wording
    train: Callable[[Path], Iterator[Mapping[str, str]]] | None = None
    test: Callable[[Path], Iterator[Mapping[str, str]]] | None = None
    cloze: str = ""  # the template with the same question, of sets that are tested
    words: Mapping[str, str] | None = None  # label -> its answer there
    passage: str = "{text}"


def spaced(file: str) -> Callable[[Path], Iterator[Mapping[str, str]]]:
    """Lines of a label, a space and a text."""

    def rows(home: Path) -> Iterator[Mapping[str, str]]:
        for line in (home / file).read_text(encoding="utf-8").splitlines():
            label, text = line.split(" ", 1)
            yield {"label": label, "text": text}

    return rows


def keyed(file: str, half: int | None = None, **columns: str) -> Any:
    """JSON objects by row, or every other one of them."""

    def rows(home: Path) -> Iterator[Mapping[str, str]]:
        values = [*json.loads((home / file).read_text(encoding="utf-8")).values()]
        for number, row in enumerate(values):
            if half is None or number % 2 == half:
                names = columns or {"text": "text"}
                yield {
                    "label": str(row["label"]),
                    **{ours: str(row[theirs]) for ours, theirs in names.items()},
                }

    return rows


def commas(file: str, half: int | None = None) -> Any:
    import csv

    def rows(home: Path) -> Iterator[Mapping[str, str]]:
        with (home / file).open(encoding="utf-8", newline="") as stream:
            for number, (label, text) in enumerate(csv.reader(stream)):
                if half is None or number % 2 == half:
                    yield {"label": label, "text": text}

    return rows


def news(home: Path) -> Iterator[Mapping[str, str]]:
    seen = set()
    for file in sorted((home / "agnews").glob("16-*/*.tsv")):
        for line in file.read_text(encoding="utf-8").splitlines()[1:]:
            text, label = line.rsplit("\t", 1)
            if text not in seen:
                seen.add(text)
                yield {"label": label, "text": text}


def questions(file: str) -> Any:
    def rows(home: Path) -> Iterator[Mapping[str, str]]:
        for line in (home / "trec_fine" / file).read_text(encoding="latin-1").splitlines():
            label, text = line.split(" ", 1)
            yield {"label": label.split(":")[0], "text": text}

    return rows


def paraphrases(home: Path) -> Iterator[Mapping[str, str]]:
    lines = (home / "lmbff/MRPC/test.tsv").read_text(encoding="utf-8-sig").splitlines()[1:]
    for line in lines:
        label, _, _, a, b = line.split("\t")
        yield {"label": label, "text": a, "b": b}


def relations(home: Path) -> Iterator[Mapping[str, str]]:
    file = home.parent / "relation/semeval2010t8_original/TRAIN_FILE.TXT"
    lines = file.read_text(encoding="utf-8").splitlines()
    for sentence, label in zip(lines[::4], lines[1::4], strict=True):
        text = sentence.split("\t", 1)[1].strip('"')
        head, tail = (re.search(f"<{e}>(.*?)</{e}>", text) for e in ("e1", "e2"))
        assert head
        assert tail
        yield {
            "label": label.split("(")[0],
            "text": re.sub(r"</?e[12]>", "", text),
            "head": head[1],
            "tail": tail[1],
        }


def acceptability(home: Path) -> Iterator[Mapping[str, str]]:
    lines = (home / "lmbff/CoLA/test.tsv").read_text(encoding="utf-8").splitlines()
    for line in lines[::2]:
        _, label, _, text = line.split("\t")
        yield {"label": label, "text": text}


SENTIMENT = "what is the sentiment of the review ?"
BAD, GOOD = "it's terrible", "it's great"
REVIEWS: Any = {"cloze": "{text} It was [Z].", "words": {"0": "terrible", "1": "great"}}
INFER: Mapping[str, str] = {
    "entailment": "we can infer that {b}",
    "neutral": "it is hard to infer that {b}",
    "contradiction": "we cannot infer that {b}",
}
PAIR = {"text": "text_a", "b": "text_b"}
SETS: Mapping[str, Choice] = {
    "SST-2": Choice(
        "sentiment", SENTIMENT, {"0": BAD, "1": GOOD},
        spaced("sst_full/stsa.binary.train"), spaced("sst_full/stsa.binary.dev"), **REVIEWS,
    ),
    "MR": Choice(
        "sentiment", SENTIMENT, {"0": BAD, "1": GOOD}, None, commas("lmbff/mr/test.csv"), **REVIEWS
    ),
    "IMDB": Choice(
        "sentiment", SENTIMENT, {"0": GOOD, "1": BAD}, keyed("imdb/dev1000.json", text="ori"),
        keyed("imdb/test1000.json", text="ori"), "{text} It was [Z].",
        {"0": "great", "1": "terrible"},
    ),
    "AG-News": Choice(
        "topic", "what is the topic of the news ?",
        {"0": "world", "1": "sports", "2": "business", "3": "science and technology"},
        news, keyed("agnews/test1000.json", text="ori"), "[Z] News: {text}",
        {"0": "World", "1": "Sports", "2": "Business", "3": "Technology"},
    ),
    "TREC": Choice(
        "question type", "what does the question ask for ?",
        {"DESC": "description", "ENTY": "entity", "ABBR": "abbreviation", "HUM": "human",
         "LOC": "location", "NUM": "number"},
        questions("TREC.train"), questions("TREC.test"), "[Z]: {text}",
        {"DESC": "Description", "ENTY": "Entity", "ABBR": "Expression", "HUM": "Human",
         "LOC": "Location", "NUM": "Number"},
    ),
    "Subj": Choice(
        "subjectivity", "what does the sentence give ?", {"0": "an opinion", "1": "a fact"},
        commas("lmbff/subj/test.csv", 0),
    ),
    "SNLI": Choice("inference", "", INFER, keyed("lmbff/SNLI/eval_sample.json", 0, **PAIR)),
    "MNLI": Choice("inference", "", INFER, keyed("lmbff/MNLI/eval_sample.json", 0, **PAIR)),
    "MRPC": Choice(
        "paraphrase", "",
        {"0": "it cannot be understood as {b}", "1": "it can be understood as {b}"}, paraphrases,
    ),
    "SemEval": Choice(
        "relation", "what are {head} and {tail} ?",
        {"Cause-Effect": "a cause and its effect", "Component-Whole": "a part and its whole",
         "Content-Container": "a content and its container",
         "Entity-Destination": "a thing and its destination",
         "Entity-Origin": "a thing and its origin",
         "Instrument-Agency": "an instrument and who uses it",
         "Member-Collection": "a member and its collection",
         "Message-Topic": "a message and its topic",
         "Product-Producer": "a product and its producer", "Other": "something else"},
        relations,
    ),
    "CoLA": Choice(
        "acceptability", "what is the sentence ?",
        {"0": "it is wrong english", "1": "it is good english"}, acceptability,
    ),
}  # fmt: skip


def write_task(name: str, home: Path, folder: Path) -> Path:
    """Write the rows and the task file of a set; `home` is the folder of classification sets."""
    choice = SETS[name]
    lines = [f'name = "{name}"', f'family = "{choice.family}"']
    for split, read in (("train", choice.train), ("test", choice.test)):
        if read is not None:
            write_rows(folder / f"{name}.{split}.jsonl", read(home))
    train = f"{name}.train.jsonl" if choice.train else f"{name}.test.jsonl"
    lines += ['kind = "classification"', f'train = "{train}"', 'label = "label"']
    if choice.test is not None:
        lines.append(f'test = "{name}.test.jsonl"')
    lines.append(f"template = {json.dumps(choice.cloze or choice.passage)}")
    if choice.question:
        lines.append(f"question = {json.dumps(choice.question)}")
    lines.append("[options]")
    lines += [f"{json.dumps(label)} = {json.dumps(text)}" for label, text in choice.options.items()]
    if choice.words:
        lines.append("[answers]")
        lines += [f"{json.dumps(label)} = {json.dumps([w])}" for label, w in choice.words.items()]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
