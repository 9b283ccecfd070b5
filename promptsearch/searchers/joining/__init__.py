"""The parts of the joint search: its plan, its books, and the score that its steps are given."""
