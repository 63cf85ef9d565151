"""The digits inside the package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minigan.data import embedded
from minigan.data.idx import content_hash, read_idx, write_idx

IMAGES_HASH = "96448e792027ae8c3d693bf7f6685beb422442276734ffe24b7860a3581dcb08"
LABELS_HASH = "dfa6309ccbfc44ab3df730fa9d1b133e2baeb0fe7db8e4bbdcd05d3e5bd811ea"
needs_data = pytest.mark.skipif("MINIGAN_DATA" not in os.environ, reason="MINIGAN_DATA does not name the real data")


def test_there_are_a_thousand_digits_of_each_class() -> None:
    dataset = embedded.load()
    assert dataset.name == "mnist-10k"
    assert dataset.images.shape == (10_000, 28, 28, 1)
    np.testing.assert_array_equal(np.bincount(dataset.labels), [1000] * 10)


def test_the_classes_are_mixed_from_the_start() -> None:
    assert set(embedded.load().labels[:100]) == set(range(10))


def test_the_content_is_the_one_that_was_made() -> None:
    dataset = embedded.load()
    assert content_hash(dataset.images[..., 0]) == IMAGES_HASH
    assert content_hash(dataset.labels) == LABELS_HASH


def test_the_files_are_small_enough_to_travel_in_the_package() -> None:
    assert sum((embedded.FOLDER / name).stat().st_size for name in (embedded.IMAGES, embedded.LABELS)) < 1_700_000


def test_the_first_of_each_class_are_chosen_in_file_order() -> None:
    labels = np.array([*range(10), 3, *range(9, -1, -1), *range(10)], np.uint8)
    expected = [*range(10), *sorted([10, *(20 - digit for digit in range(10) if digit != 3)])]
    np.testing.assert_array_equal(embedded.first_of_each_class(labels, 2), expected)


def test_too_few_of_a_class_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected 2 samples of each class, got \[1, 1, .*\]"):
        embedded.first_of_each_class(np.arange(10), 2)


def test_the_command_makes_the_files_from_those_of_mnist(tmp_path: Path) -> None:
    labels = np.arange(10_010, dtype=np.int64) % 10
    images = np.random.default_rng(0).integers(0, 256, (10_010, 2, 2), np.uint8)
    write_idx(tmp_path / "train-images-idx3-ubyte", images)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", labels.astype(np.uint8))
    command = [sys.executable, "-W", "error", "-m", "minigan.data.embedded"]
    subprocess.run([*command, str(tmp_path), str(tmp_path)], check=True)
    np.testing.assert_array_equal(read_idx(tmp_path / embedded.IMAGES), images[:10_000])
    np.testing.assert_array_equal(read_idx(tmp_path / embedded.LABELS), labels[:10_000])


def test_the_command_without_its_folders_states_how_it_is_used() -> None:
    command = [sys.executable, "-m", "minigan.data.embedded"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode != 0
    assert "usage: python -m minigan.data.embedded FOLDER_OF_MNIST TARGET_FOLDER" in result.stderr


@needs_data
def test_making_the_files_again_gives_the_same(tmp_path: Path) -> None:
    embedded.make(Path(os.environ["MINIGAN_DATA"]) / "mnist", tmp_path)
    for name in (embedded.IMAGES, embedded.LABELS):
        np.testing.assert_array_equal(read_idx(tmp_path / name), read_idx(embedded.FOLDER / name))
