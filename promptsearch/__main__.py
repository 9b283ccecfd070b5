"""`python -m promptsearch`"""

from promptsearch.cli import main

main()
