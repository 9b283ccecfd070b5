"""Several strategies in a chain or jointly, under one budget."""
