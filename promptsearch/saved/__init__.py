"""Prompts of a file put to use: which of them answer, with what model, scored how."""
