"""How answers are scored behind sentinels, as text; `composing` has the notation."""

SEQ2SEQ = '''\
def answer_scores(row, template, answers):
    """(answer,): log p of each answer, which the decoder writes behind its slot's sentinel."""
    slots = [part.name for part in template if isinstance(part, Slot)]
    marks = {slot: names[sentinel] for slot, sentinel in zip(slots, SENTINELS)}
    fill = {Field: row.__getitem__, Slot: marks.__getitem__}
    line = [fill[type(part)](part.name) if type(part) in fill else part for part in template]
#? limited
    line = cut(line, template, LIMIT)
#?
    text = lm.get_encoder()(input_ids=torch.tensor([tokens.encode("".join(line)).ids]))
    passes, scores = defaultdict(list), torch.zeros(len(answers))
#? by-token
    sizes = []
#?
    for number, answer in enumerate(answers):
        ids, reads = [<<start>>], []  # what the decoder begins with
        for slot, mark in marks.items():
            ids.append(tokens.token_to_id(mark))
#? several
            for token in tokens.encode(answer.get(slot, ""), add_special_tokens=False).ids:
#? !several
            for token in tokens.encode(answer, add_special_tokens=False).ids:
#?
                reads.append((len(ids) - 1, token, number))
                ids.append(token)
        passes[tuple(ids[:-1])] += reads
#? by-token
        sizes.append(len(reads))
#?
    for ids, reads in passes.items():
        place, token, answer = torch.tensor(reads).T
        decoded = lm(encoder_outputs=text, decoder_input_ids=torch.tensor([ids])).logits[0]
        scores.index_add_(0, answer, decoded.float().log_softmax(-1)[place, token])
#? by-token
    return scores / torch.tensor(sizes)
#? !by-token
    return scores
#?
'''
