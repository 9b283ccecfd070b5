"""Train keys and values before the text at every layer, and a linear head if wanted."""
