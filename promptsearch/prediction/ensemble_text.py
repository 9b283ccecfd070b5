"""The texts about an ensemble: how its log p comes of its members'."""

from collections.abc import Mapping
from typing import Any

from promptsearch.scoring.combination import MEANS

SUMMED = "log p summed, then normalised"


def is_summed(ensemble: Mapping[str, Any]) -> bool:
    """Return whether the members' log p are added up: their weights are no shares of 1.

    Such a product is surer than its members, right or wrong, and its log-likelihood may be far
    below theirs.
    """
    weights = [float(member.get("weight", 1)) for member in ensemble.get("members", ())]
    return ensemble.get("rule") not in ("vote", *MEANS) and sum(weights) > 1 + 1e-6


def summed_remark(ensemble: Mapping[str, Any], before: str) -> str:
    """Return `before` and the remark that log p is summed; nothing where it is a mean."""
    return f"{before}{SUMMED}" if is_summed(ensemble) else ""
