"""Let a model write templates around the right answers (LM-BFF)."""
