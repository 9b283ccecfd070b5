"""Do a language model's scores of templates say which ones recall facts? LAMA's T-REx relations.

    python benchmarks/lm_score_lama.py --lm smollm2 [--relations P19 P36] [--out FILE]

For each relation, the prompts of LPAQA (mined, paraphrased) and ParaRel are ordered by `lm-score`,
filled with training facts, and by their P@1 under the built-in model on LAMA's facts, which select
nothing, with LAMA's common vocabulary as candidates. Printed: the rank correlation of the two
orders (Spearman's rho, Kendall's tau-b), and the P@1 of the template that the language model likes
best beside LAMA's own, the mean and the best one. `any` draws its answers from the relation's
training and dev objects; `right` knows the right one.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from lama_mining import Relation, rows_of
from numpy.typing import NDArray

from promptsearch import Scorer, Settings, load_model, load_task
from promptsearch.data import FACTS, Example, TaskDefinition
from promptsearch.formats.shared.lama_notation import from_lama
from promptsearch.metrics import scores_of
from promptsearch.metrics.intervals import bootstrap
from promptsearch.models import LanguageModel
from promptsearch.prompt import Source, Template
from promptsearch.runs.run import task_of
from promptsearch.searchers.lm_score.coherence import Coherence, CoherenceScore
from promptsearch.searchers.lm_score.ranking import TemplateRanking
from promptsearch.searchers.lm_score.sentences import AnswerChoice, sentence_sets

LISTS = ("lpaqa_prompt/mine", "lpaqa_prompt/paraphrase", "pararel_patterns")
SLOTS: tuple[AnswerChoice, ...] = ("right", "any")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """How much is read and judged, and by which models."""

    lm: LanguageModel
    judge: LanguageModel
    facts: int  # training facts that the language model reads
    test_facts: int
    variants: bool

    def measured(self, relation: Relation) -> dict[str, object]:
        """A row of the table: P@1 and LM scores of all templates, and how they go together."""
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as name:
            path = relation.write_task(Path(name))
            definition = load_task(path)
            templates = templates_of(relation, definition)
            accuracy = self._accuracy(definition, templates)
            own = [line for line in path.read_text().splitlines() if "candidates" not in line]
            path.write_text("\n".join(own))  # the answers that `any` draws: the relation's objects
            scores = {slot: self._scores(load_task(path), templates, slot) for slot in SLOTS}
        return {
            "relation": relation.name,
            "templates": list(map(str, templates)),
            "p@1": accuracy.tolist(),
            "lm_scores": {slot: own.tolist() for slot, own in scores.items()},
            **{slot: agreement(own, accuracy) for slot, own in scores.items()},
            "seconds": time.perf_counter() - began,
        }

    def _accuracy(self, definition: TaskDefinition, templates: list[Template]) -> Floats:
        """(template,): P@1 on some of LAMA's facts."""
        facts = definition.test()
        rows = np.random.default_rng(0).permutation(len(facts.examples))[: self.test_facts]
        examples: list[Example] = [facts.examples[row] for row in sorted(rows.tolist())]
        scorer = Scorer(self.judge, Settings().scoring(FACTS), facts=True)
        prompts = [definition.prompt.with_template(each, Source()) for each in templates]
        judged = scorer.judge(prompts, examples)
        return np.array([scores_of(each, FACTS)["p@1"] for each in judged], dtype=np.float64)

    def _scores(
        self, definition: TaskDefinition, templates: list[Template], slot: AnswerChoice
    ) -> Floats:
        """(template,): the language model's mean scores."""
        task = task_of(definition, self.judge, Settings(), None)
        coherence = Coherence(self.lm, sentence_sets(task, self.facts, slot, self.variants))
        worths = cast(list[list[CoherenceScore]], coherence.model_call(templates).run())
        return TemplateRanking(np.array([[worth.score for worth in own] for own in worths])).means


def templates_of(relation: Relation, definition: TaskDefinition) -> list[Template]:
    """LAMA's template, then the published ones, each once."""
    found = {definition.prompt.template: None}
    for folder in LISTS:
        rows = rows_of(relation.data / "factual" / folder / f"{relation.name}.jsonl")
        for row in rows:
            found[Template.parse(from_lama(row.get("template") or row["pattern"]))] = None
    return list(found)


def agreement(scores: Floats, accuracy: Floats) -> dict[str, float]:
    """Of one relation; the first template is LAMA's."""
    return {
        "spearman": spearman(scores, accuracy),
        "kendall": kendall(scores, accuracy),
        "chosen": float(accuracy[int(scores.argmax())]),
        "lama": float(accuracy[0]),
        "mean": float(accuracy.mean()),
        "best": float(accuracy.max()),
    }


def spearman(one: Floats, other: Floats) -> float:
    """Pearson's correlation of the ranks; NaN where all values of one are equal."""
    ranks = [ranks_of(values) - ranks_of(values).mean() for values in (one, other)]
    size = np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum())
    return float((ranks[0] * ranks[1]).sum() / size) if size else float("nan")


def ranks_of(values: Floats) -> Floats:
    """Ascending from 0; equal values share the mean of their ranks."""
    below = (values[None, :] < values[:, None]).sum(axis=1)
    equal = (values[None, :] == values[:, None]).sum(axis=1)
    ranks: Floats = below + (equal - 1) / 2
    return ranks


def kendall(one: Floats, other: Floats) -> float:
    """Tau-b: agreeing less disagreeing pairs, over those that each order can tell apart."""
    signs = [np.sign(values[:, None] - values[None, :]) for values in (one, other)]
    size = np.sqrt((signs[0] ** 2).sum() * (signs[1] ** 2).sum())
    return float((signs[0] * signs[1]).sum() / size) if size else float("nan")


def line(row: dict[str, object], slot: AnswerChoice) -> str:
    own: dict[str, float] = row[slot]  # type: ignore[assignment]
    count = len(row["templates"])  # type: ignore[arg-type]
    figures = " | ".join(f"{own[name]:.3f}" for name in ("chosen", "lama", "mean", "best"))
    return (
        f"| {row['relation']} | {count} | {slot} | {own['spearman']:+.2f} | {own['kendall']:+.2f} "
        f"| {figures} |"
    )


def summary(rows: list[dict[str, object]], slot: AnswerChoice, name: str, minus: str | None) -> str:
    """The mean over the relations that have the figure, and its bootstrap interval over them."""
    owns: list[dict[str, float]] = [row[slot] for row in rows]  # type: ignore[misc]
    every = np.array([own[name] - (own[minus] if minus else 0.0) for own in owns])
    values = every[np.isfinite(every)]
    if not len(values):
        return f"{slot}: {name} has no value; P@1 is the same for all templates"
    (low, high), _ = bootstrap(lambda drawn: float(values[drawn].mean()), len(values))
    what = f"P@1 of the chosen less that of {minus}" if minus else name
    return (
        f"{slot}: {what}, mean over {len(values)} relations {values.mean():+.3f} "
        f"[{low:+.3f}, {high:+.3f}]"
    )


def table(rows: list[dict[str, object]]) -> str:
    """Markdown: two lines a relation, and the means."""
    lines = ["| relation | templates | slot | rho | tau-b | chosen | LAMA's | mean | best |"]
    lines.append("|---" * 9 + "|")
    lines += [line(row, slot) for row in rows for slot in SLOTS]
    for slot in SLOTS:
        lines.append("")
        lines += [summary(rows, slot, name, None) for name in ("spearman", "kendall")]
        lines += [summary(rows, slot, "chosen", other) for other in ("lama", "mean")]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--relations", nargs="*", help="default: all that data holds")
    parser.add_argument("--lm", default="smollm2")
    parser.add_argument("--facts", type=int, default=16, help="training facts that are read")
    parser.add_argument("--test-facts", type=int, default=200, help="of LAMA's, a fixed draw")
    parser.add_argument("--no-variants", action="store_true", help="words as they are")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("docs/lm_score_lama.json"))
    given = parser.parse_args()
    data = given.data.resolve()
    lm, judge = load_model(given.lm, chat="off"), load_model("builtin")
    plan = Plan(lm, judge, given.facts, given.test_facts, not given.no_variants)
    rows = []
    for row in rows_of(data / "factual/relations.jsonl"):
        relation = Relation(row["relation"], from_lama(row["template"]), data)
        here = (data / f"factual/lama_trex_facts/{relation.name}.jsonl").exists()
        if here and (not given.relations or relation.name in given.relations):
            rows.append(plan.measured(relation))
            print(*(line(rows[-1], slot) for slot in SLOTS), sep="\n", file=sys.stderr, flush=True)
            given.out.write_text(json.dumps(rows, indent=1) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
