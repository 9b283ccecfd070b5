"""Gradient-based search for trigger tokens.

Shin, Razeghi, Logan IV, Wallace and Singh (2020), "AutoPrompt: Eliciting Knowledge from Language
Models with Automatically Generated Prompts". https://arxiv.org/abs/2010.15980
Zou, Wang, Carlini, Nasr, Kolter and Fredrikson (2023), "Universal and Transferable Adversarial
Attacks on Aligned Language Models" (GCG). https://arxiv.org/abs/2307.15043

Some tokens of a template, its trigger, are changed one at a time. The gradient of the loss at
their embeddings says, to first order, what every other token of the vocabulary would do there; the
most promising are scored exactly on training examples. Every trigger that a step accepts is
written as text and, if the model reads that text as the same tokens, scored on dev.

Of the released code we keep the algorithm (`steps.py` has each step), not that its triggers may
end with [MASK] in them, nor that their text may be read as other tokens. Draws are without
replacement; where each one holds all examples, what has been tried is not tried again, and a
restart ends when no position is left.
"""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import ModelError, RunError, TaskError
from promptsearch.language.words import is_spaced
from promptsearch.models import LanguageModel
from promptsearch.models.loading.load import load_beside
from promptsearch.searchers.common.answer_leaks import leaked_words
from promptsearch.searchers.common.example_loss import LossName, answerable
from promptsearch.searchers.common.start_files import PromptsFile
from promptsearch.searchers.common.trigger_template import Tokens, TriggerTemplate
from promptsearch.searchers.gradient.detokenize import Detokenizer
from promptsearch.searchers.gradient.dev_trials import DevTrials
from promptsearch.searchers.gradient.fluency import EXAMPLES, Fluency
from promptsearch.searchers.gradient.loss import TriggerLoss
from promptsearch.searchers.gradient.minibatches import Minibatches
from promptsearch.searchers.gradient.objective import TriggerObjective
from promptsearch.searchers.gradient.search_state import TriggerState
from promptsearch.searchers.gradient.start import TriggerStart
from promptsearch.searchers.gradient.steps import Gcg, HotFlip, RandomStep, TriggerStep
from promptsearch.searchers.gradient.token_filter import Filter, usable, words_of


@dataclass(frozen=True)
class GradientSearch:
    """Search trigger tokens by gradients.

    Tokens of the template are changed one at a time, those that promise most by the gradient of
    the loss on the training examples; what is accepted is written as text and scored on dev.
    Shin et al. (2020), "AutoPrompt"; Zou et al. (2023), GCG.
    """

    adaptive: ClassVar[bool] = False  # no prompt depends on what others score on dev

    step: Annotated[
        Literal["hotflip", "gcg", "random"],
        "hotflip: AutoPrompt's; gcg: over all places; random: no gradient, to compare with.",
    ] = "hotflip"
    template: Annotated[
        str,
        "With [T] for each trigger token; or without, to have --triggers added.  [the task's]",
        PromptsFile(
            "Begin with the template of this file's first prompt (--where words: with its words)."
        ),
    ] = ""
    triggers: Annotated[int, "Tokens added where the template has no [T]."] = 3
    where: Annotated[
        Literal["before", "after", "around", "words"],
        "Where they stand: about the slot; or `words`, the template's own words are the trigger.",
    ] = "before"
    start: Annotated[
        str, "Words that the trigger starts from.  [[MASK]s; where there are none, the word 'the']"
    ] = ""
    loss: Annotated[
        LossName,
        "label: log p(right label), as the objective has it; gold: AutoPrompt's, "
        "log p(right answer) among all words.",
    ] = "label"
    compare: Annotated[
        Literal["loss", "accuracy"],
        "What candidates are compared by (labelled tasks; AutoPrompt: accuracy).",
    ] = "loss"
    candidates: Annotated[int | None, "Tokens tried a step.  [hotflip, random: 10; gcg: 32]"] = None
    top: Annotated[int, "gcg: tokens of a place that candidates are drawn from."] = 256
    examples: Annotated[int, "Training examples a draw (AutoPrompt: 32 x 10)."] = 320
    iterations: Annotated[int, "Steps of a climb."] = 100
    restarts: Annotated[int, "Climbs, one after the other."] = 1
    whole_words: Annotated[bool, "Only tokens that are words; or any that text can say."] = True
    proper_nouns: Annotated[bool, "Tokens that begin with a capital too."] = False
    leaks: Annotated[bool, "The answers (or the training objects) too."] = False
    allow: Annotated[str, "A file of words, one a line: no others."] = ""
    ban: Annotated[str, "A file of words, one a line: none of these."] = ""
    fluency: Annotated[
        float, "What a nat a word of fluency is worth, in nats an example; 0: nothing."
    ] = 0.0
    fluency_model: Annotated[str, "The model that fluency is measured by.  [the searched one]"] = ""
    reject_mask_trigger: Annotated[
        bool,
        "As the release: while a trigger holds [MASK], the best candidate is taken even if "
        "it is worse.",
    ] = False

    def __post_init__(self) -> None:
        least = {"candidates": 1, "top": 1, "examples": 1, "iterations": 0, "restarts": 1}
        for name, bound in least.items():
            if (value := getattr(self, name)) is not None and value < bound:
                raise RunError(f"--{name} {value} is too small; give {bound} or more")
        if not (isfinite(self.fluency) and self.fluency >= 0):
            raise RunError(f"`fluency` {self.fluency} is no weight; give 0 or more")

    def search(self, task: Task, score: Score) -> None:
        objective, start = self.prepared(task, score)
        trials = DevTrials(task, score, objective)
        try:
            for number in range(self.restarts):
                self._run(self._state(task, objective, start, number), trials)
        finally:
            trials.end()

    def _run(self, state: TriggerState, trials: DevTrials) -> None:
        step = self._step()
        trials.begin(state)
        for iteration in range(1, self.iterations + 1):
            if not state.ended:
                trials.score(step(state), state, iteration)
        for position in state.masks:
            trials.score(step.fill(state, position), state, self.iterations)

    def prepared(self, task: Task, score: Score) -> tuple[TriggerObjective, Tokens]:
        """Return the objective, and the tokens that each restart begins with."""
        if task.model is None:
            raise ModelError("gradient search needs a model")
        masks = not (self.start or self.fluency or self.step == "gcg")
        start = TriggerStart(self.template, self.triggers, self.where, self.start, masks)
        trigger_template, tokens = start.of(task, task.model)
        return self._objective(task, task.model, trigger_template, score), tokens

    def _step(self) -> TriggerStep:
        if self.step == "gcg":
            return Gcg(self.candidates or 32, self.top)
        return (HotFlip if self.step == "hotflip" else RandomStep)(self.candidates or 10)

    def _state(
        self, task: Task, objective: TriggerObjective, start: Tokens, number: int
    ) -> TriggerState:
        assert task.model is not None
        count = len(objective.loss.examples)
        minibatches = Minibatches(task.seed, number, count, self.examples)
        mask = task.model.white_box.mask
        return TriggerState(number, objective, minibatches, start, mask, self.reject_mask_trigger)

    def _objective(
        self, task: Task, model: LanguageModel, trigger_template: TriggerTemplate, score: Score
    ) -> TriggerObjective:
        """Return the objective; TaskError if no training example or no token can be used."""
        examples, spaced = answerable(task, self.loss), is_spaced(task.language)
        accuracy = self.compare == "accuracy" and task.kind.single_label
        loss = TriggerLoss(task, model, trigger_template, examples, self.loss, accuracy)
        contexts = [example.inputs for example in examples]
        answer = loss.answers_of(examples[0])[0]
        detokenizer = Detokenizer(model.white_box, trigger_template, contexts, answer, spaced)
        allowed = usable(model.white_box.spellings, self._filter(task, spaced))
        if not allowed.any():
            raise TaskError(f"{task.name}: no token passes the filters; allow more words")
        fluency = Fluency(self._reading_model(model), examples[:EXAMPLES], task.prompt, spaced)
        return TriggerObjective(loss, score, detokenizer, allowed, fluency, self.fluency)

    def _filter(self, task: Task, spaced: bool) -> Filter:
        return Filter(
            whole_words=self.whole_words,
            spaced=spaced,
            proper_nouns=self.proper_nouns,
            answers=frozenset() if self.leaks else leaked_words(task),
            allowed=words_of(Path(self.allow)) if self.allow else None,
            banned=words_of(Path(self.ban)) if self.ban else frozenset(),
        )

    def _reading_model(self, model: LanguageModel) -> LanguageModel:
        if not self.fluency_model:
            return model.without_chat
        return load_beside(model, self.fluency_model)
