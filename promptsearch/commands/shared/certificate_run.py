"""The sections of `promptsearch certify`, in their order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promptsearch.commands.shared.console import Console, answers_text
from promptsearch.commands.shared.saved_search import searcher_of, settings_of
from promptsearch.data import TaskDefinition
from promptsearch.engine.ledger import LEDGER
from promptsearch.errors import RunError
from promptsearch.evaluation.certificate import certify
from promptsearch.evaluation.certificate.candidates import candidates_of, ledger_of
from promptsearch.evaluation.certificate.comparison import (
    Comparison,
    Design,
    among_candidates,
    among_searched,
    rows_of,
    score_matrix_of,
)
from promptsearch.evaluation.certificate.null_models import Randomiser
from promptsearch.evaluation.report.number_format import count
from promptsearch.models import LanguageModel
from promptsearch.prediction.selection import expected_in
from promptsearch.prompt import Prompt
from promptsearch.prompt_file.prompts_json import Json, PromptFile
from promptsearch.runs.run import search
from promptsearch.scoring import PromptScorer


@dataclass(frozen=True)
class Certifier:
    """Maker of a certificate."""

    file: PromptFile
    definition: TaskDefinition
    model: LanguageModel
    scorer: PromptScorer
    design: Design
    which: str  # rows: "dev" or "all"
    options: Mapping[str, Any]
    console: Console

    def document(self) -> Json:
        """Return the certificate, section by section."""
        prompts = candidates_of(self.file, self.definition, self.design.seed)
        if not prompts:
            raise RunError(f"{self.file.path}: it holds no prompt but the manual one")
        comparison, design = self._comparison(prompts), self.design
        beside = () if self.which == "all" else self.definition.train.examples
        random = self._random(comparison, prompts)
        baselines = certify.baselines_section(comparison, design, self.scorer, beside)
        return {
            "task": self.definition.name,
            "rows": {"split": self.which, "n": len(comparison.examples)},
            "metric": design.metric,
            "chosen_by": design.objective,
            "prompts": len(prompts),
            "proposals": "anew" if comparison.repeated else "as given",
            "folds": design.folds,
            "repeats": len(comparison.fit.chosen),
            "seed": design.seed,
            "gain": certify.gain_section(comparison, design),
            "expected": expected_in(self.file.document),
            "better": certify.better_section(random, baselines),
            "on_the_rows_that_chose": certify.in_sample_section(comparison, design),
            "ties": certify.ties_section(comparison, design),
            "draws": certify.draws_section(comparison, design),
            "shuffled_labels": self._shuffled(comparison),
            "random": random,
            "baselines": baselines,
        }

    def _comparison(self, prompts: list[Prompt]) -> Comparison:
        if not self.options["again"]:
            remark = (
                "" if ledger_of(self.file) else f", for want of the search's {LEDGER} beside it"
            )
            self.console.say(f"{count(len(prompts), 'prompt')} to choose among{remark}")
            examples = rows_of(self.definition, self.which)
            return among_candidates(prompts, self.definition, examples, self.scorer, self.design)
        searcher, settings = searcher_of(self.file), settings_of(self.file)
        drawn = self.design.draws if self.design.shots else 0
        self.console.say(f"{self.design.folds + drawn} searches")

        def searched(part: TaskDefinition) -> Prompt:
            best = search(searcher, part, self.model, settings).best
            answers = answers_text(best.prompt.plain_answers)
            answers_note = "" if part.kind.has_candidates else f" · {answers}"
            self.console.say(f"found {best.prompt.template.described}{answers_note}")
            return best.prompt

        return among_searched(searched, self.definition, self.scorer, self.design)

    def _shuffled(self, comparison: Comparison) -> object:
        times = self.options["shuffles"]
        return certify.permutation_section(comparison, self.design, times) if times else None

    def _random(self, comparison: Comparison, prompts: list[Prompt]) -> certify.Section | None:
        most = self.options["randoms"]
        words = self.model.vocabulary_words() if most != 0 else []
        if not words:
            return None
        randomiser = Randomiser(self.definition.prompt, words, self.definition.language)
        random_prompts = randomiser.random_prompts_like(
            prompts, most or len(prompts), self.design.seed
        )
        matrix = score_matrix_of(random_prompts, self.definition, comparison.examples, self.scorer)
        return certify.random_section(comparison, self.design, matrix, len(random_prompts))
