"""Small finished runs, whose files are damaged, and the commands that read them then.

Files are either somebody's text, whose numbers may change with it (tasks, tables, prompts.json), or
the memory of a run (ledger, score cache, what was mined, half a table of predictions): of these, a
command must print the numbers of before, or say why not.
"""

import json
import shutil
import traceback
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from click.testing import CliRunner
from mutations import mutated
from tiny import saved

from promptsearch.cli import cli
from promptsearch.engine.ledger import LEDGER

ROWS = [
    *(("a great film", "good"), ("a terrible plot", "bad"), ("a dull actor", "bad")),
    *(
        ("the story was really good", "good"),
        ("awful, bad", "bad"),
        ("a wonderful evening", "good"),
    ),
]
TASK = """name = "reviews"
kind = "classification"
train = "train.csv"
dev = "dev.jsonl"
template = "{text} It was [Z]."
label = "label"
[answers]
bad = "terrible"
good = ["great", "really good"]
"""
FACTS = """name = "capitals"
kind = "facts"
train = "facts.csv"
dev = "facts.csv"
subject = "subject"
object = "object"
template = "{subject} is in [Z]."
corpus = ["corpus.txt"]
"""
CAPITALS = {"Paris": "France", "York": "America", "Seoul": "Korea"}
SEARCH = "paraphrase --method edits -t task.toml -o run -m model --budget 4 --cache cache -q --json"
MINE = "mine -t facts.toml -o mined -m model --budget 4 --min-count 2 --dependency off -q --json"
PREDICT = "predict run/prompts.json -i new.jsonl -o out.jsonl --chunk 2 -q"
READ = (
    *("show run/prompts.json", "report run/prompts.json --no-evaluate -o r.html -q"),
    "export run/prompts.json --to text -o text.txt -q",
)
READ_SLOWLY = (
    *("check -t task.toml run/prompts.json", "evaluate run/prompts.json --split dev -q --json"),
    *("predict run/prompts.json -i train.csv -o - --prefix p_", "reproduce run/prompts.json"),
    "certify run/prompts.json -t task.toml --shuffles 0 --random 0 --folds 2 -q",
)


@dataclass(frozen=True)
class Target:
    """Files (a pattern), the commands that read them, and the files that must be absent then."""

    pattern: str
    commands: tuple[str, ...]
    memory: bool = False  # its numbers may not change
    absent: tuple[str, ...] = ()


TARGETS = (
    Target("run/prompts.json", (*READ, *READ_SLOWLY)),
    Target(
        "ens/prompts.json",
        tuple(command.replace("run/", "ens/") for command in (*READ, *READ_SLOWLY[1:3])),
    ),
    Target(
        "task.toml", ("check -t task.toml", READ_SLOWLY[1], f"{SEARCH} --resume", READ_SLOWLY[4])
    ),
    Target("train.csv", ("check -t task.toml", READ_SLOWLY[2], f"{SEARCH} --resume")),
    Target("dev.jsonl", ("check -t task.toml", READ_SLOWLY[1], READ_SLOWLY[4])),
    Target("facts.csv", ("check -t facts.toml", f"{MINE} --resume")),
    Target("run/trials.jsonl", (f"{SEARCH} --resume", READ[1], READ[0], READ_SLOWLY[4]), True),
    Target("run/log.jsonl", (f"{SEARCH} --resume", READ[1])),
    Target("cache/*/*", (f"{READ_SLOWLY[1]} --cache cache",), True),
    Target("cache/*.json", (f"{READ_SLOWLY[1]} --cache cache",), True),
    Target(
        "mined/trials.jsonl",
        (f"{MINE} --resume", "report mined/prompts.json --no-evaluate -o r.html -q"),
        True,
    ),
    Target("mined/mined.jsonl", (f"{MINE} --resume",), True),
    Target("mined/shards/mined.stamp", (f"{MINE} --resume",), True),
    Target("mined/shards/*.json*", (f"{MINE} --resume",), True, ("mined/mined.jsonl",)),
    Target("out.jsonl.part", (f"{PREDICT} --resume",), True),
    Target("out.jsonl.journal", (f"{PREDICT} --resume",), True),
    Target(
        "mined/prompts.json", tuple(c.replace("run/", "mined/") for c in (*READ, READ_SLOWLY[1]))
    ),
    Target("new.jsonl", ("predict run/prompts.json -i new.jsonl -o - -q",)),
    Target("corpus.txt", (f"{MINE} --overwrite",)),
    Target("model/*", (f"{READ_SLOWLY[1]} -m model", "check -t task.toml -m model")),
    Target("model/*.json", READ_SLOWLY[1:2], True),
    Target("model/model.safetensors", READ_SLOWLY[1:2], True),
)


@dataclass(frozen=True)
class Outcome:
    """What a command said: its exit status, its numbers, and anything on standard error."""

    status: int
    numbers: object
    errors: str
    fault: str  # what no command may do; "" if it did not

    @classmethod
    def of(cls, command: str) -> "Outcome":
        done = CliRunner().invoke(cli, command.split(), catch_exceptions=True)
        return cls(done.exit_code, _numbers(command, done.stdout), done.stderr, _fault(done))


@dataclass
class FinishedRuns:
    """A folder with the runs, and a copy of it that damage is repaired from."""

    folder: Path
    copy: Path
    _expected: dict[tuple[Target, str], Outcome] = field(default_factory=dict)

    @classmethod
    def inside(cls, room: Path) -> "FinishedRuns":
        folder = room / "runs"
        folder.mkdir()
        with chdir(folder):
            _make()
        shutil.copytree(folder, room / "copy")
        return cls(folder, room / "copy")

    def faults(self, seed: int) -> Iterator[str]:
        """Damage one file, run one command that reads it, and yield what is wrong with that."""
        random = Random(seed)
        target = random.choice(TARGETS)
        file, command = random.choice(self._files(target)), random.choice(target.commands)
        expected = self._undamaged(target, command)
        self._repair(target)
        path = self.folder / file
        before = path.read_bytes()
        name, data = mutated(before, random)
        path.write_bytes(data)
        with chdir(self.folder):
            outcome = Outcome.of(command)
        is_memory = target.memory and not (path.name == LEDGER and before.startswith(data))
        silent = is_memory and _silent(path.name, expected, outcome)  # a killed run's is shorter
        if fault := outcome.fault or silent:
            yield f"seed {seed}: {name} in {file}: {command}: {fault}"

    def _files(self, target: Target) -> Sequence[str]:
        files = sorted(self.copy.glob(target.pattern))
        assert files, target.pattern
        return [str(file.relative_to(self.copy)) for file in files if file.is_file()]

    def _undamaged(self, target: Target, command: str) -> Outcome:
        if (target, command) not in self._expected:
            self._repair(target)
            with chdir(self.folder):
                outcome = Outcome.of(command)
            assert (outcome.status, outcome.fault) == (0, ""), (command, outcome)
            self._expected[target, command] = outcome
        return self._expected[target, command]

    def _repair(self, target: Target) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(self.copy, self.folder)
        for name in target.absent:
            (self.folder / name).unlink()


def _silent(name: str, expected: Outcome, outcome: Outcome) -> str:
    """Return how the numbers differ, if nothing was said of it: nor, on a page, the file named."""
    if outcome.status or outcome.errors != expected.errors or outcome.numbers == expected.numbers:
        return ""
    if isinstance(outcome.numbers, str) and f"{name}: line" in outcome.numbers:
        return ""
    return f"other numbers without a word: {_difference(expected.numbers, outcome.numbers)}"


def _difference(one: object, other: object) -> str:
    pairs = [(a, b) for a, b in zip(str(one).split(), str(other).split(), strict=False) if a != b]
    return str(pairs[:3])


def _fault(done: Any) -> str:
    error = done.exception
    if error is not None and not isinstance(error, SystemExit):
        frames = traceback.extract_tb(done.exc_info[2])
        ours = [frame for frame in frames if "/promptsearch/" in frame.filename][-1]
        place = f"{Path(ours.filename).name}:{ours.lineno}"
        return f"{type(error).__name__}: {str(error)[:100]} at {place}"
    if done.exit_code not in (0, 1, 2):
        return f"exit status {done.exit_code}"
    lines = [line for line in done.stderr.splitlines() if line.startswith("promptsearch: ")]
    if done.exit_code == 1 and not lines and not done.stdout.strip():
        return "exit status 1 without a word"
    if done.exit_code == 1 and lines and lines[-1] != done.stderr.splitlines()[-1]:
        return f"an error of several lines: {done.stderr[-200:]!r}"
    return ""


def _numbers(command: str, output: str) -> object:
    """Return what a command printed or wrote, without times and what it costs."""
    if " --json" in command:
        try:
            return {prompt["template"]: _scores(prompt) for prompt in json.loads(output)["prompts"]}
        except ValueError:
            return output
    written = [
        Path(name) for name in ("r.html", "out.jsonl", "text.txt") if f"-o {name}" in command
    ]
    text = "".join(path.read_text() for path in written if path.exists())
    return text or output


def _scores(prompt: Any) -> object:
    return {split: scores.get("log_likelihood") for split, scores in prompt["scores"].items()}


def _make() -> None:
    shutil.copytree(saved("bert"), "model")
    Path("task.toml").write_text(TASK)
    table = "".join(f'"{text}",{label}\n' for text, label in ROWS * 2)
    Path("train.csv").write_text(f"text,label\n{table}")
    rows = [{"text": text, "label": label} for text, label in ROWS]
    Path("dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("facts.toml").write_text(FACTS)
    facts = [f"{city},{land}\n" for city, land in CAPITALS.items()]
    Path("facts.csv").write_text("".join(["subject,object\n", *facts]))
    sentences = [
        f"{a} is the capital of {b} .\nIn {b} , {a} is big .\n" for a, b in CAPITALS.items()
    ]
    Path("corpus.txt").write_text("".join(sentences) * 3)
    for command in (SEARCH, MINE, "ensemble run/prompts.json -o ens -q"):
        _run(command)
    texts = [json.dumps({"text": text}) + "\n" for text, _ in ROWS]
    Path("new.jsonl").write_text("".join([*texts[:5], "{\n"]))
    _run(PREDICT, 1)  # the last row stops it
    Path("new.jsonl").write_text("".join(texts))


def _run(command: str, status: int = 0) -> None:
    done = CliRunner().invoke(cli, command.split())
    assert done.exit_code == status, (command, done.output, done.exception)
