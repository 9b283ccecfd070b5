"""Paraphrased and generated templates against the manual one, on test, with the built-in model.

    python benchmarks/template_search.py paraphrase SST-2 TREC --out docs/paraphrase.json
    python benchmarks/template_search.py generate SST-2 SNLI P19 P36 P103 --out docs/generate.json

SST-2, TREC and SNLI in LM-BFF's 16-shot splits (one a seed), LAMA relations with three seeds;
the strategies' defaults. `random` fills the same gaps of the same layouts with as many templates of
random words from the same vocabulary, and keeps the best on dev. Prints tables of docs/results.md.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from on_test import SEEDS, Methods, head, row, tasks, trials

from promptsearch import GenerateSearch, ParaphraseSearch, Settings, load_model
from promptsearch.engine.strategy import Score, Task
from promptsearch.prompt import Source
from promptsearch.searchers.common.gap_template import GapTemplate, gap_templates_for
from promptsearch.searchers.common.word_scorer import word_scorer
from promptsearch.searchers.generate.partial_fills import sizes_of


class RandomInfills(GenerateSearch):
    """Random words in the same gaps: what dev alone would choose."""

    def search(self, task: Task, score: Score) -> None:
        """As many templates as the generated ones."""
        assert task.model is not None
        words = word_scorer(task, task.model).words
        rng = np.random.default_rng([task.seed, 7])

        def drawn(frame: GapTemplate, sizes: tuple[int, ...]) -> str:
            texts = ["".join(f" {rng.choice(words)}" for _ in range(size)) for size in sizes]
            return str(frame.template(texts))

        frames = gap_templates_for(self.layout, task, ends=False)
        shapes = [(frame, sizes) for frame in frames for sizes in sizes_of(frame.gaps, self.words)]
        each = -(-self.top // len(shapes))
        beams = [[drawn(*shape) for _ in range(each)] for shape in shapes]
        found = dict.fromkeys(filter(None, chain.from_iterable(zip_longest(*beams))))
        template = type(task.prompt.template).parse
        some = list(found)[: self.top]
        score([task.prompt.with_template(template(text), Source("random")) for text in some])


METHODS: dict[str, Methods] = {
    "paraphrase": {"paraphrase": ParaphraseSearch},
    "generate": {"generate": GenerateSearch, "random": RandomInfills},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("strategy", choices=METHODS)
    parser.add_argument("names", nargs="+", help="of tasks")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    methods = METHODS[given.strategy]
    model, rows, saved = load_model("builtin"), [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name, paths in tasks(given.data.resolve(), Path(folder), given.names):
            seeds = [
                trials(path, seed, methods, replace(Settings(), seed=seed), model)
                for path, seed in zip(paths, SEEDS, strict=True)
            ]
            rows.append(row(name, seeds, given.strategy))
            saved[name] = [{m: vars(trial) for m, trial in own.items()} for own in seeds]
            given.out.write_text(json.dumps(saved) + "\n")
    print(head(methods, given.strategy))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
