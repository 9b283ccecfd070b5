"""Rebuild the built-in thesaurus, `promptsearch/corpora/builtin/synonyms.tsv.gz`, from WordNet 3.0.

    python scripts/build_synonyms.py DIRECTORY    # holds data.noun ... data.adv and index.sense

See `build_wordnet.py` for where the database comes from. Nothing is random: the file comes out the
same, byte for byte (with the same zlib).
"""

import argparse
from pathlib import Path

from wordnet.synonyms import synonym_lines, write_synonyms

OUT = Path(__file__).parents[1] / "promptsearch" / "corpora" / "builtin" / "synonyms.tsv.gz"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("directory", type=Path, help="holds data.noun ... data.adv and index.sense")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    n_lines = write_synonyms(synonym_lines(arguments.directory), arguments.out)
    print(f"{arguments.out}: {n_lines:,} entries, {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
