"""How the built-in tasks and their corpus are made from WordNet 3.0; run `build_wordnet.py`."""
