"""How answers are scored behind what comes before them, as text; `composing` has the notation."""

READ = '''\
def read(line, template, answer):
    """A text with an answer in it: where its parts begin, its tokens, the first that counts."""
#? several
    both = zip(template, line)
    full = [answer.get(own.name, "") if isinstance(own, Slot) else text for own, text in both]
#? !several
    full = [answer if isinstance(own, Slot) else text for own, text in zip(template, line)]
#? stripped
    slot = next(i for i, part in enumerate(template) if isinstance(part, Slot))
    message = range(len(OPENING), slot - len(CLOSING)<<prefixed>>)
#? begun
    end = "".join(full[i] for i in message)[-1:]
    if not end or end.isspace():
        full[slot - 1] += " "  # as it stands before the slot
#? stripped
    for strip, order in ((str.lstrip, message), (str.rstrip, reversed(message))):
        for i in order:  # the message has no white space at its ends
            full[i] = strip(full[i])
            if full[i]:
                break
#?
    text, edges = "".join(full), [0, *accumulate(map(len, full))]
    found = tokens.encode(text<<special>>)
#? by-token

    def token_at(start):  # the space before is the answer's
        spots = range(start - (text[start - 1] == " "), len(text))
        there = (token for token in map(found.char_to_token, spots) if token is not None)
        return next(there, len(found.ids)) if start else <<lead>>

    slots = [i for i, part in enumerate(template) if isinstance(part, Slot)]
    own = sum(token_at(edges[i + 1]) - token_at(edges[i]) for i in slots)
    return edges, found, token_at(edges[slots[0]]), max(own, 1)
#? !by-token
#? !by-token stripped
    start = edges[slot]
#? !by-token !stripped
    start = next(edge for edge, part in zip(edges, template) if isinstance(part, Slot))
#? !by-token bare
    if not start:
        return edges, found, <<lead>>
#? !by-token
    spots = range(start - (text[start - 1] == " "), len(text))  # the space before is the answer's
    first = next(token for token in map(found.char_to_token, spots) if token is not None)
    return edges, found, first
#?
'''

CAUSAL = '''\
def answer_scores(row, template, answers):
    """(answer,): log p of each answer, and of the text behind it, given all before."""
#? chat
    fill = {Field: row.__getitem__, Control: names.__getitem__}
    line = [fill[type(part)](part.name) if type(part) in fill else part for part in template]
#? !chat
    line = [row[part.name] if isinstance(part, Field) else part for part in template]
#?
    made = [read(line, template, answer) for answer in answers]
#? limited
    while len((longest := max(made, key=lambda own: len(own[1].ids)))[1].ids) > LIMIT<<tail>>:
        line = cut(line, template, LIMIT<<tail>>, answers[made.index(longest)])
        made = [read(line, template, answer) for answer in answers]
#? facts
    passes, scores = defaultdict(list), torch.zeros(len(answers))
    for number, (_, found, first<<rest>>) in enumerate(made):
#? !facts
    scores = torch.zeros(len(answers))
    for number, (_, found, first<<rest>>) in enumerate(made):
#?
        ids = found.ids<<without_end>>
#? early
        if min(own[2] for own in made) == 0:  # nothing before an answer: a text has ended
            ids, first = [tokens.token_to_id(names[<<begin>>]), *ids], first + 1
#? facts
        for place in range(first, len(ids)):
            passes[tuple(ids[:-1])].append((place - 1, ids[place], number))
    for ids, reads in passes.items():
        place, token, answer = torch.tensor(reads).T
        log_probs = lm(input_ids=torch.tensor([ids])).logits[0].float().log_softmax(-1)
        scores.index_add_(0, answer, log_probs[place, token])
#? !facts
        logits = lm(input_ids=torch.tensor([ids])).logits[0, first - 1 : -1].float()
        scores[number] = logits.log_softmax(-1)[range(len(ids) - first), ids[first:]].sum()
#? by-token
    return scores / torch.tensor([own for *_, own in made])
#? !by-token
    return scores
#?
'''
