"""The parts of `lm_score`: forms of a triple's words, sentences made of them, their scores."""
