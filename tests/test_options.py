"""Prompts with options: how they are written, what is refused, and what models read of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from promptsearch import load_model
from promptsearch.data import Example
from promptsearch.errors import ModelError, PromptError
from promptsearch.models import Scoring
from promptsearch.models.batching.option_layout import OptionTokens
from promptsearch.models.training.choice_trainer import with_option_form
from promptsearch.prompt import Input, Prompt, Template, Text, Verbalizer
from promptsearch.scoring import Scorer

NOTATION = "[O1]it's great[O2]it's terrible[SEP]What is the sentiment?[SEP]{text}"
LABELS, SLOTS = ("positive", "negative"), ("O1", "O2")
CHOICES = ("it's great", "it's terrible", "so so")


@pytest.fixture(scope="module")
def builtin():
    return load_model("builtin", device="cpu")


def yes_no(yes="yes", no="no"):
    return Verbalizer.of_slots(LABELS, SLOTS, yes, no)


def test_the_notation_is_read_and_written():
    template = Template.parse(NOTATION)
    assert template.notation == NOTATION
    assert template.slots == SLOTS
    assert template.fields == ("text",)
    assert template.has_options


def test_marks_of_options_may_be_text():
    template = Template.parse("[[O1]] and [[SEP]] are text: {text} [Z]")
    assert template.parts[0] == Text("[O1] and [SEP] are text: ")
    assert not template.has_options


@pytest.mark.parametrize(
    ("notation", "message"),
    [
        ("{text} [O1]a[O2]b[SEP]", "begin with its options"),
        ("[O1]a[O2]b {text}", r"no \[SEP\] right after its options"),
        ("[O1]a[SEP][O2]b[SEP]{text}", r"no \[SEP\] right after its options"),
        ("[O1]a[O2]b[SEP]{text} [Z]", "options and a"),
        ("[O1]a[O2] [SEP]{text}", "no text in its option 2"),
        ("[O1]a[O2]a[SEP]{text}", "the same in its options 1 and 2"),
        ("{text} [SEP] It was [Z].", r"\[SEP\] but no options"),
    ],
)
def test_other_layouts_are_refused(notation, message):
    with pytest.raises(PromptError, match=message):
        Template.parse(notation)


def test_options_need_a_no():
    answers = Verbalizer.of({"positive": [{"O1": "yes"}], "negative": [{"O2": "yes"}]}, SLOTS)
    with pytest.raises(PromptError, match="say what `no` is"):
        Prompt(Template.parse(NOTATION), answers)
    assert Prompt(Template.parse(NOTATION), yes_no()).verbalizer.no == "no"


def test_a_no_tells_verbalizers_apart_and_leaves_others_as_they_were():
    plain = Verbalizer.of({"a": "x", "b": "y"})
    assert repr(plain) == f"Verbalizer(pairs={plain.pairs!r})"
    assert yes_no(no="no") != yes_no(no="not")
    assert repr(yes_no(no="no")) != repr(yes_no(no="not"))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({"a": [{"Z1": "yes"}], "b": [{"Z1": "yep"}]}, "both answer"),
        ({"a": [{"Z1": "no"}], "b": [{"Z2": "yes"}]}, "is `no` too"),
        ({"a": [{"Z1": "yes", "Z2": "yes"}], "b": [{"Z2": "yep"}]}, "several slots"),
    ],
)
def test_labels_with_a_no_have_a_slot_each(pairs, message):
    answers = Verbalizer.of(pairs, ("Z1", "Z2"))
    with pytest.raises(PromptError, match=message):
        Verbalizer(answers.pairs, "no")


def test_fields_in_options_are_never_cut():
    filled = Template.parse("[O1]yes: {b}[O2]no: {b}[SEP]{a}").fill({"a": "long", "b": "short"})
    assert [part.text for part in filled if isinstance(part, Input)] == ["long"]
    assert Text("short") in filled


def scores(model, notation, inputs, slots=SLOTS, words=("yes", "no")):
    """(option, word) logits."""
    answers = [((slot, word),) for slot in slots for word in words]
    plan = model.plan([Template.parse(notation).fill(inputs)], answers, Scoring())
    (scored,) = model.run(plan)
    return scored.log_probs[0].view(len(slots), len(words)).numpy()


def test_the_scores_are_those_of_a_loop_over_transformers_own_forward(builtin):
    """One sequence, a mask by hand, the whole output: nothing of ours but the layout."""
    model, tokenizer = builtin.runtime.model, builtin.runtime.tokenizer
    text = "a moving and funny film"
    pieces = [["[MASK]", *tokenizer.tokenize(words)] for words in ("it's great", "it's terrible")]
    rest = ["[SEP]", *tokenizer.tokenize("What is the sentiment?"), "[SEP]"]
    rest += [*tokenizer.tokenize(text), "[SEP]"]
    ids = tokenizer.convert_tokens_to_ids(["[CLS]", *pieces[0], *pieces[1], *rest])
    longest = max(map(len, pieces))
    positions = [0, *(1 + i for piece in pieces for i in range(len(piece)))]
    positions += [1 + longest + i for i in range(len(rest))]
    types = [0] + [1] * (sum(map(len, pieces)) + 1) + [0] * (len(rest) - 1)
    owner = [0] * 1 + [1] * len(pieces[0]) + [2] * len(pieces[1]) + [0] * len(rest)
    mask = torch.zeros(1, 1, len(ids), len(ids))
    for query, key in np.ndindex(len(ids), len(ids)):
        if owner[query] and owner[key] and owner[query] != owner[key]:
            mask[0, 0, query, key] = -torch.inf
    with torch.no_grad():
        logits = model(
            torch.tensor([ids]),
            attention_mask=mask,
            token_type_ids=torch.tensor([types]),
            position_ids=torch.tensor([positions]),
        ).logits[0]
    rows = [1, 1 + len(pieces[0])]
    expected = logits[rows][:, tokenizer.convert_tokens_to_ids(["yes", "no"])]
    assert scores(builtin, NOTATION, {"text": text}) == pytest.approx(expected.numpy(), abs=2e-4)


def test_the_order_of_options_means_nothing(builtin):
    inputs = {"text": "a moving and funny film"}
    one = scores(builtin, NOTATION, inputs)
    swapped = "[O1]it's terrible[O2]it's great[SEP]What is the sentiment?[SEP]{text}"
    assert scores(builtin, swapped, inputs)[::-1] == pytest.approx(one, abs=1e-4)


def test_a_text_is_cut_and_its_options_are_not(builtin):
    long = {"text": "word " * 2000}
    short = scores(builtin, NOTATION, {"text": "word " * 400})
    assert scores(builtin, NOTATION, long).shape == short.shape
    many = "".join(f"[O{n}]option number {n} of all that there are" for n in range(1, 120))
    with pytest.raises(ModelError, match=r"119 options take [\d,]+ tokens, and 'builtin' reads"):
        scores(builtin, f"{many}[SEP]{{text}}", long)


def test_words_of_several_tokens_are_refused(builtin):
    with pytest.raises(ModelError, match="'unquestionably so', said to the options, is 5 tokens"):
        scores(builtin, NOTATION, {"text": "a"}, words=("yes", "unquestionably so"))


def test_a_causal_model_is_refused(shared):
    model = load_model(str(shared / "models" / "stories260k"), device="cpu")
    with pytest.raises(ModelError, match="options are read by masked models only"):
        scores(model, NOTATION, {"text": "a"})


words = st.lists(st.integers(6, 40), min_size=1, max_size=6)


@given(st.lists(words, min_size=1, max_size=5), st.lists(words, min_size=1, max_size=3))
def test_packed_segments_see_what_the_layout_says(options, texts):
    """Every token once, its position and type, and the tokens that its run sees."""
    tokens = OptionTokens(mask=4, separator=3)
    head = [2] + [token for words in options for token in (4, *words)]
    sequences = [[*head, 3, *text, 3] for text in texts]
    tree = tokens.packed(sequences)
    for ids, path in zip(sequences, tree.paths, strict=True):
        layout = tokens.layout(ids)
        assert tree.ids[torch.from_numpy(path)].tolist() == ids
        assert tree.depths[torch.from_numpy(path)].tolist() == layout.positions.tolist()
        assert tree.types[torch.from_numpy(path)].tolist() == layout.types.tolist()
        for run in tree.runs:
            for segment in range(run.count):
                first = run.start + segment * run.query_length
                for row in range(first, first + run.query_length):
                    if row in path:
                        query = path.tolist().index(row)
                        seen = [path.tolist().index(key) for key in run.keys[segment].tolist()]
                        assert sorted(seen) == np.flatnonzero(layout.visible[query]).tolist()


def test_options_of_several_passes_are_the_sum_of_what_is_read(builtin):
    """Each pass by hand: a template with those options alone."""
    notation = "[O1]bad[O2]poor[O3]good[O4]great[O5]fine[SEP]what is it ?[SEP]{text}"
    slots, inputs = [f"O{n}" for n in range(1, 6)], {"text": "a moving and funny film"}
    answers = [((slot, word),) for slot in slots for word in ("yes", "no")]
    texts = [Template.parse(notation).fill(inputs), Template.parse(NOTATION).fill(inputs)]
    plan = builtin.plan(texts, answers, Scoring(options_per_pass=2))
    blocks = list(builtin.run(plan))
    rows = [row for block in blocks for row in block.rows]
    table = torch.cat([block.log_probs for block in blocks])[torch.tensor(rows).argsort()]
    assert sorted(rows) == [0, 1]
    assert plan.forwards == 4
    halves = (("[O1]bad", ["O1"]), ("[O2]poor[O3]good", ["O2", "O3"]),
              ("[O4]great[O5]fine", ["O4", "O5"]))  # fmt: skip
    expected = [
        scores(builtin, f"{part}[SEP]what is it ?[SEP]{{text}}", inputs, names)
        for part, names in halves
    ]
    assert table[0].view(5, 2).numpy() == pytest.approx(np.concatenate(expected), abs=1e-4)
    assert table[1].view(5, 2)[:2].numpy() == pytest.approx(
        scores(builtin, NOTATION, inputs), abs=1e-4
    )


def test_more_options_than_fit_are_read_in_passes(builtin):
    many = "".join(f"[O{n}]option number {n} of all that there are" for n in range(1, 120))
    text = Template.parse(f"{many}[SEP]{{text}}").fill({"text": "word " * 2000})
    answers = [((f"O{n}", "yes"),) for n in range(1, 120)]
    (scored,) = builtin.run(builtin.plan([text], answers, Scoring(options_per_pass=40)))
    assert scored.log_probs.shape == (1, 119)
    assert bool((scored.log_probs != 0).all())


def test_passes_need_log_odds_and_are_not_trained_through():
    from promptsearch import Settings
    from promptsearch.errors import RunError

    with pytest.raises(RunError, match="add `options_score` log-odds"):
        Settings(options_per_pass=2)
    with pytest.raises(RunError, match="too small"):
        Settings(options_per_pass=0, options_score="log-odds")
    assert Settings(options_per_pass=2, options_score="log-odds").options_per_pass == 2


def test_the_options_of_a_row_are_its_choices():
    template = Template.parse("[O][SEP]{question}")
    assert (template.notation, template.slots, template.takes_choices) == (
        "[O][SEP]{question}",
        ("O",),
        True,
    )
    filled = template.fill({"question": "How?"}, CHOICES[:2])
    expected = Template.parse("[O1]it's great[O2]it's terrible[SEP]{question}")
    assert filled == expected.fill({"question": "How?"})
    with pytest.raises(PromptError, match="this row has none"):
        template.fill({"question": "How?"})
    for wrong in ("[O]", "[O]word[SEP]{a}", "[O][O1]a[SEP]{a}", "[O]{a}[SEP]{a}", "[O][SEP]"):
        with pytest.raises(PromptError, match="every choice of a row"):
            Template.parse(wrong)


@pytest.mark.parametrize("score", ["logit", "log-odds"])
def test_options_of_a_row_score_as_fixed_ones(builtin, score):
    notation = "".join(f"[O{n}]{text}" for n, text in enumerate(CHOICES, 1)) + "[SEP]Which?[SEP]{t}"
    fixed = Prompt(
        Template.parse(notation), Verbalizer.of_slots(CHOICES, ("O1", "O2", "O3"), "yes", "no")
    )
    free = Prompt(
        Template.parse("[O][SEP]Which?[SEP]{t}"),
        Verbalizer.of_candidates(("something",), "O").rating("yes", "no"),
    )
    scorer = Scorer(builtin, Scoring(options_score=score))
    rows = [Example(t, {"t": t}, CHOICES[0]) for t in ("a moving film", "a dull film")]
    (expected,) = scorer.judge([fixed], rows)
    with_choices = [Example(e.id, e.inputs, e.target, choices=CHOICES) for e in rows]
    (given_choices,) = scorer.judge([free], with_choices)
    assert given_choices.choice_log_probs == pytest.approx(expected.log_probs, abs=1e-4)
    turned = [Example(e.id, e.inputs, e.target, choices=CHOICES[::-1]) for e in rows]
    (other_order,) = scorer.judge([free], turned)
    assert other_order.choice_log_probs[:, ::-1] == pytest.approx(expected.log_probs, abs=1e-4)


def test_without_blocks_options_at_the_same_positions_are_all_alike(builtin):
    """Each mask then reads the same tokens at the same positions: no training tells them apart."""
    prompt = Prompt(Template.parse(NOTATION), yes_no())
    examples = [Example(str(n), {"text": text}, "positive") for n, text in enumerate(("good", "a"))]
    for blocks, restart in ((False, True), (True, True), (False, False)):
        scorer = Scorer(with_option_form(builtin, blocks, restart), Scoring())
        (predictions,) = scorer.judge([prompt], examples)
        apart = np.ptp(predictions.log_probs, axis=1)
        assert (apart < 1e-5).all() == (not blocks and restart)
