"""Generating templates around the right answers.

Gao, Fisch and Chen (2021), "Making Pre-trained Language Models Better Few-shot Learners" (LM-BFF),
section 5.2. https://arxiv.org/abs/2012.15723

The paper's way: T5 reads training sentences with their label words between two gaps and writes what
stands in the gaps, one beam of 100 for all examples. With a T5-like model, searched or given as
`generator`, this is what happens here (`models/shared_beam.py` says what differs). The paper ranks
the templates by fine-tuning on each: `--rank-by finetune`; by default they are ranked frozen.

Ours: where the writer is a masked or a causal model the gaps are filled word by word
(`generating/infill.py`), so that no second model is needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, cast

from promptsearch.engine.ledger import digest
from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import ModelError, RunError
from promptsearch.language.words import is_spaced
from promptsearch.models import LanguageModel
from promptsearch.models.loading.load import load_beside
from promptsearch.prompt import Prompt, Source
from promptsearch.searchers.common.gap_template import GapTemplate, frames_of
from promptsearch.searchers.common.interleave import interleave
from promptsearch.searchers.common.training_contexts import instances_of
from promptsearch.searchers.common.word_scorer import word_scorer
from promptsearch.searchers.generate.infill import Infiller
from promptsearch.searchers.generate.t5_spans import SpanWriter


@dataclass(frozen=True)
class GenerateSearch:
    """Let a model write the words around the right answers."""

    generator: Annotated[
        str,
        "The model that writes: T5-like, as in the paper; or masked or causal, our way.  "
        "[the searched one]",
    ] = ""
    layout: Annotated[
        tuple[str, ...],
        "Templates with [T] where words may stand; give it several times.  [LM-BFF's; for facts "
        "both orders of subject and object]",
    ] = ()
    beam: Annotated[
        int,
        "Templates written, over all layouts together; T5: also the hypotheses of each layout's "
        "beam, which gives its share (LM-BFF: 100).",
    ] = 100
    longest: Annotated[int, "T5: tokens of the gaps and their ends."] = 20
    words: Annotated[int, "Masked, causal: words in a gap, at most."] = 3
    examples: Annotated[int, "Training examples that the templates are written from."] = 32
    top: Annotated[int, "Templates scored on dev, the likeliest of all layouts in turn."] = 100

    def __post_init__(self) -> None:
        for name in ("beam", "longest", "words", "examples", "top"):
            if (value := getattr(self, name)) < 1:
                raise RunError(f"--{name} {value} is too small; give 1 or more")

    def search(self, task: Task, score: Score) -> None:
        if task.model is None:
            raise ModelError("generating templates needs a model")
        writer = load_beside(task.model, self.generator) if self.generator else task.model
        prompts = self._prompts(task, writer.without_chat, score)
        task.log(f"{len(prompts)} templates written by {writer.info.spec}")
        score(prompts)

    def _prompts(self, task: Task, writer: LanguageModel, score: Score) -> list[Prompt]:
        """The templates of all beams in turn, likeliest first, each once."""
        beams: list[list[Prompt]] = []
        frames = frames_of(self.layout, task, ends=writer.info.family == "seq2seq")
        for job in self._writing(task, writer).jobs(frames, self.beam):
            name = f"generate {digest(job.about, (writer.info.sha256,))}"
            beams.append([*_read(score.once(name, job.prepare), job.frame, writer, task)])
        by_template: dict[str, Prompt] = {}
        for prompt in interleave(beams):
            by_template.setdefault(str(prompt.template), prompt)
        return list(by_template.values())[: self.top]

    def _writing(self, task: Task, writer: LanguageModel) -> SpanWriter | Infiller:
        instances = instances_of(task, self.examples)
        if writer.info.family == "seq2seq":
            return SpanWriter(writer, instances, self.longest)
        spaced = is_spaced(task.language)
        return Infiller(word_scorer(task, writer), instances, self.words, spaced)


def _read(beams: object, frame: GapTemplate, writer: LanguageModel, task: Task) -> Iterator[Prompt]:
    """Prompts from what a beam wrote."""
    for texts, log_prob in cast(list[tuple[list[str], float]], beams):
        if template := frame.template(texts):
            # log p of the words, the mean over training examples, in nats
            evidence = {"layout": str(frame), "log_prob": log_prob, "writer": writer.info.spec}
            yield task.prompt.with_template(template, Source("generate", ("p0",), evidence))
