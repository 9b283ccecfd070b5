"""Random bytes and broken samples for every reader, and damage to the files of finished runs.

scripts/fuzz.py searches for worse.
"""

import pytest
from finished_runs import FinishedRuns
from fuzzing import READERS, TASK, give
from hypothesis import given, settings
from hypothesis import strategies as st

TABLE = 'text,label\ngood film,a\n"bad, really",b\nso,a\nno,b\n'
ROW = '{"text": "x", "label": "a"}\n{"text": "y", "label": "b"}\n{"text": "z", "label": "a"}\n'
SAMPLES = {
    "csv": TABLE,
    "tsv": "text\tlabel\ngood film\ta\nbad, really\tb\nso\ta\nno\tb\n",
    "jsonl": ROW,
    "json": '[{"text": "x", "label": "a"}, {"text": "y", "label": "b"}]',
    "facts": '{"subject": "Paris", "object": "France"}\n{"subject": "Rome", "object": "Italy"}\n'
    * 3,
    "conll": "# id 5\n-DOCSTART- O\n\nAnn B-X\nsings O\n\n# O\n\nin O\nNew B-Y\nYork I-Y\n",
    "conllu": "# text = Ann\n1-2\tAnns" + "\t_" * 8 + "\n1\tAnn\t_\t_\tB-X" + "\t_" * 5 + "\n"
    "2\ts\t_\t_\tO" + "\t_" * 5 + "\n\n1\tsings\t_\t_\tO" + "\t_" * 5 + "\n",
    "tags": '{"tokens": ["Ann", "sings"], "t": ["B-X", "O"]}\n{"tokens": ["a"], "t": ["O"]}\n',
    "task": f'{TASK.replace("NAME", "t.csv")}[chat]\nsystem = "x"\n[rename]\nx = "y"\n[markup]\n',
    "plan": 'rounds = 2\n[[step]]\nstrategy = "gradient"\n[ensemble]\nrule = "uniform"\ntop = 5\n',
    "corpus": "It was good.\nIt was bad.\n",
    "corpus-jsonl": '{"text": "It was good."}\n',
    "prompts": '{"format": "promptsearch/1", "task": {"definition": {}}, "prompts": [{"id": "p0", '
    '"template": "{text} [Z]", "verbalizer": {"a": ["x"], "b": [["y"]]}, "prior": {}}], '
    '"ensemble": {"rule": "uniform", "members": [{"id": "p0", "weight": 1.0}]}, "scoring": {}}',
    "ledger": '{"format": "promptsearch-ledger/1", "identity": {}}\n{"key": "a", "id": "p1", '
    '"template": "[Z]", "verbalizer": {}, "source": {}, "scores": {}}\n',
    "template": "{text} It was [Z1] , [[x]] {{y}} [Z2].",
    "candidates": "Paris\nRome\n",
    "rules": "1\ta\tx\ty\n2\tb\tx\tz\n",
    "thesaurus": "big\tlarge\n",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_read(name):
    assert give(name, SAMPLES[name].encode()) is None


BROKEN = [("ledger", b"1\n"), ("ledger", b'{}\n{"chunk": 3}\n')]  # what scripts/fuzz.py found


@pytest.mark.parametrize(("name", "content"), BROKEN)
def test_what_broke_a_reader_once_is_refused(name, content):
    assert "mend the line" in give(name, content)


@pytest.mark.parametrize("number", ["NaN", "1e400"])
def test_a_number_without_a_value_is_refused_where_the_schema_has_no_type(number):
    search = f'"search": {{"options": {{"beam": {number}}}}}'
    said = give("prompts", SAMPLES["prompts"].replace('"scoring": {}', search).encode())
    assert "search.options.beam must be a number" in said


@st.composite
def broken(draw, text):
    """A sample in which something was taken out, doubled or replaced."""
    a, b = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    put = draw(
        st.sampled_from(["", text[a:b] * 2, "\0", '"', "{", "[", "\ud7ff", "NaN", "\r", "1e9"])
    )
    return (text[:a] + put + text[b:]).encode()


@pytest.mark.parametrize("name", READERS)
@given(st.data())
@settings(max_examples=40, deadline=None)
def test_bytes_are_read_or_refused_in_one_line(name, data):
    sample = SAMPLES.get(name, ROW)
    give(name, data.draw(st.binary(max_size=80) | broken(sample)))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return FinishedRuns.inside(tmp_path_factory.mktemp("finished"))


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_damage_to_a_file_is_no_traceback_and_changes_no_number_unseen(runs, first):
    assert not [fault for seed in range(first, first + 50) for fault in runs.faults(seed)]


@pytest.mark.slow
def test_much_damage_is_no_traceback_and_changes_no_number_unseen(runs):
    assert not [fault for seed in range(1000, 3000) for fault in runs.faults(seed)]
