"""English words: inflections, articles, synonyms."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptsearch.errors import DataError
from promptsearch.language.english import (
    Synonym,
    Thesaurus,
    agreed,
    article,
    gerund,
    inflected_like,
    lemmas,
    plural,
    read_thesaurus,
    replacements,
    wordnet,
)
from promptsearch.prompt import Template

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("word", "lemma", "pos", "forms"),
    [
        ("was", "exist", "verb", ("existed",)),
        ("located", "situate", "verb", ("situated",)),
        ("cities", "town", "noun", ("towns",)),
        ("bear", "animal", "noun", ("animal",)),  # the tables have "bear" as a plural of bear too
        ("sheep", "animal", "noun", ("animal", "animals")),
        ("read", "study", "verb", ("study", "studied")),
        ("existed", "be", "verb", ("was", "were", "been")),
        ("having", "own", "verb", ("owning",)),
        ("does", "make", "verb", ("makes",)),
        ("Is", "exist", "verb", ("Exists",)),
        ("rested", "lie", "verb", ("lay", "lain")),
        ("bigger", "beautiful", "adjective", ("more beautiful",)),
        ("fastest", "quick", "adverb", ("quickest",)),
        ("founded", "set up", "verb", ("set up",)),
        ("founds", "set up", "verb", ("sets up",)),
        ("towns", "urban center", "noun", ("urban centers",)),
        ("capitals", "seat of government", "noun", ("seats of government",)),
        ("sets up", "found", "verb", ("founds",)),
        ("quickly", "exist", "verb", ()),
    ],
)
def test_a_lemma_is_inflected_like_a_word(word, lemma, pos, forms):
    assert inflected_like(word, lemma, pos) == forms


def test_the_lemma_that_a_word_is_read_as_decides_its_inflection():
    assert inflected_like("saw", "cut", "verb", "saw") == ("cut",)
    assert inflected_like("saw", "notice", "verb", "see") == ("noticed",)
    assert inflected_like("saw", "notice", "verb") == ("notice", "noticed")


def test_lemmas_put_real_inflections_first():
    assert lemmas("left")[:2] == (("verb", "leave"), ("noun", "left"))
    assert lemmas("Cities") == (("noun", "city"),)
    assert lemmas("found") == (("verb", "find"), ("verb", "found"))
    assert ("verb", "set up") in lemmas("sets up")
    assert ("noun", "place of birth") in lemmas("places of birth")


def test_plurals_and_gerunds():
    nouns = ("city", "child", "Frenchman", "German", "hot dog", "place of birth")
    assert [plural(noun) for noun in nouns] == [
        "cities", "children", "Frenchmen", "Germans", "hot dogs", "places of birth",
    ]  # fmt: skip
    assert [gerund(verb) for verb in ("run", "lie", "be", "set up")] == [
        "running", "lying", "being", "setting up",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("an", "a"),
    [
        ("apple hour honest honour heir island upon", "house Honolulu hotel year"),
        ("uninvited unimportant unable unusual umbrella usher ugly", "unit union unique unanimous"),
        (
            "onerous eight eleven",
            "one once European ewe used user usual utility ubiquitous uranium",
        ),
        ("MP FBI HTML EU LED", "UK US UFO NASA UNICEF UNESCO BBC"),
        ("x-ray e-mail 8 11 18th 1800", "U-turn 1 110 180 7th"),
        ("Iowa Austrian O'Brien", "Ukrainian Ugandan"),
    ],
)
def test_articles_go_by_the_sound(an, a):
    assert {word: article(word) for word in an.split()} == dict.fromkeys(an.split(), "an")
    assert {word: article(word) for word in a.split()} == dict.fromkeys(a.split(), "a")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("{subject} is an city in [Z] .", "{subject} is a city in [Z] ."),
        ("A old town. An city", "An old town. A city"),
        ("an {subject} is a [Z], a [Z1]", "an {subject} is a [Z], a [Z1]"),
        ("it has vitamin A in it", "it has vitamin A in it"),
        ("n.a an U.S.a apple", "n.a a U.S.a apple"),
        ("A[a apple, {x}a apple", "A[a apple, {x}a apple"),
        ('a "apple" and a (empty) box', 'an "apple" and an (empty) box'),
        ("an [[Z]] and a {{x}}", "an [[Z]] and a {{x}}"),
        ("It's a  hour's\tan walk", "It's an  hour's\ta walk"),
    ],
)
def test_articles_agree_with_the_word_after_them(text, right):
    assert agreed(text) == right


def test_what_stood_there_before_is_not_corrected():
    before = "an historic town of {subject}"
    assert agreed("an historic city of {subject} on a island", before) == (
        "an historic city of {subject} on an island"
    )
    assert agreed("an historian of {subject}", before) == "a historian of {subject}"


@given(st.text("aAn {}[]Z.eu", max_size=30))
def test_agreement_changes_articles_only(text):
    def without(given: str) -> list[str]:
        return [w for w in given.split() if re.sub(r"\W", "", w).lower() not in ("a", "an")]

    assert without(agreed(text)) == without(text)
    assert agreed(agreed(text)) == agreed(text)


def test_slots_and_fields_survive_agreement():
    template = Template.parse("an [Z] of a {subject} is a apple")
    after = Template.parse(agreed(str(template)))
    assert (after.fields, after.slots) == (template.fields, template.slots)


def test_wordnet_knows_frequent_senses_first():
    assert wordnet().synonyms("city") == (
        Synonym("metropolis", "noun"),
        Synonym("urban center", "noun"),
    )
    assert wordnet().synonyms("large")[0] == Synonym("big", "adjective")
    parts_of_speech = [each.pos for each in wordnet().synonyms("capital")]
    assert list(dict.fromkeys(parts_of_speech)) == ["noun", "adjective"]
    assert wordnet() is wordnet()


def test_wordnet_holds_neither_names_nor_function_words():
    for lemma, synonyms in wordnet().entries.items():
        for text in (lemma, *(each.text for each in synonyms)):
            assert text == text.lower(), text
            assert text.replace(" ", "").replace("-", "").isalpha(), text
            assert len(text) > 1, text
            assert text.count(" ") < 3, text
    assert not {"in", "can", "a", "paris", "who"} & set(wordnet().entries)


def test_replacements_are_inflected_like_the_phrase():
    assert replacements("cities", wordnet()) == ("metropolises", "urban centers")
    assert replacements("Located", wordnet())[:2] == ("Turned up", "Situated")
    assert "noticed" not in replacements("sees", wordnet())
    assert replacements("saw", wordnet())[:2] == ("realized", "understood")
    assert replacements("in", wordnet()) == ()
    assert replacements("zzz", wordnet()) == ()


def test_replacements_of_pairs_are_used_as_they_are(tmp_path):
    path = tmp_path / "pairs.tsv.gz"
    path.write_bytes(gzip.compress(b"born\tcame into being\r\nplace\tspot\nborn\tBorn\n"))
    thesaurus = read_thesaurus(path)
    assert thesaurus.synonyms("spot") == (Synonym("place"),)
    assert replacements("born", thesaurus) == ("came into being",)
    assert replacements("Place", thesaurus) == ("Spot",)
    assert replacements("places", thesaurus) == ()


def test_entries_of_both_sorts_stand_side_by_side():
    both = Thesaurus({"run": (Synonym("runs it"), Synonym("operate", "verb"))})
    assert replacements("run", both) == ("runs it", "operate", "operated")


@pytest.mark.parametrize("line", ["born", "born\t", "a\tb\tc", "\tb"])
def test_a_line_that_is_no_pair_is_named(tmp_path, line):
    path = tmp_path / "pairs.tsv"
    path.write_text(f"one\ttwo\n\n{line}\n")
    with pytest.raises(DataError, match=r"pairs\.tsv, line 3: .*is no pair"):
        read_thesaurus(path)


def test_ppdb_reads(shared):
    path = shared / "data" / "synonyms" / "ppdb-1.0-xxxl-lexical.uniquepairs.tsv"
    thesaurus = read_thesaurus(path)
    assert "situated" in replacements("located", thesaurus)
    assert sum(map(len, thesaurus.entries.values())) > 400_000


def test_the_import_is_light():
    code = (
        "import sys, promptsearch.language.english as w; w.wordnet(); "
        "sys.exit(bool({'lemminflect', 'spacy', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


DATABASE = {
    "data.noun": [
        "  1 licence",
        "00000100 06 n 03 car 0 auto 0 Mercedes 0 000 | a vehicle",
        "00000200 06 n 02 car 1 railway_car_of_old 0 000 | of a train",
        "00000300 06 n 02 car 2 elevator_car 0 000 | of a lift",
    ],
    "data.verb": ["00000100 30 v 02 in 0 enter 0 000 01 + 01 00 | go in"],
    "data.adj": ["00000100 00 s 02 galore(ip) 0 abundant 0 000 | plenty"],
    "data.adv": ["00000100 02 r 02 car 0 carwise 0 000 | by car"],
    "index.sense": [
        "car%1:06:00:: 00000100 2 1", "auto%1:06:00:: 00000100 1 0",
        "car%1:06:01:: 00000200 3 0", "railway_car_of_old%1:06:00:: 00000200 1 0",
        "car%1:06:02:: 00000300 1 5", "elevator_car%1:06:00:: 00000300 1 7",
        "in%2:30:00:: 00000100 1 0", "enter%2:30:00:: 00000100 1 9",
        "galore%5:00:00:abundant:00 00000100 1 0", "abundant%5:00:00:abundant:00 00000100 1 3",
        "car%4:02:00:: 00000100 1 9", "carwise%4:02:00:: 00000100 1 0",
    ],
}  # fmt: skip


def test_the_thesaurus_is_built_from_the_database(tmp_path):
    for name, lines in DATABASE.items():
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
    out = tmp_path / "synonyms.tsv.gz"
    command = [sys.executable, ROOT / "scripts" / "build_synonyms.py", tmp_path, "--out", out]
    subprocess.run(command, check=True, capture_output=True)
    first = out.read_bytes()
    subprocess.run(command, check=True, capture_output=True)
    assert out.read_bytes() == first
    assert gzip.decompress(first).decode().splitlines() == [
        "abundant\tadjective\tgalore",
        "auto\tnoun\tcar",
        "car\tadverb\tcarwise",
        "car\tnoun\televator car|auto",
        "carwise\tadverb\tcar",
        "elevator car\tnoun\tcar",
        "galore\tadjective\tabundant",
    ]
