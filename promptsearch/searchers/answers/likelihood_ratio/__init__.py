"""Words that tell a label from the others (PETAL)."""
