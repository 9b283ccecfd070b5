"""Prompts in the formats of other tools: the request that a format gets, and its files.

A format is a module of this package, named for it, with

    def write(request: ExportRequest, into: Path) -> Sequence[str]

which writes a file or a folder at `into` (and files beside it, if it must), and returns notes: what
the target does not hold, and last, by `next_command`, the command that uses it. Notes may name
`into`. It raises `ExportError` for what the target cannot hold: the prompt's id, the reason, and
which formats can.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from promptsearch.data import TaskDefinition, TaskKind
from promptsearch.data.tasks.choices_column import CHOICES
from promptsearch.data.tasks.span_rows import IN_ANSWERS
from promptsearch.errors import ExportError, RunError
from promptsearch.files.write import check_apart, make_folder_of, replace_file
from promptsearch.formats.shared.options_field import options_notes, with_options_text
from promptsearch.models import LanguageModel
from promptsearch.prediction.ensemble import Ensemble
from promptsearch.prompt_file.prompts_json import PromptFile, SavedPrompt
from promptsearch.runs.settings import Settings

WITH_PRIORS = ("python", "text")
WITH_VECTORS = ("python", "peft")  # the formats that hold soft prompts
WITH_PREFIX = ("python", "peft")
WITH_HEAD = ("python",)
WITH_OPTIONS = ("python", "unimc", "text")  # blocks of attention, and yes and no
WITH_LABEL_SETS = ("text",)  # each label decided by itself
WITH_FREE_TEXTS = (  # no answers: the model writes
    *("text", "messages", "python", "lm-eval"),
    *("langchain", "dotprompt", "dspy", "hf-pipeline"),
)
WITH_TEXT_ENSEMBLES = ("text",)
WITH_VALUES = ("text",)  # what lies between two answers
WITH_CHOICES = ("text",)  # the template alone: the candidates are no row's choices
NEXT = "next: "  # begins the note that is a command


@dataclass(frozen=True)
class ExportRequest:
    """Prompts of a file, with everything that a target may need to know about them."""

    file: PromptFile
    prompts: tuple[SavedPrompt, ...]  # the best ones, or the ensemble's members
    settings: Settings  # the file's scoring of answers
    model: Callable[[], LanguageModel]  # the model of the search; raises `ModelError` without one
    task: TaskDefinition | None = None  # where it could be loaded
    ensemble: Ensemble | None = None

    @property
    def kind(self) -> TaskKind:
        """Kind of the task."""
        return self.task.kind if self.task else self.file.kind

    @property
    def name(self) -> str:
        """Name of the task; without one, of the file."""
        saved_name = self.file.section("task").get("name")
        return self.task.name if self.task else str(saved_name or self.file.path.stem)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of the scores; for facts the candidates."""
        return self.prompts[0].prompt.verbalizer.labels

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fields that the prompts use, in order of appearance."""
        fields = (field for saved in self.prompts for field in saved.prompt.template.fields)
        return tuple(dict.fromkeys(fields))


@dataclass(frozen=True)
class WrittenFiles:
    """Files and folders of an export, and notes about them."""

    paths: tuple[Path, ...]  # the requested one is the first
    notes: tuple[str, ...]


def write_as(
    name: str,
    request: ExportRequest,
    path: Path,
    *,
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
) -> WrittenFiles:
    """Write the prompts as a format at `path`: all of it, or nothing.

    Raises ExportError if the format cannot hold them, or a file is in the way; RunError if that
    file is one of the `inputs`.
    """
    if path.exists() and not overwrite:
        raise ExportError(f"{path}: is there already; add `overwrite`, or choose another `output`")
    if request.kind.label_sets and name not in WITH_LABEL_SETS:
        raise ExportError(
            f"{request.name}: has several labels at once, decided one by one, which {name} does "
            f"not read; use `to` {' or '.join(WITH_LABEL_SETS)}"
        )
    if request.kind.free_texts and name not in WITH_FREE_TEXTS:
        raise ExportError(
            f"{request.name}: is answered with texts, and {name} holds prompts with answers; use "
            f"`to` {' or '.join(WITH_FREE_TEXTS)}"
        )
    if request.kind.free_texts and request.ensemble is not None and name not in WITH_TEXT_ENSEMBLES:
        raise ExportError(
            f"{request.name}: an ensemble writes texts by averages of next tokens, which {name} "
            "does not hold; use `promptsearch predict`, or export without `ensemble`"
        )
    if request.kind.values and name not in WITH_VALUES:
        raise ExportError(
            f"{request.name}: its answers are values between two words, and {name} holds labels; "
            f"use `to` {' or '.join(WITH_VALUES)}"
        )
    has_choices = _has_choices(request)
    _check_choices(request, name, has_choices)
    if request.kind.has_sentences and name != "text":
        _check_spans(request.prompts, name)
    request = with_options_text(request, has_choices)
    for saved in request.prompts:
        _check_words(saved, name)
    make_folder_of(path, "choose another -o PATH", ExportError)
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as room:
        into = Path(room) / path.name
        with _paths_as(path.parent, Path(room)):
            about_fields = (*options_notes(request), *_priors(name, request))
            notes = (*_module(name).write(request, into), *about_fields)
        written = sorted(Path(room).iterdir(), key=lambda source: source != into)
        paths = tuple(path.with_name(source.name) for source in written)
        for source, target in zip(written, paths, strict=True):
            check_apart(target, *inputs)
            _check_free(target, source, overwrite)
        for source, target in zip(reversed(written), reversed(paths), strict=True):
            _move(source, target, Path(room))
    return WrittenFiles(paths, tuple(_renamed(note, into, path) for note in notes))


def _has_choices(request: ExportRequest) -> bool:
    definition = request.file.section("task").get("definition")
    saved = isinstance(definition, Mapping) and CHOICES in definition
    return request.task.has_choices if request.task else saved


def _check_choices(request: ExportRequest, name: str, has_choices: bool) -> None:
    """Raise ExportError if rows have choices, and the format has answers for all of them."""
    if has_choices and name not in WITH_CHOICES:
        raise ExportError(
            f"{request.prompts[0].id}: each row of {request.name} has choices of its own, which "
            f"{name} does not read; use `to` {' or '.join(WITH_CHOICES)}"
        )


def _check_spans(prompts: Sequence[SavedPrompt], name: str) -> None:
    """Raise ExportError if answers name the span, which only we put into them."""
    for saved in prompts:
        texts = (text for answer in saved.prompt.verbalizer.answers for _, text in answer)
        if named := next((text for text in texts if IN_ANSWERS in text), None):
            raise ExportError(
                f"{saved.id}: its answer {named!r} names the span, and the answers of {name} are "
                f"the same for every row; use `to` text, or name {IN_ANSWERS} in the template"
            )


def _check_words(saved: SavedPrompt, name: str) -> None:
    """Raise ExportError if a prompt is no words, and the format holds nothing else."""
    template = saved.prompt.template
    if saved.prompt.verbalizer.no is not None and name not in WITH_OPTIONS:
        what = "options" if template.has_options else "a yes or no for each label"
        raise ExportError(
            f"{saved.id}: has {what}, which {name} does not read; use `to` "
            f"{' or '.join(WITH_OPTIONS)}"
        )
    if template.prefix is not None and name not in WITH_PREFIX:
        raise ExportError(
            f"{saved.id}: its prefix is keys and values, which are no words; use `to` "
            f"{' or '.join(WITH_PREFIX)}"
        )
    if template.head is not None and template.head.reads == "token":
        raise ExportError(
            f"{saved.id}: its head tags words, which no format has; use `promptsearch predict`"
        )
    if template.head is not None and name not in WITH_HEAD:
        raise ExportError(
            f"{saved.id}: its head is a linear layer, which stands for no words; use `to` "
            f"{' or '.join(WITH_HEAD)}"
        )
    if template.soft and name not in WITH_VECTORS:
        raise ExportError(
            f"{saved.id}: {template.soft[0].notation} stands for vectors, which are no words; use "
            "`to` python"
        )


@contextmanager
def _paths_as(folder: Path, room: Path) -> Iterator[None]:
    """Have an error about a file in the room name its final path."""
    try:
        yield
    except RunError as error:
        raise RunError(str(error).replace(str(room), str(folder))) from error


def next_command(*words: str | Path) -> str:
    """Return the note on the command that uses an export, quoted for the shell."""
    return NEXT + shlex.join(map(str, words))


def _renamed(note: str, into: Path, path: Path) -> str:
    """Return the note with the final path for that in the room, also where it is quoted."""
    quoted = note.replace(shlex.quote(str(into)), shlex.quote(str(path)))
    return quoted.replace(str(into), str(path))


def _priors(name: str, request: ExportRequest) -> Iterator[str]:
    """Yield the note on priors, which a format of templates and words cannot hold."""
    if (method := request.settings.calibration) != "none" and name not in WITH_PRIORS:
        yield f"the prior that {method} calibration takes away is not in it; python holds that"


def final_path(into: Path) -> Path:
    """Return the final path of `into`, for files that must name themselves."""
    return (into.parent.parent / into.name).absolute()


def _module(name: str) -> ModuleType:
    return import_module(f"promptsearch.formats.{name.replace('-', '_')}")


def _check_free(target: Path, source: Path, overwrite: bool) -> None:
    """Raise ExportError if a file that must stay is in the way."""
    if not target.exists():
        return
    if not overwrite:
        raise ExportError(
            f"{target}: is there already; add `overwrite`, or choose another `output`"
        )
    if target.is_dir() != source.is_dir():
        kind = "folder" if target.is_dir() else "file"
        raise ExportError(
            f"{target}: is a {kind}, which this format is not; choose another -o PATH"
        )
    if target.is_dir() and (others := _names(target) - _names(source)):
        raise ExportError(
            f"{target}: holds {min(others)}, no part of this export; choose another -o PATH"
        )


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _move(source: Path, target: Path, room: Path) -> None:
    if target.is_dir():  # a folder cannot be replaced in one step
        target.rename(room / f"{source.name}.old")
    if source.is_dir():
        source.replace(target)
    else:
        replace_file(source, target)
