"""Searching for trigger tokens by the model's gradients: the parts of `searchers/gradient.py`."""
