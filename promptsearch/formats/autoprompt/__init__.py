"""AutoPrompt's prompts.

Shin et al. (2020), https://arxiv.org/abs/2010.15980, https://github.com/ucinlp/autoprompt
For facts it prints LAMA's notation (--print-lama): {"relation": "P19", "template": "[X] ... [Y]."}
Its templates have inputs in braces, [T] for each trigger token and [P] for the answer; tokens and
words come as arguments. A file of them is JSON with the names of these arguments:
{"template": "<s> {sentence} [T] [T] [P] . </s>", "initial_trigger": ["Ġabout", "ful"],
"label_map": {"0": ["Ġworse"], "1": ["Ġmarvelous"]}}

Trigger tokens are pieces of a vocabulary, and text may be read as others. With a model it is known
whether these are read back (`round_trips`, `token_ids`); without one it is not.
"""

from promptsearch.formats.autoprompt.exporter import write
from promptsearch.formats.autoprompt.importer import read

__all__ = ["ENDINGS", "read", "write"]

ENDINGS = (".jsonl", ".json")
