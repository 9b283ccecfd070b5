"""English words: what else one may say, how it is inflected, and which article stands before it.

Tables of lemmas load when they are first asked for, not before.
"""

from promptsearch.wording.articles import agreed, article
from promptsearch.wording.inflection import Pos, gerund, inflected_like, lemmas, plural
from promptsearch.wording.replacing import replacements
from promptsearch.wording.thesaurus import Synonym, Thesaurus, read_thesaurus, wordnet

__all__ = [
    "Pos",
    "Synonym",
    "Thesaurus",
    "agreed",
    "article",
    "gerund",
    "inflected_like",
    "lemmas",
    "plural",
    "read_thesaurus",
    "replacements",
    "wordnet",
]
