"""Many pictures: in memory or in a file, with the same pixels; continued where it stopped; all damaged ones named."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigan.data import pictures, prepared, reading

N = 9


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Pictures of which the first few are grey, and a cache of its own."""
    monkeypatch.setenv("MINIGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(reading, "BLOCK", 2)
    rng, made = np.random.default_rng(0), []
    for i in range(N):
        values = rng.integers(0, 256, (7, 6, 3 if i > 4 else 1), np.uint8)
        made.append(tmp_path / f"{i}.png")
        Image.fromarray(np.repeat(values, 3, axis=2) if i <= 4 else values).save(made[-1])
    return made


def in_file(paths: list[Path]) -> np.ndarray:
    return reading.read_all(paths, 4, "black", "reading", free=lambda: 0)


def count_reads(monkeypatch: pytest.MonkeyPatch, stop_after: int | None = None) -> list[Path]:
    """The pictures that are read from now on; at one of them the process is killed."""
    seen, read = list[Path](), pictures.read_within

    def counted(path: Path, *rest: object) -> np.ndarray:
        if len(seen) == stop_after:
            raise KeyboardInterrupt
        seen.append(path)
        return read(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(pictures, "read_within", counted)
    return seen


def test_a_set_too_large_for_memory_has_the_same_pixels_and_is_prepared_once(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = reading.read_all(paths, 4, "black", "reading", free=lambda: 2**30)
    assert whole.shape == (N, 4, 4, 3)
    mapped = in_file(paths)
    assert isinstance(mapped.base, np.memmap) and not mapped.flags.writeable
    np.testing.assert_array_equal(mapped, whole)
    seen = count_reads(monkeypatch)
    np.testing.assert_array_equal(in_file(paths), whole)
    assert seen == paths[:1]  # for the shape


def test_a_preparation_that_was_stopped_continues(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = reading.read_all(paths, 4, "black", "reading")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        count_reads(patch, stop_after=8)
        in_file(paths)
    assert not list(prepared.cache().glob("*.npy"))
    seen = count_reads(monkeypatch)
    np.testing.assert_array_equal(in_file(paths), whole)
    assert seen == [paths[0], *paths[6:]]
    assert {path.suffix for path in prepared.cache().iterdir()} == {".npy", ".json", ".lock"}


def test_a_damaged_or_outdated_preparation_is_made_anew(paths: list[Path]) -> None:
    in_file(paths)
    (kept,) = prepared.cache().glob("*.npy")
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    np.testing.assert_array_equal(in_file(paths), reading.read_all(paths, 4, "black", "reading"))
    Image.new("RGB", (7, 6), "red").save(paths[0])
    os.utime(paths[0], ns=(0, 0))
    assert in_file(paths)[0, 0, 0].tolist() == [255, 0, 0]


def test_a_disk_without_room_is_reported_before_anything_is_read(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 10

    monkeypatch.setattr(prepared.shutil, "disk_usage", lambda path: Full)
    seen = count_reads(monkeypatch)
    with pytest.raises(ValueError, match="take a smaller --size, or set MINIGAN_CACHE"):
        in_file(paths)
    assert len(seen) == 1


def test_all_damaged_pictures_are_named_at_once(paths: list[Path]) -> None:
    for path in paths[1:]:
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=f"and {N - 1 - reading.SHOWN} more of {N} pictures") as caught:
        reading.read_all(paths, 4, "black", "reading")
    assert all(str(path) in str(caught.value) for path in paths[1 : 1 + reading.SHOWN])


def test_all_cores_read_many_pictures_in_their_order(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = reading.read_all(paths, 4, "black", "reading")
    monkeypatch.setattr(reading, "MANY", 2)
    monkeypatch.setattr(reading.parallel, "cores", lambda: 3)
    np.testing.assert_array_equal(reading.read_all(paths, 4, "black", "reading"), whole)


def test_free_memory_is_a_number_of_bytes() -> None:
    assert 2**20 < reading.free_memory() < 2**50
