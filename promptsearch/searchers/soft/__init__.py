"""Train vectors inside the template, from its words (OptiPrompt, P-tuning, prompt tuning)."""
