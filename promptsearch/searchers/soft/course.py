"""One training of continuous prompts: its segments of steps, their files, and their prompts."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from promptsearch.engine import ModelCall
from promptsearch.engine.strategy import Score, Task
from promptsearch.engine.trial import Trial, ranking_key
from promptsearch.errors import RunError
from promptsearch.files.read import sha256
from promptsearch.models.training.config import SoftTrainingConfig
from promptsearch.prompt import Prompt, Source, Template
from promptsearch.scoring import Cost
from promptsearch.searchers.common.ledger_calls import ledgered

if TYPE_CHECKING:
    from promptsearch.models.training.continuous_trainer import ContinuousTrainer
    from promptsearch.searchers.mixture.objective import Mixture

FOLDER = "soft"  # of checkpoints, in the run's directory
KEPT = 2  # checkpoints of a training: the last one and the one before it
PASSES = 3  # what a sequence costs that passes forth and back


@dataclass(frozen=True)
class Course:
    """One training of a search: its segments and checkpoints."""

    task: Task
    training: "ContinuousTrainer"
    config: SoftTrainingConfig
    check_every: int | None  # steps between checkpoints; None: an eighth of all
    folder: Path
    number: int
    facts: Mapping[str, object]  # more evidence of its prompts
    start: str = "p0"  # the id of the prompt that it begins with
    mixture: "Mixture | None" = None  # what weighs the templates, if they are trained together
    strategy: str = "soft"
    data: str = ""  # a digest of examples that the run's own identity does not know

    @property
    def size(self) -> str:
        """How much is trained, in words."""
        count = self.training.parameters
        share = count / self._model_parameters
        return f"{count:,} numbers trained for {self.training.prompt}, {share:.2%} of the model's"

    @property
    def _model_parameters(self) -> int:
        from promptsearch.models.frozen_model import parameter_count

        assert self.task.model is not None
        return parameter_count(self.task.model)

    @property
    def _interval(self) -> int:
        return self.check_every or -(-self.config.steps // 8)

    def run(self, score: Score) -> list[Trial]:
        """Score the start, then train and score segment after segment."""
        trials, last = score(self._prompts(self._templates(0), 0, {})), None
        self.task.on_step("steps", 0, self.config.steps)
        for first in range(0, self.config.steps, self._interval):
            steps = range(first, min(first + self._interval, self.config.steps))
            call = partial(self._call, steps, last)
            templates = self.training.prompt.templates
            inputs: list[str] | None = None
            if self.start != "p0" or self.data:
                inputs = [*map(str, templates), *([self.data] if self.data else [])]
            segment = ledgered(score, f"{self.strategy} {self.number} {steps.stop}", call, inputs)
            file = self._vectors_file(steps.stop)
            _check(file, segment["vectors_sha256"])
            trials += score(self._prompts(self._templates(steps.stop), steps.stop, segment))
            last = segment["checkpoint_sha256"]
            if self.mixture is not None:
                self.mixture.weights = np.array(segment["weights"])
            self._forget(steps.start)
            self.task.on_step("steps", steps.stop, self.config.steps)
        return trials

    def _call(self, steps: range, last: object) -> ModelCall:
        """Return the call that trains some steps from the checkpoint of this digest."""
        plans = [self.training.plan(step) for step in dict.fromkeys((steps.start, steps.stop - 1))]
        largest = max(plans, key=lambda plan: plan.forwards)
        cost = Cost(
            PASSES * largest.forwards * len(steps),
            PASSES * largest.tokens * len(steps),
            largest.peak_bytes,
        )
        if self.mixture is not None:
            cost += self.mixture.cost

        def run() -> Mapping[str, object]:
            before = self._checkpoint(steps.start) if steps.start else None
            if before is not None:
                _check(before, last)
            checkpoint, vectors = self._checkpoint(steps.stop), self._vectors_file(steps.stop)
            if self.mixture is None:
                return asdict(self.training.run(before, checkpoint, vectors, steps))
            self.mixture.expect(self._templates(steps.start))
            segment = self.training.run(before, checkpoint, vectors, steps)
            self.mixture.expect(self._templates(steps.stop))
            return {**asdict(segment), "weights": self.mixture.next_weights()}

        return ModelCall(cost, run)

    def _templates(self, step: int) -> Sequence[Template]:
        """Return the templates after so many steps."""
        file = self._vectors_file(step)
        return self.training.templates(file) if step else self.training.start()

    def _prompts(
        self, templates: Sequence[Template], step: int, segment: Mapping[str, Any]
    ) -> list[Prompt]:
        """Return the prompt of each template after so many steps, which this segment led to."""
        evidence = {
            "trained_steps": step,
            "loss": segment.get("loss"),
            "parameters": self.training.parameters,
            "model_parameters": self._model_parameters,
            "run": self.number,
            **self.facts,
        }
        weights = segment.get("weights")
        if self.mixture is not None and weights is None:
            weights = self.mixture.weights.tolist()
        prompts = []
        scored = templates if self.mixture is not None else templates[:1]
        for number, template in enumerate(scored):
            weight = {} if weights is None else {"weight": weights[number]}
            source = Source(self.strategy, (self.start,), {**evidence, **weight})
            prompts.append(self.task.prompt.with_template(template, source))
        return prompts

    def report(self, trials: Sequence[Trial], runs: int = 1) -> None:
        """Say what was trained in one of so many runs, and whether anything was learned."""
        key = self.task.objective
        best = max(trials, key=lambda trial: ranking_key(trial.scores, key))
        name = f"run {self.number + 1}: " if runs > 1 else ""
        first = trials[0].scores[key]
        scores = f"{key} on dev {first:.3f} at step 0, {best.scores[key]:.3f} at best"
        learned = "" if best is not trials[0] else f"; {self._no_gain(trials)}"
        self.task.log(f"{name}{self.size}; {scores}{learned}")

    def _no_gain(self, trials: Sequence[Trial]) -> str:
        """Return why step 0 may be the best, and what to try."""
        if "control" in self.facts:
            return "nothing was learned, as one would hope of a control"
        losses = [trial.prompt.source.evidence.get("loss") for trial in trials]
        first, last = losses[1 if len(losses) > 1 else 0], losses[-1]
        if isinstance(first, float) and isinstance(last, float) and last < first:
            return (
                f"the loss on train fell from {first:.3f} to {last:.3f} and dev grew no better: "
                "try fewer `steps`, a smaller `lr`, or more examples"
            )
        return "nothing was learned: raise `lr` or `steps`"

    def _checkpoint(self, step: int) -> Path:
        return self.folder / f"{self.number}-{step}.safetensors"

    def _vectors_file(self, step: int) -> Path:
        return self.folder / f"{self.number}-{step}-vectors.safetensors"

    def _forget(self, step: int) -> None:
        """Remove the checkpoint before the last two; vectors stay, which a resumed run reads."""
        older = step - (KEPT - 1) * self._interval
        if older > 0:
            self._checkpoint(older).unlink(missing_ok=True)


def _check(file: Path, expected: object) -> None:
    """Raise RunError if a checkpoint is not the one that the ledger tells of."""
    if not file.is_file() or sha256([file]) != expected:
        raise RunError(
            f"{file}: the checkpoint is missing or was changed; start anew with `overwrite`"
        )


@contextmanager
def checkpoint_folder(task: Task) -> Iterator[Path]:
    """Open the folder of checkpoints: in the run's directory, or for as long as the search."""
    if task.workspace is not None:
        folder = task.workspace / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with TemporaryDirectory() as name:
        yield Path(name)
