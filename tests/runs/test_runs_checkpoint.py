"""Checkpoints come back bit for bit, or are refused with their path; a write is whole or absent."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_runs import assert_same_arrays

from minigan import arrays
from minigan.runs import checkpoint

NUMBERS: dict[str, Any] = {"step": 12, "seconds": 0.1, "counts": {"D_optimizer": 60, "G_optimizer": 12}}


def some_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "D/0.weight": rng.standard_normal((3, 2, 4), np.float32),
        "G/1.running_mean": rng.standard_normal(5),
        "D_optimizer/m/0.weight": np.array([-0.0, 1e-45, np.finfo(np.float32).max], np.float32),
        "count": np.array(7, np.int64),
        "none": np.empty((0, 3), np.float32),
        "turned": np.asfortranarray(rng.standard_normal((4, 3))),
    }


def saved(path: Path, arrays: dict[str, np.ndarray] | None = None) -> Path:
    checkpoint.save(path, some_arrays() if arrays is None else arrays, NUMBERS)
    return path


def test_arrays_and_numbers_come_back_bit_for_bit(tmp_path: Path) -> None:
    found, numbers = checkpoint.load(saved(tmp_path / "c.npz"))
    assert_same_arrays(found, some_arrays())
    assert numbers == NUMBERS


def test_a_checkpoint_is_plain_numpy_without_pickle(tmp_path: Path) -> None:
    with np.load(saved(tmp_path / "c.npz"), allow_pickle=False) as file:
        assert set(file.files) == {"minigan", *some_arrays()}
        assert file["minigan"].dtype.kind == "U"
        np.testing.assert_array_equal(file["D/0.weight"], some_arrays()["D/0.weight"])


def test_a_file_of_pickled_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    meta = np.array(json.dumps({"version": 2, "arrays": 1}))
    np.savez(path, minigan=meta, trap=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"c\.npz: not a checkpoint"):
        checkpoint.load(path)


def test_a_truncated_file_is_refused_with_its_path(tmp_path: Path) -> None:
    path = saved(tmp_path / "c.npz")
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"c\.npz: not a checkpoint"):
            checkpoint.load(path)


def test_a_flipped_bit_is_refused_with_its_path_or_touches_no_number(tmp_path: Path) -> None:
    arrays = {"D/0.weight": np.arange(6, dtype=np.float32)}
    path = saved(tmp_path / "c.npz", arrays)
    whole = path.read_bytes()
    refused = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        try:
            loaded, numbers = checkpoint.load(path)
        except ValueError as error:
            assert str(error).startswith(f"{path}: ")
            refused += 1
        else:
            assert_same_arrays(loaded, arrays)
            assert numbers == NUMBERS
    assert refused > len(whole) / 2


def foreign(kind: str, path: Path) -> None:
    """Something that is not a checkpoint, under a checkpoint's name."""
    match kind:
        case "another npz":
            np.savez(path, a=np.zeros(3))
        case "an npy":
            with open(path, "wb") as file:
                np.save(file, np.zeros(3))
        case "text":
            path.write_text("hello")
        case "empty":
            path.write_bytes(b"")
        case "a folder":
            path.mkdir()
        case _:
            np.savez(path, minigan=np.array(kind))


@pytest.mark.parametrize(
    "kind", ["another npz", "an npy", "text", "empty", "a folder", "not json", "[]", "7", "null", '{"step": 1}']
)
def test_a_foreign_file_is_refused_with_its_path(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "c.npz"
    foreign(kind, path)
    with pytest.raises(ValueError, match=r"c\.npz: not a checkpoint of minigan"):
        checkpoint.load(path)


def test_a_missing_file_is_missing_and_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"c\.npz"):
        checkpoint.load(tmp_path / "c.npz")


@pytest.mark.parametrize("version", [0, 1, 5, 99])
def test_another_version_is_refused_and_named(tmp_path: Path, version: int) -> None:
    path = tmp_path / "c.npz"
    np.savez(path, minigan=np.array(f'{{"version": {version}}}'))
    with pytest.raises(
        ValueError, match=rf"c\.npz: checkpoint of version {version}; this minigan reads versions 2, 3 and 4"
    ):
        checkpoint.load(path)


@pytest.mark.parametrize("text", ['{"version": 4}', '{"version": 3}', '{"version": 2}', '{"version": 2, "arrays": 2}'])
def test_a_checkpoint_without_what_secures_it_is_damaged(tmp_path: Path, text: str) -> None:
    np.savez(tmp_path / "c.npz", minigan=np.array(text), a=np.zeros(1))
    with pytest.raises(ValueError, match=r"c\.npz: not a checkpoint .*no digest, or has lost arrays"):
        checkpoint.load(tmp_path / "c.npz")


@pytest.mark.parametrize("header", [{"kind": "statistics", "version": 3}, {"kind": "checkpoint", "version": "3"}, {}])
def test_a_sound_file_of_another_kind_is_not_a_checkpoint(tmp_path: Path, header: dict[str, Any]) -> None:
    arrays.write(tmp_path / "c.npz", some_arrays(), header)
    with pytest.raises(ValueError, match=r"c\.npz: not a checkpoint of minigan"):
        checkpoint.load(tmp_path / "c.npz")


def test_numbers_that_a_run_needs_are_listed_where_they_are_missing_or_wrong(tmp_path: Path) -> None:
    checkpoint.require(tmp_path, {"step": 1, "seconds": 0.5, "more": None}, step=int, seconds=float)
    with pytest.raises(ValueError, match="not a checkpoint of a run: step is True, expected int; counts is None, exp"):
        checkpoint.require(tmp_path, {"step": True, "seconds": 0.5}, step=int, counts=dict, seconds=float)


def test_counts_that_do_not_fit_are_listed_with_the_arrays_and_change_nothing(tmp_path: Path) -> None:
    live = {"a": np.zeros(3)}
    with pytest.raises(ValueError, match="does not fit this run") as caught:
        checkpoint.restore(tmp_path, {"a": np.ones(4)}, live, ({"d": 1, "x": 2, "g": "3"}, {"d": 0, "g": 0, "y": 0}))
    for words in ("a is float64 (4,)", "the count g is '3'", "the count x is unknown", "the count y is missing"):
        assert words in str(caught.value)
    assert not live["a"].any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_array_that_is_not_finite_is_named_and_nothing_is_written(tmp_path: Path, value: float) -> None:
    arrays = some_arrays()
    arrays["D/0.weight"][1, 1, 2] = value
    with pytest.raises(FloatingPointError, match=r"D/0\.weight hold NaN or infinite values; c\.npz is not written"):
        checkpoint.save(tmp_path / "c.npz", arrays, NUMBERS)
    assert list(tmp_path.iterdir()) == []


def test_an_array_that_is_not_finite_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    before = saved(tmp_path / "c.npz").read_bytes()
    with pytest.raises(FloatingPointError):
        checkpoint.save(tmp_path / "c.npz", {"a": np.array([np.nan])}, NUMBERS)
    assert (tmp_path / "c.npz").read_bytes() == before


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_an_interrupted_write_leaves_the_old_checkpoint_whole_and_no_debris(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = saved(tmp_path / "c.npz")

    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, moment, interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(path, {"a": np.ones(3)}, NUMBERS)
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.npz"]
    assert_same_arrays(checkpoint.load(path)[0], some_arrays())


def test_restore_writes_into_the_live_arrays(tmp_path: Path) -> None:
    live = {name: np.zeros_like(array) for name, array in some_arrays().items()}
    same = dict(live)
    checkpoint.restore(tmp_path / "c.npz", some_arrays(), live)
    assert_same_arrays(live, some_arrays())
    assert all(live[name] is same[name] for name in same)


def test_restore_lists_every_mismatch_at_once_and_changes_nothing(tmp_path: Path) -> None:
    live: dict[str, np.ndarray] = {
        "a": np.zeros(3),
        "b": np.zeros((2, 2)),
        "c": np.zeros(4, np.float32),
        "e": np.zeros(1),
    }
    saved = {"a": np.ones(3), "b": np.ones(4), "c": np.ones(4), "d": np.ones(1)}
    with pytest.raises(ValueError, match=r"c\.npz: does not fit this run") as caught:
        checkpoint.restore(tmp_path / "c.npz", saved, live)
    message = str(caught.value)
    assert "b is float64 (4,), expected float64 (2, 2)" in message
    assert "c is float64 (4,), expected float32 (4,)" in message
    assert "d is unknown" in message and "e is missing" in message
    assert not any(array.any() for array in live.values())
