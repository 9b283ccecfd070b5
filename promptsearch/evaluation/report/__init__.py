"""`promptsearch report`: a search's prompts, their scores and their mistakes, on one page."""
