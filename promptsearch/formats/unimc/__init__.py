"""UniMC's JSON lines: rows with a question and choices.

Xu et al. (2022), https://arxiv.org/abs/2210.08590,
https://github.com/IDEA-CCNL/Fengshenbang-LM/tree/main/fengshen/examples/unimc
A line is {"texta": ..., "textb": ..., "question": ..., "choice": [...], "answer": ..., "label": 0,
"id": 0}. The model's words are yes and no, or their Chinese; texts are cut at 512 tokens.
"""

from promptsearch.formats.unimc.exporter import write
from promptsearch.formats.unimc.importer import ENDINGS, read

__all__ = ["ENDINGS", "read", "write"]
