"""Search templates in a corpus (LPAQA's prompt mining)."""
