"""Words made of label names, and rules: what answer search by decomposition is made of."""
