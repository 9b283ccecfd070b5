"""What transformers reports of reading weights: what was missing, and what it left out."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from promptsearch.errors import ModelError, listed
from promptsearch.models import Family

_HEADS = re.compile(r"^(score|classifier|classification_head|qa_outputs|qa_classifier)\.")
_ADAPTERS = re.compile(r"(^|[._])(lora_[A-Za-z]|adapters?|ia3_l|prompt_encoder)[._]")
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")  # of a layer, in a weight's name
_SHOWN = 3  # names of weights in a message


def check_weights(report: Mapping[str, Any], model: Any, family: Family, spec: str) -> None:
    """Raise ModelError if the model is not the one whose weights the files hold.

    `report` is transformers' loading info. Most weights that it left out do no harm (a pooler, old
    buffers); a classifier's head, an adapter or more layers than the configuration has do.
    """
    mismatched = [name for name, *_ in report.get("mismatched_keys", ())]
    if missing := sorted({*report["missing_keys"], *mismatched}):
        raise ModelError(
            f"the weights of {spec!r} lack {missing[0]} and {len(missing) - 1} more, so it "
            f"is no complete {family} language model; choose another, or give `family`"
        )
    unread = sorted(report["unexpected_keys"])
    if heads := [name for name in unread if _HEADS.search(name)]:
        raise ModelError(
            f"the weights of {spec!r} hold a classifier's head ({heads[0]}), so it is no language "
            "model; use the model that it was tuned from"
        )
    if adapters := [name for name in unread if _ADAPTERS.search(name)]:
        raise ModelError(
            f"the weights of {spec!r} hold an adapter's ({listed(adapters, _SHOWN)}), which would "
            "be left out; merge it into them (merge_and_unload of peft), and save that"
        )
    if layers := _further_layers(unread, model):
        raise ModelError(
            f"the weights of {spec!r} hold more layers than its config.json says "
            f"({listed(layers, _SHOWN)}); correct the number of layers there"
        )


def _further_layers(unread: Collection[str], model: Any) -> list[str]:
    """Return weights that were not read, though those of another layer's number were."""
    numbered = [name for name in unread if _NUMBER.search(name)]
    if not numbered:
        return []
    patterns = {_NUMBER.sub("N", name) for name in model.state_dict()}
    return [name for name in numbered if _NUMBER.sub("N", name) in patterns]
