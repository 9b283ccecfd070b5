"""The code that the programs of all families share, as text; `composing` has the notation."""

HEAD = '''\
"""<<title>>

    python <<file>> --selftest    asks five rows, and compares with promptsearch <<version>>
    python <<file>> < rows.jsonl  reads {<<fields>>} a line, writes {"label", "log_probs"}
"""

import argparse
import json
#? math
import math
#? gguf
import os
#?
import sys
#? passes
from collections import defaultdict, namedtuple
#? !passes
from collections import namedtuple
#?
#? accumulate
from itertools import accumulate
#? beside
from pathlib import Path
#?
from uuid import uuid4

import torch
from transformers import <<auto>>, AutoTokenizer

#? limited
MODEL, LIMIT = <<model>>, <<limit>>  # or a hub name; tokens that it reads
#? !limited
MODEL = <<model>>  # or a hub name
#?
NAME = uuid4().hex + "<{}>"  # of a control token, by its number: no text can spell it
#? chat
Field, Slot, Control = (namedtuple(name, "name") for name in ("Field", "Slot", "Control"))
# OPENING and CLOSING are what the model's chat template writes around the user's message
#? !chat
Field, Slot = namedtuple("Field", "name"), namedtuple("Slot", "name")
#?
'''

LOAD = '''\
def load(model=MODEL):
    """Load the model. In its tokenizer, control tokens get names that no text can spell."""
#? masked
    global lm, tokens, names, here, mask
#? !masked
    global lm, tokens, names
#? gguf
    model, file = os.path.split(model)
    lm = <<auto>>.from_pretrained(model, gguf_file=file, dtype=torch.float32)
    lm.requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(model, gguf_file=file)
#? !gguf
    lm = <<auto>>.from_pretrained(model, dtype=torch.float32).requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(model)
#?
    state, added = tokenizer.backend_tokenizer.to_str(), tokenizer.added_tokens_decoder
#? plain-controls
    chat = tokenizer.chat_template
    kept = {i: own.content for i, own in added.items() if own.special or own.content in chat}
    names = {text: NAME.format(i) for i, text in kept.items() if text.strip()}
#? !plain-controls
    names = {own.content: NAME.format(i) for i, own in added.items() if own.special}
#? pieces
    pieces = {own: i for own, i in tokenizer.get_vocab().items() if "<extra_id_" in own}
    names |= {text: NAME.format(i) for text, i in pieces.items()}
#?
    for text, name in names.items():
        state = state.replace(f'"{text}"', f'"{name}"')
    tokens = type(tokenizer.backend_tokenizer).from_str(state)
#? pads
    tokens.no_truncation()
    tokens.no_padding()
#? pieces
    tokens.add_special_tokens([names[text] for text in pieces if pieces[text] not in added])
#? masked
    here, mask = names[tokenizer.mask_token], tokenizer.mask_token_id
#?
'''

CUT = '''\
def cut(line, template, room<<answered>>):
    """The line, its longest input shortened from the right until there are `room` tokens."""
#? causal
    while (over := len((made := read(line, template, answer))[1].ids) - room) > 0:
        starts = {i: [] for i, part in enumerate(template) if isinstance(part, Field)}
        for i in starts:  # the characters of each input that begin its tokens
            a, b = made[0][i], made[0][i] + len(line[i])
            starts[i] = sorted({max(x - a, 0) for x, y in made[1].offsets if x < b and y > a})
#? !causal
    while (over := len((found := tokens.encode("".join(line))).ids) - room) > 0:
        starts = {i: [] for i, part in enumerate(template) if isinstance(part, Field)}
        for i in starts:  # the characters of each input that begin its tokens
            a, b = len("".join(line[:i])), len("".join(line[: i + 1]))
            starts[i] = sorted({max(x - a, 0) for x, y in found.offsets if x < b and y > a})
#?
        most = sum(map(len, starts.values())) or 1  # an IndexError: the template alone is too long
        for _ in range(min(over, most)):
            longest = max(starts, key=lambda i: len(starts[i]))
            line[longest] = line[longest][: starts[longest].pop()].rstrip()
    return line
'''

MAIN = """\
if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--model", default=MODEL)
    options.add_argument("--selftest", action="store_true")
    given = options.parse_args()
    load(given.model)
#? expected
    if given.selftest:
        pairs = zip(predict([row for row, _ in EXPECTED]), EXPECTED)
        off = [abs(own["log_probs"][k] - p) for own, (_, said) in pairs for k, p in said.items()]
        print(f"worst difference {max(off):.1e}")
        sys.exit(not all(one <= 1e-4 for one in off))
#? !expected
    if given.selftest:
        sys.exit("no expected outputs: the task was not there when this file was written")
#?
    for number, row in enumerate(map(json.loads, sys.stdin), 1):
        if lacks := [name for name in <<columns>> if name not in row]:
            sys.exit(f"line {number}: the row has no column {lacks[0]!r}; add it")
        print(json.dumps(*predict([row]), ensure_ascii=False))
"""
