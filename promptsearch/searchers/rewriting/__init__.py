"""The neighbourhood of a template: the parts of `searchers/paraphrase.py`."""
