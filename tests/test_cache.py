"""The score cache: exact, shared between processes, and never believed where it is damaged."""

import json
import multiprocessing
import os
import resource
import struct
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from promptsearch import cli
from promptsearch.scoring.cache_store import CacheError, ScoreCache, digest, row_key

SCORER, PROMPT, OTHER = digest("scorer"), digest("prompt"), digest("other")
ROWS = [row_key({"text": str(i)}) for i in range(8)]
VALUES = -np.arange(1, 17, dtype=np.float32).reshape(8, 2) / 7
FIRST, SECOND = slice(0, 3), slice(3, 5)  # the rows of the two records of `small`


@pytest.fixture
def cache(tmp_path):
    return ScoreCache(tmp_path / "cache")


@pytest.fixture
def small(cache):
    """A cache with one block of two records, of three rows and of two."""
    for part in (FIRST, SECOND):
        cache.add(SCORER, PROMPT, ROWS[part], VALUES[part])
    return cache


def block(cache, scorer=SCORER, prompt=PROMPT):
    return cache.directory / scorer / f"{prompt}.scores"


def known_rows(cache):
    """The indices of `ROWS` that the block knows; their values must be right."""
    known, values = cache.find(SCORER, PROMPT, ROWS)
    if known.any():
        np.testing.assert_array_equal(values[known], VALUES[known])
    return set(np.flatnonzero(known).tolist())


def numbers():
    return st.floats(width=32, allow_nan=False)  # infinities, -0.0 and subnormals among them


@st.composite
def additions(draw):
    """(row index, values) pairs in one or more chunks, of one width; rows may come again."""
    width = draw(st.integers(1, 4))
    pair = st.tuples(st.integers(0, 7), st.lists(numbers(), min_size=width, max_size=width))
    return draw(st.lists(st.lists(pair, min_size=1, max_size=6), min_size=1, max_size=4))


@settings(max_examples=60, deadline=None)
@given(additions(), st.permutations(range(8)))
def test_what_is_found_is_what_was_added_last_bit_for_bit(chunks, order):
    with tempfile.TemporaryDirectory() as directory:
        cache = ScoreCache(Path(directory) / "cache")
        for chunk in chunks:
            rows, values = zip(*chunk, strict=True)
            cache.add(SCORER, PROMPT, [ROWS[i] for i in rows], np.array(values, dtype=np.float32))
        known, found = cache.find(SCORER, PROMPT, [ROWS[i] for i in order])
    expected = {
        row: np.array(values, dtype=np.float32) for chunk in chunks for row, values in chunk
    }
    for row, is_known, value in zip(order, known, found, strict=True):
        assert is_known == (row in expected)
        if is_known:
            assert value.tobytes() == expected[row].tobytes()


def test_other_scorers_prompts_and_rows_are_not_known(small):
    assert known_rows(small) == {0, 1, 2, 3, 4}
    for scorer, prompt in ((OTHER, PROMPT), (SCORER, OTHER)):
        known, values = small.find(scorer, prompt, ROWS)
        assert not known.any()
        assert values.shape == (8, 0)
    known, values = small.find(SCORER, PROMPT, [ROWS[7], ROWS[0], ROWS[0]])
    assert known.tolist() == [False, True, True]
    assert np.isnan(values[0]).all()
    assert small.find(SCORER, PROMPT, [])[1].shape == (0, 2)


def test_a_cache_that_is_not_there_knows_nothing_and_is_not_made_by_reading(cache):
    assert known_rows(cache) == set()
    cache.add(SCORER, PROMPT, [], VALUES[:0])
    assert not cache.directory.exists()


@pytest.mark.parametrize("offset", range(8))
def test_any_flipped_bit_costs_the_record_it_is_in_and_no_other(small, offset):
    path = block(small)
    whole = path.read_bytes()
    first_end = 36 + 3 * (16 + 4 * 2)
    for place in range(offset, len(whole), 8):
        for bit in range(8):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            assert known_rows(small) == ({3, 4} if place < first_end else {0, 1, 2})


def test_any_cut_leaves_the_whole_records(small):
    whole = block(small).read_bytes()
    first_end = 36 + 3 * (16 + 4 * 2)
    assert len(whole) == first_end + 36 + 2 * (16 + 4 * 2)
    for size in range(len(whole)):
        block(small).write_bytes(whole[:size])
        assert known_rows(small) == ({0, 1, 2} if size >= first_end else set())


def test_adding_mends_a_damaged_block(small):
    path = block(small)
    whole = path.read_bytes()
    for place in range(0, len(whole), 5):
        flipped = whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
        for damaged in (whole[:place], flipped, b"not ours" + whole[place:]):
            path.write_bytes(damaged)
            before = known_rows(small)
            small.add(SCORER, PROMPT, ROWS[5:], VALUES[5:])
            assert known_rows(small) == before | {5, 6, 7}
            assert small.info().total("damaged") == 0
            assert path.stat().st_size <= len(whole) + 36 + 3 * 24  # the damage is gone


def test_a_header_that_shares_the_bytes_out_differently_is_not_believed(cache):
    cache.add(SCORER, PROMPT, ROWS[FIRST], VALUES[FIRST])
    whole = block(cache).read_bytes()
    assert whole[12:20] == struct.pack("<II", 3, 2)
    block(cache).write_bytes(whole[:12] + struct.pack("<II", 2, 5) + whole[20:])  # 72 bytes too
    assert known_rows(cache) == set()


def test_a_block_of_another_prompt_is_not_believed(small):
    known, _ = small.find(SCORER, OTHER, ROWS)
    block(small, prompt=OTHER).write_bytes(block(small).read_bytes())
    again, _ = small.find(SCORER, OTHER, ROWS)
    assert not known.any()
    assert not again.any()


def test_a_cache_may_be_moved(small, tmp_path):
    small.directory.rename(tmp_path / "elsewhere")
    assert known_rows(ScoreCache(tmp_path / "elsewhere")) == {0, 1, 2, 3, 4}


def test_another_width_takes_the_place_of_the_old(small):
    small.add(SCORER, PROMPT, ROWS[:1], np.ones((1, 3), dtype=np.float32))
    known, values = small.find(SCORER, PROMPT, ROWS)
    assert known.tolist() == [True] + [False] * 7
    assert values[0].tolist() == [1, 1, 1]
    assert small.info().total("damaged") == 0


@pytest.mark.parametrize(
    ("rows", "values"),
    [(ROWS[:2], VALUES[:1]), ([b"short"], VALUES[:1]), (ROWS[:2], VALUES[0])],
    ids=["rows", "key", "vector"],
)
def test_rows_and_values_that_do_not_fit_are_not_stored(small, rows, values):
    with pytest.raises(ValueError, match="make no record"):
        small.add(SCORER, PROMPT, rows, values)
    assert known_rows(small) == {0, 1, 2, 3, 4}


def test_names_that_are_no_digests_are_refused(cache):
    for scorer, prompt in (("../up", PROMPT), (SCORER, "../up"), (SCORER, "")):
        with pytest.raises(ValueError, match="make names with digest"):
            cache.find(scorer, prompt, ROWS)


def test_digests_and_keys_tell_values_apart():
    different = [("ab", "c"), ("a", "bc"), ("abc",), (["ab"], "c"), (1,), ("1",), (None,), ()]
    assert len({digest(*parts) for parts in different}) == len(different)
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    keys = [({"a": "x"},), ({"b": "x"},), ({"a": "x"}, ["y"]), ({"a": "\ud800"},), ({},)]
    assert len({row_key(*parts) for parts in keys}) == len(keys)
    assert all(len(row_key(*parts)) == 16 for parts in keys)
    with pytest.raises(TypeError):
        digest(object())


# Several processes


def _add_many(directory, writer, rounds, start):
    """As a process that is often killed while it writes: half a record, then the next one adds."""
    cache = ScoreCache(directory)
    start.wait()
    for i in range(rounds):
        if i % 7 == writer + 1:
            with block(cache).open("ab") as file:
                file.write(b"\x89PSCORE\n and no more")
        rows = [row_key({"text": f"{writer} {i} {j}"}) for j in range(3)]
        cache.add(SCORER, PROMPT, rows, np.full((3, 2), writer * rounds + i, dtype=np.float32))


def test_processes_that_write_one_block_lose_nothing(cache):
    context, rounds = multiprocessing.get_context("spawn"), 150
    start = context.Barrier(3)
    arguments = [(cache.directory, writer, rounds, start) for writer in range(2)]
    writers = [context.Process(target=_add_many, args=each) for each in arguments]
    for process in writers:
        process.start()
    start.wait()
    names = [f"{w} {i} {j}" for w in range(2) for i in range(rounds) for j in range(3)]
    rows = [row_key({"text": name}) for name in names]
    right = np.repeat(np.arange(2 * rounds, dtype=np.float32), 3)[:, None].repeat(2, axis=1)
    while any(process.is_alive() for process in writers):  # a reader takes no lock
        known, values = cache.find(SCORER, PROMPT, rows)
        if known.any():
            np.testing.assert_array_equal(values[known], right[known])
    assert [process.exitcode for process in writers] == [0, 0]
    known, values = cache.find(SCORER, PROMPT, rows)
    assert known.all()
    np.testing.assert_array_equal(values, right)
    cache.add(SCORER, PROMPT, ROWS[5:], VALUES[5:])
    assert known_rows(cache) == {5, 6, 7}
    assert cache.info().total("damaged") == 0


def test_a_writer_that_never_lets_go_is_an_error_not_a_wait(small, monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr("promptsearch.scoring.cache_store._PATIENCE", 0.05)
    with (
        FileLock(small.directory / ".promptsearch-cache.lock"),
        pytest.raises(CacheError, match=r"cannot be written to .*lock.*; choose another `cache`"),
    ):
        small.add(SCORER, PROMPT, ROWS[5:], VALUES[5:])
    assert known_rows(small) == {0, 1, 2, 3, 4}


# Where nothing can be written


@contextmanager
def nobody():
    """As a user without special rights: root may write to what is read-only."""
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_read_only_cache_is_read_and_writing_is_an_error():
    with tempfile.TemporaryDirectory() as directory:
        cache = ScoreCache(Path(directory) / "cache")
        cache.add(SCORER, PROMPT, ROWS[FIRST], VALUES[FIRST])
        cache.describe(SCORER, {"model": "builtin"})
        for folder in (Path(directory), cache.directory, cache.directory / SCORER):
            folder.chmod(0o555)
        for file in (block(cache), cache.directory / ".promptsearch-cache.lock"):
            file.chmod(0o444)
        try:
            with nobody():
                assert known_rows(cache) == {0, 1, 2}
                cache.describe(SCORER, {"model": "builtin"})  # stands there: nothing to write
                for write in (
                    lambda: cache.add(SCORER, PROMPT, ROWS[SECOND], VALUES[SECOND]),
                    lambda: cache.describe(SCORER, {"model": "another"}),
                    lambda: cache.clear(),
                    lambda: ScoreCache(Path(directory) / "new").describe(SCORER, {}),
                ):
                    with pytest.raises(CacheError, match=r"cannot be written to \(Permission"):
                        write()
        finally:
            for folder in (Path(directory), cache.directory, cache.directory / SCORER):
                folder.chmod(0o755)


@pytest.mark.parametrize("room", [0, 1, 35, 36, 60])
def test_a_full_disk_leaves_the_block_as_it_was(small, room):
    whole = block(small).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + room, hard))
    try:
        with pytest.raises(CacheError, match="`cache` DIR"):
            small.add(SCORER, PROMPT, ROWS[5:], VALUES[5:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert block(small).read_bytes() == whole


def test_a_path_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    cache = ScoreCache(tmp_path / "file")
    with pytest.raises(CacheError, match=r"cannot be written to .*choose another `cache` DIR"):
        cache.add(SCORER, PROMPT, ROWS, VALUES)
    with pytest.raises(CacheError, match="cannot be read"):
        cache.find(SCORER, PROMPT, ROWS)
    with pytest.raises(CacheError, match="cannot be read"):
        cache.info()


def test_a_directory_with_other_files_is_neither_used_nor_cleared(tmp_path):
    (tmp_path / SCORER).mkdir()
    (tmp_path / SCORER / f"{PROMPT}.scores").write_text("somebody's scores of a match")
    cache = ScoreCache(tmp_path)
    for use in (
        lambda: cache.add(SCORER, PROMPT, ROWS, VALUES),
        lambda: cache.describe(SCORER, {}),
        cache.clear,
        cache.info,
    ):
        with pytest.raises(CacheError, match=f"{tmp_path}: is no promptsearch cache"):
            use()
    assert [path.name for path in tmp_path.iterdir()] == [SCORER]
    assert block(cache).read_text() == "somebody's scores of a match"


# Info and clear


def test_info_counts_what_is_stored(small):
    small.describe(SCORER, {"model": "builtin", "dtype": "float32"})
    small.add(SCORER, OTHER, ROWS, np.zeros((8, 5), dtype=np.float32))
    small.add(SCORER, PROMPT, ROWS[:1], VALUES[:1])  # stored twice, counted once
    small.add(OTHER, PROMPT, ROWS, VALUES)
    info = small.info()
    described, other = sorted(info.scorers, key=lambda each: not each.description)
    assert (described.scorer, described.prompts, described.scores) == (SCORER, 2, 5 * 2 + 8 * 5)
    assert described.description == {"model": "builtin", "dtype": "float32"}
    assert described.bytes == sum(
        block(small, prompt=prompt).stat().st_size for prompt in (PROMPT, OTHER)
    )
    assert (other.scorer, other.description, other.scores) == (OTHER, {}, 16)
    assert (info.total("prompts"), info.total("scores")) == (3, 66)
    assert (info.total("damaged"), info.foreign) == (0, 0)


def test_info_counts_damage_and_foreign_files_and_mends_nothing(small):
    small.describe(SCORER, {"model": "builtin"})
    whole = block(small).read_bytes()
    block(small).write_bytes(whole[:-1])
    block(small, prompt=OTHER).write_text("a text")
    block(small, prompt=digest("empty")).touch()
    (small.directory / SCORER / "scorer.json").write_text("[" * 100_000)
    (small.directory / SCORER / "notes.txt").write_text("foreign")
    block(small, prompt=digest("folder")).mkdir()
    (small.directory / "README").write_text("foreign")
    info = small.info()
    assert (info.total("prompts"), info.total("scores")) == (1, 6)
    assert (info.total("damaged"), info.foreign) == (4, 3)
    assert block(small).read_bytes() == whole[:-1]


def test_a_damaged_description_is_written_again(small):
    path = small.directory / SCORER / "scorer.json"
    small.describe(SCORER, {"model": "builtin"})
    path.write_bytes(path.read_bytes()[:-5])
    assert small.info().total("damaged") == 1
    small.describe(SCORER, {"model": "builtin"})
    assert small.info().scorers[0].description == {"model": "builtin"}


def test_clear_removes_the_cache_s_own_files_only(small):
    small.describe(SCORER, {"model": "builtin"})
    small.add(OTHER, PROMPT, ROWS, VALUES)
    block(small).write_text("damaged")
    for foreign in (small.directory / SCORER / "notes.txt", small.directory / "README"):
        foreign.write_text("foreign")
    removed = small.clear()
    assert (removed.total("scores"), removed.foreign) == (16, 2)
    left = {str(path.relative_to(small.directory)) for path in small.directory.rglob("*")}
    own = {"promptsearch-cache.json", ".promptsearch-cache.lock"}
    assert left - own == {"README", SCORER, f"{SCORER}/notes.txt"}
    assert known_rows(small) == set()
    small.add(SCORER, PROMPT, ROWS, VALUES)
    assert known_rows(small) == set(range(8))


def test_clear_does_not_follow_links(small, tmp_path):
    theirs = ScoreCache(tmp_path / "theirs")
    theirs.add(OTHER, PROMPT, ROWS, VALUES)
    (small.directory / OTHER).symlink_to(theirs.directory / OTHER)
    small.clear()
    assert block(theirs, OTHER).exists()


# The command


@pytest.fixture
def run(monkeypatch):
    """`promptsearch cache ...`: its exit code, standard output and standard error."""
    monkeypatch.delenv("PROMPTSEARCH_CACHE", raising=False)

    def run(*args):
        done = CliRunner().invoke(cli.cli, ["cache", *map(str, args)])
        return done.exit_code, done.stdout, done.stderr

    return run


def test_the_command_lists_and_empties(run, small, monkeypatch):
    small.describe(SCORER, {"model": "builtin", "dtype": "float32"})
    code, out, _ = run("info", "--cache", small.directory)
    assert code == 0
    assert "1 prompts · 10 scores" in out
    assert "model builtin, dtype float32" in out
    monkeypatch.setenv("PROMPTSEARCH_CACHE", str(small.directory))
    document = json.loads(run("info", "--json")[1])
    assert (document["scores"], document["damaged"]) == (10, 0)
    assert document["scorers"][0]["description"] == {"model": "builtin", "dtype": "float32"}
    code, out, _ = run("clear")
    assert (code, known_rows(small)) == (0, set())
    assert "removed 1 prompts · 10 scores" in out
    assert "0 prompts" in run("info")[1]


def test_the_command_says_mistakes_in_one_line(run, tmp_path):
    (tmp_path / "letter.txt").touch()
    for args, said in (
        (["info"], "Give --cache DIR, or set PROMPTSEARCH_CACHE"),
        (["clear"], "Give --cache DIR, or set PROMPTSEARCH_CACHE"),
        (["info", "--cache", tmp_path / "nowhere"], "nowhere: the score cache cannot be read"),
        (["clear", "--cache", tmp_path], "is no promptsearch cache (it holds letter.txt"),
    ):
        code, out, err = run(*args)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert said in err
    assert (tmp_path / "letter.txt").exists()
