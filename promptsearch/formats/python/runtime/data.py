"""The data of this program: its model, its prompts, and how answers are scored."""

from typing import Any

from promptsearch.formats.python.runtime.prompt import Prompt, Row

# A folder, a GGUF file or a name of the Hugging Face hub.
MODEL: str = "bert-base-uncased"
# How many tokens the model reads at most.
LIMIT: int = 512
# What the score of an answer is divided by: "none", or its number of "token"s or "char"acters.
LENGTH_NORM: str = "none"
# The score of a label: the "sum" or "mean" of its answers' probabilities, or their "max".
ANSWER_SCORE: str = "sum"
# The method that priors come from; those of "pmi" belong to answers, all others to labels.
CALIBRATION: str = "none"
# How several prompts are combined: by "vote", by the "mean" of probabilities, or else as a
# weighted product of experts.
ENSEMBLE: str = "uniform"
PROMPTS: list[Prompt] = []
# What was trained, by its names: shape, and base64 of float32, the lowest byte first. The
# "vectors" of soft tokens are (vector, hidden).
VECTORS: dict[str, tuple[tuple[int, ...], str]] = {}
# More than 64 KB lie in a safetensors file beside this one.
VECTORS_FILE: str = ""
# A word of one token, which stands for each soft token while a text is tokenized.
STAND_IN: str = "the"
# Rows with log p of their likeliest labels by promptsearch, or its text, for --selftest.
EXPECTED: list[tuple[Row, dict[str, Any]]] = []
