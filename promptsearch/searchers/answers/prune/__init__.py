"""Likely words of each label, then the best of their combinations (LM-BFF)."""
