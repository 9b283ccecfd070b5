"""The numbers of a report: pure functions of predictions, ledgers and files."""
