"""From answers to labels, from prompts to an ensemble, as text; `composing` has the notation."""

_OF_LABELS = """\
#? by-char several
scores /= torch.tensor([sum(map(len, answer.values())) for answer in answers])
#? by-char !several
scores /= torch.tensor([len(answer) for answer in answers])
#? pmi
scores -= torch.tensor(<prior>)
#? many
own = scores.split([*map(len, <labels>.values())])  # of each label
#? many sum
scores = torch.stack([some.logsumexp(0) for some in own])
#? many mean
scores = torch.stack([some.logsumexp(0) - math.log(len(some)) for some in own])
#? many max
scores = torch.stack([some.max() for some in own])
#? prior !pmi
scores -= torch.tensor(<prior>)
#?
"""


def _of_labels(labels: str, prior: str, indent: str) -> str:
    """From the scores of answers to those of labels, with the names and the indent of its place."""
    lines = _OF_LABELS.replace("<labels>", labels).replace("<prior>", prior).splitlines(True)
    return "".join(line if line.startswith("#?") else indent + line for line in lines)


LABELS = (
    '''\
def label_log_probs(row, template, labels<<prior>>):
    """(label,): log p of each label, from its answers'."""
    answers = [answer for own in labels.values() for answer in own]
    scores = answer_scores(row, template, answers)
'''
    + _of_labels("labels", "prior", " " * 4)
    + "    return scores.log_softmax(0)\n"
)

SINGLE = (
    '''\
def predict(rows):
    """The likeliest label of each row, {<<fields>>}, and log p of all."""
    lm or load()
    found, answers = [], [answer for own in ANSWERS.values() for answer in own]
    for row in rows:
        scores = answer_scores(row, TEMPLATE, answers)
'''
    + _of_labels("ANSWERS", "PRIOR", " " * 8)
    + """\
        log_probs = dict(zip(ANSWERS, scores.log_softmax(0).tolist()))
        found.append({"label": max(log_probs, key=log_probs.get), "log_probs": log_probs})
    return found
"""
)

ENSEMBLE = '''\
def predict(rows):
    """The likeliest label of each row, {<<fields>>}, and log p of all."""
    lm or load()
    found = []
    for row in rows:
        said = torch.stack([label_log_probs(row, *own) for _, *own in MEMBERS]).double()
        weights, said = torch.tensor([own[0] for own in MEMBERS]).double(), said.clamp(min=-1e4)
#? vote
        votes = torch.zeros_like(said[0]).index_add_(0, said.argmax(1), weights)
        doubt = said.sum(0).softmax(0) * min(w for w in weights if w > 0) / 2  # less than a vote
        log_probs = (votes + doubt + math.exp(-100)).log().log_softmax(0)
#? !vote
        log_probs = (weights @ said).log_softmax(0)  # a product of experts
#?
        log_probs = dict(zip(MEMBERS[0][2], log_probs.tolist()))
        found.append({"label": max(log_probs, key=log_probs.get), "log_probs": log_probs})
    return found
'''
