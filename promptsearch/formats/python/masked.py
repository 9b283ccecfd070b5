"""How answers are scored at masks, as text; `composing` has the notation.

Of labels, each answer is passed on its own; of facts, whose candidates are many, all that are read
from the same tokens share a pass.
"""

WORD = '''\
def answer_scores(row, template, answers):
    """(answer,): log p of each answer, which is one token, at the mask."""
    fill = {Field: row.__getitem__, Slot: lambda _: here}
    line = [fill[type(part)](part.name) if type(part) in fill else part for part in template]
    found = [tokens.encode(<<ahead>> + text, add_special_tokens=False).ids[1:] for text in answers]
#? limited
    line = cut(line, template, LIMIT)
#?
    ids = tokens.encode("".join(line)).ids
    logits = lm(input_ids=torch.tensor([ids])).logits[0, ids.index(mask)].float()
    return logits.log_softmax(-1)[[token for (token,) in found]]
'''

MASKED = '''\
def answer_scores(row, template, answers):
    """(answer,): log p of each answer: of its tokens, each at a mask of its own."""
    fill = {Field: row.__getitem__, Slot: lambda _: here}
    line = [fill[type(part)](part.name) if type(part) in fill else part for part in template]
#? !fixed

    def placed(slot, text):  # its tokens: behind a space, or right behind a word
#? partial
        if text is None:
            return [None]  # one mask, which is not read
#? !fixed
        before = "".join(line[:slot])
        ahead = here + " " * before[-1].isspace() if before else ""
        return tokens.encode(ahead + text, add_special_tokens=False).ids[bool(before) :]

#? several
    slots = [i for i, part in enumerate(template) if isinstance(part, Slot)]
    wanted = [[placed(i, answer.get(template[i].name)) for i in slots] for answer in answers]
#? several limited
    longest = max(sum(map(len, own)) for own in wanted)
    line = cut(line, template, LIMIT - longest + len(slots))
#? !several
    slot = line.index(here)
#? fixed
    wanted = [tokens.encode(<<ahead>> + text, add_special_tokens=False).ids[1:] for text in answers]
#? !several !fixed
    wanted = [placed(slot, text) for text in answers]
#? !several limited
    line = cut(line, template, LIMIT - max(map(len, wanted)) + 1)
#? facts
    passes, scores = defaultdict(list), torch.zeros(len(answers))
    for number, own in enumerate(wanted):
#? !facts
    scores = torch.zeros(len(answers))
    for number, own in enumerate(wanted):
#? several
        for i, ids in zip(slots, own):
            line[i] = here * len(ids)
        ids = tokens.encode("".join(line)).ids
        places = [place for place, token in enumerate(ids) if token == mask]
        for place, token in zip(places, sum(own, [])):
#? !several
        line[slot] = here * len(own)
        ids = tokens.encode("".join(line)).ids
        for place, token in enumerate(own, ids.index(mask)):
#? partial
            if token is None:
                continue
#? facts
            passes[tuple(ids)].append((place, token, number))
#? !facts
            logits = lm(input_ids=torch.tensor([ids])).logits[0, place].float()
            scores[number] += logits.log_softmax(-1)[token]
#? left-to-right
            ids[place] = token  # those behind it are read with it in its place
#? facts
    for ids, reads in passes.items():
        place, token, answer = torch.tensor(reads).T
        log_probs = lm(input_ids=torch.tensor([ids])).logits[0].float().log_softmax(-1)
        scores.index_add_(0, answer, log_probs[place, token])
#? by-token several
    sizes = [sum(token is not None for token in sum(own, [])) for own in wanted]
#? by-token !several
    sizes = [len(own) for own in wanted]
#? by-token
    return scores / torch.tensor(sizes)
#? !by-token
    return scores
#?
'''
