"""Readers of what users write, given any bytes: each reads them, or says why not in one line.

test_fuzzing.py gives them random bytes and broken samples; scripts/fuzz.py searches for worse.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from promptsearch.corpora.sentences import chunks, shards_of
from promptsearch.data import KINDS, load_task
from promptsearch.data.tasks.candidates import read_candidates
from promptsearch.data.tasks.ptr_rules import read_rules
from promptsearch.engine.ledger import identity_in, read_ledger
from promptsearch.errors import PromptSearchError
from promptsearch.evaluation.report.trials import read_trials
from promptsearch.formats import IMPORTS
from promptsearch.formats.importing.contents import ImportOptions, read_files
from promptsearch.language.english.thesaurus import read_thesaurus
from promptsearch.prediction.selection import frame_in, select_prompts
from promptsearch.prompt import Template
from promptsearch.prompt_file.prompts_json import readable_prompts
from promptsearch.searchers.joint.plan_file import read_plan

TASK = """name = "t"
kind = "classification"
train = "NAME"
label = "label"
template = "{text} is [Z]."
answers = { a = "good", b = "bad" }
"""
TAGS = """name = "s"
kind = "tags"
train = "NAME"
"""
FACTS = """name = "f"
kind = "facts"
train = "NAME"
template = "{subject} is in [Z]."
"""


def table(task: str) -> Callable[[Path], object]:
    """The table as the data of a task."""

    def read(path: Path) -> object:
        file = path.with_name("task.toml")
        file.write_text(task.replace("NAME", path.name))
        return load_task(file, KINDS)

    return read


def task(path: Path) -> object:
    path.with_name("t.csv").write_text("text,label\ngood film,a\nbad,b\nso,a\nno,b\n")
    return load_task(path)


def corpus(path: Path) -> object:
    return [list(chunks(shard)) for shard in shards_of(path)]


def prompts(path: Path) -> object:
    file, _ = readable_prompts(path)
    return select_prompts(file, frame_in(file)) if file.prompts else None


def ledger(path: Path) -> object:
    return read_trials(path.parent), identity_in(path), read_ledger(path)


def template(path: Path) -> object:
    """Whatever can be read is written as what it was read from."""
    read = Template.parse(path.read_text(encoding="utf-8", errors="replace"))
    assert Template.parse(str(read)) == read
    return read


def imported(name: str) -> Callable[[Path], object]:
    return lambda path: read_files([path], name, ImportOptions())


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {  # the file's name, and what reads it
    "csv": ("t.csv", table(TASK)),
    "tsv": ("t.tsv", table(TASK)),
    "jsonl": ("t.jsonl", table(TASK)),
    "json": ("t.json", table(TASK)),
    "gz": ("t.csv.gz", table(TASK)),
    "facts": ("f.jsonl", table(FACTS)),
    "conll": ("s.conll", table(TAGS)),
    "conllu": ("s.conllu", table(f'{TAGS}tags = "XPOS"\n')),
    "tags": ("s.jsonl", table(f'{TAGS}tags = "t"\n')),
    "task": ("task.toml", task),
    "plan": ("plan.toml", read_plan),
    "corpus": ("c.txt", corpus),
    "corpus-jsonl": ("c.jsonl", corpus),
    "prompts": ("prompts.json", prompts),
    "ledger": ("trials.jsonl", ledger),
    "template": ("t.txt", template),
    "candidates": ("c.txt", read_candidates),
    "rules": ("r.json", read_rules),
    "thesaurus": ("pairs.tsv", read_thesaurus),
    **{f"import-{name}": (f"P1.{end}", imported(name)) for name in IMPORTS for end in ("jsonl",)},
}


def give(name: str, content: bytes) -> str | None:
    """Let the reader read; what it says against the bytes, in one line, or None."""
    file, read = READERS[name]
    with TemporaryDirectory() as room:
        path = Path(room) / file
        path.write_bytes(content)
        try:
            read(path)
        except PromptSearchError as error:
            said = str(error)
        else:
            return None
    assert "\n" not in said, said
    return said
