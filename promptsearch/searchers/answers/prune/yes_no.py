"""The two words that answer options: those that tell right options from wrong ones on train.

Ours, after LM-BFF's pruning: the model reads the training examples once. Words are ranked by how
much higher their logit is at the mask of the right option than on average at the others; the best
are tried as yes, the worst as `no`, all exactly on the same table, and the best pairs go to dev.
With the score `logit` only yes matters, and `no` stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from promptsearch.engine import ModelCall, Trial
from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel, Plan, Scoring
from promptsearch.prompt import Prompt, Source, Verbalizer
from promptsearch.scoring import Cost
from promptsearch.searchers.answers.common.candidates import candidates
from promptsearch.searchers.answers.common.score_table import log_probs, sample_balanced
from promptsearch.searchers.answers.common.start import require_labels
from promptsearch.searchers.common.ledger_calls import ledgered
from promptsearch.searchers.common.row_options import refuse_row_options

if TYPE_CHECKING:
    from promptsearch.data import Example

Floats32 = NDArray[np.float32]
Pairs = list[tuple[str, str, int, float]]  # yes, no, examples right, log-likelihood
STRATEGY = "answers-prune"


@dataclass(frozen=True)
class YesNoSearch:
    """The search of one or more templates with options."""

    candidates: int  # words tried for each of the two
    pairings: int  # pairs that go to dev, of each template
    examples: int  # of train, at most

    def search(self, task: Task, score: Score, starts: Sequence[Trial]) -> None:
        """Score the best pairs of each start."""
        refuse_row_options(task, "answers prune")
        require_labels(task.name, task.kind)
        if task.model is None:
            raise ModelError("searching answers needs a model")
        for start in starts:
            prepare = partial(self._call, task, task.model.fast_model, start.prompt)
            inputs = (self, task.scoring.options_score, start.prompt)
            pairs: Pairs = ledgered(score, f"{STRATEGY} options", prepare, inputs, task.train)
            score(_prompt(start, *pair) for pair in pairs)

    def _call(self, task: Task, model: LanguageModel, prompt: Prompt) -> ModelCall:
        words = [word.text for word in candidates(task, model)]
        examples = sample_balanced(task, self.examples)
        plan = _plan(model, prompt, words, examples)

        def run() -> Pairs:
            shape = len(examples), len(prompt.template.slots), len(words)
            flat = log_probs(model, plan, shape[0], shape[1] * shape[2])
            table: Floats32 = flat.view(shape).numpy()  # logits
            order = {label: number for number, label in enumerate(prompt.verbalizer.labels)}
            right = np.array([order[example.targets[0]] for example in examples])
            against_no = task.scoring.options_score == "log-odds"
            return self._best(table, right, words, prompt.verbalizer.no or "", against_no)

        return ModelCall(Cost.of(plan), run)

    def _best(
        self, table: Floats32, right: NDArray[np.int64], words: Sequence[str], no: str, odds: bool
    ) -> Pairs:
        """Return the best pairs, from (example, option, word) logits."""
        order = np.argsort(-contrast(table, right), kind="stable")
        likely = order[: self.candidates].tolist()
        unlikely = order[::-1][: self.candidates].tolist() if odds else [None]
        ranked = []
        for yes in likely:
            for against in unlikely:
                scores = table[:, :, yes] - (0 if against is None else table[:, :, against])
                word = no if against is None else words[against]
                if words[yes] != word:
                    ranked.append((words[yes], word, *_fit(scores, right)))
        ranked.sort(key=lambda pair: (-pair[2], -pair[3]))
        return ranked[: self.pairings]


def contrast(table: Floats32, right: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (word,) the mean over examples of its logit at the right option less the others'."""
    rows = np.arange(len(table))
    at_right = table[rows, right].astype(np.float64)
    others = (table.sum(1, dtype=np.float64) - at_right) / max(1, table.shape[1] - 1)
    means: NDArray[np.float64] = (at_right - others).mean(0)
    return means


def _fit(scores: Floats32, right: NDArray[np.int64]) -> tuple[int, float]:
    """Return how many examples are right, and the mean log p of the right option."""
    values = scores.astype(np.float64)
    values = values - np.logaddexp.reduce(values, axis=1, keepdims=True)
    correct = int((values.argmax(1) == right).sum())
    return correct, float(values[np.arange(len(right)), right].mean())


def _plan(
    model: LanguageModel, prompt: Prompt, words: Sequence[str], examples: "Sequence[Example]"
) -> Plan:
    """Return the plan of all words at all options."""
    texts = [prompt.template.fill(example.inputs) for example in examples]
    slots = map(prompt.verbalizer.slot_of, prompt.verbalizer.labels)
    answers = [((slot, word),) for slot in slots for word in words]
    return model.plan(texts, answers, Scoring("independent"))


def _prompt(start: Trial, yes: str, no: str, correct: int, log_likelihood: float) -> Prompt:
    evidence = {"train_correct": correct, "train_log_likelihood": log_likelihood}
    before = start.prompt.verbalizer
    slots = list(map(before.slot_of, before.labels))
    verbalizer = Verbalizer.of_slots(before.labels, slots, yes, no)
    return Prompt(start.prompt.template, verbalizer, Source(STRATEGY, (start.id,), evidence))
