"""Paraphrases of LAMA's manual prompts on T-REx relations, with the built-in model.

    python benchmarks/lama_paraphrase.py --pool 150 --width 40 --data ../shared/data \\
        --out docs/lama_paraphrase.json

Splits, candidates and figures are those of lama_mining.py. Prints the table of docs/results.md.
"""

import argparse
from pathlib import Path

from lama_mining import measure_all, table

from promptsearch import ParaphraseSearch, Settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("relations", nargs="*", help="default: all that data holds")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("docs/lama_paraphrase.json"))
    parser.add_argument("--pool", type=int, default=ParaphraseSearch.pool)
    parser.add_argument("--width", type=int, default=ParaphraseSearch.width)
    given = parser.parse_args()
    searcher = ParaphraseSearch(pool=given.pool, width=given.width)
    print(table(measure_all(given.data, given.relations, searcher, Settings(), given.out)))


if __name__ == "__main__":
    main()
