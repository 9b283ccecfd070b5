"""What this program offers beside `load` and `predict`: a command line."""

import argparse
import json
import sys
from collections.abc import Iterable

from promptsearch.formats.python.runtime.data import EXPECTED, MODEL, PROMPTS
from promptsearch.formats.python.runtime.predictions import load, predict, self_test  # or texts
from promptsearch.formats.python.runtime.rows import read_rows
from promptsearch.formats.python.runtime.soft import VectorsError

TOLERANCE = 1e-4  # nats


def main() -> None:
    """Answer the rows on standard input, or test the program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--selftest", action="store_true")
    options = parser.parse_args()
    if options.selftest and not EXPECTED:
        sys.exit("no expected outputs: the task was not there when this file was written")
    try:
        load(options.model)
    except VectorsError as error:
        sys.exit(str(error))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        sys.exit(f"{options.model} cannot be loaded ({reason[:200]}); give another --model")
    if options.selftest:
        try:
            differences = self_test()
        except VectorsError as error:
            sys.exit(str(error))
        print(f"worst difference {max(differences, default=0.0):.1e}")
        sys.exit(not all(difference <= TOLERANCE for difference in differences))
    try:
        answer_lines(sys.stdin.buffer)
    except ValueError as error:
        sys.exit(str(error))


def answer_lines(lines: Iterable[bytes]) -> None:
    """Print a prediction for each line of rows.

    Raise ValueError, which names the line, at the first that is no row or has no room.
    """
    columns = dict.fromkeys(name for prompt in PROMPTS for name in prompt.fields.values())
    for number, row in read_rows(lines, list(columns)):
        try:
            prediction = predict([row])[0]
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        print(json.dumps(prediction, ensure_ascii=False))


if __name__ == "__main__":
    main()
