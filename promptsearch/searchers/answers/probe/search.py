"""Answers by a linear probe of the slot.

Shin, Razeghi, Logan IV, Wallace and Singh (2020), "AutoPrompt: Eliciting Knowledge from Language
Models with Automatically Generated Prompts", section 2.3. https://arxiv.org/abs/2010.15980

A logistic classifier learns the label from h, what the output embedding is multiplied with at the
slot. In the place of h it is then given the output embedding of each word w: s(label, w) =
p(label | w), and the words with the highest s stand for the label.

The paper has the classifier's bias in s, and we follow it; the release leaves it out. The release
takes s as a softmax in float32, which is 1 for many words at once: its best words are then in the
order of the vocabulary. Log odds have the order of s, and no such ties. The release gives a word to
several labels (`repeat`); by default the label that it speaks for most has it. The paper takes the
best k of each label; that other choices from the lists are judged on dev as well is ours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, ClassVar, TypedDict

from promptsearch.engine import ModelCall
from promptsearch.engine.strategy import Score, Task
from promptsearch.engine.trial import Trial
from promptsearch.errors import RunError, TaskError
from promptsearch.models import LanguageModel, Options
from promptsearch.prompt import Prompt
from promptsearch.scoring import Cost
from promptsearch.searchers.answers.common.candidates import candidates
from promptsearch.searchers.answers.common.score_table import sample_balanced
from promptsearch.searchers.answers.common.start import (
    require_model,
    require_words,
    starting_trials,
    with_words,
)
from promptsearch.searchers.answers.probe.linear_probe import Fit, fitted, selections, top_words
from promptsearch.searchers.common.ledger_calls import ledgered
from promptsearch.searchers.common.start_files import TemplateFiles

if TYPE_CHECKING:
    from torch import Tensor

STRATEGY = "answers-probe"


class ProbeResult(TypedDict):
    """The result of a probe, as the ledger holds it."""

    right: float  # share of the training examples that it labels right, in [0, 1]
    words: list[list[tuple[str, float]]]  # (label, rank): a word and its log odds


@dataclass(frozen=True)
class ProbeSearch:
    """Search one or several words a label by a linear probe.

    The model reads each training example once; a classifier learns the label from its state at the
    slot, and is then given the vocabulary's words in place of states. Sets of the words that it
    takes for each label go to dev. Shin et al. (2020), AutoPrompt.
    """

    adaptive: ClassVar[bool] = False  # no prompt depends on what others score on dev

    template: Annotated[
        tuple[str, ...],
        "Search the answers of this template, not of the task's; give it several times.",
        TemplateFiles(),
    ] = ()
    top: Annotated[int, "Words of each label that are chosen from, as in the paper's release."] = 50
    per_label: Annotated[int, "Answers of a label, at most: the best 1, 2, ... of each list."] = 10
    width: Annotated[int, "Verbalizers that go to dev, for each template."] = 100
    repeat: Annotated[bool, "One word may stand for two labels, as in the release."] = False
    examples: Annotated[int, "Training examples that the probe learns from, at most."] = 2000
    rate: Annotated[float, "Adam's learning rate."] = 3e-4
    epochs: Annotated[int, "Times that the probe sees each example."] = 50
    batch: Annotated[int, "Examples of a step."] = 32

    def __post_init__(self) -> None:
        for name in ("top", "per_label", "width", "examples", "epochs", "batch"):
            if (value := getattr(self, name)) < 1:
                option = name.replace("_", "-")
                raise RunError(f"--{option} {value} is too small; give 1 or more")
        if not 0 < self.rate < float("inf"):
            raise RunError(f"`rate` {self.rate} is no learning rate; give one above 0")

    def check(self, task: Task, model: Options) -> None:
        """Raise TaskError if the task has no labels, or several slots for one word."""
        require_words(task)

    def search(self, task: Task, score: Score) -> None:
        """Fit a probe for each template, and score the words that it assigns to the labels."""
        model = require_model(task)
        for start in starting_trials(task, self.template, score, STRATEGY):
            prepare, inputs = partial(self._model_call, task, model, start), (self, start.prompt)
            result: ProbeResult = ledgered(score, STRATEGY, prepare, inputs, task.train)
            task.log(_summary(task, result))
            score(islice(self._prompts(task, start, result), self.width))

    def _model_call(self, task: Task, model: LanguageModel, start: Trial) -> ModelCall:
        """Return the call that gives a `ProbeResult`: one pass for each example."""
        words = [word.text for word in candidates(task, model)]
        if not self.repeat and len(words) < len(task.labels):
            raise TaskError(
                f"{task.name}: {model.info.spec!r} has {len(words)} whole words for "
                f"{len(task.labels)} labels; use `repeat`"
            )
        template, examples = start.prompt.template, sample_balanced(task, self.examples)
        texts = [template.fill(example.inputs) for example in examples]
        plan = model.white_box.plan_states(texts, ((template.slots[0], words[0]),))
        gold = [task.labels.index(example.targets[0]) for example in examples]

        def run() -> ProbeResult:
            return self._fitted(task, words, gold, model.white_box.states(plan), model)

        return ModelCall(Cost.of(plan), run)

    def _fitted(
        self,
        task: Task,
        words: Sequence[str],
        gold: Sequence[int],
        states: "Tensor",
        model: LanguageModel,
    ) -> ProbeResult:
        fit = Fit(self.rate, self.epochs, self.batch, task.seed)
        probe = fitted(states, gold, len(task.labels), fit)
        right = probe.log_odds(states).argmax(1) == gold
        scores = probe.log_odds(model.white_box.output_rows(words)).T  # (label, word)
        lists = top_words(scores, self.top, self.repeat)
        named = [
            [(words[word], float(label_scores[word])) for word in best]
            for label_scores, best in zip(scores, lists, strict=True)
        ]
        return {"right": float(right.mean()), "words": named}

    def _prompts(self, task: Task, start: Trial, result: ProbeResult) -> Iterator[Prompt]:
        """Yield prompts in which no two labels have the same answers."""
        lists = [[word for word, _ in scored_words] for scored_words in result["words"]]
        for selection in selections([*map(len, lists)], self.per_label, task.labels):
            chosen = [
                [scored_words[rank] for rank in ranks]
                for scored_words, ranks in zip(lists, selection.ranks, strict=True)
            ]
            if len(set(map(frozenset, chosen))) == len(chosen):
                words = dict(zip(task.labels, chosen, strict=True))
                yield with_words(start, words, STRATEGY, {"rule": selection.rule})


def _summary(task: Task, result: ProbeResult) -> str:
    """Return `probe right on 0.969 of train; negative: awful, ...; positive: great, ...`."""
    best = (
        f"{label}: {', '.join(word for word, _ in words[:5])}"
        for label, words in zip(task.labels, result["words"], strict=True)
    )
    return f"probe right on {result['right']:.3f} of train; {'; '.join(best)}"
