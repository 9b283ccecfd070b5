"""`promptsearch report`: what a search found, what it is worth and where it fails, on one page."""
