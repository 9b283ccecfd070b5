"""The sections of a report, one a module; each returns its HTML, or None if it has none."""
