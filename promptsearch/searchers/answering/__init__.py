"""Searching the words that stand for labels: what the answer strategies share."""
