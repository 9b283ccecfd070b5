"""One module or package a foreign format: `write` and, where files are published, `read`."""
