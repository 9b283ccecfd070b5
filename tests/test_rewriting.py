"""Ways of paraphrasing: what each finds, and that fields and slots survive all of them."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptsearch.engine import ModelCall
from promptsearch.language.english import Synonym, Thesaurus, wordnet
from promptsearch.models.generation.translation import Translation
from promptsearch.prompt import Field, Slot, Template, Text
from promptsearch.searchers.paraphrase.back_translation import BackTranslation
from promptsearch.searchers.paraphrase.marked_sentence import MARKS, PlaceholderLost, Sentence
from promptsearch.searchers.paraphrase.phrase_edits import PhraseEdits
from promptsearch.searchers.paraphrase.proposal import Parent
from promptsearch.searchers.paraphrase.rewriter import Rewriter
from promptsearch.searchers.paraphrase.substitution import WordSpans
from promptsearch.searchers.paraphrase.synonyms import Synonyms
from promptsearch.searchers.paraphrase.template_words import TemplateWords

BORN = Template.parse("{subject} was born in [Z] .")
texts = st.text(st.sampled_from("ab I'm-.,!{}[]Z \u00e9\u4e2d"), max_size=12)


@st.composite
def templates(draw):
    """Two fields and a slot in any order, texts around them."""
    places = draw(st.permutations([Field("a"), Field("b"), Slot()]))
    parts = [draw(st.builds(Text, texts))]
    for place in places:
        parts += [place, draw(st.builds(Text, texts))]
    if any(isinstance(p, Text) and p.text[-1:] in "[]" for p in parts):
        parts = [
            Text(p.text.replace("[", "").replace("]", "")) if isinstance(p, Text) else p
            for p in parts
        ]
    return Template(tuple(parts))


def places(template):
    return sorted([*template.fields, *template.slots])


class Ledger:
    """A score whose chores are done at once."""

    def once(self, name, prepare):
        chore = prepare()
        assert isinstance(chore, ModelCall)
        return chore.run()


@given(templates(), st.booleans())
def test_a_wording_is_its_template(template, spaced):
    assert str(TemplateWords.of(template, spaced).template) == str(template).lstrip()


@given(templates(), st.data())
def test_fields_and_slots_survive_every_edit(template, data):
    wording = TemplateWords.of(template)
    edits = [wording.inserted(data.draw(st.integers(0, len(wording.pieces))), "new words")]
    for span in wording.spans(3):
        edits += [wording.replaced(*span, ""), wording.replaced(*span, "other {x} [Z]")]
    for edit in edits:
        if edit.template is not None:
            assert places(edit.template) == places(template)


@settings(deadline=None)  # tables load in the first call
@given(templates(), st.integers(0, 5))
def test_fields_and_slots_survive_phrase_edits_and_synonyms(template, seed):
    thesaurus = Thesaurus({word: (Synonym("c d"),) for word in ("a", "b", "ab", "I'm", "ba")})
    for way in (PhraseEdits(20, seed, True), Synonyms([thesaurus])):
        (found,) = way.neighbours([Parent("p0", template)])
        for proposal in found:
            assert places(proposal.template) == places(template)


@given(templates(), st.sampled_from(MARKS), st.booleans())
def test_a_sentence_said_with_marks_is_understood_again(template, marks, whole):
    sentence = Sentence.of(template, whole)
    try:
        again = sentence.to_template(sentence.to_text(marks), marks)
    except PlaceholderLost:
        return  # "[X" right beside a mark: turned down, not misread
    assert places(again) == places(template)


def notations(proposals):
    return [str(proposal.template) for proposal in proposals]


def test_synonyms_are_inflected_and_articles_agree():
    (found,) = Synonyms([wordnet()]).neighbours(
        [Parent("p0", Template.parse("a big city is [Z] of {subject}"))]
    )
    assert "a large city is [Z] of {subject}" in notations(found)
    (found,) = Synonyms([wordnet()]).neighbours(
        [Parent("p0", Template.parse("{subject} speaks a language: [Z]"))]
    )
    assert "{subject} talks a language: [Z]" in notations(found)
    pairs = Thesaurus({"town": (Synonym("area"),)})
    (found,) = Synonyms([pairs]).neighbours([Parent("p0", Template.parse("a town {subject} [Z]"))])
    assert notations(found) == ["an area {subject} [Z]"]
    assert found[0].evidence == {"method": "synonyms", "from": "town", "to": "area"}


def test_what_was_deleted_is_added_back_elsewhere():
    edits = PhraseEdits(1000, 0, True)
    (first,) = edits.neighbours([Parent("p0", BORN)])
    without = next(
        p for p in first if p.evidence.get("phrase") == "was" and p.evidence["edit"] == "delete"
    )
    (second,) = edits.neighbours([Parent("p1", without.template)])
    added = [p for p in second if p.evidence["edit"] == "add"]
    assert "{subject} born in was [Z] ." in notations(added)


@pytest.mark.parametrize("word", ["\u0939\u093f\u0928\u094d\u0926\u0940", "cafe\u0301"])
def test_marks_stay_with_their_letters(word):
    wording = TemplateWords.of(Template.parse(f"{{a}} {word} [Z]"))
    assert [wording.text(*span) for span in wording.spans(1)] == [word]


def test_the_kinds_of_edits_take_turns():
    long = Template.parse("{a} " + "one two three four five six seven eight " * 2 + "[Z]")
    (found,) = PhraseEdits(30, 0, True).neighbours([Parent("p0", long)])
    kinds = Counter(proposal.evidence["edit"] for proposal in found)
    assert kinds["delete"] >= 12


def test_a_template_with_too_many_places_is_turned_down_by_translators():
    many = Template.parse("say {a} and {b} and {c} with {d} is [Z] .")
    way = BackTranslation(Phrasebook({}), Phrasebook({}), 2, True, Ledger())
    assert list(way.neighbours([Parent("p0", many)])) == [[]]
    assert way.rejected == Counter({"it has too many places": 1})


def test_a_field_that_stands_twice_is_translated_twice():
    twice = Template.parse("{a} is [Z] , {a} .")
    assert Sentence.of(twice, True).to_template("[X] , [X] was [Y] .", MARKS[0]) == Template.parse(
        "{a} , {a} was [Z] ."
    )


def test_swaps_are_of_phrases():
    (found,) = PhraseEdits(1000, 0, True).neighbours([Parent("p0", BORN)])
    swapped = [p for p in found if p.evidence["edit"] == "swap"]
    assert "{subject} in born was [Z] ." in notations(swapped)
    assert "{subject} born was in [Z] ." in notations(swapped)


def test_substitution_ranks_by_what_the_model_gains():
    found = WordSpans(TemplateWords.of(Template.parse("{a} was [Z]"))).edits(
        [
            [("is", -1.0), ("was", -3.0), ("are", -2.0)],  # instead of "was"
            *[[("so", -4.0)], [("very", -0.5)], [("it", -9.0)], [(".", -1.5)]],  # in the gaps
        ],
        [-3.0],
    )
    assert [tuple(row) for row in found] == [
        ("{a} is [Z]", "replace", "was", "is", 2.0),
        ("{a} very was [Z]", "insert", "", "very", -0.5),
        ("{a} [Z]", "delete", "was", "", -3.0),
        ("{a} are [Z]", "replace", "was", "are", 1.0),
        ("{a} was [Z] .", "insert", "", ".", -1.5),
        ("so {a} was [Z]", "insert", "", "so", -4.0),
        ("{a} was it [Z]", "insert", "", "it", -9.0),
    ]


class Phrasebook:
    """A translator that knows its sentences by heart."""

    languages = None
    one_best = False

    def __init__(self, book):
        self.scorer = book
        self.sha256 = repr(book)

    def translations(self, texts, count):
        return [
            [Translation(*pair) for pair in self.scorer.get(text, [])][:count] for text in texts
        ]


def test_back_translation_sums_both_ways_and_turns_lost_places_down():
    there = {
        "[X] was born in [Y] .": [("[X] kam in [Y] zur Welt .", -1.0), ("[X] aus [Y] .", -0.2)]
    }
    back = {
        "[X] kam in [Y] zur Welt .": [("[X] came to life in [Y] .", -0.5), ("He came .", -0.1)],
        "[X] aus [Y] .": [("[X] from [Y] .", -2.0), ("[X] from [X] [Y] .", -0.1)],
    }
    way = BackTranslation(Phrasebook(there), Phrasebook(back), 7, True, Ledger())
    (found,) = way.neighbours([Parent("p0", BORN)])
    assert notations(found) == ["{subject} came to life in [Z] .", "{subject} from [Z] ."]
    assert [p.evidence["score"] for p in found] == [-1.5, pytest.approx(-2.2)]
    assert found[0].evidence["translation"] == "[X] kam in [Y] zur Welt ."
    assert way.rejected == Counter({"a place was lost": 1, "a place came twice": 1})


def test_places_that_a_translator_loses_are_marked_in_other_ways():
    there = {"X was born in Y .": [("X nasceu em Y .", 0.0)]}
    back = {"X nasceu em Y .": [("X was from Y .", 0.0)]}
    way = BackTranslation(Phrasebook(there), Phrasebook(back), 1, True, Ledger())
    (found,) = way.neighbours([Parent("p0", BORN)])
    assert notations(found) == ["{subject} was from [Z] ."]


def test_the_input_of_a_labelled_task_is_not_translated():
    sentence = Sentence.of(Template.parse("{text} It was [Z]."), whole=False)
    assert sentence.to_text(MARKS[0]) == "It was [Y]."
    assert str(sentence.to_template("That is [Y]!", MARKS[0])) == "{text} That is [Z]!"


def test_what_a_rewriter_writes_is_read_strictly(monkeypatch):
    replies = [
        "[X] came from [Y].",
        '"[X] saw the light in [Y]."',
        "Sure!\n[X] hails from [Y].",
        "[X] was born.",
        "[X] came from [Y].",
        "[X] was born in [Y] .",
        "[X] " + "was so very much " * 20 + "[Y]",
    ]
    monkeypatch.setattr("promptsearch.models.generation.sampling.written", lambda *_: replies)

    class Model:
        class info:
            sha256 = "0"

    way = Rewriter(Model(), 7, 0, True, Ledger())
    (found,) = way.neighbours([Parent("p0", BORN)])
    assert notations(found) == ["{subject} came from [Z].", "{subject} saw the light in [Z]."]
    assert way.rejected == Counter(
        {"said before": 2, "not one line": 1, "a place was lost": 1, "too long": 1}
    )
