"""Native -> format -> native: the same prompts, or a note that says what is not."""

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from foreign import file_of, group, native, written
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from promptsearch.errors import ExportError, PromptError
from promptsearch.formats.export import ExportRequest, write_as
from promptsearch.formats.importing.input_names import with_spaces
from promptsearch.prompt import Field, Prompt, Slot, Template, Text, Verbalizer
from promptsearch.runs.settings import Settings

LETTERS = "ab .,?!{}[]*_'\"\\\n\t<>/Z:-中é\u2028ĠX"
TEXTS = st.text(st.sampled_from(LETTERS), min_size=1, max_size=8)
MARKS = st.sampled_from(["[T]", "[P]", "[X]", "[Y]", "*mask*", '{"mask"}', "<mask>", "[Z]", "_"])
WORDS = st.text(st.sampled_from("abz中é '\"\\{}[]"), min_size=1, max_size=5).filter(
    lambda word: word == word.strip() and word
)


def templates(fields, slots=("Z",)):
    """Any template with these fields and slots, each once, and text around them."""

    def made(draw_order, texts):
        parts = [texts[0]]
        for place, text in zip(draw_order, texts[1:], strict=True):
            parts += [place, text]
        try:
            return Template(tuple(Text(p) if isinstance(p, str) else p for p in parts))
        except PromptError:
            return None

    places = [*map(Field, fields), *map(Slot, slots)]
    texts = st.lists(
        st.one_of(st.just(""), st.just(" "), TEXTS, MARKS),
        min_size=len(places) + 1,
        max_size=len(places) + 1,
    )
    return st.builds(made, st.permutations(places), texts).filter(bool)


def verbalizers(most=1):
    """Words of two labels; no word twice, so that nothing can be alike."""
    words = st.lists(WORDS, min_size=2, max_size=2 * most, unique=True)
    return words.map(lambda own: {"no": own[: len(own) // 2], "yes": own[len(own) // 2 :]})


def back(name, prompt, kind="classification", **given):
    """The prompt after it was written and read again, and the notes on what was lost."""
    with TemporaryDirectory() as room:
        folder = Path(room)
        inputs = prompt.template.fields
        file = file_of(folder, [prompt], kind, "P19", inputs)
        out = folder / ("out.py" if name == "pet" else "out")
        notes = written(name, file, out)
        own = group(name, out, **given)
        return own.prompts[0].prompt, notes


@given(templates(["first", "second"]), verbalizers(most=3))
@settings(max_examples=60, deadline=None)
def test_openprompt_gives_back_every_prompt(template, words):
    prompt = Prompt(template, Verbalizer.of(words))
    found, _ = back("openprompt", prompt, inputs=template.fields)
    assert found == prompt


@given(templates(["a", "b", "c"], ["Z1", "Z2"]), WORDS, WORDS)
@settings(max_examples=30, deadline=None)
def test_openprompt_gives_back_several_slots(template, one, other):
    assume(one != other)
    answers = {"x": [[one, other]], "y": [[other, one]]}
    prompt = Prompt(template, Verbalizer.of(answers, template.slots))
    found, notes = back("openprompt", prompt, inputs=template.fields[:2])
    renumbered = zip(template.slots, found.template.slots, strict=True)
    names = dict(renumbered)
    parts = tuple(Slot(names[p.name]) if isinstance(p, Slot) else p for p in template.parts)
    assert [list(own) for own in found.verbalizer.plain().values()] == [
        list(own) for own in prompt.verbalizer.plain().values()
    ]
    told = any("stands right after" in note for note in notes)
    assert found.template == (with_spaces(Template(parts)) if told else Template(parts))


@given(templates(["first", "second"]), verbalizers())
@settings(max_examples=60, deadline=None)
def test_lm_bff_gives_back_what_it_can_write_and_tells_of_spaces(template, words):
    prompt = Prompt(template, Verbalizer.of(words))
    texts = [part.text for part in template.parts if isinstance(part, Text)]
    unsayable = any(re.search(r"[*_]|[^\S ]", text) for text in texts)
    if unsayable or any(" " in word for own in words.values() for word in own):
        with pytest.raises(ExportError, match="LM-BFF"):
            back("lm-bff", prompt)
        return
    found, notes = back("lm-bff", prompt, inputs=template.fields)
    told = any("bring a space" in note for note in notes)
    assert found.template == (with_spaces(template) if told else template)
    assert found.verbalizer == prompt.verbalizer


def test_a_space_before_lm_bffs_mask_is_another_than_the_one_that_the_word_brings():
    words = Verbalizer.of({"bad": "terrible", "good": "great"})
    for notation in ("{first} is [Z]", "{first} is  [Z]", "{first}  [Z]", " [Z] {first}"):
        prompt = Prompt(Template.parse(notation), words)
        found, _ = back("lm-bff", prompt, inputs=("first",))
        assert str(found.template) == notation


@pytest.mark.parametrize("name", ["openprompt", "lm-bff"])
def test_a_slot_that_stands_first_gets_a_space_and_a_note(name):
    words = Verbalizer.of({"bad": "terrible", "good": "great"})
    for notation, is_noted in (("[Z] is {first}", True), ("{first} is [Z]", False)):
        _, notes = back(name, Prompt(Template.parse(notation), words), inputs=("first",))
        assert any("space" in note for note in notes) is is_noted


@given(templates(["first", "second", "third"]), verbalizers(most=3))
@settings(max_examples=60, deadline=None)
def test_pet_gives_back_every_prompt_or_tells_how_it_reads_it(template, words):
    prompt = Prompt(template, Verbalizer.of(words))
    found, notes = back("pet", prompt, inputs=template.fields[:2])
    moved = [note for note in notes if "puts a space" in note]
    assert bool(moved) == (found.template != template)
    assert not moved or repr(str(found.template)) in moved[0]
    assert found.verbalizer == prompt.verbalizer


@given(templates(["first", "second"]), verbalizers())
@settings(max_examples=60, deadline=None)
def test_autoprompt_gives_back_every_prompt_without_its_marks(template, words):
    prompt = Prompt(template, Verbalizer.of(words))
    texts = "\0".join(part.text for part in template.parts if isinstance(part, Text))
    if any(mark in texts for mark in ("[T]", "[P]", "[Y]")):
        with pytest.raises(ExportError, match="would take for a token"):
            back("autoprompt", prompt)
        return
    found, _ = back("autoprompt", prompt)
    assert found == prompt


@pytest.mark.parametrize("name", ["lpaqa", "lama", "optiprompt", "pararel", "autoprompt"])
@given(template=templates(["subject"]))
@settings(max_examples=15, deadline=None)
def test_formats_of_facts_give_back_every_template_without_their_marks(name, template):
    prompt = Prompt(template, Verbalizer.of_candidates(["Paris", "Rome"]))
    texts = "\0".join(part.text for part in template.parts if isinstance(part, Text))
    with TemporaryDirectory() as room:
        folder, out = Path(room), Path(room) / "P19.jsonl"
        file = file_of(folder, [prompt], "facts", "P19", ["subject"])
        (folder / "candidates.txt").write_text("Paris\nRome\n")
        if "[X]" in texts or "[Y]" in texts:
            with pytest.raises(ExportError, match="as text"):
                written(name, file, out)
            return
        written(name, file, out)
        own = group(name, out, candidates=folder / "candidates.txt")
        assert [one.prompt for one in own.prompts] == [prompt]
        assert own.name == "P19"


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=2, max_size=4, unique=True))
@settings(max_examples=20, deadline=None)
def test_ptr_gives_back_every_rule(rules):
    answers = {f"r{place}": [list(rule)] for place, rule in enumerate(rules)}
    template = Template.parse("{text} the [Z1] {head} [Z2] the [Z3] {tail}")
    prompt = Prompt(template, Verbalizer.of(answers, template.slots))
    found, notes = back("ptr", prompt)
    assert (found, notes) == (prompt, ())


def test_what_ptr_cannot_hold_is_told_or_refused(tmp_path):
    template = Template.parse("{text} is [Z1] and [Z2]")
    answers = {"a": [["x", "y"]], "b": [["y", "x"], ["z", "z"]]}
    prompt = Prompt(template, Verbalizer.of(answers, template.slots))
    notes = written("ptr", file_of(tmp_path, [prompt]), tmp_path / "out.txt")
    assert notes == ("the template is not in the file: {text} is [Z1] and [Z2]",)
    assert (tmp_path / "out.txt").read_text() == "0\ta\tx\ty\n0\tb\ty\tx\n0\tb\tz\tz\n"
    tabbed = Prompt(template, Verbalizer.of({"a": [["x\t", "y"]], "b": [["y", "x"]]}, ("Z1", "Z2")))
    with pytest.raises(ExportError, match="has tabs"):
        written("ptr", file_of(tmp_path, [tabbed]), tmp_path / "out.txt")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("lm-bff", "LM-BFF has one mask, but the template has 2 slots"),
        ("pet", "PET has one answer a pattern, but the template has 2 slots"),
        ("autoprompt", r"AutoPrompt has one \[P\], but the template has 2 slots"),
        ("lpaqa", "not one of a subject and its object"),
        ("openprompt", "OpenPrompt has one word for each of several slots, but 'b' has several"),
    ],
)
def test_several_slots_are_refused_where_there_is_one(tmp_path, name, reason):
    template = Template.parse("{text} is [Z1] and [Z2]")
    answers = {"a": [["x", "y"]], "b": [["y", "x"], ["z", "z"]]}
    prompt = Prompt(template, Verbalizer.of(answers, template.slots))
    with pytest.raises(ExportError, match=reason):
        written(name, file_of(tmp_path, [prompt]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["lm-bff", "autoprompt"])
def test_several_words_a_label_are_refused_where_there_is_one(tmp_path, name):
    prompt = Prompt(Template.parse("{text} [Z]"), Verbalizer.of({"a": ["x", "y"], "b": "z"}))
    with pytest.raises(ExportError, match=r"'a' has 2.*openprompt"):
        written(name, file_of(tmp_path, [prompt]), tmp_path / "out")


def test_several_prompts_that_are_no_product_are_told(tmp_path):
    one, other = (Verbalizer.of(own) for own in ({"a": "x", "b": "y"}, {"a": "u", "b": "v"}))
    first, second = map(Template.parse, ("{text} is [Z]", "{text} was [Z]"))
    pairs = [Prompt(first, one), Prompt(second, other)]
    for name in ("openprompt", "lm-bff"):
        notes = written(name, file_of(tmp_path, pairs), tmp_path / name)
        assert "templates and verbalizers: 1 with 1, 2 with 2" in notes
    product = [Prompt(template, own) for template in (first, second) for own in (one, other)]
    notes = written("openprompt", file_of(tmp_path, product), tmp_path / "all")
    assert not any("templates and verbalizers" in note for note in notes)
    again = group("openprompt", tmp_path / "all", inputs=("text",))
    assert [own.prompt for own in again.prompts] == product
    written("pet", file_of(tmp_path, pairs), tmp_path / "out.py")
    again = group("pet", tmp_path / "out.py", inputs=("text",))
    assert [own.prompt for own in again.prompts] == pairs


def test_lpaqa_writes_the_weights_of_an_ensemble(tmp_path):
    from dataclasses import replace

    from foreign import exported

    from promptsearch.formats.export import write_as
    from promptsearch.prediction.ensemble import Ensemble, Member

    texts = ("{subject} is in [Z]", "[Z] has {subject}")
    candidates = Verbalizer.of_candidates(["a", "b"])
    file = file_of(tmp_path, [Prompt(Template.parse(t), candidates) for t in texts], "facts")
    weights = [0.75, 0.25]
    members = tuple(Member(s.id, s.prompt, w) for s, w in zip(file.prompts, weights, strict=True))
    given = replace(exported(file), ensemble=Ensemble("optimised", members))
    write_as("lpaqa", given, tmp_path / "P1.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "P1.jsonl").read_text().splitlines()]
    assert rows == [
        {"template": "[X] is in [Y]", "weight": 0.75},
        {"template": "[Y] has [X]", "weight": 0.25},
    ]
    for name in ("lama", "openprompt", "pet", "lm-bff", "ptr", "pararel", "optiprompt"):
        with pytest.raises(ExportError, match="hold no ensemble"):
            write_as(name, given, tmp_path / "out")


def test_inputs_keep_their_order_whatever_the_template_says_first(tmp_path):
    (tmp_path / "t.txt").write_text("*cls**sent_1*?*mask*,*+sent_0**sep+*\n")
    (tmp_path / "m.txt").write_text('{"a": "yes", "b": "no"}\n')
    paths = [tmp_path / "t.txt", tmp_path / "m.txt"]
    file = native("lm-bff", tmp_path, *paths, inputs=("premise", "hypothesis"))
    assert str(file.prompts[0].prompt.template) == "{hypothesis}? [Z], {premise}"
    notes = written("lm-bff", file, tmp_path / "out")
    assert "inputs: sent_0 is {premise}, sent_1 is {hypothesis}" in notes
    assert (tmp_path / "out/template.txt").read_text() == (tmp_path / "t.txt").read_text()


def test_a_prior_that_a_format_does_not_hold_is_told(tmp_path):
    prompt = Prompt(Template.parse("{text} [Z]"), Verbalizer.of({"a": "x", "b": "y"}))
    given = ExportRequest(
        file_of(tmp_path, [prompt]),
        file_of(tmp_path, [prompt]).prompts,
        Settings(calibration="pmi"),
        lambda: None,
    )
    notes = write_as("lm-bff", given, tmp_path / "out").notes
    assert "the prior that pmi calibration takes away is not in it; python holds that" in notes
