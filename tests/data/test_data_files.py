"""Files of pictures: arrays, MNIST's relatives as IDX files, CIFAR's binary files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from minigan import data
from minigan.data import arrayfile, write_idx

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 5, 5, 3), np.uint8)
GREY = RNG.integers(0, 256, (6, 5, 5), np.uint8)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (COLOUR, COLOUR),
        (GREY, GREY[..., np.newaxis]),
        (GREY[..., np.newaxis], GREY[..., np.newaxis]),
        (GREY.astype(np.int64), GREY[..., np.newaxis]),
        (GREY.astype(">u2"), GREY[..., np.newaxis]),
        (np.asfortranarray(COLOUR), COLOUR),
        (GREY > 128, np.where(GREY > 128, 255, 0)[..., np.newaxis]),
        (np.repeat(GREY[..., np.newaxis], 3, axis=3), GREY[..., np.newaxis]),  # grey, stored as colour
        (np.concatenate([COLOUR, np.full((6, 5, 5, 1), 255, np.uint8)], axis=3), COLOUR),
        (np.concatenate([COLOUR, np.zeros((6, 5, 5, 1), np.uint8)], axis=3), np.zeros((6, 5, 5, 1))),
    ],
)
def test_arrays_of_pictures_are_taken_as_what_they_show(tmp_path: Path, values: np.ndarray, expected: Any) -> None:
    np.save(tmp_path / "a.npy", values)
    dataset = data.load(tmp_path / "a.npy")
    np.testing.assert_array_equal(dataset.images, expected)
    assert (dataset.name, dataset.labels, dataset.images.dtype) == ("a.npy", None, np.uint8)


def test_arrays_are_cropped_and_resized_as_pictures_are(tmp_path: Path) -> None:
    wide = RNG.integers(0, 256, (3, 8, 12, 3), np.uint8)
    np.save(tmp_path / "a.npy", wide)
    for i, values in enumerate(wide):
        (tmp_path / "folder").mkdir(exist_ok=True)
        Image.fromarray(values).save(tmp_path / "folder" / f"{i}.png")
    by_array, by_folder = (data.load(tmp_path / name, size=4).images for name in ("a.npy", "folder"))
    np.testing.assert_array_equal(by_array, by_folder)


def test_an_archive_has_labels_and_names_of_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = np.array(["cat", "dog", "cat", "eel", "dog", "cat"])
    for labels, classes in (
        (np.array([1, 0, 2, 0, 1, 2]), None),
        (np.array([[7], [7], [9], [9], [7], [7]]), ("7", "9")),
    ):
        np.savez(tmp_path / "a.npz", x_train=COLOUR, y_train=labels)
        dataset = data.load(tmp_path / "a.npz")
        assert dataset.classes == classes and dataset.labels is not None
        np.testing.assert_array_equal(np.unique(labels)[dataset.labels], labels.ravel())
    np.savez(tmp_path / "a.npz", images=COLOUR, labels=words)
    dataset = data.load(tmp_path / "a.npz")
    assert dataset.classes == ("cat", "dog", "eel") and dataset.labels is not None
    np.testing.assert_array_equal(np.array(dataset.classes)[dataset.labels], words)
    np.savez(tmp_path / "a.npz", photos=COLOUR)  # the only array
    np.testing.assert_array_equal(data.load(tmp_path / "a.npz").images, COLOUR)


def test_a_large_array_stays_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", COLOUR)
    monkeypatch.setattr(arrayfile, "free_memory", lambda: 0)
    images = data.load(tmp_path / "a.npy").images
    np.testing.assert_array_equal(images, COLOUR)
    assert not images.flags.owndata and not images.flags.writeable


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"x": COLOUR.transpose(0, 3, 1, 2)}, r"channels come first: save numpy.transpose\(x, \(0, 2, 3, 1\)\)"),
        ({"x": COLOUR / 255}, "expected whole numbers from 0 to 255, got float64; .*round.*makes them"),
        ({"x": GREY.astype(int) - 1}, r"expected pixels from 0 to 255, got -1 to \d+"),
        ({"x": GREY[0]}, r"or \(N, H, W\), got \(5, 5\)"),
        ({"x": GREY[:0]}, r"or \(N, H, W\), got \(0, 5, 5\)"),
        ({"a": GREY, "b": GREY}, "expected an array of pictures called images, samples, .* got a, b"),
        ({"x": GREY, "y": np.arange(5)}, r"expected 6 labels, whole numbers or words, got int64 of shape \(5,\)"),
        ({"x": GREY, "y": np.ones(6)}, "expected 6 labels, whole numbers or words, got float64"),
    ],
)
def test_other_arrays_are_refused_with_what_to_do(tmp_path: Path, content: dict[str, Any], words: str) -> None:
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(ValueError, match=words) as caught:
        data.load(tmp_path / "a.npz")
    assert str(tmp_path / "a.npz") in str(caught.value)


@pytest.mark.parametrize("dots", ["-", "."])
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_relatives_of_mnist_are_read_by_the_path_of_their_images_or_folder(
    tmp_path: Path, dots: str, packed: str
) -> None:
    images = tmp_path / f"train-images{dots}idx3-ubyte{packed}"
    labels = np.array([3, 1, 3, 2, 1, 3], np.uint8)
    write_idx(images, GREY)
    assert data.load(images).labels is None
    write_idx(tmp_path / f"train-labels{dots}idx1-ubyte{packed}", labels)
    write_idx(tmp_path / f"t10k-images{dots}idx3-ubyte{packed}", GREY[:2])
    for path in (images, tmp_path):
        dataset = data.load(path)
        np.testing.assert_array_equal(dataset.images[..., 0], GREY)
        assert dataset.classes == ("1", "2", "3") and dataset.labels is not None
        assert dataset.labels.tolist() == [2, 0, 2, 1, 0, 2]
    assert data.load(images, size=3).shape == (3, 3, 1)


def test_emnist_reports_that_its_pictures_are_exchanged_and_asks_which_of_its_sets(tmp_path: Path) -> None:
    for name in ("letters", "digits"):
        write_idx(tmp_path / f"emnist-{name}-train-images-idx3-ubyte", GREY)
    assert "rows and columns exchanged" in data.load(tmp_path / "emnist-letters-train-images-idx3-ubyte").source
    with pytest.raises(ValueError, match=r"holds several sets, emnist-digits.*give the path of one file"):
        data.load(tmp_path)


@pytest.mark.parametrize("heads", [1, 2])
def test_binary_files_of_cifar_are_pictures_with_classes(tmp_path: Path, heads: int) -> None:
    images = RNG.integers(0, 256, (4, 32, 32, 3), np.uint8)
    labels = np.array([[9, 1, 0, 9], [1, 0, 3, 3]], np.uint8)[-heads:]
    records = np.concatenate([labels.T, images.transpose(0, 3, 1, 2).reshape(4, -1)], axis=1)
    files = ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin") if heads == 1 else ("train.bin", "test.bin")
    table = "batches.meta.txt" if heads == 1 else "fine_label_names.txt"
    (tmp_path / table).write_text("a\nb\nc\nd\n\n")
    for i, name in enumerate(files):
        (records[2 * i : 2 * i + 2] if heads == 1 else records).tofile(tmp_path / name)
    dataset = data.load(tmp_path)
    np.testing.assert_array_equal(dataset.images, images)
    assert dataset.labels is not None and dataset.labels.tolist() == labels[-1].tolist()
    assert dataset.classes == ("a", "b", "c", "d")
    (tmp_path / files[0]).write_bytes(b"123")
    with pytest.raises(ValueError, match=r"expected CIFAR's records of 3,073 bytes, or of 3,074 for CIFAR-100, got"):
        data.load(tmp_path / files[0])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.zip", "unpack it"),
        ("a.png", "give its folder"),
        ("data_batch_1.pkl", "save the pictures as .npy"),
        ("b", ""),
    ],
)
def test_other_files_are_refused_with_the_way(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=f"expected a folder of pictures, a .npy or .npz.*{words}"):
        data.load(tmp_path / name)


def test_pickles_of_cifar_are_refused_with_the_way(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1").touch()
    with pytest.raises(ValueError, match=r"CIFAR's pickles, which can execute code; take the binary version"):
        data.load(tmp_path)
