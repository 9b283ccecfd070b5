"""What a report says in numbers: pure functions of judgements, ledgers and files."""
