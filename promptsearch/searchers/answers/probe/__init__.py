"""Words that a linear probe of the slot takes for a label (AutoPrompt)."""
