"""Files of arrays come back bit for bit; damaged, foreign and hostile ones cost an error with their path."""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import tempfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan import arrays

HEADER = {"kind": "test", "numbers": [1, 2.5, None], "counts": {2: 1, 10: 2}}
PACKAGE = Path(arrays.__file__).parent


def some() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "D/0.weight": rng.standard_normal((3, 2, 4), np.float32),
        "file": np.array([-0.0, np.nan, np.inf]),
        "count": np.array(7),
        "none": np.empty((0, 3), np.float16),
        "turned": np.asfortranarray(rng.standard_normal((4, 3))),
        "yes": np.array([True, False]),
        "big end first": np.arange(5, dtype=">i2"),
        "words": np.array(["", "größer", "\U0001f600"]),
        "complex": np.array([1 + 2j], np.complex64),
    }


def written(path: Path) -> Path:
    arrays.write(path, some(), HEADER)
    return path


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert found[name].tobytes() == array.tobytes(), name


def refusal(path: Path, read: Callable[[Path], Any] = arrays.read) -> str:
    """The message of the refusal, after the path."""
    with pytest.raises(ValueError) as caught:
        read(path)
    assert type(caught.value) is ValueError
    assert str(caught.value).startswith(f"{path}: not a file of a"), caught.value
    return str(caught.value)


def npy(text: str, data: bytes = b"", version: int = 1) -> bytes:
    """An .npy file with this header."""
    length = struct.pack("<H" if version == 1 else "<I", len(text.encode()))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode() + data


def like(descr: str = "'<f4'", shape: str = "(2,)", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def archive(path: Path, *members: tuple[str, bytes], how: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", how) as file:
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name), data, how)
    return path


def test_arrays_and_header_come_back_bit_for_bit(tmp_path: Path) -> None:
    found, header = arrays.read(written(tmp_path / "a.npz"))
    assert_same(found, some())
    assert {name: header[name] for name in HEADER} == json.loads(json.dumps(HEADER))
    assert header["arrays"]["D/0.weight"] == ["<f4", [3, 2, 4]]
    assert header["sha256"] == arrays.digest(some(), header)


def test_numpy_reads_the_file_without_pickle(tmp_path: Path) -> None:
    with np.load(written(tmp_path / "a.npz"), allow_pickle=False) as file:
        assert_same({name: file[name] for name in file.files if name != "minigan"}, some())
        assert json.loads(str(file["minigan"])).keys() == {*HEADER, "arrays", "sha256"}


def test_the_same_arrays_make_the_same_file(tmp_path: Path) -> None:
    assert written(tmp_path / "a.npz").read_bytes() == written(tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_of_numpy_are_read_and_have_no_header(tmp_path: Path, save: Any) -> None:
    mine = {name: array for name, array in some().items() if name != "file"}
    save(tmp_path / "a.npz", **mine)
    found, header = arrays.read(tmp_path / "a.npz")
    assert_same(found, mine)
    assert header == {}
    assert arrays.names(tmp_path / "a.npz") == list(mine)
    assert_same(arrays.read(tmp_path / "a.npz", only=("turned", "absent"))[0], {"turned": mine["turned"]})


def test_the_files_of_the_package_are_read() -> None:
    paths = sorted((PACKAGE / "data").rglob("*.npz"))
    assert len(paths) >= 4
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            assert_same(arrays.read(path)[0], {name: file[name] for name in file.files})


def test_a_single_array_is_read(tmp_path: Path) -> None:
    for name, array in some().items():
        np.save(tmp_path / "a.npy", array)
        assert_same({name: arrays.read_one(tmp_path / "a.npy")}, {name: array})
    (tmp_path / "a.npy").write_bytes(npy(like(), np.ones(2, "<f4").tobytes(), version=2))
    assert_same({"a": arrays.read_one(tmp_path / "a.npy")}, {"a": np.ones(2, np.float32)})


BAD_NAMES = ["", "/a", "a/", "a//b", "..", "../a", "a/../b", "./a", "a/.", "c:a", "a\\b", "a\nb", "\x7f"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_like_a_path_is_refused_by_reader_and_writer(tmp_path: Path, name: str) -> None:
    assert "is not named like an array" in refusal(archive(tmp_path / "a.npz", (f"{name}.npy", npy(like()))))
    with pytest.raises(ValueError, match="not usable as names of arrays"):
        arrays.write(tmp_path / "b.npz", {name: np.zeros(1)}, {})
    assert not (tmp_path / "b.npz").exists()


@pytest.mark.parametrize("name", ["...", "..a", "a..b/c.", "0.weight", "d_optimizer/m/0.weight", "ä b"])
def test_an_unusual_name_is_not_a_path(tmp_path: Path, name: str) -> None:
    arrays.write(tmp_path / "a.npz", {name: np.zeros(1)}, {})
    assert list(arrays.read(tmp_path / "a.npz")[0]) == [name]


def test_what_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="arrays of objects cannot be written: a"):
        arrays.write(tmp_path / "a.npz", {"a": np.array([{}], object)}, {})
    with pytest.raises(ValueError, match="not usable as names of arrays: 'minigan'"):
        arrays.write(tmp_path / "a.npz", {"minigan": np.zeros(1)}, {})
    with pytest.raises(TypeError, match="JSON"):
        arrays.write(tmp_path / "a.npz", {}, {"a": object()})
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_missing_and_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        arrays.read(tmp_path / "a.npz")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.npz")
    whole = path.read_bytes()
    for length in range(0, len(whole), 5):
        path.write_bytes(whole[:length])
        refusal(path)


def test_every_flipped_bit_is_refused_or_touches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    arrays.write(path, {"a": np.arange(6.0), "b": np.arange(3)}, {"step": 12})
    whole, reported = path.read_bytes(), arrays.read(path)
    refused = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        try:
            found, header = arrays.read(path)
        except ValueError as error:
            assert str(error).startswith(f"{path}: ")
            refused += 1
        else:
            assert_same(found, reported[0])
            assert header == reported[1]
    assert refused > 0.7 * len(whole)


def resealed(path: Path, change: Callable[[dict[str, np.ndarray], dict[str, Any]], Any]) -> Path:
    """A file whose checksums are right and whose contents are not what the header states."""
    found, header = arrays.read(written(path))
    change(found, header)
    np.savez(path, **{"minigan": np.array(json.dumps(header)), **{k: v for k, v in found.items() if k != "file"}})
    return path


def test_all_differences_from_the_header_are_listed_at_once(tmp_path: Path) -> None:
    def change(found: dict[str, np.ndarray], header: dict[str, Any]) -> None:
        found["more"] = np.zeros(1)
        found["count"] = np.array([7])
        found["yes"] = found["yes"].astype(np.uint8)
        del found["none"]

    message = refusal(resealed(tmp_path / "a.npz", change))
    assert "count is ['<i8', [1]], expected ['<i8', []]; file is missing; more is not in the header" in message
    assert "none is missing; yes is ['|u1', [2]], expected ['|b1', [2]]" in message


@pytest.mark.parametrize("where", ["arrays", "header"])
def test_contents_changed_with_a_right_checksum_are_known_by_the_digest(tmp_path: Path, where: str) -> None:
    def change(found: dict[str, np.ndarray], header: dict[str, Any]) -> None:
        del header["arrays"]["file"]
        header["sha256"] = arrays.digest({name: a for name, a in found.items() if name != "file"}, header)
        if where == "arrays":
            found["count"][...] = 8
        else:
            header["kind"] = "another"

    assert "its digest is not that of its contents" in refusal(resealed(tmp_path / "a.npz", change))


SHAPES = ["(1000000000000000000,)", "(99999999999,99999999999)", f"({'999999999999999999,' * 400})", "(-1,)", "(2"]
SHAPES += [f"({'1,' * 70})", "(0, 999999999999999999, 999999999999999999)", "(3,)", "(2.0,)", "2", "()"]
KINDS = ["'|O'", "'<f3'", "'<U999999999'", "'<M8[s]'", "'|V8'", "[('a', '<f4')]", "'<f4, <f4'", "('<f4', (9,))", "'f'"]


def plain(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def two_of_a_name(path: Path) -> Path:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return archive(path, ("a.npy", npy(like(), b"12345678")), ("a.npy", npy(like(), b"12345678")))


def overlapping(path: Path) -> Path:
    """Many members that all claim the same bytes."""
    archive(path, ("a.npy", npy(like(shape="(250000,)"), b"\0" * 10**6)))
    whole = path.read_bytes()
    start = whole.rindex(b"PK\x01\x02")
    entry, end = whole[start : whole.rindex(b"PK\x05\x06")], bytearray(whole[whole.rindex(b"PK\x05\x06") :])
    entries = b"".join(entry.replace(b"a.npy", b"%05d" % i)[:-5] + b"%c.npy" % (i + 97) for i in range(20))
    struct.pack_into("<HHI", end, 8, 20, 20, len(entries))
    return plain(path, whole[:start] + entries + bytes(end))


def encrypted(path: Path) -> Path:
    archive(path, ("a.npy", npy(like(), b"12345678")))
    whole = bytearray(path.read_bytes())
    whole[whole.rindex(b"PK\x01\x02") + 8] |= 1
    return plain(path, bytes(whole))


def pickled(path: Path) -> Path:
    np.savez(path, a=np.array([{}], object))
    return path


def crowded(path: Path) -> Path:
    return archive(path, *((f"array number {i:030}.npy", b"") for i in range(13_000)))


def header_of(text: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        np.savez(path, minigan=np.array(text))
        return path

    return make


def a_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a zip bomb": (
        lambda p: archive(p, ("a.npy", bytes(2**27)), how=zipfile.ZIP_DEFLATED),
        "more than 20 times as many",
    ),
    "many small bombs": (
        lambda p: archive(p, *((f"{i}.npy", bytes(2**23)) for i in range(16)), how=zipfile.ZIP_DEFLATED),
        "would unpack to 134,217,728",
    ),
    "overlapping members": (overlapping, "its members claim 20,"),
    "too many members": (crowded, "asks for more than"),
    "an unusual compression": (
        lambda p: archive(p, ("a.npy", npy(like(), b"12345678")), how=zipfile.ZIP_LZMA),
        "unusual way",
    ),
    "an encrypted member": (encrypted, "encrypted"),
    "a name twice": (two_of_a_name, "there twice"),
    "something else inside": (lambda p: archive(p, ("a.txt", b"hello")), "not named like an array"),
    "an array of objects": (pickled, "not a plain array of numbers"),
    "a header of deep lists": (header_of("[" * 100_000), "recursion"),
    "a header that is a list": (header_of("[]"), "not a JSON object"),
    "a header that is not JSON": (header_of("{"), "Expecting"),
    "a header with a long number": (header_of("1" * 10_000), "digits"),
    "a digest of nothing": (header_of('{"sha256": "0"}'), "arrays"),
    "a list of arrays that is none": (header_of('{"sha256": "0", "arrays": 7}'), "keys"),
    "numbers for a header": (lambda p: archive(p, ("minigan.npy", npy(like(), b"12345678"))), "not a JSON object"),
    "text that is none": (lambda p: archive(p, ("a.npy", npy(like("'<U1'"), b"\xff" * 8))), "a is not a text"),
    "a long header of an array": (lambda p: archive(p, ("a.npy", npy(" " * 60_000))), "not an .npy array"),
    "more bytes than numbers": (lambda p: archive(p, ("a.npy", npy(like(), b"123456789"))), "has 9 bytes"),
    "a pipe": (a_pipe, "it is not a file"),
    "a folder": (lambda p: p.mkdir() or p, "it is not a file"),  # type: ignore[func-returns-value]
    "nothing": (lambda p: plain(p, b""), "not an .npz archive"),
    "a pickle": (lambda p: plain(p, b"\x80\x04cos\nsystem\n."), "not an .npz archive"),
    "an empty archive's end, cut": (lambda p: plain(p, b"PK\x05\x06"), "not an .npz archive"),
}
HOSTILE |= {f"shape {s[:40]}": (lambda p, s=s: archive(p, ("a.npy", npy(like(shape=s)))), "a") for s in SHAPES}
HOSTILE |= {f"kind {k}": (lambda p, k=k: archive(p, ("a.npy", npy(like(k), b"12345678"))), "a") for k in KINDS}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_without_the_memory_it_asks_for(tmp_path: Path, kind: str) -> None:
    make, words = HOSTILE[kind]
    path = make(tmp_path / "a.npz")
    tracemalloc.start()
    message = refusal(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert words in message
    assert most < 24 * 2**20


def test_a_hostile_single_array_is_refused(tmp_path: Path) -> None:
    for text in [like(shape=s) for s in SHAPES] + [like(k) for k in KINDS]:
        refusal(plain(tmp_path / "a.npy", npy(text, b"1234567")), arrays.read_one)


def test_a_file_that_shrinks_under_compression_more_than_usual_states_what_to_do(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(2**27, np.uint8))
    assert "if that is meant, store it without compression" in refusal(tmp_path / "a.npz")
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(2**25, np.uint8))
    assert arrays.read(tmp_path / "a.npz")[0]["a"].shape == (2**25,)


def whole_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        arrays.write(path, {"a": np.arange(4.0), "b/c": np.array("text")}, {"step": 1})
        return path.read_bytes()


WHOLE = whole_file()
damage = st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(max_size=6), st.integers(0, 6)), max_size=5)


def damaged(changes: list[tuple[int, bytes, int]], repair: bool) -> bytes:
    content = bytearray(WHOLE)
    for place, new, gone in changes:
        content[place : place + gone] = new
    if repair:  # right checksums, so that the damage reaches the readers of what is inside
        for at in (i for i in range(len(content) - 46) if content[i : i + 4] == b"PK\x01\x02"):
            start = int.from_bytes(content[at + 42 : at + 46], "little")
            size = int.from_bytes(content[at + 20 : at + 24], "little")
            inside = (
                start + 30 + sum(struct.unpack_from("<HH", content, start + 26)) if start < len(content) - 30 else 0
            )
            struct.pack_into("<I", content, at + 16, zlib.crc32(content[inside : inside + size]))
    return bytes(content)


@settings(deadline=None, max_examples=150)
@given(changes=damage, repair=st.booleans())
def test_whatever_is_in_the_file_the_error_is_a_value_error_with_its_path(
    changes: list[tuple[int, bytes, int]], repair: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = plain(Path(folder) / "a.npz", damaged(changes, repair))
        try:
            found, _ = arrays.read(path)
        except ValueError as error:
            assert str(error).startswith(f"{path}: not a file of arrays, or a damaged one")
        else:
            assert sum(array.nbytes for array in found.values()) <= 2 * len(WHOLE)


def test_reading_holds_no_file_open(tmp_path: Path) -> None:
    path = written(tmp_path / "a.npz")
    arrays.read(path)
    content = io.BytesIO(path.read_bytes())
    path.write_bytes(content.getvalue()[:-9])
    refusal(path)
    if sys.platform == "linux":
        assert str(path) not in {os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")}
