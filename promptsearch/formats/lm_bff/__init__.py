"""LM-BFF's templates and label mappings.

Gao et al. (2021), https://arxiv.org/abs/2012.15723, https://github.com/princeton-nlp/LM-BFF
A template is split at `*`: `*cls**sent_0*_It_was*mask*.*sep+*`; `_` is a space (`src/dataset.py`).
A mapping is {"0": "terrible", "1": "great"} or the same in Python. One a line, with a score before
it or, after a tab, behind it.

A word brings the space before it, so `_It_was*mask*` is "It was [Z]". None of our templates can
hold LM-BFF's changes of sentences (`sentl`: a small first letter; `sentu`: a capital; `sent-`:
without the last character): a note says so, and the sentence stays as it is.
"""

from promptsearch.formats.lm_bff.exporter import MAPPING, TEMPLATE, write
from promptsearch.formats.lm_bff.importer import read

ENDINGS = (".score.txt", TEMPLATE, MAPPING)  # a release has each list three times, once with scores

__all__ = ["ENDINGS", "read", "write"]
