"""Whether a gain is a gain: pure functions of what every candidate said of every row."""
