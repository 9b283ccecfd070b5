"""The commands, one module each; `promptsearch.cli` loads the one that is asked for."""
