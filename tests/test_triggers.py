"""The parts of gradient search: layouts, filters, spelling, draws, steps, fluency."""

import naive
import numpy as np
import pytest
from tiny import KINDS, tiny

from promptsearch.data import CLASSIFICATION, FACTS, Example
from promptsearch.engine.strategy import Task
from promptsearch.errors import DataError, PromptError
from promptsearch.prompt import Input, Prompt, Slot, Template, Text, Trigger, Verbalizer
from promptsearch.searchers.common.answer_leaks import leaked_words
from promptsearch.searchers.common.trigger_template import TriggerTemplate
from promptsearch.searchers.gradient.detokenize import Detokenizer
from promptsearch.searchers.gradient.fluency import Fluency
from promptsearch.searchers.gradient.minibatches import Minibatches
from promptsearch.searchers.gradient.objective import smallest
from promptsearch.searchers.gradient.search_state import TriggerState
from promptsearch.searchers.gradient.start import TriggerStart
from promptsearch.searchers.gradient.steps import Gcg, HotFlip, RandomStep
from promptsearch.searchers.gradient.token_filter import Filter, words_of

every_kind = pytest.mark.parametrize("kind", KINDS)
TRAIN = [
    Example("0", {"text": "It was a great film"}, "pos"),
    Example("1", {"text": "the plot is bad, awful"}, "neg"),
    Example("2", {"text": "(a wonderful evening)"}, "pos"),
]
ANSWERS = Verbalizer.of({"pos": "great", "neg": "terrible"})


def task_with(template="{text} It was [Z].", **more):
    prompt = Prompt(Template.parse(template), ANSWERS)
    return Task("reviews", CLASSIFICATION, prompt, TRAIN, ("text",), ("pos", "neg"), **more)


# layouts


@pytest.mark.parametrize(
    ("notation", "places"),
    [
        ("{text} [T] [T] [Z].", 2),
        ("[T] {text} [T] [Z] [T] .", 3),
        ("{text}[T][Z]", 1),
        ("{text} [[T]] {{[T]}} [Z]", 1),
    ],
)
def test_a_layout_has_a_place_for_each_t(notation, places):
    assert TriggerTemplate.parse(notation).slot_count == places


def test_tokens_bring_their_space_and_what_follows_keeps_its_own():
    filled = TriggerTemplate.parse("{text} [T] [T] [Z].").fill({"text": "Good"}, (7, 8))
    assert filled == (
        Input("text", "Good"), Trigger(7), Trigger(8), Text(" "), Slot("Z"), Text("."),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("before", "{text} It was [T] [T] [T] [Z]."),
        ("after", "{text} It was [Z] [T] [T] [T]."),
        ("around", "{text} It was [T] [T] [Z] [T]."),
    ],
)
def test_triggers_beside_the_slot(where, expected):
    layout = TriggerTemplate.beside(Template.parse("{text} It was [Z]."), 3, where)
    assert layout == TriggerTemplate.parse(expected)
    assert str(layout) == expected


def test_the_words_of_a_template_become_the_trigger():
    read = {"It": (1,), "was": (2, 3), "done": (4,)}.__getitem__
    layout, tokens = TriggerTemplate.of_words(Template.parse("{text} It was [Z], done."), read)
    assert layout == TriggerTemplate.parse("{text} [T] [T] [T] [Z], [T].")
    assert tokens == (1, 2, 3, 4)


def test_a_word_right_after_an_input_stays_as_it_is():
    layout, tokens = TriggerTemplate.of_words(Template.parse("{text}s are [Z]"), lambda _: (9,))
    assert (str(layout), tokens) == ("{text}s [T] [Z]", (9,))


# filters


@pytest.mark.parametrize(
    ("spelling", "rule", "passes"),
    [
        (" story", Filter(), True),
        ("ing", Filter(), False),
        ("ing", Filter(whole_words=False), True),
        (None, Filter(whole_words=False), False),
        (" Paris", Filter(), False),
        (" Paris", Filter(proper_nouns=True), True),
        (" I", Filter(), True),
        (" 12", Filter(), False),
        (" ,", Filter(whole_words=False), True),
        (" Great", Filter(proper_nouns=True, answers=frozenset({"great"})), False),
        (" story", Filter(allowed=frozenset({"plot"})), False),
        (" story", Filter(banned=frozenset({"story"})), False),
        ("\u597d", Filter(spaced=False), True),
    ],
)
def test_what_a_token_must_be(spelling, rule, passes):
    assert rule.passes(spelling) is passes


def test_answers_of_labels_leak_and_stop_words_in_objects_do_not():
    assert leaked_words(task_with()) == {"great", "terrible"}
    facts = [Example("0", {"subject": "x"}, ("University of Oslo", "No"))]
    task = Task("t", FACTS, Prompt(Template.parse("{subject} [Z]"), ANSWERS), facts)
    assert leaked_words(task) == {"university of oslo", "university", "oslo", "no"}
    chinese = Task("t", FACTS, task.prompt, [Example("0", {}, ("\u5927\u4eba",))], language="zh")
    assert {"\u5927", "\u4eba"} < leaked_words(chinese)


def test_a_list_of_words_says_what_is_wrong_with_it(tmp_path):
    path = tmp_path / "words.txt"
    with pytest.raises(DataError, match=r"words\.txt.*one word a line"):
        words_of(path)
    path.write_text("\n \n")
    with pytest.raises(DataError, match="holds no words"):
        words_of(path)
    path.write_text("good\n bad \n")
    assert words_of(path) == {"good", "bad"}


# spelling


@every_kind
def test_spellings_put_together_are_the_text(kind):
    port, _, tokenizer = tiny(kind)
    spellings = port.white_box.spellings
    special = set(tokenizer.all_special_ids)
    assert all(spellings[token] is None for token in special)
    sentence = "It was a great film"
    ids = tokenizer(sentence, add_special_tokens=False).input_ids
    read = "".join(spellings[token] or " " for token in ids).split()  # a lone space is no word
    assert read == (sentence.lower() if kind == "bert" else sentence).split()


def detokenizer_of(kind, notation):
    port, _, _ = tiny(kind)
    contexts = [example.inputs for example in TRAIN]
    return Detokenizer(port.white_box, TriggerTemplate.parse(notation), contexts, (("Z", "great"),))


@every_kind
@pytest.mark.parametrize(
    "notation", ["{text} [T] [T] [Z].", "[T] {text} [Z] [T]", "[T] [Z] {text}"]
)
def test_what_is_written_is_read_as_the_same_tokens_in_every_context(kind, notation):
    detokenizer, box = detokenizer_of(kind, notation), tiny(kind)[0].white_box
    able = [t for t, text in enumerate(box.spellings) if text and text[0] == " " and text.strip()]
    rng, written = np.random.default_rng(0), 0
    for _ in range(40):
        tokens = tuple(rng.choice(able, detokenizer.trigger_template.slot_count).tolist())
        if (template := detokenizer.template(tokens)) is None:
            continue
        written += 1
        for context in detokenizer.contexts:
            texts = [template.fill(context), detokenizer.trigger_template.fill(context, tokens)]
            said, meant = box.sequences(texts, detokenizer.answer)
            assert said == meant
    assert written


def test_a_text_that_is_read_otherwise_does_not_count():
    port, _, tokenizer = tiny("bert")
    spellings = list(port.white_box.spellings)
    pieces = tokenizer("wonderful", add_special_tokens=False).input_ids
    whole = "".join(spellings[token] for token in pieces).strip()
    assert whole == "wonderful"
    single = next(t for t, text in enumerate(spellings) if text == " w")
    tail = next(t for t, text in enumerate(spellings) if text == "o")
    detokenizer = detokenizer_of("bert", "{text} [T] [T] [Z].")
    joined = tokenizer("wo", add_special_tokens=False).input_ids
    assert (detokenizer.template((single, tail)) is None) == (joined != [single, tail])


def test_a_mask_is_never_written_but_what_is_beside_it_can_be_said():
    detokenizer = detokenizer_of("bert", "{text} [T] [T] [Z].")
    box = tiny("bert")[0].white_box
    word = next(t for t, text in enumerate(box.spellings) if text and text[1:].isalpha())
    assert detokenizer.template((word, box.mask)) is None
    assert detokenizer.is_encodable([(word, box.mask), (box.mask, box.mask)]) == [True, True]


# where climbs begin


def begun(kind="bert", task=None, **given):
    given = {"template": "", "triggers": 2, "where": "before", "start": "", "masks": True} | given
    port, _, _ = tiny(kind)
    return TriggerStart(**given).of(task or task_with(), port), port.white_box


def test_masked_models_begin_with_masks_and_others_with_a_word():
    (_, start), box = begun()
    assert start == (box.mask, box.mask)
    (_, start), box = begun("gpt2")
    assert [box.spellings[token] for token in start] == [" the", " the"]


def test_a_start_of_words_sets_how_many_places_there_are():
    (layout, start), box = begun(start="film story film", where="after")
    assert layout.slot_count == len(start) == 3
    assert "".join(box.spellings[token] for token in start) == " film story film"


def test_a_prompt_is_improved_in_place():
    (layout, start), box = begun(where="words")
    assert layout.slot_count == 2
    assert "".join(box.spellings[token] for token in start).lower() == " it was"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"template": "{text} [T] [Z]", "start": "film story"}, "2 tokens .* places for 1"),
        ({"triggers": 0}, "no trigger token"),
        ({"template": "{text} [T] [Z] [Z]"}, "slots of the task"),
        ({"start": "\u2603 \u2603"}, "unknown to this model"),
        ({"template": "{text} [T] [Q]"}, "needs a slot"),
        ({"template": "{body} [T] [Z]"}, r"uses \{body\}, but the inputs are text"),
        ({"template": "{text} [T] [Z1]"}, r"slots of the task: \[Z\]"),
        ({"template": "{text} [Z]", "where": "words"}, "no words to start from"),
    ],
)
def test_what_does_not_fit_together_is_said(given, message):
    with pytest.raises(PromptError, match=message):
        begun(**given)


# draws


def test_two_draws_share_nothing_where_there_are_enough():
    one, other = Minibatches(0, 0, 100, 40).pair()
    assert len(set(one)) == len(set(other)) == 40
    assert not set(one) & set(other)


def test_two_draws_repeat_nothing_in_themselves_where_there_are_not():
    one, other = Minibatches(0, 0, 50, 40).pair()
    assert len(set(one)) == len(set(other)) == 40


def test_draws_of_everything_are_equal_and_differ_by_seed_and_climb_otherwise():
    everything = Minibatches(0, 0, 5, 40)
    assert everything.whole
    assert everything.pair() == ((0, 1, 2, 3, 4),) * 2
    assert Minibatches(0, 0, 100, 9).pair() == Minibatches(0, 0, 100, 9).pair()
    assert (
        Minibatches(0, 0, 100, 9).pair()
        != Minibatches(0, 1, 100, 9).pair()
        != Minibatches(1, 1, 100, 9).pair()
    )


# steps


def test_the_smallest_usable_slopes_come_first_and_equal_ones_by_id():
    slopes = np.array([0.5, -2, -2, -3, 0, -1], dtype=np.float32)
    usable = np.array([True, True, True, True, False, True])
    assert smallest(slopes, usable, 3, 3) == [1, 2, 5]


class Landscape:
    """An objective without a model: a trigger is worth the sum of its tokens, up to a top."""

    usable = np.ones(10, dtype=bool)

    def __init__(self, top=99, unsayable=()):
        self.top, self.unsayable, self.asked = top, unsayable, []

    @property
    def detokenizer(self):
        return self

    def template(self, tokens):
        return None if tokens in self.unsayable else Template((Text(str(tokens)), Slot()))

    def encodable(self, triggers, count):
        return list(triggers)[:count]

    def top_tokens(self, trigger, _rows, count):
        return [[t for t in range(9, -1, -1) if t != own][:count] for own in trigger]

    def value(self, triggers, _rows):
        self.asked += triggers
        return [float(min(sum(trigger), self.top)) for trigger in triggers]


def climb_in(landscape, trigger, **more):
    return TriggerState(0, landscape, Minibatches(0, 0, 4, 4), trigger, **more)


def test_hotflip_changes_one_place_and_ends_where_no_place_is_better():
    climb = climb_in(Landscape(), (1, 1))
    for _ in range(10):
        HotFlip(3)(climb)
    assert climb.trigger == (9, 9)
    assert climb.ended


def test_an_equal_candidate_is_not_better():
    climb = climb_in(Landscape(top=2), (1, 1))
    assert HotFlip(3)(climb) is None
    assert climb.trigger == (1, 1)


def test_the_next_best_is_taken_where_the_best_cannot_be_said():
    climb = climb_in(Landscape(unsayable={(9, 1), (1, 9)}), (1, 1))
    HotFlip(3)(climb)
    assert sorted(climb.trigger) == [1, 8]


def test_a_mask_is_filled_where_nothing_is_better_and_not_before():
    climb = climb_in(Landscape(top=-1), (5, 7), mask=7)
    for _ in range(2):
        assert HotFlip(3)(climb) is None
        assert climb.masks
    assert HotFlip(3)(climb) is not None
    assert not climb.masks


def test_the_release_takes_the_best_while_a_mask_is_left():
    climb = climb_in(Landscape(top=-1), (7, 7), mask=7, reject_masks=True)
    HotFlip(3)(climb)
    assert climb.trigger != (7, 7)


def test_gcg_takes_the_best_even_if_it_is_worse():
    climb = climb_in(Landscape(), (9, 9))
    assert Gcg(4, 3)(climb) is not None
    assert climb.trigger != (9, 9)
    assert len(climb.objective.asked) == 4


def test_blind_steps_go_on_trying():
    climb = climb_in(Landscape(), (1, 1))
    for _ in range(60):
        RandomStep(3)(climb)
    assert climb.trigger == (9, 9)
    assert not climb.ended


# fluency


def test_fluency_of_a_causal_model_is_each_word_given_what_stands_before():
    port, model, tokenizer = tiny("gpt2")
    fluency = Fluency(port, TRAIN[:1], task_with().prompt)
    template = Template.parse("{text} It was [Z] really.")
    (found,) = fluency.values([template]).run()
    base = tokenizer("It was a great film").input_ids
    values = []
    for before, word in (("", " It"), (" It", " was"), (" It was great", " really.")):
        left = [*base, *tokenizer(before).input_ids] if before else base
        ids = [*left, *tokenizer(word).input_ids]
        values.append(naive.causal(model, ids, len(left)))
    assert found == pytest.approx(np.mean(values), abs=1e-4)


def test_fluency_of_a_masked_model_is_each_word_given_all_others():
    port, model, tokenizer = tiny("bert")
    fluency = Fluency(port, TRAIN[:1], task_with().prompt)
    (found, none) = fluency.values(
        [Template.parse("{text} It was [Z]"), Template.parse("{text}[Z]")]
    ).run()
    mask, values = tokenizer.mask_token_id, []
    for left, word, right in (
        ("It was a great film", "it", "was great"),
        ("It was a great film it", "was", "great"),
    ):
        before = tokenizer(left).input_ids[:-1]
        ids = [*before, mask, *tokenizer(right).input_ids[1:]]
        own = tokenizer(word, add_special_tokens=False).input_ids
        values.append(naive.masked(model, ids, [len(before)], [own], mask, True))
    assert found == pytest.approx(np.mean(values), abs=1e-4)
    assert none == 0
