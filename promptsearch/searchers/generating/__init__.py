"""Writing templates around an answer: the parts of `searchers/generate.py`."""
