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


if __name__ == "__main__":
    main()
