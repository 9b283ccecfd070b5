"""Search trigger tokens by the model's gradients (AutoPrompt, GCG)."""
