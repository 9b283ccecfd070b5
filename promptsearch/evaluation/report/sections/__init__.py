"""The sections of a report, one a module; each gives its HTML, or None where it has nothing."""
