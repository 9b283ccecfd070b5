"""Speed of the scorer beside published loops, measured in one process.

`suite` measures one model; `published_loops` holds the loops that it is measured against.
"""
