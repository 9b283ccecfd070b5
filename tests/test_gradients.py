"""Gradients at triggers against finite differences of the slow reference.

The reference knows nothing of hooks: its model gets one more row of embeddings, the trigger's own
moved a little, and reads that row's id where the trigger stands.
"""

from copy import deepcopy
from functools import partial

import naive
import pytest
import torch
from tiny import KINDS, tiny

from promptsearch.errors import ModelError
from promptsearch.models import ScoringRequest, Scoring
from promptsearch.prompt import Input, Slot, Text, Trigger

STEP = 1e-5
TEXTS = ("It was a great film", "the plot is awful, really bad")
RIGHT = (0, 1)  # the answer that is right for each text
ANSWERS = ("wonderful evening", "dull")
LAYOUTS = {
    "before the slot": lambda t, a, b: (
        Input("x", t), Trigger(a), Trigger(b), Text(" is "), Slot(), Text(" ."),
    ),
    "at the start": lambda t, a, b: (
        Trigger(a), Text(" "), Input("x", t), Trigger(b), Text(" "), Slot(),
    ),
    "after the slot": lambda t, a, b: (
        Input("x", t), Text(" "), Slot(), Trigger(a), Text(" film"), Trigger(b),
    ),
}  # fmt: skip
every_kind = pytest.mark.parametrize("kind", KINDS)
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
every_loss = pytest.mark.parametrize("loss", ["gold", "label"])


def right_of(loss, scores, rows):
    """(row,) log p of what is right, from (row, answer)."""
    own = scores if loss == "gold" else scores.log_softmax(1)
    return own[torch.arange(len(rows)), torch.tensor([RIGHT[row] for row in rows])]


def questions(layout, triggers):
    texts = [layout(text, *triggers) for text in TEXTS]
    return [ScoringRequest(texts, [(("Z", answer),) for answer in ANSWERS])]


def slopes(port, layout, loss, triggers):
    plan = port.white_box.plan(questions(layout, triggers), Scoring())
    return port.white_box.token_gradients(plan, lambda rows, scores: -right_of(loss, scores, rows))


def triggers_of(tokenizer):
    """Two tokens that stand nowhere else, so that naive code finds them."""
    used = tokenizer(" ".join([*TEXTS, *ANSWERS, "is film ."])).input_ids
    used += tokenizer("".join([*TEXTS, *ANSWERS, "is film."])).input_ids
    able = set(range(10, len(tokenizer))) - {*used, *tokenizer.all_special_ids}
    return tuple(sorted(able)[5:7])


def in_float64(model):
    """All of it: the norms of Llama and T5 would go through float32."""
    model = deepcopy(model).double()
    for norm in (m for m in model.modules() if hasattr(m, "variance_epsilon")):
        norm.forward = partial(root_mean_square, norm.weight, norm.variance_epsilon)
    return model


def root_mean_square(weight, epsilon, states):
    return weight * states * torch.rsqrt(states.pow(2).mean(-1, keepdim=True) + epsilon)


class Reference:
    """The loss by naive passes in float64, for any embedding at one of the triggers."""

    def __init__(self, kind, layout, loss):
        self.port, model, self.tokenizer = tiny(kind)
        self.kind, self.family = kind, KINDS[kind][0]
        self.layout, self.loss_name = layout, loss
        self.triggers = triggers_of(self.tokenizer)
        self.model = in_float64(model)
        old = self.model.get_input_embeddings().weight.data
        more = torch.nn.Embedding(len(old) + 1, old.shape[1]).double()
        self.table = more.weight.data
        self.table[:-1] = old
        self.model.set_input_embeddings(more)

    def loss(self, place, row):
        """With the embedding `row` at the trigger's place."""
        self.table[-1] = row
        scores = [[self.score(text, answer, place) for answer in ANSWERS] for text in TEXTS]
        rows = range(len(TEXTS))
        return -right_of(self.loss_name, torch.tensor(scores, dtype=torch.float64), rows).sum()

    def score(self, text, answer, place):
        filled = self.layout(text, *self.triggers)
        (ids,) = self.port.white_box.sequences([filled], (("Z", answer),))
        (at,) = (i for i, token in enumerate(ids) if token == self.triggers[place])
        moved = [*ids[:at], len(self.table) - 1, *ids[at + 1 :]]
        text = answer if self.kind in ("llama", "t5") else " " + answer  # their own space
        own = self.tokenizer(text, add_special_tokens=False).input_ids
        if self.family == "masked":
            mask = self.tokenizer.mask_token_id
            return naive.masked(self.model, moved, [ids.index(mask)], [own], mask, True)
        if self.family == "seq2seq":
            target = [self.tokenizer.convert_tokens_to_ids("<extra_id_0>"), *own]
            return naive.seq2seq(self.model, moved, 0, target, range(1, len(target)))
        first = next(i for i in range(len(ids)) if ids[i : i + len(own)] == own)
        return self.causal(moved, ids, first)

    def causal(self, read, meant, first):
        """The tokens that are meant, given those that are read before them."""
        total = 0.0
        for at in range(first, len(meant)):
            with torch.no_grad():
                logits = self.model(input_ids=torch.tensor([read[:at]])).logits[0, -1]
            total += logits.log_softmax(-1)[meant[at]].item()
        return total


@every_kind
@every_layout
@every_loss
@pytest.mark.parametrize("place", [0, 1])
def test_gradients_are_the_finite_differences(kind, layout, loss, place):
    reference = Reference(kind, layout, loss)
    found = slopes(reference.port, layout, loss, reference.triggers).gradient[place].double()
    own = reference.table[reference.triggers[place]].clone()
    torch.manual_seed(place)
    for _ in range(2):
        way = torch.randn_like(own)
        up, down = (reference.loss(place, own + sign * STEP * way) for sign in (1, -1))
        assert float(found @ way) == pytest.approx(
            float(up - down) / (2 * STEP), rel=1e-3, abs=1e-4
        )


@every_kind
@every_layout
def test_slopes_order_tokens_as_small_steps_towards_them_do(kind, layout):
    """Along the way to another token's embedding, and in a causal model to its prediction."""
    reference = Reference(kind, layout, "label")
    triggers = reference.triggers
    tokens = slopes(reference.port, layout, "label", triggers).tokens
    for place in (0, 1):
        own = reference.table[triggers[place]].clone()
        for other in (7, 40, 70):
            step = STEP * (reference.table[other] - own)
            moved = float(reference.loss(place, own + step) - reference.loss(place, own)) / STEP
            moved += predicted_change(reference, place, other)
            slope = float(tokens[place, other] - tokens[place, triggers[place]])
            assert slope == pytest.approx(moved, rel=2e-3, abs=2e-3)


def predicted_change(reference, place, other):
    """What the loss gains where a causal model is to predict `other` instead of the trigger."""
    if reference.family != "causal":
        return 0.0
    kept = reference.causal

    def instead(read, meant, first):
        (at,) = (i for i, token in enumerate(read) if token == len(reference.table) - 1)
        if at < first:
            return kept(read, meant, first)
        return kept(read, [*meant[:at], other, *meant[at + 1 :]], first)

    own = reference.table[reference.triggers[place]].clone()
    weights = [float(w) for w in answer_weights(reference, place)]
    changes = []
    for change in (instead, kept):
        reference.causal = change
        reference.table[-1] = own
        scores = [[reference.score(t, a, place) for a in ANSWERS] for t in TEXTS]
        changes.append([value for row in scores for value in row])
    reference.causal = kept
    return sum(w * (new - old) for w, new, old in zip(weights, *changes, strict=True))


def answer_weights(reference, place):
    """d loss / d score of each answer of each text."""
    reference.table[-1] = reference.table[reference.triggers[place]]
    scores = [[reference.score(t, a, place) for a in ANSWERS] for t in TEXTS]
    leaf = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    (-right_of("label", leaf, range(len(TEXTS)))).sum().backward()
    return leaf.grad.flatten()


@every_kind
@every_layout
def test_batches_do_not_matter(kind, layout):
    wide, _, tokenizer = tiny(kind)
    narrow, _, _ = tiny(kind, batch_tokens=1)
    triggers = triggers_of(tokenizer)
    one, other = (slopes(port, layout, "label", triggers) for port in (wide, narrow))
    assert torch.allclose(one.gradient, other.gradient, atol=1e-4)
    assert torch.allclose(one.tokens, other.tokens, atol=1e-3)


@every_kind
def test_the_model_is_as_it_was_afterwards(kind):
    port, model, tokenizer = tiny(kind)
    asked = questions(LAYOUTS["before the slot"], triggers_of(tokenizer))
    before = scores(port, asked)
    slopes(port, LAYOUTS["before the slot"], "gold", triggers_of(tokenizer))
    assert torch.equal(scores(port, asked), before)
    assert all(p.grad is None and not p.requires_grad for p in model.parameters())


def scores(port, asked):
    found = torch.zeros(len(TEXTS), len(ANSWERS))
    for block in port.run(port.plan_all(asked, Scoring())):
        found[list(block.rows)] = block.log_probs
    return found


@every_kind
def test_texts_with_answers_of_their_own_score_as_when_asked_alone(kind):
    port, _, tokenizer = tiny(kind)
    (asked,) = questions(LAYOUTS["before the slot"], triggers_of(tokenizer))
    together = scores(port, [asked])
    apart = [
        ScoringRequest(asked.texts[:1], asked.answers[1:]),
        ScoringRequest(asked.texts[1:], asked.answers),
    ]
    found = scores(port, apart)
    assert found[0, 0].item() == pytest.approx(together[0, 1].item(), abs=1e-4)
    assert found[0, 1] == 0
    assert torch.allclose(found[1], together[1], atol=1e-4)


def test_a_mask_among_the_triggers_is_no_slot():
    port, _, tokenizer = tiny("bert")
    mask = tokenizer.mask_token_id
    texts = [LAYOUTS["before the slot"](TEXTS[0], *pair) for pair in ((mask, 20), (20, mask))]
    (ids, _) = port.white_box.sequences(texts, (("Z", "dull"),))
    places = [i for i, token in enumerate(ids) if token == mask]
    own = tokenizer("dull", add_special_tokens=False).input_ids
    _, model, _ = tiny("bert")
    expected = naive.masked(model, ids, places[1:], [own], mask, True)
    plan = port.plan(texts, [(("Z", "dull"),)], Scoring())
    found = torch.zeros(2)
    for block in port.run(plan):
        found[list(block.rows)] = block.log_probs[:, 0]
    assert found[0].item() == pytest.approx(expected, abs=1e-4)
    assert found[0] != found[1]


def test_texts_that_differ_in_their_triggers_are_refused():
    port, _, _ = tiny("bert")
    texts = [LAYOUTS["before the slot"](TEXTS[0], *pair) for pair in ((20, 21), (21, 20))]
    with pytest.raises(ModelError, match="same triggers"):
        port.white_box.plan([ScoringRequest(texts, [(("Z", "dull"),)])], Scoring())
