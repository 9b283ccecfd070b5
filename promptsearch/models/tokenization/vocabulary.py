"""The words of a vocabulary, and the characters that it cannot write."""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

from promptsearch.models.tokenization.tokenizer import Tokens


def words(tokenizer: Any, tokens: Tokens) -> list[str]:
    """Return whole alphabetic words, each one token if it stands alone; in vocabulary order."""
    ids = ordinary_ids(tokenizer)
    pieces = dict(zip(ids, tokenizer.convert_ids_to_tokens(ids), strict=True))
    texts = [_text(tokenizer, piece) for piece in pieces.values()]
    candidates = [(token, text) for token, text in zip(ids, texts, strict=True) if text.isalpha()]
    spaced = tokens.encode_continuation([(" " + text,) for _, text in candidates])
    alone = tokens.encode([(text,) for _, text in candidates], special=False)
    single = (
        text
        for (token, text), inside, first in zip(candidates, spaced, alone, strict=True)
        if inside == [token] or (first == [token] and pieces[token].startswith("\u2581"))
    )
    return list(dict.fromkeys(single))


def first_ids(tokenizer: Any, count: int = 1000) -> list[int]:
    """Return ids to try a model with: some of the first ones, none of them special."""
    special = set(tokenizer.all_special_ids)
    return [t for t in range(min(len(tokenizer), count)) if t not in special] or [0]


def ordinary_ids(tokenizer: Any) -> list[int]:
    """Return the ids of all tokens that are not special, in order; ids may have gaps."""
    special = set(tokenizer.all_special_ids)
    return sorted({token for token in tokenizer.get_vocab().values() if token not in special})


def _text(tokenizer: Any, piece: str | None) -> str:
    if piece is None:
        return ""
    text: str = tokenizer.convert_tokens_to_string([piece])
    return text.strip(" ")


def spellings(tokenizer: Any, tokens: Tokens, control: Collection[int]) -> list[str | None]:
    """Return the text that each token adds after a word (" great", "ing"), up to the last id.

    None for gaps in the ids, for control tokens and unknown ones, for pieces of characters, and for
    words that no text spells so (BERT's "[unused1]").
    """
    ids = set(tokenizer.get_vocab().values())
    (before,) = tokens.encode_continuation([(" the",)])
    start = tokenizer.decode(before, clean_up_tokenization_spaces=False)
    texts = tokenizer.batch_decode(
        [[*before, token] if token in ids else before for token in range(max(ids) + 1)],
        clean_up_tokenization_spaces=False,
    )
    spelled = [
        text[len(start) :] if token not in control and text.startswith(start) else None
        for token, text in enumerate(texts)
    ]
    return _encodable(spelled, before, tokens)


def _encodable(
    texts: Sequence[str | None], before: Sequence[int], tokens: Tokens
) -> list[str | None]:
    """Return the texts; None for broken characters and words that are read as other tokens."""
    words = [i for i, text in enumerate(texts) if text and text[0] == " " and text.strip()]
    read = tokens.encode_continuation([(f" the{texts[i]}",) for i in words])
    misread = {i for i, ids in zip(words, read, strict=True) if ids != [*before, i]}
    return [
        None if not text or "\ufffd" in text or i in misread else text
        for i, text in enumerate(texts)
    ]


def unknown_share(unknown: int | None, tokens: Tokens, texts: Sequence[str]) -> float:
    """Return the share of non-space characters that are unknown, in [0, 1]."""
    total = sum(sum(map(len, text.split())) for text in texts)
    if unknown is None or not total:
        return 0.0
    lost = 0
    for text, located in zip(texts, tokens.locate([(t,) for t in texts]), strict=True):
        spans = zip(located.ids, located.spans, strict=True)
        positions = {i for token, (a, b) in spans if token == unknown for i in range(a, b)}
        lost += sum(not text[i].isspace() for i in positions)
    return lost / total


def decoded(tokenizer: Any, ids: Sequence[int], names: Mapping[int, str] = {}) -> str:
    """Return the text of ids as the model reads them, special tokens written out.

    `names` are those of ids that no word has.
    """
    texts: list[str] = []
    for is_word, run in groupby(ids, lambda token: token not in names):
        if is_word:
            texts.append(tokenizer.decode(list(run), skip_special_tokens=False))
        else:
            texts += [f" {name}" for token in run if (name := names[token])]
    return "".join(texts)


def answer_ids(tokens: Tokens, texts: Sequence[str]) -> list[tuple[int, ...]]:
    """Return the ids of answers with a space before their slot."""
    alone = tokens.encode([(text,) for text in texts], special=False)
    spaced = tokens.encode_continuation([(" " + text,) for text in texts])
    shorter = (min(pair, key=len) for pair in zip(spaced, alone, strict=True))
    return [tuple(ids) for ids in shorter]
