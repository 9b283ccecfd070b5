"""Values of the search: a template, a verbalizer, and the prompt they make together."""

from promptsearch.prompt.prompt import *  # noqa: F403
from promptsearch.prompt.prompt import __all__ as __all__
