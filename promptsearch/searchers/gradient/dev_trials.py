"""The texts that a trigger search comes to, scored on dev with their evidence."""

from dataclasses import dataclass

from promptsearch.engine.strategy import Score, Task
from promptsearch.prompt import Source
from promptsearch.prompt.template import Template
from promptsearch.searchers.gradient.objective import TriggerObjective
from promptsearch.searchers.gradient.search_state import TriggerState


@dataclass
class DevTrials:
    """Scores texts on dev as the search comes to them, and logs if there were none."""

    task: Task
    engine_score: Score
    objective: TriggerObjective
    count: int = 0  # texts so far

    def begin(self, state: TriggerState) -> None:
        """Score the trigger that a restart begins with, if text can say it.

        With the first restart, log the fluency of the task's template.
        """
        if state.number == 0:
            (nats,) = self.objective.fluencies([self.task.prompt.template])
            self.task.log(f"fluency of the start: {nats:.2f} nats a word")
        if not state.masks:
            self.score(self.objective.detokenizer.template(state.trigger), state, 0)

    def score(self, text: Template | None, state: TriggerState, iteration: int) -> None:
        """Score the text of the state's trigger, if there is one."""
        if text is None:
            return
        (fluency,) = self.objective.fluencies([text])
        evidence = {
            "climb": state.number,
            "iteration": iteration,
            "train": state.value,
            "fluency": fluency,
        }
        parents = () if state.parent is None else (state.parent,)
        self.count += 1
        source = Source("gradient", parents, evidence, state.trigger, round_trips=True)
        (trial,) = self.engine_score([self.task.prompt.with_template(text, source)])
        state.parent = trial.id

    def end(self) -> None:
        """Log why nothing was scored, if nothing was."""
        if not self.count:
            self.task.log(
                "no trigger was written: a mask was left in each when the search ended (raise the "
                "limits, or give `start`), or no candidate reads back as text where it stands"
            )
