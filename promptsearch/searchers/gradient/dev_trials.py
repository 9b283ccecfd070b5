"""What a search has found on the way: texts, with where they came from, to be scored on dev."""

from dataclasses import dataclass

from promptsearch.engine.strategy import Score, Task
from promptsearch.prompt import Source
from promptsearch.prompt.template import Template
from promptsearch.searchers.gradient.cached_objective import CachedTriggerObjective
from promptsearch.searchers.gradient.search_state import TriggerState


@dataclass
class DevTrials:
    """Hands texts to the engine."""

    task: Task
    score: Score
    laboratory: CachedTriggerObjective
    written: int = 0

    def end(self) -> None:
        """Where nothing came of the search, say so."""
        if not self.written:
            self.task.log(
                "no trigger was written: a mask was left in each when the search ended (raise the "
                "limits, or give --start), or no candidate reads back as text where it stands"
            )

    def begin(self, climb: TriggerState) -> None:
        """What a climb starts from, where text can say it; with the first, its fluency."""
        if climb.number == 0:
            (nats,) = self.laboratory.fluencies([self.task.prompt.template])
            self.task.log(f"fluency of the start: {nats:.2f} nats a word")
        if not climb.masks:
            self.say(self.laboratory.speller.template(climb.trigger), climb, 0)

    def say(self, text: Template | None, climb: TriggerState, iteration: int) -> None:
        """Score the text that a climb has come to, if it has come to one."""
        if text is None:
            return
        (fluency,) = self.laboratory.fluencies([text])
        evidence = {
            "climb": climb.number,
            "iteration": iteration,
            "train": climb.value,
            "fluency": fluency,
        }
        parents = () if climb.parent is None else (climb.parent,)
        self.written += 1
        source = Source("gradient", parents, evidence, climb.trigger, round_trips=True)
        (trial,) = self.score([self.task.prompt.with_template(text, source)])
        climb.parent = trial.id
