"""Write the vectors of soft prompts as their nearest words, and score these as text."""
