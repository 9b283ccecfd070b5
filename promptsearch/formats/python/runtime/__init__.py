"""The code of exported programs, which is written out module by module into one file.

It imports torch, transformers and the standard library, nothing of ours. A constant with a type
(`LIMIT: int = 512`) holds an example, which the exporter replaces by the value of a program.
"""
