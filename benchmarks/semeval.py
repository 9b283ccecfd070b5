"""SemEval-2010 Task 8 on test: decomposed labels against one word a label, one frozen model.

    python benchmarks/semeval.py --out docs/semeval.json

`one word` is the head's role ("cause", "effect") by a fixed rule, `one verb` a verb that was chosen
by hand for each label; `roles` and `rules` are what `answers decompose` proposes: two slots, and
PTR's five. Zero-shot is each one's first template. `chosen` is the template that is best on a few
examples of train (16 a label, one draw a seed), `searched` what a small paraphrase search makes of
that one. All is done plainly, and with the prior of each prompt taken away, which 300 inputs of
train show (`--calibration batch`; their labels are not read). Differences are to `one word`, and to
the better of the two with one word, on the same test rows.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np

from promptsearch import (
    DecomposeSearch,
    Example,
    ParaphraseSearch,
    Scorer,
    Settings,
    TaskDefinition,
    load_model,
    load_task,
    search,
)
from promptsearch.data import CLASSIFICATION
from promptsearch.metrics import paired_difference, scores_of
from promptsearch.metrics.predictions import Predictions
from promptsearch.models import LanguageModel, Scoring
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.scoring import Cost
from promptsearch.scoring.calibration import CalibratedScorer, Calibration
from promptsearch.scoring.scorer import PredictionBatch
from promptsearch.searchers.answers.decompose.label_names import roles_of

DATA = Path(__file__).parents[2] / "shared/data/relation/semeval2010t8_original"
SEEDS = (13, 21, 42)
SHOTS = 16
REFERENCES = 300
NEGATIVE = "Other"
HOW: tuple[Calibration, ...] = ("none", "batch")
TASK = """name = "semeval"
kind = "classification"
train = "{0}/TRAIN_FILE.TXT"
test = "{0}/TEST_FILE_FULL.TXT"
template = "{{text}} The {{head}} is the [Z] of the {{tail}}."
negative_label = "Other"
markup = {{ e1 = "head", e2 = "tail" }}
[answers]
{1}
"""
ENTITIES = {"Entity-Destination(e1,e2)": "arrival", "Entity-Origin(e1,e2)": "departure"}
VERBS = {
    "Cause-Effect": ("causes", "follows"),
    "Component-Whole": ("completes", "has"),
    "Content-Container": ("fills", "contains"),
    "Entity-Destination": ("enters", "receives"),
    "Entity-Origin": ("leaves", "yields"),
    "Instrument-Agency": ("helps", "uses"),
    "Member-Collection": ("joins", "includes"),
    "Message-Topic": ("describes", "inspires"),
    "Product-Producer": ("needs", "makes"),
}
WORD_TEMPLATES = (
    "{text} The {head} is the [Z] of the {tail}.",
    "{text} The {head} is a [Z].",
    "{text} The relation between the {head} and the {tail} is [Z].",
)
VERB_TEMPLATES = (
    "{text} The {head} [Z] the {tail}.",
    "{text} {head} [Z] {tail}",
    "{text} In this sentence, the {head} [Z] the {tail}.",
)
Found = dict[str, Predictions]


@dataclass(frozen=True)
class Remembering:
    """A scorer that judges a prompt on the same list of examples once."""

    scorer: Scorer
    known: dict[tuple[Prompt, int], Predictions] = field(default_factory=dict)

    def predict(self, prompts: Sequence[Prompt], examples: Sequence[Example]) -> PredictionBatch:
        fresh = [prompt for prompt in prompts if (prompt, id(examples)) not in self.known]
        for prompt, judgement in zip(fresh, self.scorer.judge(fresh, examples), strict=True):
            self.known[prompt, id(examples)] = judgement
        return PredictionBatch(
            tuple(self.known[prompt, id(examples)] for prompt in prompts), Cost()
        )

    def cost(self, prompts: Sequence[Prompt], examples: Sequence[Example]) -> Cost:
        return self.scorer.cost(prompts, examples)


@dataclass(frozen=True)
class Bench:
    """The task, what judges, and each method's prompts."""

    definition: TaskDefinition
    model: LanguageModel
    scorer: Remembering
    methods: Mapping[str, Sequence[Prompt]]
    test: Sequence[Example]
    references: Sequence[Example]

    def predict(
        self, prompts: Sequence[Prompt], examples: Sequence[Example], how: Calibration
    ) -> Sequence[Predictions]:
        if how == "none":
            return self.scorer.predict(prompts, examples).predictions
        own = CalibratedScorer(self.scorer, self.scorer.scorer, how, self.references)
        return own.predict(prompts, examples).predictions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--rows", type=int, default=2717, help="of test, the first")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--searches", type=int, default=1, help="seeds that are searched, too")
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "semeval")
    parser.add_argument("--out", type=Path, default=Path("semeval.json"))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    bench = bench_of(load_model(given.model), given.folder, given.rows)
    rows: list[object] = []

    def keep(kind: str, seed: int | None, how: Calibration, prompts: Mapping[str, Prompt]) -> None:
        rows.append(row(kind, seed, how, on_test(bench, prompts, how)))
        given.out.write_text(json.dumps(rows, indent=1))

    for how in HOW:
        keep("zero-shot", None, how, {name: own[0] for name, own in bench.methods.items()})
    drawn = {seed: shots(bench.definition.train.examples, seed) for seed in SEEDS[: given.seeds]}
    chosen = {
        (seed, how): {name: best(bench, own, dev, how) for name, own in bench.methods.items()}
        for seed, dev in drawn.items()
        for how in HOW
    }
    for (seed, how), prompts in chosen.items():
        keep("chosen", seed, how, prompts)
    for (seed, how), prompts in reversed(list(chosen.items())):
        if seed in SEEDS[: given.searches]:
            found = {n: paraphrased(bench, p, drawn[seed], seed, how) for n, p in prompts.items()}
            keep("searched", seed, how, found)


def bench_of(model: LanguageModel, folder: Path, count: int) -> Bench:
    file = folder / "semeval.toml"
    words = one_words()
    answers = "\n".join(f'"{label}" = ["{word}"]' for label, word in words.items())
    file.write_text(TASK.format(DATA, answers))
    definition = load_task(file)
    proposals = DecomposeSearch().proposals(definition.prompt, definition.inputs).prompts
    verbs = {NEGATIVE: "meets"} | {
        f"{name}({pair})": verb
        for name, both in VERBS.items()
        for pair, verb in zip(("e1,e2", "e2,e1"), both, strict=True)
    }
    methods = {
        "one word": prompts_of(WORD_TEMPLATES, words),
        "one verb": prompts_of(VERB_TEMPLATES, {label: verbs[label] for label in words}),
        **{
            form: [prompt for prompt in proposals if prompt.source.evidence["form"] == form]
            for form in ("roles", "rules")
        },
    }
    scorer = Remembering(Scorer(model, Scoring("independent")))
    unread = definition.train.examples[:REFERENCES]
    references = [Example(each.id, each.inputs, ()) for each in unread]
    test = definition.test().examples[:count]
    return Bench(definition, model, scorer, methods, test, references)


def one_words() -> dict[str, str]:
    """The head's role; "entity" would be one word for two labels."""
    labels = [f"{name}({pair})" for name in VERBS for pair in ("e1,e2", "e2,e1")]
    roles = {label: ENTITIES.get(label) or (roles_of(label) or ("",))[0] for label in labels}
    return {NEGATIVE: "nothing", **roles}


def prompts_of(templates: Sequence[str], words: Mapping[str, str]) -> list[Prompt]:
    verbalizer = Verbalizer.of({label: [word] for label, word in words.items()})
    return [Prompt(Template.parse(template), verbalizer) for template in templates]


def shots(examples: Sequence[Example], seed: int) -> list[Example]:
    """16 examples of each label, all where there are fewer."""
    order = np.random.default_rng(seed).permutation(len(examples)).tolist()
    taken: dict[str, list[Example]] = {}
    for place in order:
        own = taken.setdefault(examples[place].targets[0], [])
        if len(own) < SHOTS:
            own.append(examples[place])
    return [example for own in taken.values() for example in own]


def best(
    bench: Bench, prompts: Sequence[Prompt], dev: Sequence[Example], how: Calibration
) -> Prompt:
    """By log-likelihood on dev."""
    judged = bench.predict(prompts, dev, how)
    return prompts[int(np.argmax([each.log_right.mean() for each in judged]))]


def paraphrased(
    bench: Bench, start: Prompt, dev: Sequence[Example], seed: int, how: Calibration
) -> Prompt:
    """The template that a small paraphrase search finds on dev, which is all that it sees."""
    few = {
        name: replace(getattr(bench.definition, name), examples=tuple(dev))
        for name in ("train", "dev")
    }
    definition = replace(bench.definition, prompt=start, **few)
    settings = Settings(seed=seed, multi_token="independent", calibration=how)
    searcher = ParaphraseSearch(method=("synonyms", "edits"), rounds=1, pool=60, width=12)
    return search(searcher, definition, bench.model, settings).best.prompt


def on_test(bench: Bench, prompts: Mapping[str, Prompt], how: Calibration) -> Found:
    for name, prompt in prompts.items():
        print(f"{name}: {prompt.template}", flush=True)
    return {n: bench.predict([prompt], bench.test, how)[0] for n, prompt in prompts.items()}


def row(kind: str, seed: int | None, how: Calibration, found: Found) -> dict[str, object]:
    """What the methods come to; printed as lines of the table."""
    scores = {name: scores_of(judged, CLASSIFICATION, NEGATIVE) for name, judged in found.items()}
    rival = max(("one word", "one verb"), key=lambda name: float(str(scores[name]["micro_f1"])))
    table = {}
    for name, own in scores.items():
        gains = {
            other: paired_difference(found[name], found[other], "micro_f1", NEGATIVE)
            for other in dict.fromkeys(("one word", rival))
        }
        shown = [f"{own[key]:.3f}" for key in ("micro_f1", "macro_f1", "accuracy")]
        told = [_told(gains["one word"]), _told(gains[rival])]
        print(f"| {kind} | {seed or '-'} | {how} | {name} | {' | '.join([*shown, *told])} |")
        table[name] = {**own, "rival": rival, "gains": gains}
    return {"kind": kind, "seed": seed, "calibration": how, "methods": table}


def _told(gain: Mapping[str, Any]) -> str:
    low, high = gain["ci95"]
    return f"{gain['delta']:+.3f} [{low:+.3f}, {high:+.3f}]"


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"{time.monotonic() - started:.0f} s")
