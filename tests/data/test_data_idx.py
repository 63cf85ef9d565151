"""IDX files: what is written comes back, and nothing else gets in."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from minigan.data.idx import MAX_BYTES, content_hash, read_idx, write_idx

QUICK = settings(derandomize=True, max_examples=150, deadline=None)
SMALL = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def header(*shape: int, kind: int = 0x08) -> bytes:
    return struct.pack(f">2x2B{len(shape)}I", kind, len(shape), *shape)


def store(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(content)
    return path


def test_a_file_made_by_hand_is_read(tmp_path: Path) -> None:
    by_hand = bytes.fromhex("00 00 08 02  00 00 00 02  00 00 00 03  01 02 03 04 05 ff")
    np.testing.assert_array_equal(read_idx(store(tmp_path, by_hand)), [[1, 2, 3], [4, 5, 255]])


@QUICK
@given(array=arrays.arrays(np.uint8, arrays.array_shapes(max_dims=4, max_side=5)), name=st.sampled_from(["a", "a.gz"]))
def test_what_is_written_comes_back(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, name: str) -> None:
    path = tmp_path_factory.mktemp("idx") / name
    write_idx(path, array)
    back = read_idx(path)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == np.uint8
    assert content_hash(back) == content_hash(array)


def test_gzip_is_recognised_by_its_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    write_idx(tmp_path / "small.gz", SMALL)
    (tmp_path / "small.gz").rename(tmp_path / "compressed")
    write_idx(tmp_path / "small", SMALL)
    (tmp_path / "small").rename(tmp_path / "plain.gz")
    np.testing.assert_array_equal(read_idx(tmp_path / "compressed"), SMALL)
    np.testing.assert_array_equal(read_idx(tmp_path / "plain.gz"), SMALL)


def test_a_compressed_file_holds_neither_its_name_nor_a_date(tmp_path: Path) -> None:
    write_idx(tmp_path / "one.gz", SMALL)
    write_idx(tmp_path / "another.gz", SMALL)
    content = (tmp_path / "one.gz").read_bytes()
    assert content == (tmp_path / "another.gz").read_bytes()
    assert content[4:8] == b"\0\0\0\0"


def test_a_strided_array_is_written_and_hashed_in_index_order(tmp_path: Path) -> None:
    transposed = SMALL.transpose(2, 0, 1)
    write_idx(tmp_path / "file", transposed)
    np.testing.assert_array_equal(read_idx(tmp_path / "file"), transposed)
    assert content_hash(transposed) == content_hash(transposed.copy())


def test_the_hash_is_that_of_the_plain_file(tmp_path: Path) -> None:
    import hashlib

    write_idx(tmp_path / "file", SMALL)
    assert content_hash(SMALL) == hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest()


def test_the_array_that_was_read_may_be_written_to(tmp_path: Path) -> None:
    write_idx(tmp_path / "file", SMALL)
    assert read_idx(tmp_path / "file").flags.writeable


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "expected 4 bytes that begin with 00 00, got ''"),
        (b"\0\0\x08", "expected 4 bytes"),
        (b"\x89PNG", "got '89 50 4e 47'"),
        (header(2, kind=0x0D) + b"\0" * 8, "unsigned byte.*got type 0x0d"),
        (b"\0\0\x08\0", "expected 1 to 4 dimensions, got 0"),
        (b"\0\0\x08\x05" + b"\0" * 20, "expected 1 to 4 dimensions, got 5"),
        (header(2, 3)[:-1], "expected 8 bytes of sizes, got 7"),
        (header(0, 28, 28), r"got \(0, 28, 28\)"),
        (header(2, 3) + b"12345", "truncated: expected 6 values .* got 5"),
        (header(2, 3) + b"1234567", "expected the end of the file after 6 values"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_that_is_not_whole_idx_is_refused_with_its_path(
    tmp_path: Path, content: bytes, complaint: str, compressed: bool
) -> None:
    path = store(tmp_path, gzip.compress(content) if compressed else content)
    with pytest.raises(ValueError, match=complaint) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("damage", ["cut", "checksum", "body", "trailing"])
def test_a_damaged_gzip_stream_is_a_value_error_with_its_path(tmp_path: Path, damage: str) -> None:
    good = gzip.compress(header(1000) + np.random.default_rng(0).bytes(1000))
    damaged = {
        "cut": good[:-20],
        "checksum": good[:-8] + b"\0\0\0\0" + good[-4:],
        "body": good[:10] + b"\xff" * 50 + good[60:],
        "trailing": good + b"more",
    }[damage]
    path = store(tmp_path, damaged)
    with pytest.raises(ValueError, match="damaged") as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        read_idx(tmp_path / "absent")


@pytest.mark.parametrize("shape", [(MAX_BYTES + 1,), (2**16, 2**16), (2**32 - 1,) * 4])
def test_an_absurd_declared_size_is_refused_before_anything_is_read(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"expected a shape of 1 to {MAX_BYTES} values"):
        read_idx(store(tmp_path, header(*shape)))


@pytest.mark.parametrize("compressed", [False, True])
def test_memory_follows_the_bytes_that_are_there_not_those_declared(tmp_path: Path, compressed: bool) -> None:
    content = header(MAX_BYTES) + b"\0" * 100
    path = store(tmp_path, gzip.compress(content) if compressed else content)
    assert peak_of_refusal(path, "would unpack" if compressed else "truncated") < 8 * 2**20


def test_a_gzip_bomb_is_not_decompressed_beyond_its_declared_size(tmp_path: Path) -> None:
    path = store(tmp_path, gzip.compress(header(10) + b"\0" * 64 * 2**20))
    assert peak_of_refusal(path, "expected the end of the file") < 8 * 2**20


def peak_of_refusal(path: Path, complaint: str) -> int:
    """The most memory, in bytes, that was taken while a file was refused."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=complaint):
            read_idx(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "array", [np.zeros(3, np.int64), np.zeros((), np.uint8), np.zeros((0, 2), np.uint8), np.zeros((1,) * 5, np.uint8)]
)
def test_an_array_that_could_not_be_read_back_is_not_written(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="an IDX file takes"):
        write_idx(tmp_path / "file", array)
    assert list(tmp_path.iterdir()) == []


def accept_or_refuse(path: Path, content: bytes) -> None:
    """The only two outcomes there may be; and an accepted plain file is the very file its array would be written as."""
    path.write_bytes(content)
    try:
        array = read_idx(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        assert array.dtype == np.uint8
        if content[:2] != b"\x1f\x8b":
            assert content == header(*array.shape) + array.tobytes()


@QUICK
@given(
    start=st.sampled_from([b"", b"\0\0", b"\0\0\x08", b"\0\0\x08\x01\0\0\0", b"\x1f\x8b", b"\x1f\x8b\x08\0"]),
    rest=st.binary(max_size=80),
    wrap=st.booleans(),
)
def test_random_bytes_are_accepted_or_refused(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes, wrap: bool
) -> None:
    content = gzip.compress(start + rest) if wrap else start + rest
    accept_or_refuse(tmp_path_factory.getbasetemp() / "fuzzed", content)


@QUICK
@given(
    wrap=st.booleans(),
    at=st.integers(0, 60),
    remove=st.integers(0, 5),
    insert=st.binary(max_size=5),
    cut=st.none() | st.integers(0, 60),
)
def test_mutated_files_are_accepted_or_refused(
    tmp_path_factory: pytest.TempPathFactory, wrap: bool, at: int, remove: int, insert: bytes, cut: int | None
) -> None:
    valid = header(*SMALL.shape) + SMALL.tobytes()
    valid = gzip.compress(valid, mtime=0) if wrap else valid
    mutated = (valid[:at] + insert + valid[at + remove :])[:cut]
    accept_or_refuse(tmp_path_factory.getbasetemp() / "mutated", mutated)
