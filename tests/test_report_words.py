"""The words at a slot: those of plain transformers, in every family and at every slot."""

import torch
from test_readout import TEXTS, every_kind, naive_logits
from tiny import tiny

from promptsearch.data import Example
from promptsearch.evaluation.report.model_words import with_slot_words
from promptsearch.evaluation.report.statistics.mistakes import Mistake
from promptsearch.prompt import Prompt, Template, Verbalizer


def asked(template, predicted="good", **verbalizer):
    answers = verbalizer or {"bad": "terrible", "good": "great"}
    parsed = Template.parse(template)
    prompt = Prompt(parsed, Verbalizer.of(answers, parsed.slots))
    wrong = [
        Mistake(Example(str(i), {"x": text}, ("bad",)), predicted, None, None)
        for i, text in enumerate(TEXTS)
    ]
    return prompt, wrong


@every_kind
def test_the_likeliest_whole_words_are_those_of_the_plain_model(kind):
    port, model, tokenizer = tiny(kind)
    words = port.vocabulary_words()
    (ids,) = zip(*port.answer_ids(words), strict=True)
    found = with_slot_words(port, *asked("{x} It was [Z] ."), top=3)
    for text, mistake in zip(TEXTS, found, strict=True):
        with torch.no_grad():
            wanted = naive_logits(kind, model, tokenizer, text)[list(ids)].softmax(0)
        best = wanted.argsort(descending=True, stable=True)[:3].tolist()
        (own,) = mistake.words
        assert own.slot == "Z"
        assert [word for word, _ in own.words] == [words[i] for i in best]
        shares = torch.tensor([share for _, share in own.words])
        assert torch.allclose(shares, wanted[best], atol=1e-4)


def test_at_a_second_slot_the_first_one_holds_what_was_predicted():
    """Causal: it reads the predicted word; the label decides which."""
    port, model, tokenizer = tiny("gpt2")
    words = port.vocabulary_words()
    (ids,) = zip(*port.answer_ids(words), strict=True)
    answers = {"bad": [["plot", "bad"]], "good": [["film", "good"]]}
    prompt, wrong = asked("{x} was a [Z1] that is [Z2] .", **answers)
    wrong[1] = Mistake(wrong[1].example, "bad", None, None)
    found = with_slot_words(port, prompt, wrong, top=2)
    for place, (text, word) in enumerate(zip(TEXTS, ("film", "plot", "film", "film"), strict=True)):
        line = tokenizer(f"{text} was a {word} that is", return_tensors="pt").input_ids
        with torch.no_grad():
            wanted = model(input_ids=line).logits[0, -1][list(ids)].softmax(0)
        own = found[place].words[1]
        best = wanted.argsort(descending=True)[:2].tolist()
        assert own.slot == "Z2"
        assert [w for w, _ in own.words] == [words[i] for i in best]


def test_masked_slots_stay_open_side_by_side():
    port, model, tokenizer = tiny("bert")
    words = port.vocabulary_words()
    (ids,) = zip(*port.answer_ids(words), strict=True)
    answers = {"bad": [["plot", "bad"]], "good": [["film", "good"]]}
    found = with_slot_words(port, *asked("{x} [Z1] is [Z2] .", **answers), top=2)
    line = tokenizer(f"{TEXTS[0]} [MASK] is [MASK] .", return_tensors="pt").input_ids
    places = (line[0] == tokenizer.mask_token_id).nonzero().flatten().tolist()
    for slot, place in enumerate(places):
        with torch.no_grad():
            wanted = model(input_ids=line).logits[0, place][list(ids)].softmax(0)
        best = wanted.argsort(descending=True)[:2].tolist()
        assert [w for w, _ in found[0].words[slot].words] == [words[i] for i in best]


def test_nothing_is_asked_without_mistakes():
    port = tiny("bert")[0]
    prompt, _ = asked("{x} [Z]")
    assert with_slot_words(port, prompt, []) == ()
