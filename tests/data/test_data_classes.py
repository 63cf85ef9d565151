"""Names of classes, and attributes: what a data set keeps of them, and what does not fit its samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from minigan.data import Dataset, folder
from minigan.data.dataset import knots

LABELS = np.array([2, 0, 2, 2])


def made(**more: Any) -> Dataset:
    return Dataset("own", np.zeros((4, 2, 2, 1), np.uint8), LABELS, "made for a test", **more)


def test_a_data_set_describes_its_classes_by_name_and_count() -> None:
    about = made(classes=("a", "b", "c", "d")).about()
    assert (about["classes"], about["names"], about["counts"]) == (4, ["a", "b", "c", "d"], [1, 0, 3, 0])
    about = made().about()
    assert (about["classes"], about["names"], about["counts"]) == (3, ["0", "1", "2"], [1, 0, 3])


def test_the_knots_of_an_attribute_are_its_percentiles() -> None:
    values = np.arange(101, dtype=np.float32)
    assert knots(values) == [5, 25, 50, 75, 95]
    ages = np.array([1, 2, 3, 4], np.float32)
    assert made(attributes={"age": ages}).about()["knots"] == {"age": knots(ages)}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"classes": ("a", "b")}, "the names of 2 classes do not suit its labels"),
        ({"attributes": {"age": np.zeros(3, np.float32)}}, r"expected age as float32 of shape \(4,\), got float32"),
        ({"attributes": {"age": np.zeros(4)}}, r"expected age as float32 of shape \(4,\), got float64"),
    ],
)
def test_what_does_not_fit_the_samples_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        made(**more)


def test_subfolders_are_classes_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b/1.png", "a/deep/2.png", "c/0.png", "a/3.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 7).save(path)
    dataset = folder.load(tmp_path, 4)
    assert dataset.classes == ("a", "b", "c")
    assert dataset.labels is not None and dataset.labels.tolist() == [0, 0, 1, 2]
    Image.new("L", (4, 4), 7).save(tmp_path / "loose.png")
    assert folder.load(tmp_path, 4).labels is None


def test_a_folder_that_holds_everything_is_not_a_class(tmp_path: Path) -> None:
    for name in ("photos/train/cats/1.png", "photos/train/dogs/2.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.new("L", (4, 4), 7).save(tmp_path / name)
    assert folder.load(tmp_path, 4).classes == ("cats", "dogs")
    assert folder.load(tmp_path / "photos" / "train" / "cats", 4).classes is None
    Image.new("L", (4, 4), 7).save(tmp_path / "photos" / "train" / "loose.png")
    assert folder.load(tmp_path, 4).classes is None
