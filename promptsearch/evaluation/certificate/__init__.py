"""Certificates of a gain: pure functions of the scores that each prompt gives to each row."""
