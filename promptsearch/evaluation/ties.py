"""Examples whose best labels score the same: the first label is then the answer."""

from promptsearch.metrics.predictions import Predictions

MANY = 0.1  # of the examples


def many_ties(predictions: Predictions) -> str:
    """Return a remark where ties are many; "" where they are few, or labels too many to keep."""
    count, ties = len(predictions.targets), predictions.ties
    if ties <= MANY * count:
        return ""
    return (
        f"{ties} of {count} examples tie: their best labels score the same, and the first of them "
        f"in the order {', '.join(predictions.labels[:5])}{' ...' * (len(predictions.labels) > 5)} "
        "is the answer"
    )
