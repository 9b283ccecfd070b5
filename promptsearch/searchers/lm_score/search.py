"""Templates scored by a language model that reads them filled.

Davison, Feldman and Rush (2019), "Commonsense Knowledge Mining from Pretrained Models".
https://aclanthology.org/D19-1109

Each template is filled with known triples: an example's inputs and its answer, with an article, in
the plural, as a gerund. A unidirectional model says how likely these sentences are; the template
of the most likely one is chosen. No label but the one that stands in the sentence is used, and with
`slot="any"` none. `coherence.py` has the score, which is the release's.

In the paper the triple is the query, so each has a template of its own (`choose="example"`). Here
one template must serve a whole task, so by default the mean over training examples decides, and the
scorer's dev score has the last word among the `top` ones. Ours are also the forms of names, and the
rule of `slot="any"`: an example's score is the mean over a few answers drawn by the seed, the same
ones under every template, so that templates differ in their wording alone. Of the released code
we leave out that a sentence without tokens scores 0, the best there is: here it is an error.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Annotated, ClassVar

import numpy as np

from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import RunError
from promptsearch.files.write import write_lines
from promptsearch.language.words import is_english
from promptsearch.models import Options
from promptsearch.prompt import Source, Template
from promptsearch.prompt.template import check_slots_and_fields
from promptsearch.searchers.common.ledger_calls import ledgered
from promptsearch.searchers.common.row_options import refuse_row_options
from promptsearch.searchers.common.start_files import TemplateFiles
from promptsearch.searchers.lm_score.coherence import Coherence, CoherenceScore
from promptsearch.searchers.lm_score.ranking import Choose, TemplateRanking
from promptsearch.searchers.lm_score.scoring_model import check_scoring_model, load_scoring_model
from promptsearch.searchers.lm_score.sentences import AnswerChoice, sentence_sets

FILE = "choices.jsonl"
SENTENCES = 1024  # read at a time, or those of one template: a run that is killed loses so many


@dataclass(frozen=True)
class LMScoreSearch:
    """Choose among templates by how likely a language model finds them, filled.

    Each template is filled with training examples, their answers and grammatical variants of both;
    a unidirectional model (--lm) scores the sentences. The best templates are scored on dev.
    Davison, Feldman and Rush (2019).
    """

    adaptive: ClassVar[bool] = False  # no prompt depends on what others score on dev

    template: Annotated[
        tuple[str, ...],
        "One to choose among; the task's own always is.  [repeat it]",
        TemplateFiles(),
    ] = ()
    lm: Annotated[
        str, "The unidirectional model that scores.  [the searched one, if it is causal]"
    ] = ""
    choose: Annotated[
        Choose,
        "relation: by the mean over examples; example: each votes for its best, as in the paper.",
    ] = "relation"
    variants: Annotated[
        bool, "Inputs and answers also with an article, in the plural, as a gerund (English)."
    ] = True
    slot: Annotated[
        AnswerChoice,
        "right: the slot holds an example's right answer; any: a few, and no label counts.",
    ] = "right"
    examples: Annotated[int, "Training examples that sentences are made of."] = 64
    prefix: Annotated[str, "Stands before each sentence."] = ". "
    exponent: Annotated[float, "Scores are divided by the length in tokens, to this power."] = 0.2
    top: Annotated[int, "Templates scored on dev, those that the model likes best."] = 10

    def __post_init__(self) -> None:
        for name in ("examples", "top"):
            if (value := getattr(self, name)) < 1:
                raise RunError(f"--{name} {value} is too small; give 1 or more")
        if not abs(self.exponent) <= 10:
            raise RunError(f"`exponent` {self.exponent} is no power of a length; try 0.2")

    def check(self, task: Task, model: Options) -> None:
        """Raise an error if there is nothing to choose among, or the scorer is not causal."""
        refuse_row_options(task, "lm-score")
        if not self.template:
            raise RunError(
                "lm-score chooses among templates; give some: `template`, or `from` FILE"
            )
        check_scoring_model(self.lm, model)

    def search(self, task: Task, score: Score) -> None:
        templates = _distinct(task, self.template)
        coherence = self._coherence(task)
        scores = list(_template_scores(coherence, templates, score))
        ranking = TemplateRanking(np.array([[each.score for each in row] for row in scores]))
        if self.choose == "example" and task.workspace is not None:
            rows = _chosen(ranking, coherence, templates, scores)
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            write_lines(task.workspace / FILE, lines)
        order = ranking.order(self.choose)
        task.log(_summary(coherence, ranking, templates, order))
        sources = ((i, Source("lm-score", evidence=ranking.evidence(i))) for i in order)
        best = islice(sources, self.top)
        score(task.prompt.with_template(templates[i], source) for i, source in best)

    def _coherence(self, task: Task) -> Coherence:
        """Return the scoring model with the examples that it reads."""
        variants = self.variants and is_english(task.language)
        if self.variants and not variants:
            task.log(
                f"grammatical variants are English; in {task.language!r} words stay as they are"
            )
        examples = sentence_sets(task, self.examples, self.slot, variants)
        return Coherence(load_scoring_model(task, self.lm), examples, self.prefix, self.exponent)


def _distinct(task: Task, notations: Sequence[str]) -> list[Template]:
    """Return the task's own template, then the others; PromptError if one does not fit."""
    manual = task.prompt.template
    distinct = {manual: None} | {Template.parse(notation): None for notation in notations}
    for template in distinct:
        check_slots_and_fields(
            f"the template {str(template)!r}", template.parts, manual.slots, task.inputs
        )
    return list(distinct)


def _template_scores(
    coherence: Coherence, templates: Sequence[Template], score: Score
) -> Iterator[list[CoherenceScore]]:
    """Yield the scores of each template, one for each example; those in the ledger are read."""
    first_template = (coherence.sentences(templates[0], each) for each in coherence.sentence_sets)
    step = max(1, SENTENCES // sum(len(texts) for answers in first_template for texts in answers))
    model = coherence.lm.info.sha256[:12]
    for first in range(0, len(templates), step):
        chunk = templates[first : first + step]
        work = f"lm-score {model} {first}-{first + len(chunk)}"
        rows: list[list[tuple[float, int]]] = ledgered(
            score, work, partial(coherence.model_call, chunk)
        )
        for row in rows:
            yield [CoherenceScore(*pair) for pair in row]


def _chosen(
    ranking: TemplateRanking,
    coherence: Coherence,
    templates: Sequence[Template],
    scores: Sequence[Sequence[CoherenceScore]],
) -> Iterator[dict[str, object]]:
    """Yield, for each example, the template that is best for it, and its best sentence."""
    for number, (example, index) in enumerate(
        zip(coherence.sentence_sets, ranking.choices, strict=True)
    ):
        template, best_score = templates[index], scores[index][number]
        sentence = coherence.sentence(template, example, best_score.best)
        yield {
            "example": example.id,
            "template": str(template),
            "sentence": sentence,
            "lm_score": best_score.score,
        }


def _summary(
    coherence: Coherence,
    ranking: TemplateRanking,
    templates: Sequence[Template],
    order: Sequence[int],
) -> str:
    best, means = order[0], ranking.means
    examples = len(coherence.sentence_sets)
    return (
        f"{coherence.lm.info.spec} read {len(templates)} templates with {examples} "
        f"examples: best {means[best]:.3f} {str(templates[best])!r}; the start "
        f"{means[0]:.3f}, place {order.index(0) + 1}"
    )
