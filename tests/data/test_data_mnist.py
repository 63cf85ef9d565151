"""MNIST and Fashion-MNIST: where they are looked for, what is taken, what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from minigan.data import mnist

Internet = Callable[[dict[str, bytes]], list[str]]
TRAIN = mnist.FILES["train"]
needs_data = pytest.mark.skipif("MINIGAN_DATA" not in os.environ, reason="MINIGAN_DATA does not name the real data")


@pytest.fixture(autouse=True)
def offline(internet: Internet) -> None:
    internet({})


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("mnist", "data/MNIST/raw"),
        ("mnist", ".dezero"),
        ("fashion-mnist", "data/FashionMNIST/raw"),
        ("fashion-mnist", ".keras/datasets/fashion-mnist"),
    ],
)
def test_the_files_of_other_tools_are_found(published, home: Path, name: str, place: str, suffix: str) -> None:
    published.place(name, home / place, suffix)
    check(published, mnist.load(name), name, "train")
    check(published, mnist.load(name, "test"), name, "test")


@pytest.mark.parametrize("place", ["fashion-mnist", "FashionMNIST/raw", "."])
def test_the_folder_in_minigan_data_may_have_any_of_three_forms(
    published, home: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    published.place("fashion-mnist", home / "given" / place)
    monkeypatch.setenv("MINIGAN_DATA", "~/given")
    check(published, mnist.load("fashion-mnist"), "fashion-mnist", "train")


def test_the_cache_is_found(published) -> None:
    folder = published.place("mnist", mnist.cache("mnist"))
    dataset = mnist.load("mnist")
    check(published, dataset, "mnist", "train")
    assert dataset.source == f"MNIST, train split, from {folder}"


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_archive_of_keras_is_found(published, home: Path, split: str) -> None:
    store_keras(home, keras_arrays(published))
    check(published, mnist.load("mnist", split), "mnist", split)


def test_minigan_data_comes_before_the_cache_and_the_cache_before_other_tools(
    published, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = published.place("mnist", home / "data/MNIST/raw")
    assert mnist.find("mnist", TRAIN[0]) == tools.relative_to(home) / f"{TRAIN[0]}.gz"
    cache = published.place("mnist", mnist.cache("mnist"))
    assert mnist.find("mnist", TRAIN[0]) == cache / f"{TRAIN[0]}.gz"
    given = published.place("mnist", home / "given" / "mnist")
    monkeypatch.setenv("MINIGAN_DATA", str(home / "given"))
    assert mnist.find("mnist", TRAIN[0]) == given / f"{TRAIN[0]}.gz"


def test_nothing_is_found_in_an_empty_home(home: Path) -> None:
    assert mnist.find("mnist", TRAIN[0]) is None


def test_a_file_that_is_there_but_broken_is_named_and_not_passed_over(
    published, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.place("mnist", mnist.cache("mnist"))
    given = published.place("mnist", home / "given")
    broken = given / f"{TRAIN[1]}.gz"
    broken.write_bytes(broken.read_bytes()[:-9])
    monkeypatch.setenv("MINIGAN_DATA", str(given))
    with pytest.raises(ValueError, match="damaged") as caught:
        mnist.load("mnist")
    assert str(broken) in str(caught.value)


def test_one_set_is_not_taken_for_the_other(published, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = published.place("fashion-mnist", home / "given")
    monkeypatch.setenv("MINIGAN_DATA", str(given))
    with pytest.raises(ValueError, match="not the train-images-idx3-ubyte of MNIST: the SHA-256") as caught:
        mnist.load("mnist")
    assert str(given / TRAIN[0]) in str(caught.value)


@pytest.mark.parametrize("value", ["absent", "file"])
def test_minigan_data_must_name_a_folder(home: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    (home / "file").touch()
    monkeypatch.setenv("MINIGAN_DATA", str(home / value))
    with pytest.raises(FileNotFoundError, match=f"MINIGAN_DATA is set to .*{value}, which is not a folder"):
        mnist.load("mnist")


def test_an_empty_minigan_data_is_none(published, monkeypatch: pytest.MonkeyPatch) -> None:
    published.place("mnist", mnist.cache("mnist"))
    monkeypatch.setenv("MINIGAN_DATA", "")
    assert len(mnist.load("mnist")) == 7


@pytest.mark.parametrize("damage", ["text", "npy", "key", "pickle", "cut", "float", "other"])
def test_a_broken_archive_of_keras_is_named(published, home: Path, damage: str) -> None:
    arrays = keras_arrays(published)
    path = store_keras(home, arrays)
    if damage == "text":
        path.write_bytes(b"no archive")
    elif damage == "npy":
        with open(path, "wb") as file:
            np.save(file, arrays["x_train"])
    elif damage == "key":
        np.savez(path, x_test=arrays["x_test"])
    elif damage == "pickle":
        np.savez(path, **{**arrays, "x_train": np.array([{}])})
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-30])
    elif damage == "float":
        np.savez(path, **{**arrays, "x_train": arrays["x_train"].astype(np.float32)})
    else:
        np.savez(path, **{**arrays, "x_train": arrays["x_train"] + 1})
    with pytest.raises(ValueError, match=r"mnist\.npz"):
        mnist.load("mnist")


def test_missing_files_are_downloaded_into_the_cache_once(published, home: Path, internet: Internet) -> None:
    asked = internet(pages(published, "mnist", home, mirror=0))
    check(published, mnist.load("mnist"), "mnist", "train")
    check(published, mnist.load("mnist"), "mnist", "train")
    assert asked == [f"{mnist.COLLECTIONS['mnist'].mirrors[0]}{file}.gz" for file in TRAIN]
    assert sorted(path.name for path in mnist.cache("mnist").iterdir()) == sorted(f"{file}.gz" for file in TRAIN)


def test_only_the_file_that_is_missing_is_downloaded(published, home: Path, internet: Internet) -> None:
    published.place("mnist", mnist.cache("mnist"))
    (mnist.cache("mnist") / f"{TRAIN[1]}.gz").unlink()
    asked = internet(pages(published, "mnist", home, mirror=0))
    check(published, mnist.load("mnist"), "mnist", "train")
    assert asked == [f"{mnist.COLLECTIONS['mnist'].mirrors[0]}{TRAIN[1]}.gz"]


def test_a_mirror_with_the_wrong_set_is_passed_over(published, home: Path, internet: Internet) -> None:
    wrong = pages(published, "fashion-mnist", home, mirror=0, at="mnist")
    asked = internet({**wrong, **pages(published, "mnist", home, mirror=1)})
    check(published, mnist.load("mnist"), "mnist", "train")
    assert len(asked) == 4


def test_without_a_network_the_error_states_what_was_tried_and_what_to_do(published, home: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        mnist.load("fashion-mnist")
    message = str(caught.value)
    assert "train-images-idx3-ubyte of Fashion-MNIST is not on this machine" in message
    assert str(home / ".keras" / "datasets" / "fashion-mnist") in message
    for mirror in mnist.COLLECTIONS["fashion-mnist"].mirrors:
        assert f"{mirror}train-images-idx3-ubyte.gz: the network is unreachable" in message
    assert "MINIGAN_DATA=FOLDER" in message
    assert list(mnist.cache("fashion-mnist").iterdir()) == []


@needs_data
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize(("split", "per_class"), [("train", 6000), ("test", 1000)])
def test_the_real_sets_are_whole(name: str, split: str, per_class: int) -> None:
    dataset = mnist.load(name, split)
    assert dataset.images.shape == (10 * per_class, 28, 28, 1)
    counts = np.bincount(dataset.labels)
    assert len(counts) == 10
    if name == "fashion-mnist":
        assert set(counts) == {per_class}


def check(published, dataset, name: str, split: str) -> None:
    """A data set must be the stand-in of that name and split."""
    images, labels = (published.arrays[name, file] for file in mnist.FILES[split])
    assert dataset.name == name
    np.testing.assert_array_equal(dataset.images, images[..., np.newaxis])
    np.testing.assert_array_equal(dataset.labels, labels)


def keras_arrays(published) -> dict[str, np.ndarray]:
    """The stand-ins of MNIST under the names that Keras gives them."""
    return {key: published.arrays["mnist", file] for file, key in mnist.KERAS_ARRAYS.items()}


def store_keras(home: Path, arrays: dict[str, np.ndarray]) -> Path:
    path = home / ".keras" / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, **arrays)
    return path


def pages(published, name: str, home: Path, mirror: int, at: str | None = None) -> dict[str, bytes]:
    """The stand-ins of one set as a mirror of `at` (by default of the same set) would send them."""
    address = mnist.COLLECTIONS[at or name].mirrors[mirror]
    folder = published.place(name, home / "server" / name)
    return {address + path.name: path.read_bytes() for path in folder.iterdir()}
