"""The kind of model that a configuration describes: its family, or a head that writes no words."""

import re
from collections.abc import Sequence
from typing import Any

from promptsearch.errors import ModelError
from promptsearch.models import Family
from promptsearch.models.families import FAMILIES

_OTHER_HEADS = re.compile(
    r"For(?:\w*Classification|QuestionAnswering(?:Simple)?|MultipleChoice|NextSentencePrediction"
    r"|\w*Regression|\w*Retrieval|RewardModel\w*)$"
)


def check_architectures(config: Any, spec: str) -> None:
    """Raise ModelError if the configuration is a classifier's, or another head's without words."""
    names = _architectures(config)
    heads = [name for name in names if _OTHER_HEADS.search(name)]
    if heads and len(heads) == len(names):
        raise ModelError(
            f"the model {spec!r} is a classifier or the like ({heads[0]} in its config.json), no "
            "language model: it has no trained head to write words with; use the model that it "
            "was tuned from"
        )


def family_of(config: Any, spec: str) -> Family:
    """Return the family of a configuration. Raise ModelError if it names none."""
    if config.is_encoder_decoder:
        return "seq2seq"
    for name in _architectures(config):
        if (family := _family_of_class(name, config)) is not None:
            return family
    families = _families_of_type(config.model_type)
    if len(families) == 1:
        return families[0]
    raise ModelError(
        f"the config of {spec!r} does not say what kind of model it is; give `family` masked, "
        "causal or seq2seq"
    )


def check_family(family: Family, config: Any, spec: str) -> None:
    """Raise ModelError if transformers has no model of this family for the configuration's type."""
    families = _families_of_type(config.model_type)
    if families and family not in families and not hasattr(config, "auto_map"):
        raise ModelError(
            f"the model {spec!r} is of type {config.model_type}, which is no {family} model; give "
            f"`family` {' or '.join(families)}"
        )


def _architectures(config: Any) -> Sequence[str]:
    names = config.architectures or ()
    return [name for name in names if isinstance(name, str)]


def _family_of_class(name: str, config: Any) -> Family | None:
    """Return the family of a class: by transformers' tables, or else by the name's ending.

    FlauBERT's only class is a masked model's in spite of its ending, XLM's is one of both, by a
    field of its configuration.
    """
    listing = [family for family in FAMILIES if _class_of_type(family, config.model_type) == name]
    if len(listing) == 1:
        return listing[0]
    if listing:
        return "causal" if getattr(config, "causal", False) else "masked"
    for family, entry in FAMILIES.items():
        if name.endswith(entry.architectures):
            return family
    return None


def _families_of_type(model_type: str) -> list[Family]:
    return [family for family in FAMILIES if _class_of_type(family, model_type) is not None]


def _class_of_type(family: Family, model_type: str) -> object:
    """Return the name of the class that transformers' loader of the family takes for a type."""
    from transformers.models.auto import modeling_auto as auto

    return getattr(auto, FAMILIES[family].model_types).get(model_type)
