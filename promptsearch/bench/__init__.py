"""How fast the scorer is, beside what else there is, measured in one process.

`suite` measures one model; `loops` holds the published loops it is measured against.
"""
