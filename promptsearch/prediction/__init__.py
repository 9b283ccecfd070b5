"""Many prompts as one: how they are weighted, and what they say together."""
