"""Data sets by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigan import data
from minigan.data import mnist

Internet = Callable[[dict[str, bytes]], list[str]]


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), "red").save(path)
    return path


def test_every_public_name_is_there() -> None:
    for name in data.__all__:
        assert hasattr(data, name)


def test_the_embedded_digits_need_no_files(home: Path) -> None:
    dataset = data.load("mnist-10k")
    assert (dataset.name, len(dataset), dataset.shape) == ("mnist-10k", 10_000, (28, 28, 1))
    assert "embedded in the package" in dataset.source


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_published_sets_have_two_splits(published, name: str, split: str) -> None:
    published.place(name, mnist.cache(name))
    dataset = data.load(name, split=split)
    np.testing.assert_array_equal(dataset.labels, published.arrays[name, mnist.FILES[split][1]])


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_mixtures_are_drawn_from_the_generator(name: str) -> None:
    dataset = data.load(name, rng=np.random.default_rng(5))
    assert (dataset.name, len(dataset), dataset.shape, dataset.labels) == (name, 100_000, (2,), None)
    np.testing.assert_array_equal(dataset.images, data.load(name, rng=np.random.default_rng(5)).images)
    mixture = {"ring": data.ring, "grid": data.grid}[name]()
    assert mixture.coverage(dataset.images).captured == len(mixture.centres)


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_mixtures_without_a_generator_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"the points of {name} are drawn at random: pass rng="):
        data.load(name)


def test_a_folder_is_loaded_by_its_path(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    assert data.load(str(tmp_path)).shape == (64, 64, 3)
    assert data.load(tmp_path, size=16).shape == (16, 16, 3)


def test_a_folder_needs_no_separator_in_its_name_if_it_is_there(home: Path) -> None:
    picture(home / "faces" / "a.png")
    assert data.load("faces", size=4).shape == (4, 4, 3)


def test_a_known_name_comes_before_a_folder_of_that_name(home: Path) -> None:
    picture(home / "mnist-10k" / "a.png")
    assert len(data.load("mnist-10k")) == 10_000
    assert len(data.load(f".{os.sep}mnist-10k")) == 1


def test_a_path_to_nothing_is_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        data.load(str(tmp_path / "absent"))


def test_an_unknown_name_is_refused_with_the_known_ones(home: Path) -> None:
    with pytest.raises(ValueError, match="unknown data set 'cifar'") as caught:
        data.load("cifar")
    for known in ("mnist-10k", "mnist", "fashion-mnist", "ring", "grid", "path of a folder"):
        assert known in str(caught.value)


@pytest.mark.parametrize("name", ["mnist-10k", "mnist", "fashion-mnist", "ring", "grid"])
@pytest.mark.parametrize("size", [28, 0])
def test_a_size_is_refused_where_nothing_is_resized(home: Path, name: str, size: int) -> None:
    with pytest.raises(ValueError, match=f"size={size} does not apply to {name}"):
        data.load(name, size=size, rng=np.random.default_rng(0))


def test_a_size_of_zero_is_not_taken_for_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1 pixel"):
        data.load(tmp_path, size=0)


@pytest.mark.parametrize("name", ["mnist-10k", "ring", "./faces"])
def test_a_test_split_is_refused_where_there_is_none(home: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} has no split 'test': it has train only"):
        data.load(name, split="test")


@pytest.mark.parametrize("name", ["mnist-10k", "mnist"])
def test_an_unknown_split_is_refused(home: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} has no split 'valid'"):
        data.load(name, split="valid")


def test_the_catalogue_lists_every_name_and_downloads_nothing(home: Path, internet: Internet) -> None:
    asked = internet({})
    entries = {entry.name: entry for entry in data.available()}
    assert list(entries) == ["mnist-10k", "mnist", "fashion-mnist", "captioned-mnist", "ring", "grid"]
    assert {name for name, entry in entries.items() if entry.present} == {
        "mnist-10k",
        "captioned-mnist",
        "ring",
        "grid",
    }
    assert str(mnist.cache("mnist")) in entries["mnist"].where
    assert asked == []
    assert list(home.iterdir()) == []


def test_the_catalogue_states_where_a_set_lies(published, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = published.place("mnist", home / "given" / "mnist")
    monkeypatch.setenv("MINIGAN_DATA", str(home / "given"))
    entries = {entry.name: entry for entry in data.available()}
    assert entries["mnist"].present
    assert entries["mnist"].where == str(folder)


def test_the_catalogue_describes_what_is_loaded(home: Path) -> None:
    for entry in data.available():
        if entry.present:
            dataset = data.load(entry.name, rng=np.random.default_rng(0))
            assert (len(dataset), dataset.shape) == (entry.samples, entry.shape)
