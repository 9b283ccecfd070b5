"""The commands, one module each; `promptsearch.cli` loads the requested one."""
