"""Templates, verbalizers and prompts: the notation and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptsearch.errors import PromptError
from promptsearch.prompt import Field, Input, Prompt, Slot, Template, Text, Verbalizer

texts = st.text(alphabet=st.sampled_from("ab {}[]Z1.\n"), max_size=12)


@given(texts, texts, st.sampled_from(["Z", "Z1", "Z23"]))
def test_what_can_be_written_reads_back_the_same(before, after, slot):
    parts = (Text(before), Field("text"), Slot(slot), Text(after))
    template = Template(parts)
    assert Template.parse(str(template)) == template


def test_a_slot_in_single_brackets_of_the_text_has_no_notation():
    with pytest.raises(PromptError, match="no unambiguous notation"):
        Template((Text("["), Slot(), Text("]")))


@given(texts)
def test_literal_text_never_becomes_a_field_or_a_slot(text):
    template = Template((Text(text + " "), Slot(), Text(" " + text)))
    assert template.fields == ()
    assert template.slots == ("Z",)


def test_doubled_brackets_and_braces_are_literal():
    parts = Template.parse("{{a}} [[Z]] {a} [Z]").parts
    assert parts == (Text("{a} [Z] "), Field("a"), Text(" "), Slot("Z"))


@pytest.mark.parametrize(
    ("notation", "reason"),
    [
        ("no slot here", "has no slot"),
        ("[Z] and [Z]", "two equal slots"),
        ("{text [Z]", "lone '{' at character 1"),
        ("text} [Z]", "lone '}' at character 5"),
        ("{two words} [Z]", "lone '{'"),
    ],
)
def test_a_template_that_cannot_mean_anything_is_refused(notation, reason):
    with pytest.raises(PromptError, match=reason):
        Template.parse(notation)


def test_inputs_stay_apart_from_the_template_whatever_they_hold():
    filled = Template.parse("{text} It was [Z].").fill({"text": "[Z] {text} [MASK]"})
    assert filled == (Input("text", "[Z] {text} [MASK]"), Text(" It was "), Slot(), Text("."))


def test_a_missing_input_is_named():
    with pytest.raises(PromptError, match=r"uses \{title\}, but the inputs are text"):
        Template.parse("{title} [Z]").fill({"text": ""})


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({}, "no answers"),
        ({"pos": []}, "'pos' has no answer"),
        ({"pos": " "}, "empty answer"),
        ({"pos": ["good", "fine"], "neg": ["fine", "good"]}, "the same answers"),
        ({"pos": [["a", "b"]]}, "one string per slot"),
        ({"pos": [[["bad"]]]}, "write it as a text"),
        ({"pos": [[None]]}, "write it as a text"),
        ({"pos": [{"Z": 1}]}, "write it as a text"),
    ],
)
def test_answers_that_cannot_tell_labels_apart_are_refused(answers, reason):
    with pytest.raises(PromptError, match=reason):
        Verbalizer.of(answers)


def test_an_answer_of_several_slots_names_its_slots():
    verbalizer = Verbalizer.of({"cause": [["person", "was", "cause"]]}, ("Z1", "Z2", "Z3"))
    assert verbalizer["cause"] == ((("Z1", "person"), ("Z2", "was"), ("Z3", "cause")),)
    assert verbalizer.plain() == {"cause": [["person", "was", "cause"]]}


def test_an_answer_for_a_slot_the_template_lacks_is_refused():
    with pytest.raises(PromptError, match=r"slot \[Z2\]"):
        Prompt(Template.parse("[Z1]"), Verbalizer.of({"a": [{"Z2": "x"}]}))


def test_where_a_prompt_came_from_is_no_part_of_what_it_is():
    from promptsearch.prompt import Source

    prompt = Prompt(Template.parse("[Z]"), Verbalizer.of({"a": "x"}))
    assert prompt == prompt.with_template(prompt.template, Source("mine", evidence={"count": 3}))


@pytest.mark.parametrize(
    ("answer", "spelled"),
    [
        ({"Z1": "yes"}, {"Z1": "yes"}),
        ({"Z2": "yes"}, {"Z2": "yes"}),
        ({"Z2": "no", "Z1": "yes"}, ["yes", "no"]),
        (["yes", "no"], ["yes", "no"]),
    ],
)
def test_an_answer_that_leaves_a_slot_out_is_read_back_as_it_was(answer, spelled):
    template = Template.parse("{text} Good: [Z1]. Bad: [Z2].")
    prompt = Prompt(template, Verbalizer.of({"a": [answer]}, template.slots))
    assert prompt.plain_answers == {"a": [spelled]}
    assert Verbalizer.of(prompt.plain_answers, template.slots) == prompt.verbalizer


@pytest.mark.parametrize("answer", [[["bad"]], [["a"], "b"], [1], {"Z": ["bad"]}, {"Z": None}, {}])
def test_what_is_no_text_in_an_answer_is_refused(answer):
    with pytest.raises(PromptError, match="'a' has"):
        Verbalizer.of({"a": [answer]})
