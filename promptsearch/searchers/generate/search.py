"""Generating templates around the right answers.

Gao, Fisch and Chen (2021), "Making Pre-trained Language Models Better Few-shot Learners" (LM-BFF),
section 5.2. https://arxiv.org/abs/2012.15723

The paper's way: T5 reads training sentences with their label words between two gaps and writes what
stands in the gaps, one beam of 100 for all examples. With a T5-like model, searched or given as
`generator`, this is what happens here (`models/generation/span_beam.py` says what differs). The
paper ranks the templates by fine-tuning on each: `--rank-by finetune`; by default they are ranked
frozen.

Ours: if the writer is a masked or a causal model the gaps are filled word by word (`infill.py`), so
that no second model is needed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import ModelError, RunError
from promptsearch.language.words import is_spaced
from promptsearch.models import LanguageModel, Options
from promptsearch.models.loading.files import find_model_files
from promptsearch.models.loading.load import load_beside
from promptsearch.prompt import Prompt, Source
from promptsearch.searchers.common.gap_template import (
    GapTemplate,
    check_gap_template,
    gap_templates_for,
)
from promptsearch.searchers.common.interleave import interleave
from promptsearch.searchers.common.ledger_calls import ledgered
from promptsearch.searchers.common.row_options import refuse_row_options
from promptsearch.searchers.common.training_contexts import training_contexts
from promptsearch.searchers.common.word_scorer import word_scorer
from promptsearch.searchers.generate.beam_job import GapFill
from promptsearch.searchers.generate.infill import Infiller
from promptsearch.searchers.generate.t5_spans import SpanWriter


@dataclass(frozen=True)
class GenerateSearch:
    """Let a model write templates around the right answers of training examples.

    With a T5-like model (--generator DIR, or --model) this is the way of Gao et al. (2021),
    LM-BFF: one beam of spans for all examples. With a masked or causal model it is a way of ours:
    gaps are filled word by word, so that the built-in model is enough.
    """

    adaptive: ClassVar[bool] = False  # no prompt depends on what others score on dev

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

    def check(self, task: Task, model: Options) -> None:
        """Raise an error if a layout does not fit the task, or the generator is missing."""
        for notation in self.layout:
            check_gap_template(GapTemplate.parse(notation), task.prompt.template, task.inputs)
        if self.generator:
            find_model_files(self.generator)

    def search(self, task: Task, score: Score) -> None:
        refuse_row_options(task, "generate")
        if task.model is None:
            raise ModelError("generating templates needs a model")
        writer = load_beside(task.model, self.generator) if self.generator else task.model
        prompts = self._prompts(task, writer.without_chat, score)
        task.log(f"{len(prompts)} templates written by {writer.info.spec}")
        score(prompts)

    def _prompts(self, task: Task, writer: LanguageModel, score: Score) -> list[Prompt]:
        """Return the templates of all beams in turn, likeliest first, each once."""
        beams: list[list[Prompt]] = []
        gap_templates = gap_templates_for(self.layout, task, ends=writer.info.family == "seq2seq")
        jobs = [*self._template_writer(task, writer).jobs(gap_templates, self.beam)]
        for number, job in enumerate(jobs):
            task.on_step("drafts", number, len(jobs))
            inputs, rows = job.inputs, (writer.info.sha256,)
            fills: list[GapFill] = ledgered(score, "generate", job.prepare, inputs, rows)
            beams.append([*_prompts_of(fills, job.gap_template, writer, task)])
        task.on_step("drafts", len(jobs), len(jobs))
        by_template: dict[str, Prompt] = {}
        for prompt in interleave(beams):
            by_template.setdefault(str(prompt.template), prompt)
        return list(by_template.values())[: self.top]

    def _template_writer(self, task: Task, writer: LanguageModel) -> SpanWriter | Infiller:
        contexts = training_contexts(task, self.examples)
        if writer.info.family == "seq2seq":
            return SpanWriter(writer, contexts, self.longest)
        spaced = is_spaced(task.language)
        return Infiller(word_scorer(task, writer), contexts, self.words, spaced)


def _prompts_of(
    fills: Sequence[GapFill], gap_template: GapTemplate, writer: LanguageModel, task: Task
) -> Iterator[Prompt]:
    """Yield the prompts of a beam's fills, without those that no notation can say."""
    for texts, log_prob in fills:
        if template := gap_template.template(texts):
            # log p of the words, the mean over training examples, in nats
            evidence = {
                "layout": str(gap_template),
                "log_prob": log_prob,
                "writer": writer.info.spec,
            }
            yield task.prompt.with_template(template, Source("generate", ("p0",), evidence))
