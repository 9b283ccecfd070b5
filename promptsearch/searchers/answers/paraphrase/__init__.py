"""Other words for the answers, summed (Jiang et al. 2021)."""
