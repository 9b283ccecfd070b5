"""What `searchers/mine.py` is made of: counting snippets in text, and the paper's rules on them."""
