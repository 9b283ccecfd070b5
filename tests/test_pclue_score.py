"""pCLUE's score: the original script's values under parity, and values by hand without."""

import json

import pytest

from promptsearch import PromptSearchError, score_pclue
from promptsearch.metrics.pclue_score import (
    QUIRKS,
    character_f1,
    character_rouge_l,
    script_rouge_l,
    target_as_compared,
    text_as_compared,
)

COMMA = "，"


@pytest.fixture(scope="module")
def golden(shared):
    path = shared / "golden" / "dev" / "more" / "pclue.json"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    return json.loads(path.read_text(encoding="utf-8"))


def test_rows_are_the_scripts(golden):
    for target, text, row in zip(
        golden["targets"], golden["predicted"], golden["rows"], strict=True
    ):
        reference = target_as_compared(target["target"], parity=True)
        answer = text_as_compared(text, parity=True)
        assert reference == row["gold_as_compared"]
        assert answer == row["said_as_compared"]
        assert (reference == answer) is row["equal"]
        assert character_f1(answer, reference) == pytest.approx(row["f1_lcs"], abs=1e-6)
        assert script_rouge_l(answer, reference) == pytest.approx(row["rouge_l_f"], abs=1e-6)


def test_the_score_is_the_scripts(golden):
    targets = [row["target"] for row in golden["targets"]]
    types = [row["type"] for row in golden["targets"]]
    result = score_pclue(targets, golden["predicted"], types, parity=True)
    expected = golden["result"]
    assert result.score == pytest.approx(expected["score"], abs=1e-6)
    assert result.classify == pytest.approx(expected["classify_score"], abs=1e-6)
    assert result.nli == pytest.approx(expected["nli_score"], abs=1e-6)
    assert result.mrc_exact_match == pytest.approx(expected["mrc_em_score"], abs=1e-6)
    assert result.mrc_f1 == pytest.approx(expected["mrc_f1_score"], abs=1e-6)
    assert result.generate == pytest.approx(expected["generate_score"], abs=1e-6)


def test_the_default_by_hand():
    targets = ["甲", "乙", "是", "都会郡，非都会郡", "甲乙丙丁", ["童帽", "图案"]]
    texts = ["甲", "丙", "是", "都会郡，非都会郡", "甲丙", "童帽,图"]
    types = ["classify", "anaphora_resolution", "nli", "mrc", "mrc", "generate"]
    result = score_pclue(targets, texts, types)
    assert result.classify == 0.5
    assert result.nli == 1
    assert result.mrc_exact_match == 0.5
    assert result.mrc_f1 == pytest.approx((1 + 4 / 6) / 2)
    assert result.generate == pytest.approx(8 / 9)  # 4 of 4 and 5 characters
    assert result.mrc == pytest.approx((0.5 + 5 / 6) / 2)
    assert result.score == pytest.approx((0.5 + 1 + 2 / 3 + 8 / 9) / 4)
    assert result.rows["mrc"] == 2


def test_case_and_white_space_are_no_difference():
    for parity in (False, True):
        assert score_pclue(["A  b"], [" a B\n"], ["nli"], parity=parity).nli == 1


def test_quirk_a_right_answer_with_a_comma_is_wrong():
    arguments = (["都会郡，非都会郡"], ["都会郡，非都会郡"], ["mrc"])
    assert score_pclue(*arguments).mrc_exact_match == 1
    script = score_pclue(*arguments, parity=True)
    assert (script.mrc_exact_match, script.mrc_f1) == (0, 14 / 16)
    assert "full-width comma" in QUIRKS[0]


def test_quirk_the_comma_that_joins_a_list_stays():
    """Only commas inside its texts become ASCII."""
    assert target_as_compared(["a，b", "c"], parity=True) == "a,b，c"
    assert target_as_compared(["a，b", "c"]) == "a,b,c"


def test_quirk_distinct_characters():
    """aab and ab have the same characters: the script's ROUGE-L is 1, the usual 4/5."""
    assert script_rouge_l("哈哈哪", "哈哪") == pytest.approx(1, abs=1e-7)
    assert character_rouge_l("哈哈哪", "哈哪") == pytest.approx(4 / 5)
    assert "distinct characters" in QUIRKS[1]


def test_quirk_sentences_end_at_points():
    """By sentences, the order of which is no matter: 3b . 2a; "." counts as no character."""
    assert script_rouge_l("丙丁.甲乙", "甲乙.丙丁") == pytest.approx(1, abs=1e-7)
    assert character_rouge_l("丙丁.甲乙", "甲乙.丙丁") == pytest.approx(2 * 2 / 10)
    assert "splits both texts at each '.'" in QUIRKS[2]


def test_quirk_equal_texts_are_not_quite_one():
    assert script_rouge_l("甲", "甲") == 2 / (2 + 1e-8)
    assert character_rouge_l("甲", "甲") == 1
    assert "1e-8" in QUIRKS[3]


def test_two_points_hold_an_empty_word():
    """Three words of "a..b", of which "ab" has two: by hand, P = 1/1 of {a, b}, R = 2/3."""
    assert script_rouge_l("ab", "a..b") == pytest.approx(2 * 1 * (2 / 3) / (1 + 2 / 3), abs=1e-7)


def test_empty_texts_score_nothing():
    assert character_f1("", "甲") == character_rouge_l("", "甲") == script_rouge_l("", "甲") == 0
    assert character_f1("", "") == 0


def test_parts_without_rows_are_named_and_left_out():
    result = score_pclue(["甲"], ["甲"], ["nli"])
    assert result.score == 1
    assert result.missing == ("classify", "mrc", "generate")


def test_what_cannot_be_scored_is_said():
    with pytest.raises(PromptSearchError, match="'ner' is none of classify, anaphora"):
        score_pclue(["甲"], ["甲"], ["ner"])
    with pytest.raises(PromptSearchError, match="1 targets, 2 predictions"):
        score_pclue(["甲"], ["甲", "乙"], ["nli"])
    with pytest.raises(PromptSearchError, match="no rows"):
        score_pclue([], [], [])
