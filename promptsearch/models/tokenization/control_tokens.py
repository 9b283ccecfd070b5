"""Tokens of a tokenizer that texts must not spell: special tokens, sentinels, a chat template's."""

from typing import Any


def control_tokens(tokenizer: Any) -> dict[str, int]:
    """Return names and ids of the tokens that only we may write, a chat template's among them."""
    template = tokenizer.chat_template or ""
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


def is_sentinel(piece: str) -> bool:
    """Return True for T5's "<extra_id_0>"; in mT5's vocabulary an ordinary piece with a space."""
    return piece.removeprefix("\u2581").startswith("<extra_id_")


def sentinels_of(tokenizer: Any) -> list[int]:
    """Return the ids of <extra_id_0>, <extra_id_1>, ... up to the first that is missing."""
    whole = {**tokenizer.get_vocab(), **tokenizer.get_added_vocab()}
    ids_of = {piece.removeprefix("\u2581"): n for piece, n in whole.items() if is_sentinel(piece)}
    sentinels: list[int] = []
    while (name := f"<extra_id_{len(sentinels)}>") in ids_of:
        sentinels.append(ids_of[name])
    return sentinels
