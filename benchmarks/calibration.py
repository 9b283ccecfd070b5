"""What calibration is worth: manual prompts on test, raw and with each method.

python benchmarks/calibration.py --data ../shared/data [--tasks SST-2 TREC Subj]

LM-BFF's 16-shot splits, the built-in model. Accuracy and ECE are means over the splits (the raw
scores are the same in all; `batch` has each split's training inputs as references); differences
are paired by example, with a bootstrap interval.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from on_test import difference, tasks

from promptsearch import Scorer, Settings, load_model, load_task
from promptsearch.data import CLASSIFICATION
from promptsearch.metrics import scores_of
from promptsearch.metrics.predictions import Predictions
from promptsearch.models import LanguageModel
from promptsearch.runs.scorer_setup import add_calibration
from promptsearch.scoring.calibration import METHODS


def judged(path: Path, model: LanguageModel) -> Mapping[str, Predictions]:
    """What the manual prompt says of test, by method."""
    task = load_task(path)
    own = Scorer(model, Settings().scoring(task.kind))
    test = task.test().examples
    return {
        method: add_calibration(own, own, Settings(calibration=method), task)
        .predict([task.prompt], test)
        .predictions[0]
        for method in METHODS
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", default=["SST-2", "TREC", "Subj"])
    given = parser.parse_args()
    model = load_model("builtin")
    print("| task | n | method | accuracy | ECE | accuracy - raw |\n|---|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for name, paths in tasks(given.data, Path(folder), given.tasks):
            every = [judged(path, model) for path in paths]
            raw = np.mean([own["none"].hits for own in every], axis=0)
            for method in METHODS:
                hits = np.mean([own[method].hits for own in every], axis=0)
                scores = [scores_of(own[method], CLASSIFICATION) for own in every]
                ece = np.mean([float(each["ece"]) for each in scores])  # type: ignore[arg-type]
                gain = "" if method == "none" else difference(hits, raw)
                print(
                    f"| {name} | {len(hits)} | {method} | {hits.mean():.3f} | {ece:.3f} | {gain} |"
                )


if __name__ == "__main__":
    main()
