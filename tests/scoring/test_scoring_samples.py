from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigan.metrics.score import NonFiniteSamples
from minigan.scoring import collect
from minigan.scoring.saved_generator import SavedGenerator
from minigan.training.config import Config
from minigan.training.trainer import Trainer


def pixels(n: int = 6, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, *(shape or (28, 28))), dtype=np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "digits"
    Trainer.start(Config(model="dcgan", width=0.05, batch_size=16, epochs=0.005), folder, quiet=True).train()
    return folder


def test_a_file_of_bytes_is_taken_as_it_is(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", samples=pixels())
    found = collect(tmp_path / "a.npz", n=1)
    np.testing.assert_array_equal(found.images, pixels()[..., np.newaxis])
    assert found.source == f"6 samples from {tmp_path / 'a.npz'}"
    assert found.reference is None


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, ">i4"])
def test_whole_numbers_of_any_type_are_pixels(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "a.npy", pixels().astype(dtype))
    np.testing.assert_array_equal(collect(tmp_path / "a.npy", n=1).images, pixels()[..., np.newaxis])


def test_images_with_equal_channels_are_grey(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.repeat(pixels()[..., np.newaxis], 3, axis=3))
    np.testing.assert_array_equal(collect(tmp_path / "a.npy", n=1).images, pixels()[..., np.newaxis])


def test_numbers_are_rounded_to_bytes_half_to_even_unless_asked_otherwise(tmp_path: Path) -> None:
    x = np.zeros((1, 2, 2, 3), np.float32)
    x[0, 0, 0], x[0, 1, 1] = (0.5 / 255, 1.5 / 255, 1), 0.4
    np.save(tmp_path / "a.npy", x)
    rounded = collect(tmp_path / "a.npy", n=1).images
    assert rounded.dtype == np.uint8
    assert rounded[0, 1, 1].tolist() == [102, 102, 102]
    assert rounded[0, 0, 0, 2] == 255
    np.testing.assert_array_equal(collect(tmp_path / "a.npy", n=1, quantise=False).images, x)


def test_a_run_generates_as_many_samples_as_it_is_asked_for(run: Path) -> None:
    found = collect(run, n=300, seed=1)
    assert (found.images.shape, found.images.dtype) == ((300, 28, 28, 1), np.uint8)
    assert found.reference == "mnist/test"
    np.testing.assert_array_equal(found.images, SavedGenerator(run)(300, 1))
    assert not np.array_equal(found.images, collect(run, n=300, seed=2).images)


def test_a_folder_of_pictures_is_not_resized(tmp_path: Path) -> None:
    for i, picture in enumerate(pixels(3, 20, 30, 3)):
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    np.testing.assert_array_equal(collect(tmp_path, n=1).images, pixels(3, 20, 30, 3))


def test_pictures_of_two_sizes_are_refused_with_both(tmp_path: Path) -> None:
    Image.fromarray(pixels(1, 20, 20)[0]).save(tmp_path / "a.png")
    Image.fromarray(pixels(1, 20, 21)[0]).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"b\.png: it has 21 x 20 pixels, and a\.png has 20 x 20; .* --size N crops"):
        collect(tmp_path, n=1)


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        (pixels().astype(np.float32) / 127.5 - 1, ValueError, r"must lie in \[0, 1\]"),
        (np.full((2, 4, 4), np.nan), NonFiniteSamples, "NaN"),
        (pixels(2, 3), ValueError, r"expected pictures \(N, H, W, C\)"),
        (pixels().astype(np.int32) - 1, ValueError, "expected pixels from 0 to 255, got -1 to"),
        (np.array(["a"]), ValueError, "expected uint8, or floating point"),
    ],
)
def test_arrays_that_are_not_images_are_refused_with_the_path(
    samples: np.ndarray, error: type[Exception], message: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", samples=samples)
    with pytest.raises(error, match=message) as caught:
        collect(tmp_path / "a.npz", n=1)
    assert str(tmp_path / "a.npz") in str(caught.value)


def test_an_archive_without_samples_states_what_it_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", pictures=pixels())
    with pytest.raises(ValueError, match='no array "samples", only pictures'):
        collect(tmp_path / "a.npz", n=1)


def test_objects_in_a_file_are_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match="not a file of samples, or a damaged one"):
        collect(tmp_path / "a.npy", n=1)


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
def test_a_truncated_file_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with open(path, "wb") as file:
        (np.savez(file, samples=pixels()) if name == "a.npz" else np.save(file, pixels()))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged one"):
        collect(path, n=1)


def test_what_is_neither_run_nor_file_nor_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        collect(tmp_path / "nothing", n=1)
    (tmp_path / "a.txt").touch()
    with pytest.raises(FileNotFoundError, match="it is none of these"):
        collect(tmp_path / "a.txt", n=1)


def test_a_run_of_points_has_no_images_to_score(tmp_path: Path) -> None:
    config = Config(model="points", data="ring", hidden=8, batch_size=1000, epochs=0.05)
    Trainer.start(config, tmp_path / "run", quiet=True).train()
    with pytest.raises(ValueError, match="must generate images for these metrics, got points"):
        collect(tmp_path / "run", n=10)
