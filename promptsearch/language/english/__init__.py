"""English words: what else one may say, how it is inflected, and which article stands before it.

Tables of lemmas load when they are first asked for, not before.
"""

from promptsearch.language.english.articles import agreed, article
from promptsearch.language.english.inflection import Pos, gerund, inflected_like, lemmas, plural
from promptsearch.language.english.replacements import replacements
from promptsearch.language.english.thesaurus import Synonym, Thesaurus, read_thesaurus, wordnet

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
