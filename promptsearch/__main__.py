"""`python -m promptsearch`, and the command itself: Ctrl-C is heard from the first moment on."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from promptsearch.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("promptsearch: interrupted\n")
        sys.exit(130)
    finally:
        # An interrupt inside `exec` of a text (every dataclass is made by one) leaves a mark in
        # Python, which at its end kills itself by SIGINT instead of returning the exit status;
        # the next text takes the mark away.
        exec("")  # noqa: S102


if __name__ == "__main__":
    main()
