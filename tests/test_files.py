"""Files: compression, encodings, globs, fingerprints, and what is said when one is wrong."""

import codecs
import gzip
import hashlib
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptsearch.errors import DataError
from promptsearch.files.read import expand, expand_one, kind_of, open_bytes, open_text, sha256


def text_of(path: Path, encoding: str = "utf-8") -> str:
    with open_text(path, encoding) as stream:
        return stream.read()


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
@settings(deadline=None)
@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\ufeff\0"))
)  # zeros tell UTF-16
def test_what_was_written_is_read_whatever_the_compression(
    tmp_path_factory: pytest.TempPathFactory, ending: str, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"round.txt{ending}"
    data = text.encode()
    if ending == ".gz":
        data = gzip.compress(data)
    if ending == ".zst":
        data = pytest.importorskip("zstandard").compress(data)
    path.write_bytes(data)
    assert text_of(path) == text


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_text(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfQuality")
    assert text_of(tmp_path / "a.txt", encoding) == "Quality"


def test_invalid_utf8_names_file_line_byte_and_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "trec.txt"
    path.write_bytes("good\r\nalso good\nle caf\xe9\n".encode("latin-1"))
    with pytest.raises(DataError) as error:
        text_of(path)
    assert str(error.value) == (
        f"{path}, line 3: byte 7 (0xe9) is not UTF-8; if the file is in another encoding, "
        'say so in the task file: encoding = "latin-1" (predict and init: `encoding` latin-1; '
        "import: save it as UTF-8)"
    )
    assert text_of(path, "latin-1").endswith("le caf\xe9\n")


def test_invalid_utf8_far_behind_the_read_buffer_still_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes(b"x" * 99 + b"\n" + b"y\n" * 100_000 + b"\xff\n")
    with pytest.raises(DataError, match=r"line 100002: byte 1 \(0xff\)"):
        text_of(path)


def test_a_wide_encoding_names_its_line_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("one\ntwo\n".encode("utf-16-le") + b"\x00\xdc")
    with pytest.raises(DataError, match="utf-16-le"):
        text_of(tmp_path / "a.txt", "utf-16-le")


MARKS = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
WIDE = [(name, "text,label\nfine,p\n".encode(name)) for name in MARKS]
WIDE += [(name[:6], mark + "text,label\nfine,p\n".encode(name)) for name, mark in MARKS.items()]


@pytest.mark.parametrize(("encoding", "data"), WIDE)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_the_encoding_that_a_file_begins_with_is_told_and_reads_it(
    tmp_path: Path, encoding: str, data: bytes, ending: str
) -> None:
    path = tmp_path / f"a.csv{ending}"
    path.write_bytes(gzip.compress(data) if ending else data)
    for wrong in ("utf-8", "latin-1"):
        with pytest.raises(DataError, match=f'it is {encoding}, .* encoding = "{encoding}"'):
            text_of(path, wrong)
    assert text_of(path, encoding) == "text,label\nfine,p\n"


def test_a_mark_is_no_text_where_the_encoding_names_its_order(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("a,b\n".encode("utf-16"))  # with its mark
    assert text_of(tmp_path / "a.csv", "utf-16-le") == "a,b\n"


def test_chinese_in_utf16_without_a_mark_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("text,label\n這部電影很好看,p\n".encode("utf-16-be"))
    with pytest.raises(DataError, match="it is utf-16-be"):
        text_of(tmp_path / "a.csv")


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_file_that_unpacks_to_what_no_text_does_is_refused(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptsearch.files.unpacked.FREE", 1 << 20)
    pack = gzip.compress if ending == ".gz" else pytest.importorskip("zstandard").compress
    (tmp_path / f"a.txt{ending}").write_bytes(pack(bytes(1 << 24)))
    (tmp_path / f"b.txt{ending}").write_bytes(pack(bytes(1 << 19)))
    with pytest.raises(DataError, match=r"unpacks to more than \d MB"):
        text_of(tmp_path / f"a.txt{ending}")
    assert len(text_of(tmp_path / f"b.txt{ending}")) == 1 << 19


@pytest.mark.parametrize(
    "name", ["x" * 5000 + ".csv", "x\0.csv", "x\0*/a.csv", "y" * 300 + "/a.csv"]
)
def test_a_name_that_no_file_can_have_is_missing(tmp_path: Path, name: str) -> None:
    for read in (lambda: expand([name], tmp_path), lambda: text_of(tmp_path / name)):
        with pytest.raises(DataError, match="there is no file") as error:
            read()
        assert len(str(error.value)) < 700


def test_a_pattern_for_one_file_means_one(tmp_path: Path) -> None:
    for name in ("a1.toml", "a2.toml", "b.toml"):
        (tmp_path / name).touch()
    assert expand_one("b*.toml", tmp_path) == tmp_path / "b.toml"
    with pytest.raises(
        DataError, match=r"'a\*.toml' means 2 files, .*a1.toml, .*a2.toml; name one"
    ):
        expand_one("a*.toml", tmp_path)


@pytest.mark.parametrize("encoding", ["latin-l", "base64", "a\0b", "undefined"])
def test_an_unknown_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(b"x")
    with pytest.raises(DataError, match=re.escape(f"no text encoding {encoding!r}")):
        text_of(tmp_path / "a.txt", encoding)


def test_a_missing_file_is_named_with_its_near_name(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").touch()
    with pytest.raises(DataError, match=r"no file .*/trian.tsv \(did you mean 'train.tsv'\?\)"):
        expand(["trian.tsv"], tmp_path)
    with pytest.raises(DataError, match=r"the folder .*/data does not exist"):
        expand(["data/train.tsv"], tmp_path)
    with pytest.raises(DataError, match="is a folder, not a file"):
        expand([""], tmp_path)


@pytest.mark.parametrize("cut", [0, 1, 10])
def test_a_damaged_gzip_file_is_named(tmp_path: Path, cut: int) -> None:
    whole = gzip.compress(b"hello world, hello world")
    (tmp_path / "a.gz").write_bytes(b"no gzip" if cut == 0 else whole[:-cut])
    with pytest.raises(DataError, match=r"a\.gz: not a whole \.gz file"):
        text_of(tmp_path / "a.gz")


def test_a_damaged_zst_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("zstandard")
    (tmp_path / "a.zst").write_bytes(b"no zstandard")
    with pytest.raises(DataError, match=r"a\.zst: not a whole \.zst file"):
        text_of(tmp_path / "a.zst")


def test_a_cut_zst_file_does_not_read_as_a_short_one(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    whole = zstandard.compress(b"".join(b"%d\n" % n for n in range(10_000)))
    (tmp_path / "a.zst").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.zst: not a whole \.zst file"):
        text_of(tmp_path / "a.zst")


def test_every_frame_of_a_zst_file_is_read(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    (tmp_path / "a.zst").write_bytes(zstandard.compress(b"one ") + zstandard.compress(b"two"))
    assert text_of(tmp_path / "a.zst") == "one two"


def test_zst_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    (tmp_path / "a.zst").touch()
    with pytest.raises(DataError, match="pip install 'zstandard>="), open_bytes(tmp_path / "a.zst"):
        pass


def test_a_glob_is_sorted_and_reads_no_file_twice(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "c.md"):
        (tmp_path / name).touch()
    found = expand(["*.txt", "a.txt"], tmp_path)
    assert [path.name for path in found] == ["a.txt", "b.txt"]


def test_a_glob_sees_through_brackets_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "[1]"
    folder.mkdir()
    (folder / "a.txt").touch()
    assert expand(["*.txt"], folder) == (folder / "a.txt",)


def test_a_glob_without_a_match_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file matches '.*/wiki/\*.txt'"):
        expand(["wiki/*.txt"], tmp_path)


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(tmp_path: Path) -> None:
    (tmp_path / "a[1].txt").touch()
    assert expand(["a[1].txt"], tmp_path) == (tmp_path / "a[1].txt",)


def test_the_fingerprint_is_that_of_the_bytes_one_file_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"ab")
    (tmp_path / "b").write_bytes(b"c")
    assert sha256([tmp_path / "a"]) == hashlib.sha256(b"ab").hexdigest()
    assert sha256([tmp_path / "a", tmp_path / "b"]) == hashlib.sha256(b"abc").hexdigest()


def test_the_kind_of_a_file_looks_through_its_compression() -> None:
    assert [kind_of(Path(name)) for name in ("a.TSV", "a.b.json.gz", "a.zst", "a")] == [
        ".tsv",
        ".json",
        "",
        "",
    ]
