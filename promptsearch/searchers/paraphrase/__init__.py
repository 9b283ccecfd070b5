"""Search the neighbourhood of prompts: synonyms, substitutions, translations."""
