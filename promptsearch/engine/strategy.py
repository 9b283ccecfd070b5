"""Interface of a search strategy: it is given `Task` and `Score` and is a `Searcher`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from promptsearch.corpora.sentences import CorpusFormat
from promptsearch.data import Dataset, TaskKind
from promptsearch.engine.budget import ModelCall
from promptsearch.engine.gain import Gain
from promptsearch.engine.trial import On, Trial
from promptsearch.models import LanguageModel, Options, Scoring
from promptsearch.parallel import Workers
from promptsearch.prompt import Prompt
from promptsearch.scoring import AnswerScore


def silent(line: str) -> None:
    """Drop a log message: the default of a search that nobody watches."""


OnStep = Callable[[str, int, int], None]  # what is counted, those done, all of them


def unwatched(what: str, done: int, total: int) -> None:
    """Drop a step of a strategy's work: the default of a search that nobody watches."""


@dataclass(frozen=True)
class Task:
    """The part of a task that a strategy may see: never the dev and test examples."""

    name: str
    kind: TaskKind
    prompt: Prompt  # where the search starts: the manual baseline
    train: Dataset
    inputs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    language: str = "en"
    corpus: tuple[Path, ...] = ()
    corpus_format: CorpusFormat = CorpusFormat()  # of the corpus: its text column, its encoding
    model: LanguageModel | None = None
    workspace: Path | None = None  # the run's directory, where a strategy may keep its checkpoints
    workers: Workers = Workers()  # the processes that may help
    seed: int = 0  # of everything that is random
    objective: str = "log_likelihood"  # what the judge ranks by: a key of `Scores`
    scoring: Scoring = Scoring()  # of answers, and below of labels
    answer_score: AnswerScore = "sum"
    log: Callable[[str], None] = silent
    on_step: OnStep = unwatched  # of a strategy's own long work

    @property
    def slot_stands_last(self) -> bool:
        """Whether templates must end in their slot: the model writes behind them."""
        plain = self.model is not None and self.model.info.seq2seq_form == "plain"
        return self.kind.free_texts or plain

    def reads(self, prompt: Prompt) -> bool:
        """Return whether a prompt's slot stands where the model can answer."""
        return not self.slot_stands_last or prompt.template.ends_in_slot


class Score(Protocol):
    """Given to the strategy by the engine. Asking again is free."""

    def __call__(
        self, prompts: Iterable[Prompt], *, on: On = "dev", rows: Sequence[int] | None = None
    ) -> list[Trial]:
        """Return one trial a prompt, in order; `rows` picks examples of the split (default: all).

        A distinct prompt on dev costs one unit of budget; train trials cost forwards only.
        """
        ...

    def once(self, name: str, prepare: Callable[[], ModelCall]) -> object:
        """Return what a chore gives, done once: a resumed run reads it from the ledger.

        For a strategy's own passes through the model, which no prompt stands for: their forwards
        count, and the search ends where the limits have no room for them.
        """
        ...

    def gain(self, ours: Sequence[Prompt], theirs: Sequence[Prompt]) -> Gain:
        """Return by how much prompts that were scored on dev do better than others, and its error.

        Each of the two is asked together, by the mean of their probabilities; nothing is scored.
        """
        ...

    @property
    def remaining(self) -> int | None:
        """Distinct prompts on dev that the budget has room for; None: as many as there are."""
        ...


class Searcher(Protocol):
    """A strategy: a frozen dataclass whose fields are the paper's hyper-parameters."""

    def search(self, task: Task, score: Score) -> None:
        """Call `score` with candidate prompts as often as the algorithm likes."""
        ...


@runtime_checkable
class ModelVariant(Protocol):
    """A strategy that may search with a variant of the model, a control say."""

    def variant(self, spec: str) -> str:
        """Return the spec of the model to load, given that of `--model`."""
        ...


@runtime_checkable
class ModelTuning(Protocol):
    """A strategy that may train the model before it searches with it."""

    @property
    def tunes_model(self) -> bool: ...

    def tuned_model(self, task: Task) -> LanguageModel:
        """Return the trained model: a directory of the run, which is there from then on."""
        ...


@runtime_checkable
class Precheck(Protocol):
    """A strategy that can tell, before the model loads, that a search would fail."""

    def check(self, task: Task, model: Options) -> None:
        """Raise a PromptSearchError if the search cannot run on this task with this model.

        `task.model` is None here: files are looked for and read, weights are not.
        """
        ...
