"""Mixtures of soft prompts (Qin and Eisner 2021)."""
