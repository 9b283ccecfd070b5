"""Private copies of fast tokenizers whose control tokens have names that no text spells."""

import json
from typing import Any

PRIVATE = tuple(chr(0x10FF00 + i) for i in range(64))  # one of them frames each name
ANCHOR = -1  # a control token of ours that strips no space: what stands before a glued text
TRIGGER_PLACEHOLDER = -2  # in a line and in ids: where a token will stand that is given by its id


def marker(base: str, token: int) -> str:
    """Return the private name of a control token; `base` frames it, so names are prefix-free."""
    return f"{base}{token}{base}"


def with_markers(state: str, control: dict[str, int], base: str) -> Any:
    """Return the tokenizer of a JSON `state`, its `control` tokens renamed to their markers.

    Ids stay as they are: names change in place, in the list of added tokens and in the vocabulary
    (where `</s>` may be an ordinary piece). Truncation and padding are switched off.
    """
    from tokenizers import Tokenizer

    data = json.loads(state)
    names = {content: marker(base, token) for content, token in control.items()}
    data["truncation"] = data["padding"] = None
    data["added_tokens"] = [_renamed(token, names) for token in data["added_tokens"]]
    _rename_vocabulary(data["model"], names)
    copy = Tokenizer.from_str(json.dumps(data))
    added = {token["content"] for token in data["added_tokens"]}
    pieces = [name for name in names.values() if name not in added]  # mT5's sentinels
    copy.add_special_tokens([*pieces, marker(base, ANCHOR)])
    return copy


def _renamed(token: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    if token["content"] not in names:
        return token
    return token | {"content": names[token["content"]], "normalized": False, "special": True}


def _rename_vocabulary(model: dict[str, Any], names: dict[str, str]) -> None:
    vocabulary = model.get("vocab")
    if isinstance(vocabulary, dict):
        model["vocab"] = {names.get(piece, piece): token for piece, token in vocabulary.items()}
    elif isinstance(vocabulary, list):  # Unigram: [piece, score], the index is the id
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in vocabulary]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    if "merges" in model:
        model["merges"] = [merge for merge in model["merges"] if not _spells(merge, names)]


def _spells(merge: str | list[str], names: dict[str, str]) -> bool:
    parts = merge.split(" ", 1) if isinstance(merge, str) else merge
    return "".join(parts) in names or any(part in names for part in parts)
