"""A module or a package for each foreign format: `write` and, where files are published, `read`."""
