"""LPAQA's released code on the golden corpus, to the last count."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from promptsearch.parallel import Workers
from promptsearch.searchers.mine.corpus_pass import MiningRequest, jobs, run_pass
from promptsearch.searchers.mine.dependency import is_dependency_only, spanning_phrase
from promptsearch.searchers.mine.mined_templates import TemplateBuilder
from promptsearch.searchers.mine.search_terms import SearchTerms
from promptsearch.searchers.mine.snippet_extractor import SnippetLimits
from promptsearch.searchers.mine.snippets import TokenSpan, Snippet, middle_words, most_frequent

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "dev" / "mining.json"
pytestmark = pytest.mark.skipif(not GOLDEN.is_file(), reason="needs ../shared/golden")
RELATIONS = ("P19", "P36")


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return document


def raw_counts(golden: dict[str, Any], relation: str) -> Counter[Snippet]:
    facts = frozenset((fact["head"], fact["tail"]) for fact in golden["facts"][relation])
    counts: Counter[Snippet] = Counter()
    for document in golden["corpus"]:
        mentions = [TokenSpan(m["start"], m["end"], m["entity"]) for m in document["mentions"]]
        counts.update(middle_words(document["tokens"], mentions, facts))
    return counts


def triples(rows: list[dict[str, Any]]) -> set[tuple[str, int, int]]:
    return {(row["snippet"], row["direction"], row["count"]) for row in rows}


@pytest.mark.parametrize("relation", RELATIONS)
def test_middle_words_are_the_original_ones(golden: dict[str, Any], relation: str) -> None:
    counts = raw_counts(golden, relation)
    assert {(s.before, s.direction, n) for s, n in counts.items() if s.before} == triples(
        golden["middle_words"][relation]["raw"]
    )


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("min_count", ["1", "2", "3", "10"])
def test_templates_are_the_original_ones(
    golden: dict[str, Any], relation: str, min_count: str
) -> None:
    expected = golden["middle_words"][relation]["by_min_count"][min_count]
    kept = most_frequent(
        raw_counts(golden, relation), int(min_count), digits=True, merge_case=False
    )
    assert {(s.before, s.direction, n) for s, n in kept} == triples(expected["snippets"])
    ours = [(str(TemplateBuilder(("X",), "Z").middle(snippet)), count) for snippet, count in kept]
    theirs = [
        (row["template"].replace("[X]", "{X}").replace("[Y]", "[Z]"), row["count"])
        for row in expected["templates"][1:]
    ]
    assert sorted(ours) == sorted(theirs)
    assert [count for _, count in ours] == [count for _, count in theirs]


def test_case_variants_are_merged_by_default(golden: dict[str, Any]) -> None:
    """12 "was born in" and 2 "Was born in"; the original loses the 2 at its threshold."""
    assert dict(most_frequent(raw_counts(golden, "P19")))[Snippet(1, "was born in")] == 14


@pytest.mark.parametrize("relation", RELATIONS)
def test_the_matcher_finds_what_the_annotated_mentions_give(
    golden: dict[str, Any], relation: str, tmp_path: Path
) -> None:
    """From raw text and names to counts, at the original's settings."""
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(" ".join(d["tokens"]) for d in golden["corpus"]), encoding="utf-8")
    facts = tuple((f["head_surface"], f["tail_surface"]) for f in golden["facts"][relation])
    wish = MiningRequest(SearchTerms(facts=facts), (corpus,), (), True)
    limits = SnippetLimits(digits=True, merge_case=False, cross_sentences=True)
    with Workers().open() as pool:
        swept = run_pass(
            list(jobs({0: wish}, limits)), tmp_path / "shards", pool, lambda line: None
        )
    ours = {(row.snippet.before, row.snippet.direction, row.counts[""]) for row in swept.counted()}
    kept = [
        row
        for row in golden["middle_words"][relation]["raw"]
        if row["verdict_after_count_filter"] == "kept"
    ]
    assert ours == triples(kept)


def test_dependency_phrases_are_the_original_ones(golden: dict[str, Any]) -> None:
    for row in golden["dependency"]:
        head, tail = tuple(row["head_span"]), tuple(row["tail_span"])
        phrase = spanning_phrase(row["tokens"], row["heads"], head, tail)
        assert (phrase and " ".join(phrase)) == row["prompt_by_token_index"]
        if phrase and row["prompt"] == row["prompt_by_token_index"]:
            assert is_dependency_only(phrase) == row["dep_only_rule"]
