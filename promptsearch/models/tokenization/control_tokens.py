"""Tokens of a tokenizer that texts must not spell: special tokens, sentinels, a chat template's."""

import json
from collections.abc import Mapping
from typing import Any


def control_tokens(tokenizer: Any) -> dict[str, int]:
    """Return names and ids of the tokens that only we may write, a chat template's among them."""
    template = _template_text(tokenizer.chat_template)
    special = set(tokenizer.all_special_ids)
    controls: dict[str, int] = {
        token.content: number
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special or (token.content.strip() and token.content in template)
    }
    vocabulary = tokenizer.get_vocab()
    controls.update({token: n for token, n in vocabulary.items() if is_sentinel(token)})
    names = tokenizer.convert_ids_to_tokens(sorted(special))
    return controls | dict(zip(names, sorted(special), strict=True))


def _template_text(template: Any) -> str:
    """Return the text of a chat template, or of all of them where they have names."""
    if isinstance(template, Mapping):
        return "\n".join(map(str, template.values()))
    return template or ""


def in_chat_template(tokenizer: Any, piece: str) -> bool:
    """Return True if a chat template of the tokenizer writes this piece."""
    return piece in _template_text(tokenizer.chat_template)


def is_sentinel(piece: str) -> bool:
    """Return True for T5's "<extra_id_0>"; in mT5's vocabulary an ordinary piece with a space."""
    return piece.startswith(("<extra_id_", "\u2581<extra_id_"))


def sentinels_of(tokenizer: Any) -> list[int]:
    """Return the ids of <extra_id_0>, <extra_id_1>, ... up to the first that is missing.

    ByT5 has tokens of these names, too, but was trained with the last bytes instead, from 258 down
    (its documentation in transformers); of these, UTF-8 never has the first eleven.
    """
    if type(tokenizer).__name__ == "ByT5Tokenizer":
        return list(range(_BYT5_LAST, _BYT5_LAST - _BYTES_OUTSIDE_UTF8, -1))
    whole = {**tokenizer.get_vocab(), **tokenizer.get_added_vocab()}
    ids_of = {piece.removeprefix("\u2581"): n for piece, n in whole.items() if is_sentinel(piece)}
    sentinels: list[int] = []
    while (name := f"<extra_id_{len(sentinels)}>") in ids_of:
        sentinels.append(ids_of[name])
    return sentinels


_BYT5_LAST = 258  # the id of byte 0xFF
_BYTES_OUTSIDE_UTF8 = 11  # 0xF5 to 0xFF
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
