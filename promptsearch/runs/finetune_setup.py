"""The tuner of a run: a copy of the model learns each finalist on train, and is judged on dev."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from promptsearch.data import Dataset, TaskDefinition
from promptsearch.engine.budget import ModelCall
from promptsearch.errors import RunError, TaskError
from promptsearch.metrics.predictions import Scores
from promptsearch.models.finetuning.config import FinetuneConfig, check_installed
from promptsearch.prompt import Prompt
from promptsearch.runs.scorer_setup import dev_scores
from promptsearch.runs.settings import Settings
from promptsearch.scoring import Cost, Scorer

if TYPE_CHECKING:
    from torch import Tensor

    from promptsearch.models.finetuning.objective import FinetuneObjective

PASSES = 3  # a text that is learned from: forth, back to what it read, and back to the weights


@dataclass(frozen=True)
class ModelTuner:
    """See `finetuning.Tuner`; all its work is done in this process."""

    scorer: Scorer
    definition: TaskDefinition
    train: Dataset  # those that have a right answer to learn
    config: FinetuneConfig
    seed: int
    log: Callable[[str], None]

    def call(self, prompt: Prompt) -> ModelCall:
        """Return its forwards are those of training, three times each, and of dev."""
        lesson = self._lesson(prompt)
        once = Cost.of(lesson.plan(self.scorer.model))
        texts = PASSES * self.config.texts(len(self.train))
        learning = Cost(
            once.forwards * texts // len(self.train), once.tokens * texts // len(self.train)
        )
        judging = self.scorer.cost([prompt], self.definition.dev.examples)
        return ModelCall(learning + judging, lambda: self._tuned(prompt, lesson))

    def summary(self, prompt: Prompt, finalists: int) -> str:
        """Return the work in sequences, and the memory."""
        from promptsearch.models.finetuning.train import extra_bytes

        once = Cost.of(self._lesson(prompt).plan(self.scorer.model)).forwards
        trained = finalists * self.config.texts(len(self.train)) * once // len(self.train)
        size = min(self.config.batch, len(self.train))
        memory = extra_bytes(self.scorer.model) / 2**20
        return (
            f"tuning: {finalists} finalists x {self.config.steps} steps x {size} texts · "
            f"{trained:,} sequences forth and back, about {PASSES} forwards each · {memory:,.0f} "
            "MB for a copy, its gradients and AdamW's moments, and activations on top"
        )

    def _lesson(self, prompt: Prompt) -> "FinetuneObjective":
        from promptsearch.models.finetuning.objective import FinetuneObjective

        labelling = self.scorer.labelling(prompt.verbalizer)
        right = labelling.right(self.train)

        def loss(rows: Sequence[int], log_probs: "Tensor") -> "Tensor":
            return -labelling.log_right(log_probs, [right[row] for row in rows])

        texts = [prompt.template.fill(example.inputs) for example in self.train]
        return FinetuneObjective(texts, prompt.verbalizer.answers, self.scorer.scoring, loss)

    def _tuned(self, prompt: Prompt, lesson: "FinetuneObjective") -> Scores | None:
        from promptsearch.models.finetuning.train import tuned

        model = tuned(self.scorer.model, lesson, self.config, self.seed)
        if model is None:
            return None
        return dev_scores(replace(self.scorer, model=model), self.definition, prompt)


def tuner_of(
    settings: Settings, scorer: Scorer, definition: TaskDefinition, log: Callable[[str], None]
) -> ModelTuner | None:
    """Return the tuner that the settings ask for.

    Raises ModelError if the model cannot be tuned or a package is missing, `TaskError` where train
    has nothing to learn from: before anything is scored.
    """
    if settings.tuning is None:
        return None
    check_installed()
    from promptsearch.models.finetuning.train import check_tunable

    check_tunable(scorer.model)
    if definition.has_choices:
        raise RunError(
            "`rank_by` finetune learns labels that all rows share, and these rows have choices of "
            "their own; leave it out"
        )
    right = scorer.labelling(definition.prompt.verbalizer).right(definition.train.examples)
    pairs = zip(definition.train.examples, right, strict=True)
    has_answer = definition.kind.label_sets  # each example: yes or no to each label
    train = [example for example, labels in pairs if labels or has_answer]
    if not train:
        raise TaskError(f"{definition.name}: no training example has a right answer to learn from")
    return ModelTuner(scorer, definition, train, settings.tuning, settings.seed, log)
