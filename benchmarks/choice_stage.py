"""The multiple-choice stage on shared sets: zero-shot on a family that was held out.

    python benchmarks/choice_stage.py --data ../shared/data --out docs/choice_stage.jsonl
    python benchmarks/choice_stage.py --out docs/choice_stage.jsonl --table

The built-in model is trained as `tune-choices` does on the sets of choice_tasks.py but one family
(topic: AG News; question type: TREC; sentiment: SST-2, IMDB, MR), --rows rows of each, one epoch,
and scores the family's test rows (--test at most) by the options that it has never seen. `trained`
is UniMC's layout; `no blocks` lets options see one another: as each starts at the same position,
they are then all alike, trained or not, and every row gets the first label; `no restart` counts
positions on, `neither` is a plain text of all options; `untrained` is the layout before the stage,
and `cloze` the same model with a template and the same words; in brackets the least, the greatest
and the number of seeds. `calibrated` takes away what a prompt says on average of 300 unlabelled
training inputs. No row of the held-out family chooses or trains anything. Differences are over
seeds, paired by test set, with Student's intervals.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from choice_tasks import SETS, write_task
from on_test import add_files, some
from over_seeds import difference

from promptsearch import Scorer, Settings, TaskDefinition, load_model, load_task
from promptsearch.models import LanguageModel
from promptsearch.models.finetuning.float32_copy import wrapped_copy
from promptsearch.models.training.checkpoint import LastCheckpoint
from promptsearch.models.training.choice_config import ChoiceTuningConfig
from promptsearch.models.training.choice_trainer import ChoiceTrainer, with_option_form
from promptsearch.runs.choice_stage import ChoiceStage, by_family
from promptsearch.scoring import PromptScorer
from promptsearch.scoring.calibration import CalibratedScorer, references_of

ALIKE = "no blocks"  # options at the same positions, which no training tells apart
FORMS = {
    "trained": (True, True),
    ALIKE: (False, True),
    "no restart": (True, False),
    "neither": (False, False),
}
FAMILIES = {"topic": ["AG-News"], "question type": ["TREC"], "sentiment": ["SST-2", "MR"]}
SEEDS = (0, 1, 2, 3, 4)
REFERENCES = 300  # inputs of train, without labels, that show a prompt's prior


def scores(
    model: LanguageModel, definition: TaskDefinition, rows: int
) -> Mapping[str, Mapping[str, float]]:
    """Return accuracy and log-likelihood on test, plain and calibrated."""
    scorer = Scorer(model, Settings().scoring(definition.kind))
    test = some(definition.test().examples, rows)
    inputs = some(definition.train.examples, REFERENCES)
    references = references_of("batch", definition.inputs, inputs)
    ways: dict[str, PromptScorer] = {
        "plain": scorer,
        "calibrated": CalibratedScorer(scorer, scorer, "batch", references),
    }
    result = {}
    for name, way in ways.items():
        (predictions,) = way.predict([definition.prompt], test).predictions
        result[name] = {
            "accuracy": float(predictions.hits.mean()),
            "log_likelihood": float(predictions.log_right.mean()),
        }
    return result


def stage(
    tasks: Sequence[TaskDefinition], family: str, seed: int, given: argparse.Namespace
) -> ChoiceStage:
    trained, held_out = by_family(tasks, [family])
    losses = tuple(given.losses.split(","))
    config = ChoiceTuningConfig(losses, given.epochs, lr=given.lr, autocast=True)
    return ChoiceStage(trained, held_out, config, given.rows, given.tokens, seed)


def trained(
    stage: ChoiceStage, base: LanguageModel, form: tuple[bool, bool], folder: Path
) -> tuple[LanguageModel, Mapping[str, object]]:
    """Return the model after the stage, in this form of the layout, and what it took."""
    start, began = with_option_form(base, *form), time.process_time()
    trainer = ChoiceTrainer(start, *stage.words, stage.config, stage.seed)
    trainer.read(stage.texts(), stage.max_tokens)
    result = trainer.run(LastCheckpoint(folder / "checkpoint", ""), 10**9, lambda *_: None)
    about = {
        "steps": trainer.steps,
        "trained_tokens": trainer.tokens,
        "cpu_seconds": round(time.process_time() - began),
        "loss": round(float(np.mean(result.losses[-20:])), 3),
    }
    return with_option_form(wrapped_copy(result.model, start), *form), about


def runs(given: argparse.Namespace, folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows that the file does not have."""
    home = given.data.resolve() / "classification"
    files = {name: write_task(name, home, folder) for name in SETS}
    options = {n: load_task(file, overrides={"layout": "options"}) for n, file in files.items()}
    base = load_model("builtin")
    trained_on = [options[name] for name, each in SETS.items() if each.train is not None]
    for family, tests in FAMILIES.items():
        for test in tests:
            if fresh(
                given, cell := {"held_out": family, "test": test, "seed": None, "form": "cloze"}
            ):
                cloze = load_task(files[test], overrides={"layout": "cloze"})
                yield {**cell, **scores(base, cloze, given.test)}
    for form, flags in FORMS.items():
        start = with_option_form(base, *flags)
        for family, tests in FAMILIES.items():
            for test in tests:
                cell = {
                    "held_out": family,
                    "test": test,
                    "seed": None,
                    "form": f"untrained, {form}",
                }
                if fresh(given, cell):
                    yield {**cell, **scores(start, options[test], given.test)}
    for seed, family, form in product(given.seeds, given.families, given.forms):
        cells = [
            {"held_out": family, "test": test, "seed": seed, "form": form}
            for test in FAMILIES[family]
        ]
        if missing := [cell for cell in cells if fresh(given, cell)]:
            model, about = trained(
                stage(trained_on, family, seed, given), base, FORMS[form], folder
            )
            for cell in missing:
                yield {**cell, **about, **scores(model, options[str(cell["test"])], given.test)}


def fresh(given: argparse.Namespace, cell: Mapping[str, object]) -> bool:
    return not any(all(line.get(k) == v for k, v in cell.items()) for line in lines_of(given))


def settings(given: argparse.Namespace) -> dict[str, object]:
    names = ("rows", "epochs", "lr", "losses", "tokens")
    return {"test_rows": given.test, **{name: getattr(given, name) for name in names}}


def lines_of(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the lines of the file that were made with these settings."""
    if not given.out.exists():
        return []
    lines = [json.loads(line) for line in given.out.read_text(encoding="utf-8").splitlines()]
    wanted = settings(given)
    return [line for line in lines if all(line[k] == v for k, v in wanted.items())]


def table(lines: Sequence[Mapping[str, Any]], way: str) -> str:
    """Return a row a test set: accuracies, and what the stage and its layout are worth."""
    head = ["test", "untrained", "cloze", *FORMS]
    head += ["trained - untrained", *(f"trained - {form}" for form in FORMS if form != "trained")]
    rows = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for test in [test for tests in FAMILIES.values() for test in tests]:
        of_test = [line for line in lines if line["test"] == test]
        fixed = {line["form"]: line[way]["accuracy"] for line in of_test if line["seed"] is None}
        by_form = {
            form: {line["seed"]: line[way]["accuracy"] for line in of_test if line["form"] == form}
            for form in FORMS
        }
        seeds = by_form["trained"]
        if not seeds:
            continue
        by_form[ALIKE] = dict.fromkeys(seeds, fixed[f"untrained, {ALIKE}"])
        spread = [_spread([*each.values()]) for each in by_form.values()]
        before = fixed["untrained, trained"]
        gains = [difference(np.array([*seeds.values()]) - before)]
        gains += [
            difference(np.array([seeds[seed] - each[seed] for seed in each])) if each else "-"
            for form, each in by_form.items()
            if form != "trained"
        ]
        cells = [test, f"{before:.3f}", f"{fixed['cloze']:.3f}", *spread, *gains]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _spread(values: Sequence[float]) -> str:
    """Return the mean, with the least and the greatest, and the number of seeds."""
    if not values:
        return "-"
    return f"{np.mean(values):.3f} ({min(values):.3f}-{max(values):.3f}; {len(values)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    trained_forms = [form for form in FORMS if form != ALIKE]
    parser.add_argument("--forms", nargs="+", default=trained_forms, choices=list(FORMS))
    parser.add_argument("--rows", type=int, default=400, help="of a set, at most")
    parser.add_argument("--test", type=int, default=300, help="rows of a test set, at most")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--losses", default="op,omlm", help="without mlm: as the pilots")
    parser.add_argument("--tokens", type=int, default=96, help="of a training row, at most")
    add_files(parser)
    given = parser.parse_args()
    if not given.table:
        with TemporaryDirectory() as folder:
            for row in runs(given, Path(folder)):
                with given.out.open("a", encoding="utf-8") as out:
                    out.write(json.dumps({**settings(given), **row}) + "\n")
                print(json.dumps(row), file=sys.stderr, flush=True)
    for way in ("plain", "calibrated"):
        print(f"{way}\n\n{table(lines_of(given), way)}\n")


if __name__ == "__main__":
    main()
